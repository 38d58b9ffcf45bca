import json
from dataclasses import replace
from pathlib import Path

import numpy
import pytest

from scripts.distill.data.corpus import Corpus, GoldSplit
from scripts.distill.evaluate.metrics import compare, mcnemar
from scripts.lab.pairs import compare_rows, pairs_table, predict_rows, spread, spread_table
from scripts.lab.results import Cell, Place

GOLD = numpy.asarray([0, 1] * 50)
# Right on 100, 80 and 60 of the texts.
BEST, GOOD, POOR = (numpy.where(numpy.arange(100) < n, GOLD, 1 - GOLD) for n in (100, 80, 60))


def test_pairs_of_one_seed_are_those_of_evaluate() -> None:
    found = compare_rows({"poor": {0: POOR}, "good": {0: GOOD}}, GOLD)["poor", "good"]
    expected = compare(POOR, GOOD, GOLD, seed=0)
    assert (found["gap"], found["ci95"]) == (pytest.approx(expected["gap"]), expected["ci95"])
    assert found["p"] == [mcnemar(POOR, GOOD, GOLD)]


def test_pairs_compare_each_row_with_each_later_one_over_its_seeds() -> None:
    found = compare_rows({"a": {0: POOR, 1: GOOD}, "b": {1: BEST, 0: BEST}, "c": {1: BEST}}, GOLD)
    assert list(found) == [("a", "b"), ("a", "c"), ("b", "c")]
    assert found["a", "b"]["gap"] == pytest.approx(0.3)
    assert found["a", "b"]["p"] == [mcnemar(POOR, BEST, GOLD), mcnemar(GOOD, BEST, GOLD)]
    assert found["a", "c"]["p"] == [mcnemar(GOOD, BEST, GOLD)]
    low, high = found["a", "b"]["ci95"]
    assert 0.2 < low < 0.3 < high < 0.4


def test_pairs_spread_is_that_of_the_seeds() -> None:
    assert spread([POOR, GOOD], GOLD) == (pytest.approx(0.7), pytest.approx(0.2 / 2**0.5))
    assert spread([GOOD], GOLD) == (pytest.approx(0.8), None)


def test_pairs_tables_are_in_per_cent() -> None:
    rows = {"poor": {0: POOR, 1: GOOD}, "good": {1: GOOD}}
    assert spread_table(rows, GOLD)[1:] == [("poor", "2", "70.0", "14.1"), ("good", "1", "80.0", "–")]
    compared = {("poor", "good"): {"gap": 0.1, "ci95": [0.02, 0.18], "p": [0.012, 1.0]}}
    assert pairs_table(compared)[1] == ("poor", "good", "10.0 [2.0, 18.0]", "0.012/1")


def test_pairs_read_what_is_trained(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Corpus, "gold", lambda self, split: GoldSplit([""] * 100, ["en"] * 100, GOLD))
    cell = Cell("row", "en", 0, "", "en", "train", "bow.cfg", {}, {}, {})
    cells = [cell, replace(cell, seed=1), replace(cell, setting="untrained")]
    places = [Place(tmp_path / str(i), tmp_path, tmp_path, tmp_path) for i in range(3)]
    for place, labels in zip(places, (POOR, GOOD), strict=False):
        place.folder.mkdir()
        (place.folder / "result.json").write_text('{"dev": {}}', encoding="utf-8")
        (place.folder / "predicted_dev.json").write_text(json.dumps(labels.tolist()), encoding="utf-8")
    [(name, (rows, gold))] = predict_rows(cells, places, "dev").items()
    assert (name, list(rows), gold is GOLD) == ("en", ["row"], True)
    assert [labels.tolist() for labels in rows["row"].values()] == [POOR.tolist(), GOOD.tolist()]
    assert predict_rows(cells, places, "test") == {}
