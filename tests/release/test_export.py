import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy
import pytest
import spacy
from numpy.testing import assert_allclose
from spacy.language import Language

from scripts.distill.core.files import hash_file, zipped_size
from scripts.distill.core.probabilities import soften
from scripts.distill.core.rounding import round_mantissa, round_parameters
from scripts.distill.core.variables import SettingsError
from scripts.distill.data.corpus import Corpus
from scripts.distill.data.prepare import write_gold
from scripts.distill.data.records import Record
from scripts.distill.evaluate.evaluate import read_calibration
from scripts.distill.release.calibration import calibrate
from scripts.distill.release.export import MANTISSA_BITS, SPACY_RANGE, describe, export, exported_size
from scripts.export import main as command
from tests.student.test_to_stock import LOAD
from tests.teacher.test_teachers import textcat_pipeline

TEXTS = ["good", "bad", "a good and bad text"]
DEV = [("good", "POS")] * 3 + [("good", "NEG")] + [("bad", "NEG")] * 3 + [("bad zyzzyva", "POS")]
PREPARED = {
    "lang": "xx",
    "languages": ["de", "nl"],
    "data": "/some/place/sample",
    "files": {
        "/some/place/sample/de/train.jsonl": {"read": 3, "sha256": "d" * 64},
        "/some/place/sample/nl/train.jsonl": {"read": 2, "sha256": "e" * 64},
    },
}
SCORED = {
    "teacher": "spacy:some_package",
    "teacher_fingerprint": "f" * 64,
    "labels": ["NEG", "POS"],
    "total": 5,
    "texts": {"de": {"gold": 3}, "nl": {"gold": 2}},
    "transfer_sha256": "a" * 64,
}


def read_folder(folder: Path) -> dict[str, bytes]:
    return {str(path.relative_to(folder)): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def round_as_exported(nlp: Language) -> Language:
    round_parameters(nlp.get_pipe("textcat").model, MANTISSA_BITS)
    return nlp


def run_export(corpus: Path) -> dict[str, Any]:
    return export(
        corpus / "model",
        corpus / "export",
        Corpus(corpus),
        corpus / "student.cfg",
        corpus / "encoder",
        name="mood",
        version="1.2.3",
        seed=7,
    )


@pytest.fixture
def corpus(tmp_path: Path) -> Path:
    (tmp_path / "prepare.json").write_text(json.dumps(PREPARED), encoding="utf-8")
    scored = {**SCORED, "prepare_sha256": hash_file(tmp_path / "prepare.json")}
    (tmp_path / "score.json").write_text(json.dumps(scored), encoding="utf-8")
    labels = ["POS", "NEG"]  # not the model's order
    (tmp_path / "labels.json").write_text(json.dumps(labels), encoding="utf-8")
    (tmp_path / "gold").mkdir()
    reviews = [Record(text, label, "en", "dev.jsonl", i) for i, (text, label) in enumerate(DEV)]
    write_gold(tmp_path / "gold" / "dev.spacy", reviews, labels, lang="xx")
    write_gold(tmp_path / "gold" / "train.spacy", reviews[:4], labels, lang="xx")
    (tmp_path / "student.cfg").write_text("[training]\nseed = 1\n", encoding="utf-8")
    return tmp_path


@pytest.fixture
def nlp() -> Language:
    return textcat_pipeline()


def test_export_fills_the_metadata(corpus: Path, nlp: Language) -> None:
    nlp.to_disk(corpus / "model")
    meta = run_export(corpus)
    written = json.loads((corpus / "export" / "meta.json").read_text(encoding="utf-8"))
    # spaCy writes ten decimals
    calibration = written["distillation"].pop("calibration")
    expected = dict(meta["distillation"]["calibration"])
    assert calibration.pop("bias") == expected.pop("bias")
    assert calibration == pytest.approx(expected, abs=1e-10)
    assert written["distillation"].items() < meta["distillation"].items()
    assert {**written, "distillation": None} == {**meta, "distillation": None}
    assert [meta[key] for key in ("lang", "name", "version", "languages")] == ["en", "mood", "1.2.3", ["de", "nl"]]
    # Eight dev texts promise nothing.
    assert meta["thresholds"] == {target: {"NEG": None, "POS": None} for target in ("0.9", "0.95", "0.99")}
    assert (meta["label_shares"], meta["tokenizer_cache"]) == ({"POS": 0.75, "NEG": 0.25}, 100_000)
    # The training's own version is the newest, and a wheel would ask for it or a newer one.
    assert meta["spacy_version"] == SPACY_RANGE == ">=3.8.2,<3.9.0"
    assert meta["description"] == describe(["de", "nl"], ["NEG", "POS"])
    assert meta["distillation"] == {
        "teacher": "spacy:some_package",
        "teacher_fingerprint": "f" * 64,
        "encoder": None,  # it has no word vectors
        "data": {"de/train.jsonl": "d" * 64, "nl/train.jsonl": "e" * 64},
        "config_sha256": hash_file(corpus / "student.cfg"),
        "texts": {"de": {"gold": 3}, "nl": {"gold": 2}},
        "seed": 7,
        "transfer_sha256": "a" * 64,
        "calibration": calibrate(round_as_exported(nlp), Corpus(corpus).gold("dev"), ["POS", "NEG"]),
    }


def test_export_names_the_encoder_of_the_word_vectors(corpus: Path, nlp: Language) -> None:
    nlp.vocab.set_vector("good", numpy.ones(3, dtype="float32"))
    nlp.to_disk(corpus / "model")
    assert run_export(corpus)["distillation"]["encoder"] == {"name": "encoder", "licence": None}


@pytest.mark.parametrize("wrong", [0, 1], ids=["all dev texts right", "one wrong"])
def test_export_of_a_student_that_is_right_on_all_dev_texts_says_what_its_scores_are_worth(
    corpus: Path, nlp: Language, wrong: int, capsys: pytest.CaptureFixture[str]
) -> None:
    nlp.to_disk(corpus / "model")
    rows = [("good", "POS")] * 9 + [("bad", "NEG")] * 8 + [("bad", "POS" if wrong else "NEG")]
    reviews = [Record(text, label, "en", "dev.jsonl", i) for i, (text, label) in enumerate(rows)]
    write_gold(corpus / "gold" / "dev.spacy", reviews, ["POS", "NEG"], lang="xx")
    command(
        corpus / "model", corpus / "export", corpus, corpus / "student.cfg", corpus / "encoder",
        name="mood", version="1.2.3", seed=7,
    )  # fmt: skip
    meta = json.loads((corpus / "export" / "meta.json").read_text(encoding="utf-8"))
    assert (meta["distillation"]["calibration"]["temperature"] == 0.05) != wrong
    said = " ".join(capsys.readouterr().out.split())
    assert ("A probability near 1 says no more than which label is likelier" in said) != wrong


def test_export_is_calibrated_on_dev_and_leaves_the_model_alone(corpus: Path, nlp: Language) -> None:
    nlp.to_disk(corpus / "model")
    before = read_folder(corpus / "model")
    calibration = run_export(corpus)["distillation"]["calibration"]
    assert calibration["temperature"] < 0.5
    assert calibration["dev_ece_after"] < calibration["dev_ece_before"] - 0.1
    exported = spacy.load(corpus / "export")
    scores = numpy.asarray([list(doc.cats.values()) for doc in round_as_exported(nlp).pipe(TEXTS)])
    calibrated = numpy.asarray([list(doc.cats.values()) for doc in exported.pipe(TEXTS)])
    assert_allclose(calibrated, soften(scores, calibration["temperature"]), atol=1e-6)
    assert read_folder(corpus / "model") == before
    read = read_calibration(exported, ["NEG", "POS"])
    assert read == (calibration["temperature"], [calibration["bias"][label] for label in ("NEG", "POS")])


def test_export_rounds_parameters(corpus: Path, nlp: Language) -> None:
    nlp.to_disk(corpus / "model")
    temperature = run_export(corpus)["distillation"]["calibration"]["temperature"]
    exported, original = (
        pipeline.get_pipe("textcat").model.get_ref("output_layer").get_param("W")
        for pipeline in (spacy.load(corpus / "export"), nlp)
    )
    assert_allclose(exported * temperature, round_mantissa(original, MANTISSA_BITS), rtol=1e-6)
    assert (exported * temperature != original).any()


def test_export_size_is_that_of_what_is_written(corpus: Path, nlp: Language) -> None:
    nlp.to_disk(corpus / "model")
    run_export(corpus)
    size = exported_size(corpus / "model")
    assert size == pytest.approx(zipped_size(corpus / "export"), rel=0.05)  # metadata and temperature aside
    assert size < zipped_size(corpus / "model") * 0.9


def test_export_loads_as_a_stock_textcat_without_our_code(corpus: Path, nlp: Language) -> None:
    nlp.to_disk(corpus / "model")
    run_export(corpus)
    assert spacy.load(corpus / "export").get_pipe_meta("textcat").factory == "textcat"
    expected = [doc.cats for doc in spacy.load(corpus / "export").pipe(TEXTS)]
    command = [sys.executable, "-c", LOAD, str(corpus / "export"), json.dumps(TEXTS)]
    done = subprocess.run(command, cwd=corpus, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout) == [pytest.approx(cats, abs=1e-7) for cats in expected]


def test_export_without_a_dev_corpus_names_the_command_and_writes_nothing(corpus: Path, nlp: Language) -> None:
    nlp.to_disk(corpus / "model")
    (corpus / "gold" / "dev.spacy").unlink()
    with pytest.raises(ValueError, match=r"dev\.spacy: no such file.*spacy project run prepare"):
        run_export(corpus)
    assert not (corpus / "export").exists()


def test_export_is_the_same_twice_and_replaces_what_was_there(corpus: Path, nlp: Language) -> None:
    nlp.to_disk(corpus / "model")
    run_export(corpus)
    first = read_folder(corpus / "export")
    (corpus / "export" / "leftover").touch()
    run_export(corpus)
    assert read_folder(corpus / "export") == first


def test_export_leaves_out_a_vocab_without_vectors(corpus: Path, nlp: Language) -> None:
    nlp.to_disk(corpus / "model")
    assert (corpus / "model" / "vocab").exists()
    run_export(corpus)
    assert not (corpus / "export" / "vocab").exists()


def test_export_keeps_a_vocab_with_vectors(corpus: Path, nlp: Language) -> None:
    nlp.vocab.set_vector("good", numpy.asarray([0.25, 0.5], dtype="float32"))
    nlp.to_disk(corpus / "model")
    run_export(corpus)
    vocab = spacy.load(corpus / "export").vocab
    assert vocab.get_vector("good").tolist() == [0.25, 0.5]
    assert "zyzzyva" not in vocab.strings  # of a dev text


def test_export_that_fails_writes_nothing(corpus: Path, nlp: Language) -> None:
    nlp.to_disk(corpus / "model")
    (corpus / "score.json").unlink()
    with pytest.raises(ValueError, match=r"score\.json: no such file.*spacy project run score"):
        run_export(corpus)
    assert not (corpus / "export").exists()


def test_export_describes_languages_and_labels() -> None:
    description = describe(["de", "nl"], ["A", "B", "C"])
    assert "for de, nl with the exclusive labels A, B, C:" in description


def test_export_refuses_a_name_that_no_wheel_can_have(corpus: Path, nlp: Language) -> None:
    nlp.to_disk(corpus / "model")
    for name, version, message in (("My Name", "0.1.0", "name = 'My Name'"), ("tiny", "banana", "version = 'banana'")):
        with pytest.raises(SettingsError, match=message):
            export(
                corpus / "model", corpus / "out", Corpus(corpus), corpus / "student.cfg", corpus / "encoder",
                name=name, version=version, seed=0,
            )  # fmt: skip
    assert not (corpus / "out").exists()


def test_export_refuses_a_transfer_set_of_other_data(corpus: Path, nlp: Language) -> None:
    nlp.to_disk(corpus / "model")
    (corpus / "prepare.json").write_text(json.dumps({**PREPARED, "seed": 1}), encoding="utf-8")
    with pytest.raises(ValueError, match=r"score\.json: made from other data.*spacy project run score"):
        run_export(corpus)
    assert not (corpus / "export").exists()


def test_export_of_a_student_of_another_transfer_set_is_an_error(corpus: Path, nlp: Language) -> None:
    nlp.meta["transfer_sha256"] = "b" * 64
    nlp.to_disk(corpus / "model")
    with pytest.raises(ValueError, match=r"model was trained on another transfer set .* project run train-student \."):
        run_export(corpus)
    assert not (corpus / "export").exists()
    nlp.meta["transfer_sha256"] = "a" * 64
    nlp.to_disk(corpus / "model")
    assert "transfer_sha256" not in run_export(corpus)
