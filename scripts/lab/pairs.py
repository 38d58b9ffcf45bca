"""Compare the rows of a table with each other, on the same texts."""

import itertools
from collections.abc import Mapping, Sequence
from statistics import mean, stdev
from typing import Any

import numpy

from scripts.distill.data.corpus import Corpus
from scripts.distill.evaluate.metrics import Labels, mcnemar, paired_interval

from .results import Cell, Place, predict_labels, read_result

Predicted = Mapping[str, Sequence[Labels]]


def predict_rows(cells: Sequence[Cell], places: Sequence[Place], split: str) -> dict[str, tuple[Predicted, Labels]]:
    """Return what the trained cells of a table predict.

    cells (Sequence[Cell]): The cells.
    places (Sequence[Place]): The folders of each cell.
    split (str): "dev" or "test".
    RETURNS (dict[str, tuple]): Column → row → the label indices of each seed, each of shape (n,); and the column's gold
        label indices, shape (n,). Rows and columns without a result are left out.
    """
    columns: dict[str, dict[str, list[Labels]]] = {}
    gold: dict[str, Labels] = {}
    for cell, place in zip(cells, places, strict=True):
        if split in (read_result(place.folder) or {}):
            columns.setdefault(cell.data, {}).setdefault(cell.setting, []).append(predict_labels(cell, place, split))
            if cell.data not in gold:
                gold[cell.data] = Corpus(place.corpus).gold(split).labels
    return {name: (rows, gold[name]) for name, rows in columns.items()}


def spread(predicted: Sequence[Labels], gold: Labels) -> tuple[float, float | None]:
    """Return mean and standard deviation of a row's accuracy over its seeds; None for that of one seed.

    predicted (Sequence[NDArray[int64]]): Label indices of each seed, each of shape (n,).
    gold (NDArray[int64]): Gold label indices, shape (n,).
    """
    accuracies = [float((labels == gold).mean()) for labels in predicted]
    return mean(accuracies), stdev(accuracies) if len(accuracies) > 1 else None


def compare_rows(rows: Predicted, gold: Labels, *, seed: int = 0) -> dict[tuple[str, str], dict[str, Any]]:
    """Compare each row with each later one.

    rows (Mapping[str, Sequence[NDArray[int64]]]): Row → label indices of each seed, each of shape (n,).
    gold (NDArray[int64]): Gold label indices, shape (n,).
    seed (int): Decides the resamples of the bootstrap.
    RETURNS (dict[tuple[str, str], dict[str, Any]]): Row and other row → "gap": mean accuracy of the other row less that
        of the row; "ci95": its interval over texts, where a text counts as often right as over the seeds, see
        `paired_interval`; "p": of McNemar's test, for each seed that both have.
    """
    right = {name: numpy.mean([labels == gold for labels in of_seeds], axis=0) for name, of_seeds in rows.items()}
    return {
        (row, other): {
            "gap": float((right[other] - right[row]).mean()),
            "ci95": paired_interval(right[other] - right[row], seed=seed),
            # Only seeds that both have are zipped.
            "p": [mcnemar(a, b, gold) for a, b in zip(rows[row], rows[other], strict=False)],
        }
        for row, other in itertools.combinations(rows, 2)
    }  # fmt: skip


def spread_table(rows: Predicted, gold: Labels) -> list[tuple[str, ...]]:
    """Return a header, and for each row its seeds, mean accuracy and standard deviation, in per cent."""
    table: list[tuple[str, ...]] = [("setting", "seeds", "mean", "sd")]
    for name, predicted in rows.items():
        average, deviation = spread(predicted, gold)
        sd = "–" if deviation is None else f"{100 * deviation:.1f}"
        table.append((name, str(len(predicted)), f"{100 * average:.1f}", sd))
    return table


def pairs_table(compared: Mapping[tuple[str, str], Mapping[str, Any]]) -> list[tuple[str, ...]]:
    """Return a header, and for each pair the gap with its interval, in points, and McNemar's p of each seed."""
    table: list[tuple[str, ...]] = [("setting", "other", "other is better by [95 % CI]", "McNemar p")]
    for (row, other), found in compared.items():
        low, high = found["ci95"]
        gap = f"{100 * found['gap']:.1f} [{100 * low:.1f}, {100 * high:.1f}]"
        table.append((row, other, gap, "/".join(f"{p:.2g}" for p in found["p"])))
    return table
