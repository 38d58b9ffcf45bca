"""What the page of an evaluation shows beside the comparison: when to trust the student, and which texts to look at."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy
from sklearn.metrics import confusion_matrix
from spacy.language import Language

from ..data.corpus import Corpus, GoldSplit
from .comparison import STUDENT, TEACHER, Predictions, System, compare_pairs
from .examples import describe_texts, find_disagreements, find_suspects, find_words, read_unlabelled, to_label_next
from .metrics import Probabilities, coverage_curve, reliability, share
from .slices import score_slices, slice_texts, unknown_shares
from .thresholds import find_answered, texts_needed


def analyse(
    corpus: Corpus, split: GoldSplit, predictions: Predictions, before: Probabilities, student: System, nlp: Language
) -> dict[str, Any]:
    """Return what the page shows beside the comparison.

    corpus (Corpus): Holds gold/dev.spacy, unlabelled.jsonl, labels.json and prepare.json.
    split (GoldSplit): The texts of the evaluation, with their gold labels.
    predictions (dict[str, NDArray]): System → probabilities, shape (n_texts, n_labels). The teacher may be missing.
    before (NDArray): The student's probabilities before its calibration, shape (n_texts, n_labels).
    student (System): The exported student.
    nlp (Language): The same student, as a pipeline.
    RETURNS (dict[str, Any]): "pairs", see `compare_pairs`; "confusion": "student" and "teacher" → gold label → said
        label → texts; "reliability": "before" and "after" → see `metrics.reliability`; "coverage", see
        `metrics.coverage_curve`; "thresholds", see `check_thresholds`; "dev", see `describe_dev`; "slices", see
        `score_slices`; "disagreements" and "suspects", see `describe_texts`, without a teacher left out; "label_next",
        see `to_label_next`, None without unlabelled texts.
    """
    labels, gold, scores = corpus.labels, split.labels, predictions[STUDENT]
    shown = [name for name in (STUDENT, TEACHER) if name in predictions]
    right = {name: predictions[name].argmax(axis=1) == gold for name in shown}
    unlabelled = read_unlabelled(corpus)
    return {
        "pairs": compare_pairs(predictions, gold, corpus.prepared["seed"]),
        "confusion": {
            name: confusion_matrix(gold, predictions[name].argmax(axis=1), labels=range(len(labels))).tolist()
            for name in shown
        },
        "reliability": {"before": reliability(before, gold), "after": reliability(scores, gold)},
        "coverage": coverage_curve(scores, gold),
        "thresholds": check_thresholds(nlp.meta.get("thresholds", {}), scores, split, labels),
        "dev": describe_dev(corpus.gold("dev"), student, labels),
        "slices": score_slices(slice_texts(split, unknown_shares(nlp, split.texts)), right, STUDENT),
        **(choose_texts(predictions, split, labels, student, nlp) if TEACHER in predictions else {}),
        "label_next": to_label_next(unlabelled, student, labels) if unlabelled else None,
    }


def check_thresholds(
    thresholds: Mapping[str, Mapping[str, Mapping[str, float] | None]], scores: Probabilities, split: GoldSplit,
    labels: Sequence[str],
) -> dict[str, Any]:  # fmt: skip
    """Return whether the thresholds that were chosen on dev keep their promise.

    thresholds (Mapping): Target → label → threshold, see `find_thresholds`; empty for a student without them.
    scores (NDArray): The student's calibrated probabilities, shape (n_texts, n_labels).
    split (GoldSplit): The texts, with their gold labels.
    labels (Sequence[str]): The labels, in the order of the columns.
    RETURNS (dict[str, Any]): Target → "labels", as given; "needed", see `texts_needed`; "coverage", the share of the
        texts that the student answers; "answered", see `metrics.share`, None if it answers none.
    """
    right = scores.argmax(axis=1) == split.labels
    result = {}
    for target, found in thresholds.items():
        answered = find_answered(found, scores, labels)
        result[target] = {
            "labels": found,
            "needed": texts_needed(float(target)),
            "coverage": float(answered.mean()),
            "answered": share(right[answered]) if answered.any() else None,
        }
    return result


def describe_dev(dev: GoldSplit, student: System, labels: Sequence[str]) -> dict[str, Any]:
    """Return what the student says of the dev texts: they have chosen the thresholds.

    dev (GoldSplit): The dev texts.
    student (System): Tells the probabilities.
    labels (Sequence[str]): The labels, in the order of the columns.
    RETURNS (dict[str, Any]): "said": label → for how many texts the student says it; and see `metrics.share`.
    """
    said = numpy.asarray(list(student.pipe(dev.texts))).argmax(axis=1)
    counts = numpy.bincount(said, minlength=len(labels)).tolist()
    return {"said": dict(zip(labels, counts, strict=True)), **share(said == dev.labels)}


def choose_texts(
    predictions: Predictions, split: GoldSplit, labels: Sequence[str], student: System, nlp: Language
) -> dict[str, Any]:
    """Return "disagreements" and "suspects", see `find_disagreements`, `find_suspects` and `describe_texts`."""
    chosen = {
        "disagreements": find_disagreements(predictions),
        "suspects": find_suspects(predictions, split.labels),
    }
    texts = dict.fromkeys(split.texts[index] for indices in chosen.values() for index in indices)
    words = find_words(student, nlp, list(texts))
    return {name: describe_texts(indices, predictions, split, labels, words) for name, indices in chosen.items()}
