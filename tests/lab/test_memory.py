"""How the memory of a process grows that reads very many texts, and the drawings of what was measured."""

import json
import sys
from pathlib import Path

from typer.testing import CliRunner

from scripts.distill.core.files import write_json
from scripts.distill.release.serving import LABEL_SHARES, TOKENIZER_CACHE
from scripts.lab.memory_growth import measure_memory, table_rows
from scripts.lab.memory_worker import make_texts
from scripts.lab.plot import app
from tests.teacher.test_teachers import textcat_pipeline


def test_memory_is_noted_for_both_ways(tmp_path: Path) -> None:
    nlp = textcat_pipeline()
    nlp.meta[TOKENIZER_CACHE] = 1000
    nlp.meta[LABEL_SHARES] = dict.fromkeys(nlp.get_pipe("textcat").labels, 0.5)
    nlp.to_disk(tmp_path / "student")
    result = measure_memory(tmp_path / "student", Path("assets/sample"), 2500, sys.executable)
    assert result["texts"] == [0, 1000, 2000, 2500]
    assert set(result["bytes"]) == {"in memory zones", "without zones"}
    assert all(size > 10_000_000 for sizes in result["bytes"].values() for size in sizes)
    rows, header = table_rows(result)
    assert header == ("texts", "in memory zones", "without zones")
    assert rows[-1][0] == "2,500"
    write_json(tmp_path / "memory.json", result)
    drawn = CliRunner().invoke(app, ["memory", str(tmp_path / "memory.json"), str(tmp_path / "memory.svg")])
    assert drawn.exit_code == 0, drawn.output
    assert "without zones" in (tmp_path / "memory.svg").read_text(encoding="utf-8")


def test_memory_texts_have_a_word_that_no_other_has() -> None:
    texts = list(make_texts(["a", "b"], 100))
    assert {len(text.split()) for text in texts} == {8}
    assert len({text.split()[-1] for text in texts}) == 100


def test_plot_draws_each_system_with_its_name(tmp_path: Path) -> None:
    systems = {"student": (900.0, 0.8), "tfidf_logreg": (9000.0, 0.7), "teacher": (9.0, None)}
    measured = {
        "systems": {name: {"docs_per_second": x, "accuracy": y} for name, (x, y) in systems.items()},
        "tokenizer_docs_per_second": 2000.0, "n": 240, "split": "test",
    }  # fmt: skip
    (tmp_path / "measured.json").write_text(json.dumps(measured), encoding="utf-8")
    drawn = CliRunner().invoke(app, ["frontier", str(tmp_path / "measured.json"), str(tmp_path / "frontier.svg")])
    assert drawn.exit_code == 0, drawn.output
    made = (tmp_path / "frontier.svg").read_text(encoding="utf-8")
    assert "TF-IDF + LR" in made
    assert ">teacher<" not in made
