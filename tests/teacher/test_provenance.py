import json
from pathlib import Path

import pytest
import spacy

from scripts.distill.core.files import write_json
from scripts.distill.data.corpus import Corpus
from scripts.distill.data.provenance import create_note_corpora
from scripts.distill.evaluate.evaluate import Paths, check_controls
from scripts.distill.teacher.provenance import check_trained_on
from tests.helpers import ROOT


def write_prepared(corpus: Path, gold: str, unlabelled: str = "u") -> None:
    write_json(corpus / "prepare.json", {"outputs": {"gold": gold, "unlabelled.jsonl": unlabelled}})


@pytest.fixture
def corpus(tmp_path: Path) -> Path:
    write_prepared(tmp_path / "corpus", gold="a")
    return tmp_path / "corpus"


@pytest.fixture
def teacher_model(tmp_path: Path, corpus: Path) -> Path:
    create_note_corpora(str(corpus))(spacy.blank("nl")).to_disk(tmp_path / "teacher")
    return tmp_path / "teacher"


@pytest.mark.parametrize("teacher", ["train", "mean:hf:other,train"])
def test_trained_on_other_corpora_is_an_error(corpus: Path, teacher_model: Path, teacher: str) -> None:
    check_trained_on(teacher, teacher_model, Corpus(corpus))
    write_prepared(corpus, gold="b")
    with pytest.raises(ValueError, match=r"was trained on other texts than \S*gold: .* run train-teacher \."):
        check_trained_on(teacher, teacher_model, Corpus(corpus))
    check_trained_on("hf:other", teacher_model, Corpus(corpus))
    check_trained_on("mean:hf:other,hf:another", teacher_model, Corpus(corpus))


def test_trained_on_the_same_labelled_texts_stays_right_with_more_unlabelled_ones(
    corpus: Path, teacher_model: Path
) -> None:
    write_prepared(corpus, gold="a", unlabelled="more")
    check_trained_on("train", teacher_model, Corpus(corpus))


def test_trained_on_something_that_is_not_known_is_no_error(corpus: Path, tmp_path: Path) -> None:
    check_trained_on("train", tmp_path / "none", Corpus(corpus))
    spacy.blank("nl").to_disk(tmp_path / "older")
    check_trained_on("train", tmp_path / "older", Corpus(corpus))


def test_controls_trained_on_other_corpora_are_an_error(corpus: Path, tmp_path: Path) -> None:
    folders = {name: tmp_path / name for name in ("baseline", "tfidf")}
    paths = Paths(**folders, student=tmp_path, teacher_model=tmp_path, settings=tmp_path, cache=tmp_path)
    check_controls(paths, Corpus(corpus))
    for name, folder in folders.items():
        write_json(folder / "meta.json", {"gold_sha256": "a"})
        check_controls(paths, Corpus(corpus))
        write_json(folder / "meta.json", {"gold_sha256": "b"})
        with pytest.raises(ValueError, match=rf"{name} was trained on other texts .* run train-{name} \."):
            check_controls(paths, Corpus(corpus))
        write_json(folder / "meta.json", {})


@pytest.mark.parametrize("name", ["teacher", "baseline", "bow"])
def test_trained_on_is_noted_by_the_committed_config(name: str) -> None:
    config = spacy.util.load_config(ROOT / f"configs/{name}.cfg")
    assert config["training"]["before_to_disk"] == {"@callbacks": "distill.note_corpora.v1", "corpus": "corpus"}


def test_trained_on_corpora_that_are_not_the_projects_is_not_noted(tmp_path: Path) -> None:
    assert "gold_sha256" not in create_note_corpora(str(tmp_path))(spacy.blank("nl")).meta


def test_trained_on_stays_when_a_pipeline_is_loaded_and_saved(teacher_model: Path, tmp_path: Path) -> None:
    spacy.load(teacher_model).to_disk(tmp_path / "again")
    metas = [
        json.loads((folder / "meta.json").read_text(encoding="utf-8")) for folder in (teacher_model, tmp_path / "again")
    ]
    assert metas[0]["gold_sha256"] == metas[1]["gold_sha256"]
