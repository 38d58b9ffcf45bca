"""Compare the rows of a table with each other, on the same texts."""

import itertools
from collections.abc import Iterable, Mapping, Sequence
from statistics import mean, stdev
from typing import Any

import numpy

from scripts.distill.data.corpus import Corpus
from scripts.distill.evaluate.metrics import Labels, mcnemar, paired_interval

from .results import Cell, Place, predict_labels, read_result

# Row → seed → label indices, shape (n,).
Predicted = Mapping[str, Mapping[int, Labels]]


def predict_rows(cells: Sequence[Cell], places: Sequence[Place], split: str) -> dict[str, tuple[Predicted, Labels]]:
    """Return what the trained cells of a table predict.

    cells (Sequence[Cell]): The cells.
    places (Sequence[Place]): The folders of each cell.
    split (str): "dev" or "test".
    RETURNS (dict[str, tuple]): Column → row → seed → label indices, shape (n,); and the column's gold label indices,
        shape (n,). Rows, columns and seeds without a result are left out.
    """
    columns: dict[str, dict[str, dict[int, Labels]]] = {}
    gold: dict[str, Labels] = {}
    for cell, place in zip(cells, places, strict=True):
        if split in (read_result(place.folder) or {}):
            row = columns.setdefault(cell.data, {}).setdefault(cell.setting, {})
            row[cell.seed] = predict_labels(cell, place, split)
            if cell.data not in gold:
                gold[cell.data] = Corpus(place.corpus).gold(split).labels
    return {name: (rows, gold[name]) for name, rows in columns.items()}


def spread(predicted: Iterable[Labels], gold: Labels) -> tuple[float, float | None]:
    """Return mean and standard deviation of a row's accuracy over its seeds; None for that of one seed.

    predicted (Iterable[NDArray[int64]]): Label indices of each seed, each of shape (n,).
    gold (NDArray[int64]): Gold label indices, shape (n,).
    """
    accuracies = [float((labels == gold).mean()) for labels in predicted]
    return mean(accuracies), stdev(accuracies) if len(accuracies) > 1 else None


def compare_rows(rows: Predicted, gold: Labels, *, seed: int = 0) -> dict[tuple[str, str], dict[str, Any]]:
    """Compare each row with each later one.

    rows (Mapping[str, Mapping[int, NDArray[int64]]]): Row → seed → label indices, shape (n,).
    gold (NDArray[int64]): Gold label indices, shape (n,).
    seed (int): Decides the resamples of the bootstrap.
    RETURNS (dict[tuple[str, str], dict[str, Any]]): Row and other row → "gap": mean accuracy of the other row less that
        of the row; "ci95": its interval over texts, where a text counts as often right as over the seeds, see
        `paired_interval`; "p": of McNemar's test, for each seed that both have, in the order of the seeds.
    """
    right = {name: numpy.mean([labels == gold for labels in seeds.values()], axis=0) for name, seeds in rows.items()}
    return {
        (row, other): {
            "gap": float((right[other] - right[row]).mean()),
            "ci95": paired_interval(right[other] - right[row], seed=seed),
            "p": [mcnemar(rows[row][of], rows[other][of], gold) for of in sorted({*rows[row]} & {*rows[other]})],
        }
        for row, other in itertools.combinations(rows, 2)
    }  # fmt: skip


def spread_table(rows: Predicted, gold: Labels) -> list[tuple[str, ...]]:
    """Return a header, and for each row its seeds, mean accuracy and standard deviation, in per cent."""
    table: list[tuple[str, ...]] = [("setting", "seeds", "mean", "sd")]
    for name, predicted in rows.items():
        average, deviation = spread(predicted.values(), gold)
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
