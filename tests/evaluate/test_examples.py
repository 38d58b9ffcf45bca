from collections.abc import Iterable, Iterator
from typing import Any

import numpy
import pytest
import spacy

from scripts.distill.data.corpus import GoldSplit
from scripts.distill.data.teacher_scores import Scores
from scripts.distill.evaluate.examples import (
    MOST_CHARACTERS,
    MOST_TEXTS,
    MOST_UNLABELLED,
    choose_to_label,
    describe_texts,
    find_disagreements,
    find_suspects,
    find_words,
    read_unlabelled,
    to_label_next,
)

LABELS = ["NEG", "POS"]


def rows(*positive: float) -> Any:
    return numpy.asarray([[1 - p, p] for p in positive])


class FakeStudent:
    """Adds a tenth to one half for each "good", and takes two off for each "bad"."""

    def pipe(self, texts: Iterable[str]) -> Iterator[Scores]:
        for text in texts:
            assert text, "an empty text is an error of spaCy's"
            yield rows(0.5 + 0.1 * text.count("good") - 0.2 * text.count("bad"))[0]


class FakeCorpus:
    def __init__(self, **kept: int) -> None:
        self.prepared = {"kept": {lang: {"unlabelled": count} for lang, count in kept.items()}}
        self.rows = [{"text": f"{lang} {n}", "lang": lang} for lang, count in kept.items() for n in range(count)]

    def unlabelled(self) -> Iterator[dict[str, str]]:
        return iter(self.rows)


def test_examples_disagreements_are_the_farthest_apart() -> None:
    predictions = {"student": rows(0.9, 0.6, 0.4, 0.9), "teacher": rows(0.4, 0.1, 0.45, 0.6)}
    # |0.9 − 0.4| and |0.6 − 0.1| are equal but for the last digits; the others have the same label.
    assert sorted(find_disagreements(predictions)) == [0, 1]
    many = {"student": rows(*numpy.linspace(0.51, 1, 30)), "teacher": rows(*[0.0] * 30)}
    assert find_disagreements(many) == list(range(29, 29 - MOST_TEXTS, -1))


def test_examples_suspects_are_contradicted_by_both_with_confidence() -> None:
    student = rows(0.9, 0.85, 0.95, 0.7, 0.9, 0.1)
    teacher = rows(0.95, 0.99, 0.9, 0.99, 0.1, 0.05)
    gold = numpy.asarray([0, 0, 1, 0, 0, 1])
    # The surest first: 0.9 twice, then 0.85. The third is right, the fourth unsure, the fifth has two opinions.
    assert find_suspects({"student": student, "teacher": teacher}, gold) == [0, 5, 1]


def test_examples_words_are_those_whose_loss_costs_most() -> None:
    text = "It is good, not bad, bad!"
    words = find_words(FakeStudent(), spacy.blank("en"), [text, "good", "so-so", "good " * 300])
    # Without one "bad" of two, the probability of NEG falls from 0.8 to 0.6.
    assert words[text] == [("bad", pytest.approx(0.2)), ("bad", pytest.approx(0.2))]
    assert words["good"] == []
    assert words["so-so"] == []
    assert len(words["good " * 300]) == 5


def test_examples_of_no_texts_have_no_words() -> None:
    assert find_words(FakeStudent(), spacy.blank("en"), []) == {}


def test_examples_are_described_for_people() -> None:
    split = GoldSplit(["short", "x" * 5000], ["en", "nl"], numpy.asarray([1, 0]))
    predictions = {"student": rows(0.25, 0.75), "teacher": rows(0.75, 1)}
    words = {"short": [("short", 0.5)], "x" * 5000: []}
    first, second = describe_texts([0, 1], predictions, split, LABELS, words)
    assert first == {"text": "short", "lang": "en", "gold": "POS", "words": [("short", 0.5)],
                     "said": {"student": ("NEG", 0.75), "teacher": ("POS", 0.75)}}  # fmt: skip
    assert len(second["text"]) == MOST_CHARACTERS
    assert second["text"].endswith("…")


def test_examples_unlabelled_texts_are_spread_over_languages_and_file() -> None:
    corpus: Any = FakeCorpus(en=5000, nl=1500, fr=7)
    found = read_unlabelled(corpus)
    numbers = {lang: [int(row["text"].split()[1]) for row in found if row["lang"] == lang] for lang in ("en", "nl")}
    # A third of 2,000 is 666: of 5,000, every 8th.
    assert numbers["en"] == list(range(0, 5000, 8))
    assert numbers["nl"] == list(range(0, 1500, 3))
    assert sum(row["lang"] == "fr" for row in found) == 7
    assert len(found) <= MOST_UNLABELLED
    nothing: Any = FakeCorpus(en=0)
    assert read_unlabelled(nothing) == []


def test_examples_to_label_are_the_least_sure_and_one_of_each_kind() -> None:
    texts = ["the red book fell", "THE RED book is here", "another thing entirely", "sure", "…"]
    assert choose_to_label(texts, rows(0.5, 0.51, 0.55, 0.99, 0.5)) == [0, 2, 3]
    many = [f"word{n}" for n in range(50)]
    assert choose_to_label(many, rows(*numpy.linspace(0.5, 1, 50))) == list(range(MOST_TEXTS))


def test_examples_to_label_have_scores() -> None:
    given = [{"text": "good good", "lang": "en"}, {"text": "neither", "lang": "nl"}]
    found = to_label_next(given, FakeStudent(), LABELS)
    assert found["read"] == 2
    assert found["texts"] == [
        {"text": "neither", "lang": "nl", "scores": {"NEG": 0.5, "POS": 0.5}},
        {"text": "good good", "lang": "en", "scores": {"NEG": pytest.approx(0.3), "POS": pytest.approx(0.7)}},
    ]
