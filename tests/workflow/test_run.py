"""A whole run of `all`, in a copy of the project, on a few of the sample's reviews."""

import json
import os
import re
import subprocess
import sys
from dataclasses import asdict
from pathlib import Path

import pytest

from scripts.distill.core.files import write_json
from scripts.distill.core.lock import HOLDER, Run
from scripts.distill.core.processes import start_of
from tests.helpers import ROOT
from tests.workflow.small_project import COMMANDS, PROJECT, WITHOUT_INDEX, copy, copy_without, run_project

__all__ = ["copy"]  # a fixture
pytestmark = pytest.mark.long

MADE = ["corpus/prepare.json", "corpus/augmented.jsonl", "corpus/score.json", "training/teacher/model-best",
        "training/student/export", "metrics/evaluation.json"]  # fmt: skip


@pytest.fixture(scope="session")
def finished(copy: Path) -> Path:
    """Run the workflow but for the steps that need a package index."""
    for step in PROJECT["workflows"]["all"]:
        if step not in WITHOUT_INDEX:
            done = run_project(copy, step, ".")
            assert done.returncode == 0, f"{step}\n{done.stdout}\n{done.stderr}"
    return copy


def test_project_run_makes_a_student_from_reviews(finished: Path) -> None:
    for name in MADE:
        assert (finished / name).exists(), name
    evaluation = json.loads((finished / "metrics/evaluation.json").read_text())
    assert set(evaluation["languages"]) == {"en", "nl"}
    assert evaluation["overall"]["n"] == sum(row["n"] for row in evaluation["languages"].values())
    for system in ("baseline", "teacher", "student", "tfidf_logreg"):
        assert 0 <= evaluation["overall"]["systems"][system]["accuracy"] <= 1
        assert 0 <= evaluation["overall"]["systems"][system]["ece"] <= 1
    meta = json.loads((finished / "training/student/export/meta.json").read_text())
    before, after = (evaluation["overall"]["systems"]["student"][key] for key in ("ece_before_calibration", "ece"))
    # Trained so shortly, the student is hardly better than a guess: any temperature within the bounds may come out.
    temperature = meta["distillation"]["calibration"]["temperature"]
    assert 0.05 <= temperature <= 20
    assert temperature != 1 or before == after
    scored = json.loads((finished / "corpus/score.json").read_text())
    prepared = json.loads((finished / "corpus/prepare.json").read_text())
    for lang, kept in prepared["kept"].items():
        assert scored["texts"][lang]["gold"] == kept["train"]
        assert scored["texts"][lang]["unlabelled"] == kept["unlabelled"]
        assert set(scored["texts"][lang]) > {"gold", "unlabelled", "pos_swap", "ngram"}


def test_project_nothing_compiled_lies_below_a_dependency(finished: Path) -> None:
    """weasel hashes all that lies in a folder: what Python compiles would look like a change."""
    for root in (ROOT, finished):
        for folder in ("scripts/distill", "scripts/tagger", "scripts/lab"):
            assert not list((root / folder).rglob("*.pyc"))


def test_project_student_needs_no_code_of_ours(finished: Path, tmp_path: Path) -> None:
    code = "import spacy, sys; nlp = spacy.load(sys.argv[1]); print(sorted(nlp('Prima boek!').cats), nlp.meta['name'])"
    command = [sys.executable, "-c", code, str(finished / "training/student/export")]
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True)
    assert done.stdout.strip() == "['NEG', 'POS'] sentiment_distilled", done.stderr


def test_project_student_holds_no_path_of_this_machine(finished: Path) -> None:
    for path in (finished / "training/student/export").rglob("*"):
        content = path.read_bytes() if path.is_file() else b""
        assert not [place for place in (finished, ROOT) if str(place).encode() in content], path


def test_project_second_run_skips_every_step(finished: Path) -> None:
    for step in PROJECT["workflows"]["all"]:
        if COMMANDS[step].get("outputs") and step not in WITHOUT_INDEX:
            done = run_project(finished, step, ".")
            said = "Nothing changed: corpus was made" if step == "prepare" else f"Skipping '{step}': nothing changed"
            assert said in " ".join(done.stdout.split()), done.stdout + done.stderr


def test_project_second_workflow_at_once_stops(finished: Path, tmp_path: Path) -> None:
    """The first one is between two of its commands."""
    folder = tmp_path / "project"
    copy_without(finished, folder, "training", "assets/encoder")
    pid = os.getpid()
    me = Run(pid, start_of(pid), "spacy project run all .", "2026-01-01 00:00:00", worker=pid)
    write_json(folder / HOLDER, asdict(me))
    done = run_project(folder, "all", ".", "--vars.lang", "nl")
    assert done.returncode == 1
    said = " ".join((done.stdout + done.stderr).split())
    assert f"process {os.getpid()} (since {me.since}: {me.command}) is at work here" in said
    assert "prepare" not in done.stdout


def test_project_broken_lock_file_is_named(finished: Path, tmp_path: Path) -> None:
    folder = tmp_path / "project"
    copy_without(finished, folder, "training", "assets/encoder")
    for content in ("", "a: ["):
        (folder / "project.lock").write_text(content, encoding="utf-8")
        done = run_project(folder, "all", ".")
        assert done.returncode == 1
        assert "project.lock: empty or broken. Remove it" in done.stdout + done.stderr


def test_project_same_seed_makes_the_same_bytes(finished: Path, tmp_path: Path) -> None:
    made = [
        "corpus/augmented.jsonl",
        "corpus/transfer/00000.spacy",
        "corpus/vectors/vocab/vectors",
        "training/student/model-best/textcat/model",
    ]
    before = [(finished / name).read_bytes() for name in made]
    (finished / "corpus/scores.sqlite").unlink()
    for step in ("prepare", "augment", "score", "vectors", "train-student"):
        done = run_project(finished, step, ".", "--force")
        assert done.returncode == 0, done.stdout + done.stderr
    assert [(finished / name).read_bytes() for name in made] == before


@pytest.mark.parametrize("workflow", ["all", "distill"])
def test_project_unknown_variable_is_an_error(finished: Path, workflow: str) -> None:
    done = run_project(finished, workflow, ".", "--force", "--vars.nmae", "x")
    assert done.returncode != 0
    assert "Unknown variable: --vars.nmae" in done.stdout + done.stderr


@pytest.mark.parametrize(
    ("variables", "message"),
    [
        (("--vars.teacher", "hf:./none"), "teacher = hf:./none: there is no ./none"),
        (("--vars.data", "nowhere"), "data = nowhere (looked for at /"),
        (("--vars.engine", "raay"), "'raay' is not one of"),
        (("--vars.seed", "one"), "Invalid value for '--seed'"),
    ],
)
def test_project_variables_that_cannot_work_stop_a_workflow_at_once(
    finished: Path, variables: tuple[str, ...], message: str
) -> None:
    teacher = () if "--vars.teacher" in variables else ("--vars.teacher", "spacy:training/baseline/model-best")
    done = run_project(finished, "distill", ".", *teacher, *variables)
    assert done.returncode != 0
    assert message in " ".join((done.stdout + done.stderr).split())
    assert "prepare" not in done.stdout


def test_project_outputs_of_other_data_are_not_mixed(finished: Path, tmp_path: Path) -> None:
    folder = tmp_path / "project"
    copy_without(finished, folder, "training/teacher", "assets/encoder")
    assert run_project(folder, "prepare", ".", "--vars.lang", "nl").returncode == 0
    for command in ("score", "train-student", "export", "evaluate"):
        done = run_project(folder, command, ".")
        assert done.returncode != 0
        assert "made from other data" in " ".join((done.stdout + done.stderr).split())


def test_project_misspelt_option_is_a_message() -> None:
    """With typer 0.26 to 0.29, which brings a click of its own, weasel's error is a traceback."""
    done = run_project(ROOT, "all", ".", "--data", "my_data")
    assert done.returncode == 2
    assert "No such option '--data'" in done.stderr
    assert "Traceback" not in done.stderr


def test_project_all_with_an_external_teacher_names_distill(finished: Path) -> None:
    done = run_project(finished, "all", ".", "--vars.teacher", "spacy:x")
    assert done.returncode != 0
    assert "python -m spacy project run distill . --vars.teacher spacy:x" in " ".join(
        (done.stdout + done.stderr).split()
    )


@pytest.mark.network
def test_project_packages_and_verifies(finished: Path) -> None:
    for step in WITHOUT_INDEX:
        done = run_project(finished, step, ".")
        assert done.returncode == 0, f"{step}\n{done.stdout}\n{done.stderr}"
    verified = json.loads((finished / "metrics/verify.json").read_text())
    assert verified["torch_importable"] is False
    assert verified["largest_difference"] <= 1e-6
    assert {tuple(sorted(sample["cats"])) for sample in verified["samples"]} == {("NEG", "POS")}
    assert {sample["gold"] for sample in verified["samples"]} == {"NEG", "POS"}
    assert verified["size_bytes"] <= 10_000_000
    for step in ("package", "verify"):
        done = run_project(finished, step, ".")
        assert f"Skipping '{step}': nothing changed" in done.stdout, done.stdout + done.stderr
    # The summary comes each time.
    done = run_project(finished, "summary", ".")
    assert re.search(r"all +40 .*pip install packages/xx_sentiment_distilled", done.stdout, re.DOTALL), done.stdout
