"""The whole step: trained systems and gold texts → how they compare."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy
from spacy.language import Language

from ..core.files import folder_size, require_file
from ..data.corpus import Corpus
from ..data.provenance import check_gold
from ..teacher.spec import TRAIN
from ..teacher.teachers import load_pipeline
from .analysis import analyse
from .comparison import (
    BASELINE,
    STUDENT,
    TEACHER,
    TFIDF,
    Predictions,
    System,
    add_teacher,
    compare_lengths,
    evaluate,
    predict,
    undo_calibration,
)
from .eval_set import EvalSet, load_eval_set
from .making import describe_making, read_benchmark
from .tfidf import read_tfidf
from .verdict import judge


@dataclass(frozen=True)
class Paths:
    """Where the compared systems lie.

    baseline, student (Path): The folders of these pipelines.
    tfidf (Path): The folder of TF-IDF + logistic regression, see `tfidf`.
    teacher_model (Path): The folder of the teacher that is trained here.
    settings (Path): The config that says how to score, configs/score.cfg.
    cache (Path): The file with all scores.
    """

    baseline: Path
    student: Path
    tfidf: Path
    teacher_model: Path
    settings: Path
    cache: Path


def evaluate_corpus(
    corpus: Corpus, split: str, spec: str, paths: Paths, benchmark: Path, gpu_id: int = -1
) -> dict[str, Any]:
    """Compare baseline, TF-IDF, teacher and student on a split.

    corpus (Corpus): Holds gold/, unlabelled.jsonl, labels.json, prepare.json, augment.json and score.json.
    split (str): "train", "dev" or "test".
    spec (str): The spec of the teacher that the student learnt from, see `check_spec`.
    paths (Paths): Where the systems lie.
    benchmark (Path): The JSON file that `benchmark student` writes; there need not be one.
    gpu_id (int): The GPU, or -1 for CPU.
    RETURNS (dict[str, Any]): The contents of metrics/evaluation.json: what `comparison.evaluate` returns; "lengths",
        see `compare_lengths`; "data", "lang", "seed", "split" and "labels"; "teacher", the spec, or None if the teacher
        can't be compared, and "why_no_teacher"; "size_bytes" and "fingerprints": system → value; what
        `analysis.analyse` returns; "making", see `describe_making`; "benchmark", see `read_benchmark`; "verdict", see
        `verdict.judge`.
    RAISES (OSError, ValueError): If a system or a corpus is missing, broken or of other data.
    """
    require_file(paths.baseline, "train-baseline")
    require_file(paths.student, "export")
    eval_set = load_eval_set(
        corpus, split, spec, teacher_model=paths.teacher_model, settings_path=paths.settings, gpu_id=gpu_id
    )  # fmt: skip
    check_controls(paths, corpus)
    labels, gold = eval_set.labels, eval_set.gold
    folders = {BASELINE: paths.baseline, STUDENT: paths.student}
    systems = {name: load_pipeline(str(path), labels, gpu_id) for name, path in folders.items()}
    student = systems[STUDENT]
    predictions, no_teacher = ask_all(eval_set, systems, paths)
    if spec == TRAIN:
        folders[TEACHER] = paths.teacher_model
    before = undo_calibration(predictions[STUDENT], *read_calibration(student.nlp, labels))
    result = {
        **{name: corpus.prepared[name] for name in ("data", "lang", "seed")},
        "split": split,
        "labels": labels,
        "teacher": None if no_teacher else spec,
        "why_no_teacher": no_teacher,
        **evaluate(predictions, gold, before, seed=corpus.prepared["seed"]),
        "lengths": compare_lengths(predictions, gold, labels),
        "size_bytes": {name: folder_size(path) for name, path in folders.items()},
        "fingerprints": {name: system.fingerprint for name, system in (*systems.items(), (TEACHER, eval_set.teacher))},
        **analyse(corpus, gold, predictions, before, student, student.nlp),
        "making": describe_making(corpus, student.nlp),
        "benchmark": read_benchmark(benchmark, student.fingerprint),
    }
    return {**result, "verdict": judge(result)._asdict()}


def check_controls(paths: Paths, corpus: Corpus) -> None:
    """Check that baseline and TF-IDF have learnt from these corpora.

    paths (Paths): Where they lie.
    corpus (Corpus): The present corpora.
    RAISES (ValueError): If one was trained on others.
    """
    check_gold(paths.baseline, corpus, "train-baseline")
    check_gold(paths.tfidf, corpus, "train-tfidf")


def ask_all(eval_set: EvalSet, systems: Mapping[str, System], paths: Paths) -> tuple[Predictions, str | None]:
    """Let pipelines, TF-IDF + logistic regression and the teacher read the texts of an evaluation.

    eval_set (EvalSet): The texts and the teacher.
    systems (Mapping[str, System]): The pipelines by name.
    paths (Paths): Where TF-IDF + logistic regression and the teacher's scores lie.
    RETURNS (tuple[Predictions, str | None]): The probabilities by name; and why the teacher is left out, if so.
    """
    texts = eval_set.gold.texts
    predictions = predict(systems, texts)
    no_teacher = add_teacher(predictions, eval_set.ask_teacher(paths.cache))
    predictions[TFIDF] = numpy.asarray(read_tfidf(paths.tfidf).predict_proba(texts))
    return predictions, no_teacher


def read_calibration(nlp: Language, labels: Sequence[str]) -> tuple[float, list[float]]:
    """Return the temperature that an exported student was calibrated with, and the bias of each label.

    nlp (Language): The student.
    labels (Sequence[str]): The labels, in the order of the biases.
    RETURNS (tuple[float, list[float]]): 1 and zeros for a student that was not calibrated.
    """
    found = nlp.meta.get("distillation", {}).get("calibration", {})
    return float(found.get("temperature", 1.0)), [float(found.get("bias", {}).get(label, 0.0)) for label in labels]
