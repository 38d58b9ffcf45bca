"""What ties a student to its transfer set and word vectors."""

import json
from pathlib import Path
from typing import Any

import pytest

from scripts.distill.data.corpus import PREPARE_SHA256, TRANSFER_SHA256, Corpus
from scripts.distill.student.provenance import check_trained_on_transfer, check_transfer

STUDENT = {"textcat": {"factory": "distilled_textcat"}}


@pytest.fixture
def corpus(tmp_path: Path) -> Path:
    (tmp_path / "prepare.json").write_text('{"lang": "nl"}', encoding="utf-8")
    write(
        tmp_path / "score.json",
        {PREPARE_SHA256: Corpus(tmp_path).fingerprint, TRANSFER_SHA256: "a", "teacher": "train"},
    )
    return tmp_path


def write(path: Path, content: dict[str, Any]) -> None:
    path.parent.mkdir(exist_ok=True)
    path.write_text(json.dumps(content), encoding="utf-8")


def config(vectors: Path | None, components: dict[str, Any] = STUDENT) -> dict[str, Any]:
    return {"components": components, "paths": {"vectors": None if vectors is None else str(vectors)}}


def test_student_provenance_vectors_of_the_same_transfer_set_are_accepted(corpus: Path) -> None:
    check_transfer(config(None), Corpus(corpus))
    for folder in (corpus, corpus / "vectors-1"):
        write(folder / "vectors.json", {TRANSFER_SHA256: "a"})
        check_transfer(config(folder / "vectors"), Corpus(corpus))
    check_transfer(config(corpus / "own" / "package"), Corpus(corpus))


@pytest.mark.parametrize("folder", [".", "vectors-1"])
def test_student_provenance_vectors_of_another_run_are_refused(corpus: Path, folder: str) -> None:
    write(corpus / folder / "vectors.json", {TRANSFER_SHA256: "b"})
    with pytest.raises(ValueError, match=r"vectors: made from another transfer set than .*transfer\. Run, .* vectors"):
        check_transfer(config(corpus / folder / "vectors"), Corpus(corpus))


def test_student_provenance_what_is_missing_is_named(corpus: Path) -> None:
    with pytest.raises(ValueError, match=r"vectors\.json: no such file\. Run, .*project run vectors"):
        check_transfer(config(corpus / "vectors"), Corpus(corpus))
    (corpus / "prepare.json").write_text("{}", encoding="utf-8")
    with pytest.raises(ValueError, match=r"score\.json: made from other data"):
        check_transfer(config(None), Corpus(corpus))
    (corpus / "score.json").unlink()
    with pytest.raises(ValueError, match=r"score\.json: no such file\. Run, .*project run score"):
        check_transfer(config(None), Corpus(corpus))


def test_student_provenance_other_trainings_are_not_looked_at(tmp_path: Path) -> None:
    check_transfer(config(None, {"textcat": {"factory": "textcat"}}), Corpus(tmp_path))


def test_student_provenance_another_transfer_set_is_an_error(tmp_path: Path) -> None:
    scored = {TRANSFER_SHA256: "a", "teacher": "hf:b"}
    check_trained_on_transfer({TRANSFER_SHA256: "a"}, scored, tmp_path)
    check_trained_on_transfer({}, scored, tmp_path)
    with pytest.raises(ValueError, match=r"another transfer set than the present one, which the teacher hf:b scored"):
        check_trained_on_transfer({TRANSFER_SHA256: "c"}, scored, tmp_path)
