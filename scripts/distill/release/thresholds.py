"""From which score on the student's answer is good enough, so that the rest goes to the teacher or to a person."""

from collections.abc import Sequence
from typing import Any

import numpy
from numpy.typing import NDArray
from scipy.stats import norm

from ..evaluate.metrics import CONFIDENCE, Labels, Probabilities

# The shares of right answers that users may want.
TARGETS = (0.9, 0.95, 0.99)


def find_thresholds(
    probabilities: Probabilities, gold: Labels, labels: Sequence[str]
) -> dict[str, dict[str, dict[str, float] | None]]:
    """Return a threshold for each target and label.

    Of the texts for which the student says a label with a score of at least the threshold, a share is right. The
    threshold is the smallest for which the lower limit of this share's 95 % interval (see `share_interval`) is not
    below the target. The label with the fewest texts decides how many are needed: to promise 90 %, 35 right answers
    in a row; 95 %, 73; 99 %, 381.

    probabilities (NDArray): The calibrated probabilities of the dev texts, shape (n, n_labels).
    gold (NDArray[int64]): Label indices, shape (n,).
    labels (Sequence[str]): The labels, in the order of the columns.
    RETURNS (dict): Target, as a text such as "0.95" → label → "threshold", "coverage" (of the texts for which the
        student says the label, the share that has such a score), "accuracy" (of these), and "lower" (its lower limit).
        None for a label if no threshold meets the target.
    """
    predicted = probabilities.argmax(axis=1)
    return {
        str(target): {
            label: _find_threshold(probabilities[predicted == index, index], gold[predicted == index] == index, target)
            for index, label in enumerate(labels)
        }
        for target in TARGETS
    }


def _find_threshold(scores: Any, right: Any, target: float) -> dict[str, float] | None:
    """Return the smallest threshold that meets a target.

    scores (NDArray): The scores of the texts for which the student says the label, shape (n,).
    right (NDArray[bool]): Whether it is the gold label, shape (n,).
    """
    order = numpy.argsort(-scores, kind="stable")
    kept, hits = numpy.arange(1, len(scores) + 1), numpy.cumsum(right[order])
    # A threshold keeps all texts that have this score, so only the last one of these counts.
    last = numpy.append(scores[order][1:] != scores[order][:-1], True)[: len(scores)]
    lower = _lower_limit(hits, kept)
    [met] = numpy.nonzero(last & (lower >= target))
    if not len(met):
        return None
    end = met[-1]
    return {
        "threshold": float(scores[order][end]), "coverage": float(kept[end] / len(scores)),
        "accuracy": float(hits[end] / kept[end]), "lower": float(lower[end]),
    }  # fmt: skip


def _lower_limit(count: NDArray[Any], n: NDArray[Any]) -> NDArray[Any]:
    """Return the lower limits of `share_interval` for many shares at once, by Wilson's formula."""
    z = norm.ppf(0.5 + CONFIDENCE / 2)
    share = count / n
    return (share + z**2 / (2 * n) - z * numpy.sqrt(share * (1 - share) / n + (z / (2 * n)) ** 2)) / (1 + z**2 / n)
