"""The gold labels of docs, as probabilities."""

from collections.abc import Sequence

import numpy
from spacy.tokens import Doc

from ..core.messages import quote, run_again
from .teacher_scores import Scores

_REMEDY = run_again("prepare", "augment", "score")


def get_gold_scores(docs: Sequence[Doc], labels: Sequence[str]) -> Scores:
    """Gather the gold labels of docs.

    docs (Sequence[Doc]): The docs.
    labels (Sequence[str]): The labels, in the order of the columns.
    RETURNS (NDArray[float32]): Shape (n_docs, n_labels): 1.0 in the column of a doc's gold label, 0.0 elsewhere. The
        row of a doc without a gold label is all 0.0.
    RAISES (ValueError): If a doc's gold label is not among the labels, or `find_gold_label` refuses a doc.
    """
    rows = numpy.zeros((len(docs), len(labels)), dtype="float32")
    for row, doc in zip(rows, docs, strict=True):
        gold = find_gold_label(doc)
        if gold is not None:
            if gold not in labels:
                raise ValueError(
                    f"The gold label {gold!r} of the text {quote(doc.text)} is none of the student's {sorted(labels)}. "
                    f"{_REMEDY}"
                )
            row[labels.index(gold)] = 1.0
    return rows


def find_gold_label(doc: Doc) -> str | None:
    """Return a doc's gold label, or None if `doc.cats` is empty.

    RAISES (ValueError): If `doc.cats` is not 1.0 for one label and 0.0 for the others.
    """
    if not doc.cats:
        return None
    gold = [label for label, value in doc.cats.items() if value == 1.0]
    if len(gold) != 1 or any(value not in (0.0, 1.0) for value in doc.cats.values()):
        raise ValueError(
            f"Gold labels must be 1.0 for one label and 0.0 for the others. Found {doc.cats} for the text "
            f"{quote(doc.text)}. {_REMEDY}"
        )
    return gold[0]
