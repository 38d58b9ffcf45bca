import json
from dataclasses import replace
from pathlib import Path

import numpy
import pytest
from typer.testing import CliRunner

from scripts.distill.core.files import hash_file
from scripts.distill.data.corpus import Corpus, GoldSplit
from scripts.lab import plot, tables
from scripts.lab.curves import count_texts, read_curves
from scripts.lab.results import Cell, Place

CELL = Cell("student", "g50", 0, "", "en", "train", "student.cfg", {}, {}, {})


def write_cell(folder: Path, amount: int, accuracy: float, teacher: float) -> Place:
    """Make a trained cell with so many train texts, and twice as many others."""
    folder.mkdir()
    kept = {"en": {"train": amount, "unlabelled": 2 * amount}}
    (folder / "prepare.json").write_text(json.dumps({"kept": kept}), encoding="utf-8")
    augment = {"prepare_sha256": hash_file(folder / "prepare.json"), "total": 3 * amount}
    (folder / "augment.json").write_text(json.dumps(augment), encoding="utf-8")
    result = {"dev": {"overall": {"accuracy": accuracy, "teacher": teacher}}}
    (folder / "result.json").write_text(json.dumps(result), encoding="utf-8")
    return Place(folder, folder, folder, folder)


@pytest.fixture
def places(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> list[Place]:
    """50 texts with two seeds, 100 texts with one; the last cell is not trained."""
    gold = GoldSplit([""] * 200, ["en"] * 200, numpy.zeros(200, dtype="int64"))
    monkeypatch.setattr(Corpus, "gold", lambda self, split: gold)
    made = [(100, 0.8, 0.9), (50, 0.6, 0.7), (50, 0.7, 0.7)]
    places = [write_cell(tmp_path / str(i), *numbers) for i, numbers in enumerate(made)]
    return [*places, replace(places[0], folder=tmp_path / "untrained")]


CELLS = [replace(CELL, data="g100"), CELL, replace(CELL, seed=1), replace(CELL, setting="tfidf")]


def test_curves_are_means_over_seeds_by_amount(places: list[Place]) -> None:
    curves = read_curves(CELLS, places, "gold")
    assert list(curves) == ["student", "teacher"]
    assert [(point.amount, round(point.accuracy, 9)) for point in curves["student"]] == [(50, 0.65), (100, 0.8)]
    assert [point.accuracy for point in curves["teacher"]] == [0.7, 0.9]
    low, high = curves["student"][1].ci95
    assert 0.73 < low < 0.8 < high < 0.86


@pytest.mark.parametrize(("kind", "count"), [("gold", 100), ("unlabelled", 200), ("augmented", 300)])
def test_curves_count_the_texts_of_the_corpora(places: list[Place], kind: str, count: int) -> None:
    assert count_texts(places[0], kind) == count


def test_curves_without_results_are_an_error(places: list[Place]) -> None:
    with pytest.raises(ValueError, match="No cell has a result"):
        read_curves(CELLS[3:], places[3:], "gold")


def test_plot_curve_names_rows_and_amounts(
    places: list[Place], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(tables, "load_experiment", lambda path: CELLS)
    monkeypatch.setattr(tables, "find_places", lambda cells, home: places)
    (tmp_path / "table.cfg").touch()
    output = tmp_path / "curve.svg"
    done = CliRunner().invoke(plot.app, ["curve", str(tmp_path / "table.cfg"), str(output), "--x", "unlabelled"])
    assert done.exit_code == 0, done.output
    drawn = output.read_text(encoding="utf-8")
    assert all(f">{text}</text>" in drawn for text in ("student", "teacher", "100", "200", "unlabelled texts"))
