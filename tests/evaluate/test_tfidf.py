from pathlib import Path

import numpy
import pytest
from numpy.testing import assert_equal

from scripts.distill.evaluate.tfidf import fit_tfidf, read_tfidf, write_tfidf

TEXTS = ["good book", "bad book", "so-so", "very good", "very bad", "so so so", "not good", "not bad"]


@pytest.mark.parametrize("labels", [[1, 0, 0, 1, 0, 0, 0, 1], [2, 0, 1, 2, 0, 1, 0, 2]], ids=["two", "three"])
def test_control_is_the_same_from_disk(tmp_path: Path, labels: list[int]) -> None:
    control = fit_tfidf(TEXTS, numpy.asarray(labels))
    write_tfidf(control, tmp_path, {"gold_sha256": "a"})
    read = read_tfidf(tmp_path)
    other = [*TEXTS, "a very good thing", "", "bad, bad"]
    assert_equal(read.predict_proba(other), control.predict_proba(other))
    assert_equal(read.predict(other), control.predict(other))
    assert len(numpy.unique(read.predict_proba(other), axis=0)) > 5
    assert sorted(path.name for path in tmp_path.iterdir()) == ["meta.json", "vocabulary.json", "weights.npz"]


def test_control_learns_from_train() -> None:
    texts, labels = ["good book", "bad book", "good film", "bad film"] * 2, numpy.asarray([1, 0] * 4)
    other = ["bad song", "good song", "very good", "Bad"]
    scores = fit_tfidf(texts, labels).predict_proba(other)
    assert scores.shape == (4, 2)
    assert scores.sum(axis=1) == pytest.approx(1)
    assert scores.argmax(axis=1).tolist() == [0, 1, 1, 0]
    assert fit_tfidf(texts, 1 - labels).predict(other).tolist() == [1, 0, 0, 1]


def test_control_is_regularised_as_strongly_as_the_texts_ask_for() -> None:
    rng = numpy.random.default_rng(0)
    texts = [" ".join(words) for words in rng.choice(["book", "film", "song", "old", "new", "red"], size=(60, 4))]
    labels = numpy.arange(60) % 2
    clear = [f"{'good' if label else 'bad'} {text}" for text, label in zip(texts, labels, strict=True)]
    assert [fit_tfidf(of, labels)[-1].C for of in (texts, clear)] == [1.0, 100.0]


def test_control_learns_from_a_label_with_one_text() -> None:
    control = fit_tfidf(["good book", "bad book", "so so"], numpy.asarray([1, 0, 2]))
    assert control.predict(["bad", "good", "so"]).tolist() == [0, 1, 2]


def test_control_that_is_missing_names_the_command_that_makes_it(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match=r"no such model\. Run, .* run train-tfidf \."):
        read_tfidf(tmp_path)
