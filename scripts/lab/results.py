"""The results of experiments: one for each trained cell, and tables of them."""

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from statistics import mean
from typing import Any

import numpy

from scripts.distill.core.files import write_json
from scripts.distill.data.corpus import Corpus
from scripts.distill.evaluate import metrics
from scripts.distill.evaluate.comparison import OVERALL
from scripts.distill.evaluate.metrics import Labels
from scripts.distill.teacher.teachers import load_pipeline

from .controls import CONTROLS

DEV, TEST = "dev", "test"


@dataclass(frozen=True)
class Cell:
    """A cell of a table: one training.

    setting (str): The name of the cell's row.
    data (str): The name of the cell's column.
    seed (int): The seed of the training. The corpora are the same for all seeds.
    folder (str): The data folder.
    lang (str): A language code, or "xx" for all languages of the data.
    teacher (str): The teacher's spec, see `check_spec`. "train" is a teacher that is trained on this data.
    config (str): The config of the pipeline that is trained, or one of `controls.CONTROLS`.
    train (Mapping[str, Any]): Settings that replace those of `config`.
    augment (Mapping[str, Any]): Settings that replace those of configs/augment.cfg.
    vectors (Mapping[str, Any]): Settings that replace those of configs/vectors.cfg.
    max_gold (int | None): How many train texts of each language are used; None: all.
    max_unlabelled (int | None): How many unlabelled texts of each language are used; None: all.
    """

    setting: str
    data: str
    seed: int
    folder: str
    lang: str
    teacher: str
    config: str
    train: Mapping[str, Any]
    augment: Mapping[str, Any]
    vectors: Mapping[str, Any]
    max_gold: int | None = None
    max_unlabelled: int | None = None

    @property
    def name(self) -> str:
        """The cell's name, which the name of its folder begins with."""
        return f"{self.setting}.{self.data}.{self.seed}"


@dataclass(frozen=True)
class Place:
    """The folders of a cell.

    folder (Path): The cell's own folder. Its name has a hash of the cell's settings, config, data and teacher. If one
        of them changes, it is another folder: so a result is not shown for what it was not measured on. The project's
        code is not hashed.
    corpus (Path): The cell's corpora, shared by all cells whose corpora would be the same.
    vectors (Path): Where the cell's word vectors are made: in `corpus`, and shared in the same way.
    teacher_folder (Path): Where the teacher "train" is trained, shared by all cells with the same labelled data.
    """

    folder: Path
    corpus: Path
    vectors: Path
    teacher_folder: Path

    @property
    def model(self) -> Path:
        """The pipeline that is trained in the cell."""
        return self.folder / "model-best"

    @property
    def teacher_model(self) -> Path:
        """The teacher that is trained there."""
        return self.teacher_folder / "model-best"


def teacher_labels(corpus: Path, split: str) -> Path:
    """Return the file with the labels that the teacher predicts for the texts of a split, as indices.

    corpus (Path): The folder of the corpora.
    split (str): "dev" or "test".
    """
    return corpus / f"teacher_{split}.json"


def read_result(folder: Path) -> dict[str, Any] | None:
    """Return what a cell's result.json says.

    folder (Path): The cell's own folder.
    RETURNS (dict[str, Any] | None): "made_of", all settings of the cell; "seconds" of training; "bytes" of the
        pipeline; "wheel_bytes", its size once it is exported and in a wheel; "dev" and, once it is scored, "test", see
        `score_cell`. Controls have no pipeline, and None for its sizes. None if there is no result.json.
    """
    path = folder / "result.json"
    return json.loads(path.read_text(encoding="utf-8")) if path.exists() else None


def check_trained(places: Iterable[Place]) -> None:
    """Check that all cells have been trained.

    places (Iterable[Place]): The folders of the cells.
    RAISES (ValueError): If a cell has no result.
    """
    for place in places:
        if read_result(place.folder) is None:
            raise ValueError(
                f"{place.folder}: no trained cell. Train the table first: python -m scripts.lab.experiments run"
            )


def add_test(cell: Cell, place: Place) -> None:
    """Add the scores on the test texts to the result of a trained cell, unless they are there.

    cell (Cell): The cell.
    place (Place): The folders of the cell. Its corpora must have teacher_test.json, see `tables.ask_teacher`.
    """
    result = read_result(place.folder)
    if result and TEST not in result:
        result[TEST] = score_cell(cell, place, TEST)
        write_json(place.folder / "result.json", result)


def predict_labels(cell: Cell, place: Place, split: str) -> Labels:
    """Return the labels that a trained cell predicts. They are kept in its folder.

    cell (Cell): The cell.
    place (Place): The folders of the cell.
    split (str): "dev" or "test".
    RETURNS (NDArray[int64]): Label indices, shape (n,).
    """
    path = place.folder / f"predicted_{split}.json"
    if not path.exists():
        corpora = Corpus(place.corpus)
        labels, texts = corpora.labels, corpora.gold(split).texts
        if cell.config in CONTROLS:
            predicted = CONTROLS[cell.config](corpora.gold("train"), texts)
        else:
            scores = list(load_pipeline(str(place.model), labels).pipe(texts))
            predicted = numpy.stack(scores).argmax(axis=1)
        write_json(path, predicted.tolist())
    return numpy.asarray(json.loads(path.read_text(encoding="utf-8")))


def score_cell(cell: Cell, place: Place, split: str) -> dict[str, dict[str, float]]:
    """Score a trained cell on a split, against the gold labels and against the teacher.

    cell (Cell): The cell.
    place (Place): The folders of the cell. Its corpora must have the teacher's labels, see `teacher_labels`.
    split (str): "dev" or "test".
    RETURNS (dict[str, dict[str, float]]): Language or "overall" → "accuracy"; "teacher", the teacher's accuracy; and
        "agreement" of the two. Each is from 0 to 1.
    """
    gold, predicted = Corpus(place.corpus).gold(split), predict_labels(cell, place, split)
    teacher = numpy.asarray(json.loads(teacher_labels(place.corpus, split).read_text(encoding="utf-8")))
    langs = numpy.asarray(gold.langs)
    rows = {lang: langs == lang for lang in sorted(set(gold.langs))} | {OVERALL: langs != ""}
    return {
        name: {
            "accuracy": float((predicted[at] == gold.labels[at]).mean()),
            "teacher": float((teacher[at] == gold.labels[at]).mean()),
            "agreement": metrics.agreement(predicted[at], teacher[at]),
        }
        for name, at in rows.items()
    }


# Column of a table → the key of a result that the column is the mean of, the unit, and the number of decimals.
_MEANS = {"s": ("seconds", 1, 0), "MB": ("bytes", 1e6, 1), "in a wheel": ("wheel_bytes", 1e6, 1)}


def table(
    cells: Sequence[Cell], results: Sequence[Mapping[str, Any] | None], split: str = DEV
) -> list[tuple[str, ...]]:
    """Return the accuracies on a split, in per cent, as far as cells have results.

    cells (Sequence[Cell]): The cells.
    results (Sequence[Mapping[str, Any] | None]): The result of each cell, see `read_result`.
    split (str): "dev" or "test".
    RETURNS (list[tuple[str, ...]]): A header, and a row for each setting. A row has, for each of the data, the accuracy
        of each seed, the mean gap to the teacher, and the mean agreement with the teacher. Then come the number of
        results and, as means, the seconds of training, the megabytes of the pipeline, and its megabytes in a wheel.
    """
    by_name = {(c.setting, c.data, c.seed): result for c, result in zip(cells, results, strict=True)}
    settings, data = dict.fromkeys(c.setting for c in cells), dict.fromkeys(c.data for c in cells)
    seeds = dict.fromkeys(c.seed for c in cells)
    scored = [f"{name} {what}" for name in data for what in ("acc", "gap", "agree")]
    rows = [("setting", *scored, "results", *_MEANS)]
    for setting in settings:
        found = {d: [r for s in seeds if (r := by_name[setting, d, s]) and split in r] for d in data}
        row: list[str] = [setting]
        for of_data in found.values():
            scores = [r[split][OVERALL] for r in of_data]
            row.append("/".join(f"{100 * s['accuracy']:.1f}" for s in scores) or "–")
            row.append(f"{100 * mean(s['teacher'] - s['accuracy'] for s in scores):.1f}" if scores else "–")
            row.append(f"{100 * mean(s['agreement'] for s in scores):.1f}" if scores else "–")
        every = [r for of_data in found.values() for r in of_data]
        row.append(str(len(every)))
        for key, unit, decimals in _MEANS.values():
            values = [r[key] for r in every if r[key] is not None]
            row.append(f"{mean(values) / unit:.{decimals}f}" if values else "–")
        rows.append(tuple(row))
    return rows
