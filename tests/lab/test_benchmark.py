import json
import os
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import spacy
from click.testing import Result
from typer.testing import CliRunner

from scripts import evaluate, tfidf
from scripts.distill.core.files import hash_file, write_json, write_jsonl
from scripts.distill.data.docbins import write_docs
from scripts.distill.teacher.teachers import load_teacher
from scripts.lab import system_speed
from scripts.lab.benchmark import app
from scripts.lab.system_speed import TimedSystem
from tests.helpers import ROOT
from tests.teacher.test_teachers import LABELS, textcat_pipeline

# Text: language and gold label; by split the same texts with another number at the end.
ROWS = {"good": ("en", "POS"), "bad": ("en", "NEG"), "good bad bad": ("en", "POS"), "goed good": ("nl", "POS"),
        "slecht bad": ("nl", "POS")}  # fmt: skip
FIELDS = {"accuracy", "docs_per_second", "size_bytes", "wheel_bytes", "startup_s", "peak_rss_bytes"}
Run = Callable[..., tuple[Result, dict[str, Any]]]


@pytest.fixture(scope="module")
def project(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Make corpora, a student, a baseline and a teacher."""
    folder = tmp_path_factory.mktemp("project")
    nlp = spacy.blank("xx")
    (folder / "gold").mkdir()
    for split in ("train", "dev", "test"):
        docs = []
        for text, (lang, gold) in ROWS.items():
            docs.append(nlp.make_doc(f"{text} {split}"))
            docs[-1].cats = {label: float(label == gold) for label in LABELS}
            docs[-1].user_data = {"lang": lang, "origin": "gold"}
        write_docs(docs[1:] if split == "dev" else docs, folder / "gold" / f"{split}.spacy")
    for name, updates in (("student", 20), ("baseline", 0), ("teacher", 40)):
        textcat_pipeline(updates=updates).to_disk(folder / name)
    write_json(folder / "labels.json", LABELS)
    kept = {lang: {"train": 3, "dev": 2, "test": 3, "unlabelled": lang == "en"} for lang in ("en", "nl")}
    prepared = {"data": "x", "lang": "xx", "seed": 0, "kept": kept, "files": {}, "outputs": {"gold": "a"}}
    write_json(folder / "prepare.json", prepared)
    tfidf.main(folder, folder / "tfidf")
    write_jsonl(folder / "unlabelled.jsonl", [{"text": "neither", "lang": "en"}])
    teacher = f"spacy:{folder / 'teacher'}"
    fingerprint = load_teacher(teacher, LABELS, teacher_model=folder).fingerprint
    about = {
        "teacher": teacher,
        "teacher_fingerprint": fingerprint,
        "prepare_sha256": hash_file(folder / "prepare.json"),
        **{"total": 5, "unscored": 0, "texts": {"en": {"gold": 3}, "nl": {"gold": 2}}},
    }
    write_json(folder / "score.json", about)
    augmented = {"plan": {}, "total": 0, "duplicates_dropped": {}, "leaks_dropped": {}}
    write_json(folder / "augment.json", {"prepare_sha256": about["prepare_sha256"], **augmented})
    return folder


@pytest.fixture
def timed(monkeypatch: pytest.MonkeyPatch) -> Iterator[list[dict[str, Any]]]:
    """Replace the processes, note what they would have timed, and take the cores back afterwards."""
    seen: list[dict[str, Any]] = []

    def run_system(system: TimedSystem, texts: list[str], warm_up: list[str], python: str) -> dict[str, float]:
        cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else 1
        seen.append({"system": system, "texts": list(texts), "warm_up": list(warm_up), "cores": cores})
        return {"docs_per_second": 10.0, "startup_s": 0.5, "peak_rss_bytes": 1000}

    monkeypatch.setattr(system_speed, "run_system", run_system)
    cores = os.sched_getaffinity(0) if hasattr(os, "sched_getaffinity") else set()
    yield seen
    if cores:
        os.sched_setaffinity(0, cores)


@pytest.fixture
def run(project: Path, timed: list[dict[str, Any]], tmp_path: Path) -> Run:
    """Return a function that runs the benchmark and gives what it prints and writes."""

    def run(*arguments: str) -> tuple[Result, dict[str, Any]]:
        paths = {"corpus": project, "student": project / "student", "baseline": project / "baseline",
                 "bow": project / "bow", "tfidf": project / "tfidf",
                 "output": tmp_path / "out.json", "cache": tmp_path / "scores.sqlite",
                 "settings": ROOT / "configs/score.cfg", "constraints": ROOT / "constraints.txt"}  # fmt: skip
        options = [part for name, path in paths.items() for part in (f"--{name}", str(path))]
        teacher = f"spacy:{project / 'teacher'}"
        result = CliRunner().invoke(app, ["student", *options, "--here", "--teacher", teacher, *arguments])
        made = json.loads(paths["output"].read_text()) if paths["output"].exists() else {}
        return result, made

    return run


def test_evaluate_says_that_five_texts_are_few(
    project: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    evaluation(project, tmp_path, "test")
    output = capsys.readouterr().out
    assert str(tmp_path / "evaluation.html") in output
    assert "Do not ship: " in output
    assert "Only 5 test texts: the student's accuracy may be anything from" in " ".join(output.split())


def test_evaluate_writes_a_page_with_what_benchmark_measured_of_the_same_student(
    run: Run, project: Path, tmp_path: Path
) -> None:
    _, measured = run()
    write_json(tmp_path / "benchmark_student.json", measured)
    made = evaluation(project, tmp_path, "test")
    assert made["benchmark"]["systems"] == measured["systems"]
    assert "the student reads 10 texts a second" in (tmp_path / "evaluation.html").read_text(encoding="utf-8")
    assert [row["text"] for row in made["label_next"]["texts"]] == ["neither"]
    write_json(tmp_path / "benchmark_student.json", measured | {"fingerprints": {"student": "of another one"}})
    assert evaluation(project, tmp_path, "test")["benchmark"] is None


def evaluation(project: Path, tmp_path: Path, split: str) -> dict[str, Any]:
    evaluate.main(
        project, tmp_path / "evaluation.json", tmp_path / "evaluation.html",
        baseline=project / "baseline", student=project / "student",
        tfidf=project / "tfidf", teacher=f"spacy:{project / 'teacher'}", teacher_model=project,
        settings=ROOT / "configs/score.cfg",
        cache=tmp_path / "scores.sqlite", split=split, gpu_id=-1,
    )  # fmt: skip
    return dict(json.loads((tmp_path / "evaluation.json").read_text()))


@pytest.mark.parametrize("split", ["test", "dev"])
def test_benchmark_student_has_the_accuracies_of_evaluate(run: Run, project: Path, tmp_path: Path, split: str) -> None:
    result, made = run("--split", split)
    assert result.exit_code == 0, result.output
    expected = evaluation(project, tmp_path, split)
    systems = expected["overall"]["systems"]
    assert {name: row["accuracy"] for name, row in made["systems"].items()} == {
        name: row["accuracy"] for name, row in systems.items()
    }
    assert len({row["accuracy"] for row in systems.values()}) > 1
    assert (made["split"], made["n"], made["lang"]) == (split, expected["overall"]["n"], None)
    for lang in ("en", "nl"):
        _, only = run("--split", split, "--lang", lang)
        assert (only["lang"], only["n"]) == (lang, expected["languages"][lang]["n"])
        for name, row in expected["languages"][lang]["systems"].items():
            assert only["systems"][name]["accuracy"] == row["accuracy"]


def test_benchmark_student_writes_all_fields_of_all_systems(run: Run, project: Path) -> None:
    result, made = run("--system", f"copy={project / 'student'}")
    assert set(made["systems"]) == {"student", "baseline", "teacher", "tfidf_logreg", "copy"}
    assert all(set(row) == FIELDS and None not in row.values() for row in made["systems"].values())
    assert made["tokenizer_docs_per_second"] == 10.0
    assert made["systems"]["copy"] == made["systems"]["student"]
    assert made["spacy_alone"] is False
    output = " ".join(result.output.split())
    assert "bow is left out" in output
    assert "project run train-bow ." in output


def test_benchmark_student_times_one_language_on_one_core(run: Run, timed: list[dict[str, Any]]) -> None:
    run("--lang", "nl")
    assert len(timed) == 5 * system_speed.ROUNDS + system_speed.SLOW_ROUNDS
    assert {entry["cores"] for entry in timed} == {1}
    for entry in timed:
        assert entry["texts"] == ["goed good test", "slecht bad test"]
        assert entry["warm_up"] == ["goed good train", "slecht bad train"]


def test_benchmark_student_times_bow_if_there_is_one(run: Run, project: Path, timed: list[dict[str, Any]]) -> None:
    result, made = run("--bow", str(project / "baseline"))
    assert made["systems"]["bow"] == made["systems"]["baseline"]
    assert "left out" not in result.output


@pytest.mark.parametrize(
    "arguments,message",
    [
        (["--student", "nowhere"], "project run export ."),
        (["--baseline", "nowhere"], "project run train-baseline ."),
        (["--teacher", "train", "--teacher-model", "nowhere"], "Run it with --vars.teacher spacy:"),
        (["--teacher", "spacy:STUDENT"], "The transfer set was scored by the teacher"),
        (["--lang", "fr"], "There are texts in en, nl"),
        (["--system", "x"], "expected NAME=PATH"),
    ],
)
def test_benchmark_student_errors_say_what_to_do(
    run: Run, project: Path, timed: list[dict[str, Any]], arguments: list[str], message: str
) -> None:
    result, made = run(*(argument.replace("STUDENT", str(project / "student")) for argument in arguments))
    assert result.exit_code == 1
    assert message in " ".join(result.output.split())
    assert made == {}
    assert timed == []
