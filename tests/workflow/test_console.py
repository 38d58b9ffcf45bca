"""What commands print, and warn of, from what their functions return."""

import re
from collections.abc import Sequence
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy
import pytest
from typer.testing import CliRunner

from scripts.distill.augment.show import Shown
from scripts.distill.core.files import write_json
from scripts.distill.data.corpus import GoldSplit
from scripts.distill.evaluate.comparison import compare_lengths, evaluate
from tests.helpers import ROOT
from tests.teacher.test_teachers import textcat_pipeline
from tests.workflow.test_docs import find_app


def say(monkeypatch: pytest.MonkeyPatch, module: str, function: str, result: Any, *arguments: str) -> str:
    """Return what a command prints if a function that it calls returns some result."""
    monkeypatch.setattr(function, lambda *_, **__: result)
    done = CliRunner().invoke(find_app(module), arguments)
    assert done.exit_code == 0, done.output
    return " ".join(re.sub(r"\x1b\[[\d;]*m", "", done.output).split())


@pytest.mark.parametrize(("unscored", "confidence", "speed"), [(0, 0.9, None), (2, 0.9, 12.3), (0, 0.51, None)])
def test_score_warns_of_texts_without_an_answer_and_of_a_teacher_that_guesses(
    monkeypatch: pytest.MonkeyPatch, unscored: int, confidence: float, speed: float | None
) -> None:
    summary = {"unscored": unscored, "confidence": confidence, "labels": ["NEG", "POS"], "texts_per_second": speed,
               "total": 30, "newly_scored": 20}  # fmt: skip
    said = say(monkeypatch, "scripts.score", "scripts.distill.score.score.score_by_spec", summary,
               "run", "corpus", str(ROOT / "configs/score.cfg"), "corpus/transfer")  # fmt: skip
    assert ("has no answer for 2 texts, which are left out They are in corpus/unscored.jsonl" in said) == bool(unscored)
    assert ("a probability of 0.51 on average, a guess has 0.50" in said) == (confidence == 0.51)
    assert said.endswith("30 texts; 20 were not in corpus/scores.sqlite yet" + (", 12 texts/s" if speed else ""))


@pytest.mark.parametrize(
    ("temperature", "warning"), [(0.05, "Calibration sharpened"), (1.0, None), (20.0, "Calibration flattened")]
)
def test_export_warns_of_a_temperature_at_its_bounds(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, temperature: float, warning: str | None
) -> None:
    about = {"temperature": temperature, "dev_ece_before": 0.2, "dev_ece_after": 0.1, "bias": {"NEG": -0.5, "POS": 0}}
    meta = {"lang": "nl", "name": "tiny", "version": "0.1.0", "distillation": {"calibration": about}}
    said = say(monkeypatch, "scripts.export", "scripts.distill.release.export.export", meta,
               str(tmp_path), "out", "--config", str(ROOT / "configs/student.cfg"), "--name", "tiny", "--version",
               "0.1.0")  # fmt: skip
    assert [word for word in ("sharpened", "flattened") if word in said] == ([warning.split()[1]] if warning else [])
    assert f"bias NEG -0.50, POS +0.00, temperature {temperature:.3f}, ECE 0.200 → 0.100" in said
    assert said.endswith("Wrote out nl_tiny 0.1.0")


def evaluation(student: Sequence[float], tfidf: Sequence[float], teacher: Sequence[float] | None) -> dict[str, Any]:
    """Return what `evaluate_corpus` would: the probability of the second label of each text, by system."""
    split = GoldSplit(["goed", "fout"] * 5, ["nl"] * 10, numpy.asarray([1, 0] * 5))
    given = {"baseline": tfidf, "tfidf_logreg": tfidf, "student": student}
    given |= {} if teacher is None else {"teacher": teacher}
    scores = {name: numpy.asarray([[1 - p, p] for p in row], dtype="float32") for name, row in given.items()}
    return {
        **evaluate(scores, split, scores["student"], seed=0), "lengths": compare_lengths(scores, split, ["NEG", "POS"]),
        "why_no_teacher": None if teacher else "it is ill", "data": "data",
        "verdict": {"decision": "Do not ship", "reason": "10 texts are few"},
    }  # fmt: skip


@pytest.mark.parametrize("with_teacher", [True, False])
def test_evaluate_warns_of_what_makes_the_distillation_pointless(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, with_teacher: bool
) -> None:
    result = evaluation([0.9] * 10, [0.9, 0.1] * 5, [0.9] * 10 if with_teacher else None)
    monkeypatch.setattr("scripts.distill.evaluate.report.render", lambda _: "the page")
    said = say(monkeypatch, "scripts.evaluate", "scripts.distill.evaluate.evaluate.evaluate_corpus", result,
               str(tmp_path), str(tmp_path / "out.json"), str(tmp_path / "out.html"))  # fmt: skip
    for control in ("baseline", "tfidf_logreg"):
        assert (f"The teacher is not above {control}: distilling it is pointless" in said) == with_teacher
    assert ("The teacher train is not part of the comparison: it is ill" in said) != with_teacher
    assert "The student is not surely better than the most frequent label (p = 0.62)" in said
    assert "Only 10 test texts" in said
    assert "Calibration of student: ECE 0.400 before its calibration, 0.400" in said
    assert said.endswith("Do not ship: 10 texts are few")
    assert (tmp_path / "out.html").read_text() == "the page"


def test_augment_says_which_languages_have_no_tagger(monkeypatch: pytest.MonkeyPatch) -> None:
    plan = SimpleNamespace(methods={"mask": None, "pos_swap": None})
    monkeypatch.setattr("scripts.distill.augment.plan.load_plan", lambda *_: plan)
    summary = {
        "untagged_languages": ["pl"], "kept": {"pl": {"mask": 3}}, "total": 3, "sources": {"pl": 2},
        "unlabelled_sources": {"pl": 1}, "duplicates_dropped": {"pl": 4}, "leaks_dropped": {"pl": 5},
    }  # fmt: skip
    said = say(monkeypatch, "scripts.augment", "scripts.distill.augment.augment.augment_corpus", summary,
               "run", "corpus", str(ROOT / "configs/augment.cfg"))  # fmt: skip
    assert "No tagger knows pl: no words were swapped in these texts Give one under [taggers]" in said
    assert "pl 3 0" in said
    assert said.endswith(
        "3 variants of 2 labelled and 1 unlabelled texts; 4 duplicates and 5 dev or test texts dropped"
    )


def test_augment_show_prints_texts_beside_their_variants(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    shown = [Shown(3, "Een goed boek", [("mask", "Een *[MASK]* boek"), ("pos_swap", "Een\n*slecht* boek")])]
    said = say(monkeypatch, "scripts.augment", "scripts.distill.augment.show.show_variants", shown,
               "show", str(tmp_path), "--lang", "nl")  # fmt: skip
    assert said.endswith("Een goed boek mask Een *[MASK]* boek pos_swap Een *slecht* boek")
    assert "text 3" in said


def test_package_refuses_the_evaluation_of_another_student(tmp_path: Path) -> None:
    textcat_pipeline().to_disk(tmp_path / "model")
    measured = {"split": "test", "labels": ["NEG", "POS"], "fingerprints": {"student": "of another"}}
    write_json(tmp_path / "evaluation.json", measured)
    arguments = [str(tmp_path / "model"), str(tmp_path / "packages"), "--evaluation", str(tmp_path / "evaluation.json")]
    done = CliRunner().invoke(find_app("scripts.package"), arguments)
    assert done.exit_code == 1
    assert "The evaluation is of another student than" in " ".join(done.output.split())
    assert not (tmp_path / "packages").exists()


def check(monkeypatch: pytest.MonkeyPatch, tmp_path: Path, given: dict[str, str], **options: Any) -> str:
    """Return what `check` says of variables that it refuses."""
    values = {"teacher": "train", "student": "configs/student.cfg", "lang": "xx", "package": "tiny",
              "version": "0.1.0", "data": "assets/sample", "seed": 0, "gpu-id": -1, "processes": 1,
              "engine": "local", "limit": 0, "teacher-folder": tmp_path, **options}  # fmt: skip
    monkeypatch.setattr("scripts.check.given_overrides", lambda: given)
    monkeypatch.setattr("scripts.check.find_spec", lambda _: None)
    words = [word for name, value in values.items() for word in (f"--{name}", str(value))]
    done = CliRunner().invoke(find_app("scripts.check"), ["all", *words])
    assert done.exit_code == 1
    return " ".join(done.output.split())


@pytest.mark.parametrize(
    ("given", "options", "message"),
    [
        ({"version": "1.10"}, {"version": "1.1"}, "version = 1.10 arrives as 1.1, since it reads as a number"),
        ({}, {"student": "configs/nowhere.cfg"}, "student = 'nowhere': there is no configs/nowhere.cfg. Known: stud"),
        ({}, {"student": "configs/bow.cfg"}, "configs/bow.cfg: no component with factory distilled_textcat"),
        ({}, {"teacher": "jsonl:a.jsonl"}, "Workflow 'all' trains its own teacher, but teacher = jsonl:a.jsonl. Run"),
        ({}, {"data": "nowhere"}, "data = nowhere (looked for at "),
        ({}, {"gpu-id": 0}, "gpu_id = 0, but CuPy is not installed"),
    ],
)  # fmt: skip
def test_check_says_which_variable_cannot_work(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, given: dict[str, str], options: dict[str, Any], message: str
) -> None:
    assert message in check(monkeypatch, tmp_path, given, **options)


def test_experiments_show_prints_what_there_is(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr("scripts.lab.tables.load_experiment", lambda _: ["cell"])
    monkeypatch.setattr("scripts.lab.tables.find_places", lambda *_: [SimpleNamespace(folder=tmp_path)])
    monkeypatch.setattr("scripts.lab.results.read_result", lambda folder: folder.name)
    write_json(tmp_path / "table.cfg", {})
    said = say(monkeypatch, "scripts.lab.experiments", "scripts.lab.results.table", [("setting", "dev"), ("a", "87.5")],
               "show", str(tmp_path / "table.cfg"))  # fmt: skip
    assert said.endswith("a 87.5")
