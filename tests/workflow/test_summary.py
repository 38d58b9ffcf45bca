"""What a workflow ends with: examples from `verify`, and the table and the wheel's path from `summary`."""

from pathlib import Path
from typing import Any

import pytest
import spacy
import srsly
from spacy.tokens import Doc
from typer.testing import CliRunner

from scripts.verify import choose_samples
from tests.helpers import ROOT
from tests.workflow.test_docs import find_app


def make_doc(text: str, lang: str, label: str) -> Doc:
    doc = spacy.blank("xx").make_doc(text)
    doc.cats = {name: float(name == label) for name in ("NEG", "NEU", "POS")}
    doc.user_data = {"lang": lang, "origin": "gold"}
    return doc


def test_verify_shows_a_text_of_each_label_and_language() -> None:
    rows = [("a", "de", "POS"), ("b", "de", "POS"), ("c", "de", "NEG"), ("d", "en", "POS"), ("e", "en", "NEG"),
            ("f", "en", "NEU"), ("g", "nl", "NEG")]  # fmt: skip
    assert [doc.text for doc in choose_samples(make_doc(*row) for row in rows)] == ["a", "c", "d", "f", "g"]


def test_summary_comes_even_if_all_else_is_skipped() -> None:
    project = srsly.read_yaml(ROOT / "project.yml")
    [summary] = [command for command in project["commands"] if command["name"] == "summary"]
    assert summary["no_skip"] is True
    assert all(project["workflows"][name][-1] == "summary" for name in ("all", "distill"))


def test_summary_has_table_examples_and_the_wheel(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    systems: dict[str, Any] = dict.fromkeys(("tfidf_logreg", "baseline", "teacher"))
    row = {"n": 40, "systems": {**systems, "student": {"accuracy": 0.75}}}
    Path("metrics").mkdir()
    verdict = {"decision": "Do not ship", "reason": "40 test texts are too few"}
    evaluation = {"split": "test", "languages": {"en": row}, "overall": row, "verdict": verdict}
    srsly.write_json("metrics/evaluation.json", evaluation)
    Path("reports").mkdir()
    Path("reports/evaluation.html").touch()
    samples = [{"text": "Great book!", "cats": {"NEG": 0.1, "POS": 0.9}, "gold": "POS"}]
    srsly.write_json("metrics/verify.json", {"samples": samples, "size_bytes": 5_900_000})
    wheel = Path("xx_name-0.1.0-py3-none-any.whl")
    wheel.touch()
    result = CliRunner().invoke(find_app("scripts.summary"), [str(wheel)])
    assert result.exit_code == 0
    rows = [line.split() for line in result.output.splitlines()]
    assert ["all", "40", "–", "–", "–", "75.0"] in rows
    assert not [row for row in rows if row[:1] == ["en"]]  # all texts are in English
    assert "POS: NEG 0.10  POS 0.90  Great book!" in result.output
    assert f"Do not ship: 40 test texts are too few\nThe report: {tmp_path}/reports/evaluation.html" in result.output
    assert f"pip install {wheel}" in result.output
