from pathlib import Path

import numpy
import pytest
from numpy.testing import assert_equal

from scripts.distill.evaluate.tfidf import fit_control, read_control, write_control

TEXTS = ["good book", "bad book", "so-so", "very good", "very bad", "so so so", "not good", "not bad"]


@pytest.mark.parametrize("labels", [[1, 0, 0, 1, 0, 0, 0, 1], [2, 0, 1, 2, 0, 1, 0, 2]], ids=["two", "three"])
def test_control_is_the_same_from_disk(tmp_path: Path, labels: list[int]) -> None:
    control = fit_control(TEXTS, numpy.asarray(labels))
    write_control(control, tmp_path)
    read = read_control(tmp_path)
    other = [*TEXTS, "a very good thing", "", "bad, bad"]
    assert_equal(read.predict_proba(other), control.predict_proba(other))
    assert_equal(read.predict(other), control.predict(other))
    assert len(numpy.unique(read.predict_proba(other), axis=0)) > 5
    assert sorted(path.name for path in tmp_path.iterdir()) == ["vocabulary.json", "weights.npz"]
