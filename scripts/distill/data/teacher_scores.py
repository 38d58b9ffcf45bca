"""The one place that reads or writes a teacher's probabilities on a Doc."""

from collections.abc import Sequence

import numpy
from numpy.typing import NDArray
from spacy.tokens import Doc

from ..core.messages import quote, run_again

# The key of `doc.user_data` with a dict: label → probability.
KEY = "teacher_cats"
# Probabilities, one row for each text: shape (n_texts, n_labels).
Scores = NDArray[numpy.float32]


def set_teacher_scores(doc: Doc, labels: Sequence[str], scores: Scores) -> None:
    """Store a teacher's probabilities on a doc, unrounded.

    doc (Doc): The doc; its user data are changed.
    labels (Sequence[str]): The labels, in the order of the columns.
    scores (NDArray[float32]): The probabilities, shape (n_labels,).
    """
    doc.user_data[KEY] = {label: float(score) for label, score in zip(labels, scores, strict=True)}


def get_teacher_scores(docs: Sequence[Doc], labels: Sequence[str]) -> Scores:
    """Gather a teacher's probabilities of docs.

    docs (Sequence[Doc]): The docs.
    labels (Sequence[str]): The labels, in the order of the columns.
    RETURNS (NDArray[float32]): Shape (n_docs, n_labels); rows sum to 1.
    RAISES (ValueError): If a doc has no teacher probabilities, its teacher has other labels, or its probabilities don't
        sum to 1, within 0.001.
    """
    rows = numpy.zeros((len(docs), len(labels)), dtype="float32")
    for i, doc in enumerate(docs):
        scores = doc.user_data.get(KEY)
        if scores is None:
            raise ValueError(f"No teacher probabilities for the text {quote(doc.text)}. {run_again('score')}")
        if set(scores) != set(labels):
            raise ValueError(
                f"The teacher's labels {sorted(scores)} are not the student's {sorted(labels)} for the text "
                f"{quote(doc.text)}. {run_again('score')}"
            )
        rows[i] = [scores[label] for label in labels]
    sums = rows.sum(axis=1)
    # Not "> 1e-3": NaN is wrong, too, and compares as False.
    wrong = numpy.flatnonzero(~(abs(sums - 1) < 1e-3))
    if len(wrong):
        doc = docs[wrong[0]]
        raise ValueError(
            f"The teacher probabilities of the text {quote(doc.text)} sum to {sums[wrong[0]]}, "
            f"not to 1. Choose a teacher of exclusive labels. {run_again('score')}"
        )
    return rows
