import pickle
import random
from collections import Counter

import pytest

from scripts.distill.augment.lexicon import WordsByKind, match_case
from scripts.distill.augment.tagging import TaggedText
from tests.augment.test_methods import make


def draw(words: WordsByKind, text: TaggedText, i: int = 0, *, agree: bool = False, count: int = 200) -> Counter[str]:
    rng = random.Random(0)
    drawn = (words.draw_other(text, i, rng, agree=agree) for _ in range(count))
    return Counter(word for word in drawn if word is not None)


BOOK = make("book", "NOUN", morph="Number=Sing")


def test_words_draws_by_frequency_among_the_others() -> None:
    words = WordsByKind([
        make("cup lamp lamp lamp lamp book book", "NOUN NOUN NOUN NOUN NOUN NOUN NOUN"),
        make("lamp lamp lamp lamp lamp zoo zoo", "NOUN NOUN NOUN NOUN NOUN NOUN NOUN"),
    ])  # fmt: skip
    drawn = draw(words, BOOK, count=4000)
    assert set(drawn) == {"cup", "lamp", "zoo"}
    assert drawn["cup"] / 4000 == pytest.approx(1 / 12, abs=0.02)
    assert drawn["lamp"] / 4000 == pytest.approx(9 / 12, abs=0.02)
    assert drawn["zoo"] / 4000 == pytest.approx(2 / 12, abs=0.02)
    # First and last of the table, and a word that is not in it.
    assert set(draw(words, make("cup", "NOUN"))) == {"book", "lamp", "zoo"}
    assert set(draw(words, make("zoo", "NOUN"))) == {"cup", "lamp", "book"}
    assert set(draw(words, make("tree", "NOUN"))) == {"cup", "lamp", "book", "zoo"}


@pytest.mark.parametrize(
    "other",
    [
        make("lamp", "VERB"),
        make("lamp", "NOUN", lang="nl"),
        make("BOOK Book", "NOUN NOUN"),
        make("lamp n't", "NOUN PART", glue="lamp"),
        make("👍", "NOUN"),
        make("lamp", "PUNCT"),
    ],
    ids=["part of speech", "language", "casing alone", "attached", "emoji", "no word"],
)
def test_words_draws_none_of_another_kind(other: TaggedText) -> None:
    words = WordsByKind([BOOK, other])
    assert words.draw_other(BOOK, 0, random.Random(0)) is None


def test_words_draws_among_words_that_are_attached_in_the_same_way() -> None:
    words = WordsByKind([
        make("ca n't", "AUX PART", glue="ca"),
        make("is n't", "AUX PART", glue="is"),
        make("has not", "AUX PART"),
        make("are", "AUX"),
        make("he 's", "PRON AUX", glue="he"),
        make("we 're", "PRON AUX", glue="we"),
    ])  # fmt: skip
    assert set(draw(words, make("did n't", "AUX PART", glue="did"), 0)) == {"ca", "is"}
    assert set(draw(words, make("did not", "AUX PART"), 0)) == {"has", "are"}
    assert set(draw(words, make("it 's", "PRON AUX", glue="it"), 1)) == {"'re"}
    assert set(draw(words, make("do n't", "AUX PART", glue="do"), 1)) == set()


def test_words_agree_draws_among_words_with_the_same_morph() -> None:
    words = WordsByKind([
        make("lamp lamps cup sheep", "NOUN NOUN NOUN NOUN", morph="Number=Sing Number=Plur Number=Sing _"),
        make("Number=Sing", "NOUN", morph="Number=Dual"),
    ])  # fmt: skip
    assert set(draw(words, BOOK, agree=True)) == {"lamp", "cup"}
    assert set(draw(words, BOOK)) == {"lamp", "lamps", "cup", "sheep", "Number=Sing"}
    assert set(draw(words, make("books", "NOUN", morph="Number=Plur"), agree=True)) == {"lamps"}
    assert set(draw(words, make("fish", "NOUN"), agree=True)) == {"sheep"}


def test_words_without_part_of_speech_are_not_drawn_nor_replaced() -> None:
    untagged = TaggedText("en", ["lamp", "book"], [" ", ""], ["", ""], ["", ""], [0])
    words = WordsByKind([untagged, make("cup", "NOUN")])
    assert draw(words, untagged) == Counter()
    assert set(draw(words, BOOK)) == {"cup"}


def test_words_that_differ_in_case_alone_are_one_word_written_as_most_often() -> None:
    words = WordsByKind([make("NASA Nasa NASA nasa ESA", "PROPN PROPN PROPN PROPN PROPN")])
    assert draw(words, make("Nasa", "PROPN")) == Counter({"ESA": 200})
    drawn = draw(words, make("Jaxa", "PROPN"), count=2000)
    assert set(drawn) == {"NASA", "ESA"}
    assert drawn["NASA"] / 2000 == pytest.approx(0.8, abs=0.05)


def test_words_none_to_draw() -> None:
    assert WordsByKind([]).draw_other(BOOK, 0, random.Random(0)) is None
    assert WordsByKind([BOOK]).draw_other(BOOK, 0, random.Random(0)) is None


def test_words_do_not_depend_on_the_order_of_the_texts() -> None:
    texts = [make(word, "NOUN") for word in ("cup", "Lamp", "zoo", "lamp", "art", "Cup", "cup")]
    assert draw(WordsByKind(texts), BOOK) == draw(WordsByKind(reversed(texts)), BOOK)


def test_words_can_be_sent_to_another_process() -> None:
    words = WordsByKind([make("cup Lamp zoo lamp", "NOUN NOUN NOUN NOUN")])
    assert draw(pickle.loads(pickle.dumps(words)), BOOK) == draw(words, BOOK)  # noqa: S301


@pytest.mark.parametrize(
    ("word", "model", "expected"),
    [
        ("book", "lamp", "book"),
        ("book", "Lamp", "Book"),
        ("book", "LAMP", "BOOK"),
        ("Book", "lamp", "book"),
        ("Book", "LAMP", "BOOK"),
        ("iPhone", "lamp", "iPhone"),
        ("iPhone", "Lamp", "IPhone"),
        ("iPhone", "LAMP", "IPHONE"),
        ("NASA", "lamp", "NASA"),
        ("book", "iPhone", "book"),
        ("école", "Maison", "École"),
        ("straße", "WEG", "STRASSE"),
        ("five", "3", "five"),
        ("3", "Five", "3"),
        ("a", "The", "A"),
        # English I is written so everywhere; a text's first word may be of one letter.
        ("I", "we", "I"),
        ("the", "A", "The"),
        ("n't", "N'T", "N'T"),
        # French: a word of one letter, written together with the next.
        ("l'", "d'", "l'"),
        ("qu'", "J'", "Qu'"),
        ("J'", "qu'", "j'"),
    ],
)
def test_words_match_case(word: str, model: str, expected: str) -> None:
    assert match_case(word, model) == expected
