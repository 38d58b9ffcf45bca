import numpy

from scripts.distill.data.corpus import GoldSplit
from scripts.lab.controls import CONTROLS

TRAIN = GoldSplit(["good food", "bad food", "bad room", "good bed"] * 3 + ["bad"], ["en"] * 13,
                  numpy.asarray([1, 0, 0, 1] * 3 + [0]))  # fmt: skip


def test_controls_majority_is_the_most_frequent_label_and_tfidf_learns() -> None:
    predicted = {name: control(TRAIN, ["good room", "bad bed"]).tolist() for name, control in CONTROLS.items()}
    assert predicted == {"majority": [0, 0], "tfidf": [1, 0]}
