"""The one place that reads or writes teacher probabilities on a Doc."""

from collections.abc import Sequence

import numpy
from numpy.typing import NDArray
from spacy.tokens import Doc

from ..core.messages import quote

KEY = "teacher_cats"
Scores = NDArray[numpy.float32]


def set_teacher_scores(doc: Doc, labels: Sequence[str], scores: Scores) -> None:
    """Store one row of teacher probabilities on a doc, unrounded.

    labels (Sequence[str]): The labels, in the order of the columns.
    scores (NDArray[float32]): Shape (n_labels,).
    """
    doc.user_data[KEY] = {label: float(score) for label, score in zip(labels, scores, strict=True)}


def get_teacher_scores(docs: Sequence[Doc], labels: Sequence[str]) -> Scores:
    """Gather the teacher probabilities of docs.

    labels (Sequence[str]): The order of the columns.
    RETURNS (NDArray[float32]): Shape (n_docs, n_labels).
    RAISES (ValueError): If a doc has no teacher probabilities, or none for one of the labels, or
        if they don't sum to 1.
    """
    rows = numpy.zeros((len(docs), len(labels)), dtype="float32")
    for i, doc in enumerate(docs):
        scores = doc.user_data.get(KEY)
        if scores is None:
            raise ValueError(
                f"No teacher probabilities for the text {quote(doc.text)}. Score the corpus with: "
                "python -m spacy project run score ."
            )
        if set(scores) != set(labels):
            raise ValueError(
                f"The teacher's labels {sorted(scores)} are not the student's {sorted(labels)} for the text "
                f"{quote(doc.text)}. Score the corpus anew with: python -m spacy project run score ."
            )
        rows[i] = [scores[label] for label in labels]
    sums = rows.sum(axis=1)
    wrong = numpy.flatnonzero(~(abs(sums - 1) < 1e-3))
    if len(wrong):
        doc = docs[wrong[0]]
        raise ValueError(
            f"The teacher probabilities of the text {quote(doc.text)} sum to {sums[wrong[0]]}, "
            "not to 1. Choose a teacher of exclusive labels, and score the corpus anew with: "
            "python -m spacy project run score ."
        )
    return rows
