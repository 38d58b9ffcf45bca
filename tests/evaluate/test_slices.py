from typing import Any

import numpy
import pytest
import spacy

from scripts.distill.data.corpus import GoldSplit
from scripts.distill.evaluate.metrics import share_interval
from scripts.distill.evaluate.slices import NEGATIONS, score_slices, slice_texts, unknown_shares


def make_split(**texts: str) -> GoldSplit:
    return GoldSplit(list(texts.values()), [name[:2] for name in texts], numpy.zeros(len(texts), dtype="int64"))


def names(slices: Any, kind: str) -> dict[str, list[int]]:
    return {name: numpy.flatnonzero(rows).tolist() for (found, name), rows in slices.items() if found == kind}


@pytest.mark.parametrize(
    ("lang", "negated", "plain"),
    [
        ("en", ["It's not good", "I don't like it", "I don’t", "NEVER again"], ["A knot", "notable", "Good"]),
        ("nl", ["Het is niet goed", "Geen idee"], ["Genietbaar", "Goed"]),
        ("fr", ["Je n'aime pas", "Jamais", "aucune idée"], ["Une passion", "Bon"]),
        ("de", ["Nicht gut", "keinem", "Das ist keine Hilfe"], ["Keinesfalls schlecht", "vernichtend", "Gut"]),
        ("it", ["Non mi piace", "né caldo né freddo"], ["Nonna", "Buono"]),
        ("es", ["No me gusta", "nunca", "ningún"], ["Noble", "Bueno"]),
    ],
)
def test_slices_know_negations(lang: str, negated: list[str], plain: list[str]) -> None:
    texts = negated + plain
    split = GoldSplit(texts, [lang] * len(texts), numpy.zeros(len(texts), dtype="int64"))
    found = names(slice_texts(split, None), "negation")
    assert found["with a negation"] == list(range(len(negated)))
    assert found["without a negation"] == list(range(len(negated), len(texts)))


def test_slices_of_other_languages_have_no_negation() -> None:
    assert set(NEGATIONS) == {"en", "nl", "fr", "de", "it", "es"}
    found = names(slice_texts(make_split(en="not good", pl="nie"), None), "negation")
    assert found == {"with a negation": [0], "without a negation": []}


def test_slices_by_language_length_and_unknown_words() -> None:
    split = make_split(en1="a", nl1="a b c d e f", en2="a b", nl2="a b c", en3="a b c d", en4="a b c d e")
    slices = slice_texts(split, numpy.asarray([0, 0.05, 0.1, 0.11, 1, 0]))
    assert names(slices, "language") == {"language en": [0, 2, 4, 5], "language nl": [1, 3]}
    assert names(slices, "length") == {"1–2 words": [0, 2], "3–4 words": [3, 4], "5–6 words": [1, 5]}
    assert list(names(slices, "vectors").values()) == [[0, 5], [1, 2], [3, 4]]
    assert names(slice_texts(split, None), "vectors") == {}


def test_slices_of_texts_of_one_length_lose_no_text() -> None:
    slices = slice_texts(make_split(en1="a", en2="b", en3="c", en4="d", en5="a b", en6="b c"), None)
    assert names(slices, "length") == {"1–1 words": [0, 1, 2, 3], "2–2 words": [4, 5]}


def test_slices_come_with_the_weakest_first_and_those_of_few_or_all_texts_are_left_out() -> None:
    student, teacher = numpy.asarray([True] * 15 + [False] * 15), numpy.asarray([True] * 29 + [False])
    masks = {"good": [0, 12], "bad": [18, 30], "half": [5, 25], "small": [0, 9], "all": [0, 30]}
    slices = {("kind", name): numpy.isin(numpy.arange(30), range(*bounds)) for name, bounds in masks.items()}
    rows = score_slices(slices, {"student": student, "teacher": teacher}, "student")
    assert [row["name"] for row in rows] == ["bad", "half", "good"]
    assert rows[1]["student"] == {"n": 20, "accuracy": 0.5, "ci95": share_interval(10, 20)}
    assert [row["teacher"]["accuracy"] for row in rows] == pytest.approx([11 / 12, 1, 1])


def test_slices_unknown_shares_count_words_alone() -> None:
    nlp = spacy.blank("en")
    assert unknown_shares(nlp, ["good"]) is None
    nlp.vocab.set_vector("good", numpy.ones(3, dtype="float32"))
    nlp.vocab.set_vector("film", numpy.ones(3, dtype="float32"))
    found = unknown_shares(nlp, ["good film!", "good xyzzy, 12", "…", ""])
    assert found is not None
    assert found.tolist() == pytest.approx([0, 2 / 3, 0, 0])
