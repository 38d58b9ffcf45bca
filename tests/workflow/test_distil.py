"""Runs of `distill`, in a copy of the project: with a pipeline, a file and a Hugging Face model as the teacher."""

import json
from pathlib import Path

import pytest
from transformers import AutoTokenizer, BertConfig, BertForSequenceClassification

from scripts.distill.data.docbins import read_docs
from tests.workflow.small_project import PROJECT, WITHOUT_INDEX, copy, copy_without, run_project

__all__ = ["copy"]  # a fixture
pytestmark = pytest.mark.long

BASELINE = "spacy:training/baseline/model-best"


def run_distill(folder: Path, teacher: str, *steps: str) -> None:
    for step in steps or PROJECT["workflows"]["distill"]:
        if step not in WITHOUT_INDEX:
            done = run_project(folder, step, ".", "--vars.teacher", teacher)
            assert done.returncode == 0, f"{step}\n{done.stdout}\n{done.stderr}"


@pytest.fixture(scope="session")
def distilled(copy: Path) -> Path:
    """Run the workflow with a teacher from elsewhere, but for the steps that need a package index."""
    run_distill(copy, BASELINE, "prepare", "train-baseline")
    run_distill(copy, BASELINE)
    return copy


@pytest.fixture
def project(distilled: Path, tmp_path: Path) -> Path:
    folder = tmp_path / "project"
    copy_without(distilled, folder, "assets/encoder", "training/student", "metrics")
    return folder


def test_project_distil_uses_a_teacher_from_elsewhere(distilled: Path) -> None:
    evaluation = json.loads((distilled / "metrics/evaluation.json").read_text())
    assert evaluation["teacher"] == BASELINE
    systems = evaluation["overall"]["systems"]
    assert systems["teacher"] == systems["baseline"]
    meta = json.loads((distilled / "training/student/export/meta.json").read_text())
    # Nothing of this machine's folders goes into a package.
    assert meta["distillation"]["teacher"] == "spacy:model-best"
    assert not (distilled / "training/teacher/model-best").exists()


def test_project_distil_from_a_file_of_probabilities(project: Path) -> None:
    rows = [json.loads(line) for line in (project / "corpus/unlabelled.jsonl").open(encoding="utf-8")]
    teacher = project / "probabilities.jsonl"
    lines = [json.dumps({"text": row["text"], "cats": {"NEG": 0.25, "POS": 0.75}}) + "\n" for row in rows]
    teacher.write_text("".join(lines[1:]), encoding="utf-8")
    run_distill(
        project,
        "jsonl:probabilities.jsonl",
        "check-distill",
        "encoder",
        "score",
        "vectors",
        "train-student",
        "export",
        "evaluate",
    )
    scored = json.loads((project / "corpus/score.json").read_text())
    assert scored["total"] == len(rows) - 1
    unscored = [json.loads(line) for line in (project / "corpus/unscored.jsonl").open(encoding="utf-8")]
    assert {"text": rows[0]["text"], "lang": rows[0]["lang"], "origin": "unlabelled"} in unscored
    assert len(unscored) == scored["unscored"]
    evaluation = json.loads((project / "metrics/evaluation.json").read_text())
    assert evaluation["teacher"] is None
    n = evaluation["overall"]["n"]
    assert evaluation["why_no_teacher"] == f"it has no answer for {n} of {n} texts"
    # weasel knows nothing of the file; the check that is never skipped tells it.
    teacher.write_text("".join(lines), encoding="utf-8")
    run_distill(project, "jsonl:probabilities.jsonl", "check-distill", "score")
    assert json.loads((project / "corpus/score.json").read_text())["total"] == len(rows)


@pytest.mark.parametrize("engine", ["local", "ray"])
def test_project_scores_with_a_hugging_face_teacher(distilled: Path, project: Path, engine: str) -> None:
    sizes = {"hidden_size": 16, "num_hidden_layers": 1, "num_attention_heads": 2, "intermediate_size": 16}
    config = BertConfig(id2label={0: "POS", 1: "NEG"}, **sizes)
    BertForSequenceClassification(config).save_pretrained(project / "classifier")
    AutoTokenizer.from_pretrained(distilled / "assets/encoder").save_pretrained(project / "classifier")
    scores = run_project(project, "score", ".", "--vars.teacher", "hf:classifier", "--vars.engine", engine, "--force")
    assert scores.returncode == 0, scores.stdout + scores.stderr
    scored = json.loads((project / "corpus/score.json").read_text())
    assert scored["teacher"] == "hf:classifier"
    assert scored["unscored"] == 0
    docs = [doc for path in (project / "corpus/transfer").glob("*.spacy") for doc in read_docs(path)]
    assert len(docs) == scored["total"]
    assert len({doc.user_data["teacher_cats"]["POS"] for doc in docs}) > 50
