import random
from collections.abc import Sequence

import pytest

from scripts.distill.data.near_duplicates import NGRAM, THRESHOLD, NearDuplicates, similarity

# 100 characters, so 96 n-grams, all of them different. A word of four letters within it is in eight of them.
HUNDRED = "the plot is thin with some holes, but who would care: her cast makes it one of our best evenings yet"


def near_duplicates(texts: Sequence[str], others: Sequence[str]) -> list[tuple[int, int]]:
    copies = NearDuplicates(others)
    return [(i, j) for i, text in enumerate(texts) if (j := copies.find(text)) is not None]


def make_words(rng: random.Random, count: int) -> list[str]:
    return ["".join(rng.choices("abcdefghijklmnopqrstuvwxyz", k=rng.randint(2, 9))) for _ in range(count)]


def make_text(rng: random.Random, words: list[str], length: int) -> str:
    return " ".join(rng.choices(words, k=length))


def replace_words(rng: random.Random, text: str, words: list[str], count: int) -> str:
    parts = text.split()
    for _ in range(count):
        parts[rng.randrange(len(parts))] = rng.choice(words)
    return " ".join(parts)


@pytest.mark.parametrize(
    ("text", "other", "common", "union"),
    [
        # At the threshold, and one n-gram below it: three and four more characters than these seven n-grams have.
        ("great movie", "great movie!!!", 7, 10),
        ("great movie", "great movie!!!!", 7, 11),
        # Two words of four letters, 2 × 8 n-grams, for two others; then one more.
        (HUNDRED, HUNDRED.replace("thin", "lame").replace("some", "many"), 96 - 16, 96 + 16),
        (HUNDRED, HUNDRED.replace("thin", "lame").replace("some", "many").replace("care", "mind"), 96 - 24, 96 + 24),
        # The last word is in only as many n-grams as it has letters.
        (HUNDRED, HUNDRED.replace("yet", "now"), 96 - 3, 96 + 3),
        (HUNDRED, HUNDRED.removesuffix(" yet"), 96 - 4, 96),
        # A text of less than five characters is one n-gram.
        ("good", "good", 1, 1),
        ("good", "goods", 0, 2),
        ("ok", "ok!", 0, 2),
        ("super", "super!", 1, 2),
        ("a", "b", 0, 2),
        # N-grams are a set: how often they occur does not matter.
        ("haha" * 3, "haha" * 30, 4, 4),
        (HUNDRED, "broken when I opened my parcel; no answer from their shop, never again", 0, 96 + 66),
    ],
    ids=["at-threshold", "below", "two-words", "three-words", "last-word", "no-last-word", "same-short", "plural",
         "two-letters", "five-letters", "one-letter", "repeated", "unrelated"],
)  # fmt: skip
def test_near_copies_are_those_at_or_above_the_threshold(text: str, other: str, common: int, union: int) -> None:
    assert (NGRAM, THRESHOLD) == (5, 0.7)
    assert similarity(text, other) == similarity(other, text) == common / union
    expected = [(0, 0)] if common / union >= 0.7 else []
    assert near_duplicates([text], [other]) == near_duplicates([other], [text]) == expected


def test_near_copies_long_text_is_what_the_cases_say() -> None:
    ngrams = {HUNDRED[i : i + 5] for i in range(96)}
    assert (len(HUNDRED), len(ngrams)) == (100, 96)


@pytest.mark.parametrize(("texts", "others"), [([], []), (["great movie"], []), ([], ["great movie"])], ids=str)
def test_near_copies_of_nothing_are_none(texts: list[str], others: list[str]) -> None:
    assert near_duplicates(texts, others) == []


def test_near_copies_identical_texts_are_all_found() -> None:
    texts = ["great movie", HUNDRED, "ok", "a"]
    assert near_duplicates(texts, texts[::-1]) == [(0, 3), (1, 2), (2, 1), (3, 0)]
    assert near_duplicates(["ok", "no", "ok"], ["ok", "ok"]) == [(0, 0), (2, 0)]


def test_near_copies_are_not_sought_among_the_texts_themselves() -> None:
    assert near_duplicates([HUNDRED, HUNDRED], ["great movie", "great movie"]) == []


def test_near_copies_are_of_the_most_similar_text() -> None:
    # In 88, 92, 96 and 92 n-grams of 96, 96, 101 and 96.
    others = [HUNDRED[:-8], HUNDRED[:-4], HUNDRED + "!?()*", HUNDRED[:-4]]
    assert near_duplicates([HUNDRED], others) == [(0, 1)]
    # Of equally similar ones it is the first.
    assert near_duplicates([HUNDRED], [HUNDRED + "!", HUNDRED + "?"]) == [(0, 0)]


def test_near_copies_are_found_among_many_texts() -> None:
    rng = random.Random(0)
    words = make_words(rng, 2000)
    others = [make_text(rng, words, rng.randint(20, 60)) for _ in range(500)]
    texts = [make_text(rng, words, rng.randint(20, 60)) for _ in range(500)]
    planted = {i: rng.randrange(500) for i in rng.sample(range(500), 120)}
    for i, j in planted.items():
        texts[i] = replace_words(rng, others[j], words, 1)
    assert dict(near_duplicates(texts, others)) == planted


def test_near_copies_are_those_of_an_exhaustive_search() -> None:
    rng = random.Random(1)
    words = make_words(rng, 300)
    others = [make_text(rng, words, rng.randint(3, 30)) for _ in range(200)]
    texts = [replace_words(rng, other, words, rng.randint(0, 6)) for other in others]
    best = {i: max((similarity(text, other), -j) for j, other in enumerate(others)) for i, text in enumerate(texts)}
    expected = {i: -j for i, (value, j) in best.items() if value >= 0.7}
    assert 60 < len(expected) < 140
    found = dict(near_duplicates(texts, others))
    # No other is ever found; the hashes may miss a few that are just above the threshold.
    assert found.items() <= expected.items()
    assert list(found) == sorted(found)
    missed = expected.keys() - found.keys()
    assert len(missed) <= 0.02 * len(expected)
    assert all(best[i][0] < 0.8 for i in missed)
