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
from scripts.distill.teacher.teachers import load_pipeline

DEV, TEST = "dev", "test"


@dataclass(frozen=True)
class Cell:
    """One training.

    setting, data (str): The names of its row and its column.
    seed (int): The seed of the training; the corpora are the same for all seeds.
    folder, lang, teacher (str): The data folder, the language code or "xx", and the teacher, see
        `spec.check_spec`; "train" is one that is trained on this data.
    max_unlabelled (int | None): How many unlabelled texts of each language are used; None: all.
    config (str): The config of the pipeline that is trained.
    train, augment, vectors (Mapping[str, Any]): Overrides of it, of configs/augment.cfg and of configs/vectors.cfg.
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
    max_unlabelled: int | None = None

    @property
    def name(self) -> str:
        """The cell's name: that of its folder begins with it."""
        return f"{self.setting}.{self.data}.{self.seed}"


@dataclass(frozen=True)
class Place:
    """Where a cell lies.

    folder (Path): The cell's own. Its name has a hash of its settings, config, data and teacher: with others it is
        another folder, so a result is not shown for what it was not measured on. The project's code is not hashed.
    corpus (Path): Its corpora, shared by all cells whose corpora would be the same.
    vectors (Path): Where its word vectors are made, beside the corpora and shared in the same way.
    teacher_folder (Path): Where its teacher is trained, if it is "train", shared by all cells with the same data.
    """

    folder: Path
    corpus: Path
    vectors: Path
    teacher_folder: Path

    @property
    def teacher_model(self) -> Path:
        """The teacher that is trained there."""
        return self.teacher_folder / "model-best"


def teacher_labels(corpus: Path, split: str) -> Path:
    """Return the file that has the teacher's label of each text of a split, as indices."""
    return corpus / f"teacher_{split}.json"


def read_result(folder: Path) -> dict[str, Any] | None:
    """Return what a cell's result.json says, if there is one.

    RETURNS (dict[str, Any] | None): "made_of": all its settings; "seconds" of training; "bytes" of the pipeline,
        and "wheel_bytes", those it has once it is exported and in a wheel; "dev" and, once scored, "test": language or
        "overall" → {"accuracy", "teacher", "agreement"}.
    """
    path = folder / "result.json"
    return json.loads(path.read_text(encoding="utf-8")) if path.exists() else None


def check_trained(places: Iterable[Place]) -> None:
    """Check that all cells have been trained.

    RAISES (ValueError): If one has not.
    """
    for place in places:
        if read_result(place.folder) is None:
            raise ValueError(
                f"{place.folder}: no trained cell. Train the table first: python -m scripts.lab.experiments run"
            )


def add_test(place: Place) -> None:
    """Add the scores on the test texts to the result of a trained cell, unless they are there.

    place (Place): The cell; its corpora must have `teacher_test.json`, see `tables.ask_teacher`.
    """
    result = read_result(place.folder)
    if result and TEST not in result:
        result[TEST] = score_model(place.folder / "model-best", place.corpus, TEST)
        write_json(place.folder / "result.json", result)


def score_model(model: Path, corpus: Path, split: str) -> dict[str, dict[str, float]]:
    """Score a pipeline on a split, against gold and against the teacher.

    split (str): "dev" or "test".
    RETURNS (dict): Language or "overall" → {"accuracy", "teacher", "agreement"}.
    """
    corpora = Corpus(corpus)
    labels, gold = corpora.labels, corpora.gold(split)
    predicted = numpy.stack(list(load_pipeline(str(model), labels).pipe(gold.texts))).argmax(axis=1)
    teacher = numpy.asarray(json.loads(teacher_labels(corpus, split).read_text(encoding="utf-8")))
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


# Column of a table → what it is the mean of, in which unit, with how many decimals.
_MEANS = {"s": ("seconds", 1, 0), "MB": ("bytes", 1e6, 1), "in a wheel": ("wheel_bytes", 1e6, 1)}


def table(
    cells: Sequence[Cell], results: Sequence[Mapping[str, Any] | None], split: str = DEV
) -> list[tuple[str, ...]]:
    """Return the accuracies on a split, in per cent, as far as cells have results.

    cells (Sequence[Cell]): The cells.
    results (Sequence[Mapping | None]): Their results, see `read_result`.
    RETURNS (list[tuple[str, ...]]): A header and a row for each setting: for each of the data the accuracy of each
        seed, and the mean gap to the teacher and agreement with it; then the number of results, and, as means, the
        seconds of training, the megabytes of the pipeline, and those that it has in a wheel.
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
            row.append(f"{mean(r[key] for r in every) / unit:.{decimals}f}" if every else "–")
        rows.append(tuple(row))
    return rows
