import json
from pathlib import Path

import numpy
import pytest
import spacy
from spacy.language import Language

from scripts.distil.export import describe, export
from scripts.distil.files import hash_file

from .test_teachers import textcat_pipeline

TEXTS = ["good", "bad", "a good and bad text"]
PREPARED = {
    "lang": "xx",
    "languages": ["de", "nl"],
    "files": {
        "/some/place/sample/de/train.jsonl": {"read": 3, "sha256": "d" * 64},
        "sample/nl/train.jsonl": {"read": 2, "sha256": "e" * 64},
    },
}
SCORED = {
    "teacher": "spacy:some_package",
    "teacher_fingerprint": "f" * 64,
    "labels": ["NEG", "POS"],
    "total": 5,
    "texts": {"de": {"gold": 3}, "nl": {"gold": 2}},
}


def read_folder(folder: Path) -> dict[str, bytes]:
    return {str(path.relative_to(folder)): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


@pytest.fixture
def corpus(tmp_path: Path) -> Path:
    (tmp_path / "prepare.json").write_text(json.dumps(PREPARED), encoding="utf-8")
    scored = {**SCORED, "prepare_sha256": hash_file(tmp_path / "prepare.json")}
    (tmp_path / "score.json").write_text(json.dumps(scored), encoding="utf-8")
    (tmp_path / "student.cfg").write_text("[training]\nseed = 1\n", encoding="utf-8")
    return tmp_path


@pytest.fixture
def nlp() -> Language:
    return textcat_pipeline()


def test_export_fills_the_metadata(corpus: Path, nlp: Language) -> None:
    nlp.to_disk(corpus / "model")
    meta = export(
        corpus / "model", corpus / "export", corpus, corpus / "student.cfg", name="mood", version="1.2.3", seed=7
    )
    assert meta == json.loads((corpus / "export" / "meta.json").read_text(encoding="utf-8"))
    assert [meta[key] for key in ("lang", "name", "version", "languages")] == ["en", "mood", "1.2.3", ["de", "nl"]]
    assert meta["description"] == describe(["de", "nl"], ["NEG", "POS"])
    assert meta["distillation"] == {
        "teacher": "spacy:some_package",
        "teacher_fingerprint": "f" * 64,
        "data": {"de/train.jsonl": "d" * 64, "nl/train.jsonl": "e" * 64},
        "config_sha256": hash_file(corpus / "student.cfg"),
        "texts": {"de": {"gold": 3}, "nl": {"gold": 2}},
        "seed": 7,
    }


def test_export_predicts_the_same_and_leaves_the_model_alone(corpus: Path, nlp: Language) -> None:
    nlp.to_disk(corpus / "model")
    before = read_folder(corpus / "model")
    export(corpus / "model", corpus / "export", corpus, corpus / "student.cfg", name="mood", version="1.2.3", seed=7)
    exported = spacy.load(corpus / "export")
    assert [doc.cats for doc in exported.pipe(TEXTS)] == [doc.cats for doc in nlp.pipe(TEXTS)]
    assert read_folder(corpus / "model") == before


def test_export_is_the_same_twice_and_replaces_what_was_there(corpus: Path, nlp: Language) -> None:
    nlp.to_disk(corpus / "model")
    export(corpus / "model", corpus / "export", corpus, corpus / "student.cfg", name="mood", version="1.2.3", seed=7)
    first = read_folder(corpus / "export")
    (corpus / "export" / "leftover").touch()
    export(corpus / "model", corpus / "export", corpus, corpus / "student.cfg", name="mood", version="1.2.3", seed=7)
    assert read_folder(corpus / "export") == first


def test_export_leaves_out_a_vocab_without_vectors(corpus: Path, nlp: Language) -> None:
    nlp.to_disk(corpus / "model")
    assert (corpus / "model" / "vocab").exists()
    export(corpus / "model", corpus / "export", corpus, corpus / "student.cfg", name="mood", version="1.2.3", seed=7)
    assert not (corpus / "export" / "vocab").exists()


def test_export_keeps_a_vocab_with_vectors(corpus: Path, nlp: Language) -> None:
    nlp.vocab.set_vector("good", numpy.asarray([0.25, 0.5], dtype="float32"))
    nlp.to_disk(corpus / "model")
    export(corpus / "model", corpus / "export", corpus, corpus / "student.cfg", name="mood", version="1.2.3", seed=7)
    assert spacy.load(corpus / "export").vocab.get_vector("good").tolist() == [0.25, 0.5]


def test_export_that_fails_writes_nothing(corpus: Path, nlp: Language) -> None:
    nlp.to_disk(corpus / "model")
    (corpus / "score.json").unlink()
    with pytest.raises(ValueError, match=r"score\.json: no such file.*spacy project run score"):
        export(
            corpus / "model", corpus / "export", corpus, corpus / "student.cfg", name="mood", version="1.2.3", seed=7
        )
    assert not (corpus / "export").exists()


def test_export_describes_languages_and_labels() -> None:
    description = describe(["de", "nl"], ["A", "B", "C"])
    assert "for de, nl with the exclusive labels A, B, C:" in description


def test_export_refuses_a_transfer_set_of_other_data(corpus: Path, nlp: Language) -> None:
    nlp.to_disk(corpus / "model")
    (corpus / "prepare.json").write_text(json.dumps({**PREPARED, "seed": 1}), encoding="utf-8")
    with pytest.raises(ValueError, match=r"score\.json: made from other data.*spacy project run score"):
        export(corpus / "model", corpus / "export", corpus, corpus / "student.cfg", name="mood", version="1", seed=7)
    assert not (corpus / "export").exists()
