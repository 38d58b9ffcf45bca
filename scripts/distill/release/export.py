"""Round and calibrate the trained student, and give it the metadata that its users need."""

from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import numpy
import spacy
from spacy.language import Language
from spacy.pipeline import TrainablePipe

from ..core.files import hash_file, replacing_folder, zipped_size
from ..core.rounding import round_parameters
from ..core.variables import check_package
from ..data.corpus import TRANSFER_SHA256, Corpus
from ..data.known_words import vector_rows
from ..evaluate.thresholds import find_thresholds
from ..student.provenance import check_trained_on_transfer
from ..teacher.encoder import describe_encoder
from ..teacher.spec import public_name
from .calibration import calibrate, predict
from .serving import LABEL_SHARES, TOKENIZER_CACHE

# Bits of mantissa that parameters keep. docs/experiments.md says what that costs.
MANTISSA_BITS = 8
# Strings between blanks that the wheel's tokenizer remembers at most, see docs/production.md.
CACHE_SIZE = 100_000
# The versions of spaCy that a student is known to score the same with; the oldest one is tried by
# test_wheels_score_the_same_with_the_oldest_spacy. (3.8.0 was withdrawn, there is no 3.8.1.)
SPACY_RANGE = ">=3.8.2,<3.9.0"


def export(
    model: Path, output: Path, corpus: Corpus, config: Path, encoder: Path, *, name: str, version: str, seed: int
) -> dict[str, Any]:
    """Copy a trained student, rounded, calibrated on the dev texts, with its metadata filled in.

    model (Path): The folder of the trained student; it is not changed.
    output (Path): The folder to write.
    corpus (Corpus): Holds gold/dev.spacy, labels.json, prepare.json and score.json.
    config (Path): The config that the student was trained with; its sha256 goes into the metadata.
    encoder (Path): The folder of the project's encoder.
    name (str): The pipeline's name, without its language.
    version (str): The pipeline's version.
    seed (int): The seed of the run, for the metadata.
    RETURNS (dict[str, Any]): The metadata: what meta.json holds.
    RAISES (ValueError): If no wheel can have this name or version, the transfer set was made from other data than the
        present corpora, the student was trained on another transfer set, or the student can't be calibrated.
    """
    nlp = spacy.load(model)
    check_package(nlp.meta["lang"], name, version)
    scored = corpus.summary("score")
    check_trained_on_transfer(nlp.meta, scored, model)
    _round(nlp)
    dev = corpus.gold("dev")
    calibration = calibrate(nlp, dev, corpus.labels)
    with nlp.memory_zone():
        thresholds = find_thresholds(predict(nlp, dev.texts, corpus.labels), dev.labels, corpus.labels)
    train = corpus.gold("train").labels
    shares = numpy.bincount(train, minlength=len(corpus.labels)) / len(train)
    nlp.meta[TOKENIZER_CACHE] = CACHE_SIZE
    nlp.meta[LABEL_SHARES] = dict(zip(corpus.labels, shares.tolist(), strict=True))
    nlp.meta.update(
        name=name,
        version=version,
        spacy_version=SPACY_RANGE,
        description=describe(corpus.prepared["languages"], scored["labels"]),
        languages=corpus.prepared["languages"],
        thresholds=thresholds,
        distillation={
            "teacher": public_name(scored["teacher"]),
            "teacher_fingerprint": scored["teacher_fingerprint"],
            "encoder": describe_encoder(scored["teacher"], encoder) if vector_rows(nlp)[1] else None,
            "data": corpus.data_hashes,
            "config_sha256": hash_file(config),
            "texts": scored["texts"],
            "seed": seed,
            TRANSFER_SHA256: nlp.meta.pop(TRANSFER_SHA256, scored[TRANSFER_SHA256]),
            "calibration": calibration,
        },
    )
    with replacing_folder(output, marker="meta.json") as folder:
        _write(nlp, folder)
    return nlp.meta


def exported_size(model: Path) -> int:
    """Return the size in bytes that a trained student will have in a wheel.

    model (Path): The folder of the trained student.
    """
    nlp = spacy.load(model)
    _round(nlp)
    with TemporaryDirectory() as folder:
        _write(nlp, Path(folder))
        return zipped_size(Path(folder))


def _round(nlp: Language) -> None:
    """Round the parameters of all trained components."""
    for _, pipe in nlp.pipeline:
        if isinstance(pipe, TrainablePipe):
            round_parameters(pipe.model, MANTISSA_BITS)


def _write(nlp: Language, folder: Path) -> None:
    """Write a pipeline; the vocabulary is left out unless it has vectors."""
    nlp.to_disk(folder, exclude=[] if len(nlp.vocab.vectors) else ["vocab"])


def describe(languages: list[str], labels: list[str]) -> str:
    """Return the description of the package, for its users.

    languages (list[str]): The languages of the data.
    labels (list[str]): The project's labels.
    """
    return (
        f"Text classifier for {', '.join(languages)} with the exclusive labels {', '.join(labels)}: a small student "
        "distilled from a larger teacher. doc.cats holds a probability for each label."
    )
