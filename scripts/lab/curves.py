"""Curves: accuracy against an amount of texts, from the results of a table of experiments."""

from collections.abc import Sequence
from dataclasses import dataclass

from scripts.distill.data.corpus import Corpus
from scripts.distill.evaluate.comparison import OVERALL, TEACHER
from scripts.distill.evaluate.metrics import share_interval

from .results import DEV, Cell, Place, read_result


@dataclass(frozen=True)
class Point:
    """One point of a curve.

    amount (int): How many texts of the kind there are.
    accuracy (float): On the dev texts, the mean over the seeds, from 0 to 1.
    ci95 (tuple[float, float]): The 95 % confidence interval that this many dev texts give.
    """

    amount: int
    accuracy: float
    ci95: tuple[float, float]


def read_curves(cells: Sequence[Cell], places: Sequence[Place], amount: str) -> dict[str, list[Point]]:
    """Return a curve for each row of a table, and one for the teacher.

    cells (Sequence[Cell]): The cells.
    places (Sequence[Place]): The folders of each cell.
    amount (str): "gold", "unlabelled" or "augmented", see `count_texts`.
    RETURNS (dict[str, list[Point]]): Row, or "teacher" → its points, by amount. Cells without a result are left out.
    RAISES (ValueError): If no cell has a result.
    """
    found: dict[str, dict[int, list[float]]] = {}
    texts = 0
    for cell, place in zip(cells, places, strict=True):
        if result := read_result(place.folder):
            count, scores = count_texts(place, amount), result[DEV][OVERALL]
            for name, key in ((cell.setting, "accuracy"), (TEACHER, "teacher")):
                found.setdefault(name, {}).setdefault(count, []).append(scores[key])
            texts = texts or len(Corpus(place.corpus).gold(DEV).labels)
    if not found:
        raise ValueError("No cell has a result. Train the table first: python -m scripts.lab.experiments run")
    return {name: [_make_point(count, values, texts) for count, values in sorted(points.items())]
            for name, points in found.items()}  # fmt: skip


def _make_point(count: int, accuracies: Sequence[float], texts: int) -> Point:
    accuracy = sum(accuracies) / len(accuracies)
    low, high = share_interval(round(accuracy * texts), texts)
    return Point(count, accuracy, (low, high))


def count_texts(place: Place, kind: str) -> int:
    """Return how many texts of a kind a cell's corpora have.

    place (Place): The folders of the cell.
    kind (str): "gold", the train texts; "unlabelled"; or "augmented".
    """
    corpus = Corpus(place.corpus)
    if kind == "augmented":
        return int(corpus.summary("augment")["total"])
    key = "train" if kind == "gold" else kind
    return sum(int(kept[key]) for kept in corpus.prepared["kept"].values())
