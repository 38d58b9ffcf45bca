from collections import Counter
from collections.abc import Callable

import pytest
import spacy
from spacy.language import Language
from spacy.tokens import Doc

from scripts.distil.tagging import TaggedText, count_words, join, tag_texts


@Language.component("test_tagging_pos")
def set_pos(doc: Doc) -> Doc:
    """Words are nouns, all else is punctuation; white space too, which taggers do get wrong."""
    for token in doc:
        token.pos_ = "NOUN" if token.is_alpha else "PUNCT"
    return doc


@Language.component("test_tagging_sentences")
def set_sentences(doc: Doc) -> Doc:
    """Capital letters start sentences."""
    for token in doc:
        if token.is_title:
            token.is_sent_start = True
    return doc


@Language.factory("test_tagging_vocab")
def make_vocab_check(nlp: Language, name: str) -> Callable[[Doc], Doc]:
    """Make a tagger for which words are nouns if they are in its own vocab."""

    def check_vocab(doc: Doc) -> Doc:
        for token in doc:
            token.pos_ = "NOUN" if doc.vocab is nlp.vocab else "X"
        return doc

    return check_vocab


@Language.component("test_tagging_nothing")
def set_nothing(doc: Doc) -> Doc:
    return doc


@pytest.fixture
def tagger() -> Language:
    nlp = spacy.blank("xx", meta={"name": "nouns"})
    nlp.add_pipe("test_tagging_pos")
    return nlp


def tag(tagger: Language, text: str, lang: str) -> TaggedText:
    [tagged] = tag_texts(tagger, [(text, lang)])
    return tagged


def test_tagging_gives_words_spaces_and_pos(tagger: Language) -> None:
    assert tag(tagger, "Leuk boek, zeker. Kopen!", "nl") == TaggedText(
        lang="nl",
        words=["Leuk", "boek", ",", "zeker", ".", "Kopen", "!"],
        spaces=[" ", "", " ", "", " ", "", ""],
        pos=["NOUN", "NOUN", "PUNCT", "NOUN", "PUNCT", "NOUN", "PUNCT"],
        sentence_starts=[0, 5],
    )


@pytest.mark.parametrize(
    ("text", "lang", "words"),
    [
        # The same text by the rules of another language.
        ("l'eau n'est", "fr", ["l'", "eau", "n'", "est"]),
        ("l'eau n'est", "nl", ["l'eau", "n'est"]),
        ("I don't know", "en", ["I", "do", "n't", "know"]),
        ("I don't know", "de", ["I", "don't", "know"]),
        ("dell'acqua", "it", ["dell'", "acqua"]),
        ("z.B. gut", "de", ["z.B.", "gut"]),
    ],
)
def test_tagging_uses_the_tokenizer_of_each_language(tagger: Language, text: str, lang: str, words: list[str]) -> None:
    tagged = tag(tagger, text, lang)
    assert tagged.words == words
    assert tagged.text == text
    assert tagged.lang == lang


def test_tagging_docs_are_in_the_vocab_of_the_tagger() -> None:
    # Where its strings and vectors are.
    nlp = spacy.blank("xx")
    nlp.add_pipe("test_tagging_vocab")
    assert tag(nlp, "Leuk boek", "nl").pos == ["NOUN", "NOUN"]


@pytest.mark.parametrize(
    "text",
    [
        "Two  spaces and\ttab.\n\nNext paragraph ",
        " Leading",
        "Één 😀, «dit»…",
        "a",
        "",
    ],
    ids=["white-space", "leading", "symbols", "one-word", "empty"],
)
@pytest.mark.parametrize("lang", ["en", "nl", "fr", "de", "it", "es"])
def test_tagging_keeps_the_text(tagger: Language, text: str, lang: str) -> None:
    tagged = tag(tagger, text, lang)
    assert tagged.text == text
    assert len(tagged.words) == len(tagged.spaces) == len(tagged.pos)
    assert tagged.sentence_starts[:1] == ([0] if text else [])


def test_tagging_white_space_is_space(tagger: Language) -> None:
    tagged = tag(tagger, "a  b\n", "en")
    assert tagged.words == ["a", " ", "b", "\n"]
    assert tagged.pos == ["NOUN", "SPACE", "NOUN", "SPACE"]


def test_tagging_keeps_the_sentences_of_the_tagger(tagger: Language) -> None:
    tagger.add_pipe("test_tagging_sentences")
    assert tag(tagger, "Dr. who! and Amy", "en").sentence_starts == [0, 4]


def test_tagging_makes_sentences_where_the_tagger_makes_none(tagger: Language) -> None:
    assert tag(tagger, "One! Two? three. And Amy", "en").sentence_starts == [0, 2, 4, 6]


def test_tagging_keeps_the_order(tagger: Language) -> None:
    texts = [(f"text {i}", "nl" if i % 2 else "en") for i in range(300)]
    tagged = list(tag_texts(tagger, (pair for pair in texts)))
    assert [(text.text, text.lang) for text in tagged] == texts


def test_tagging_no_texts(tagger: Language) -> None:
    assert list(tag_texts(tagger, [])) == []


def test_tagging_tagger_without_pos_is_an_error() -> None:
    nlp = spacy.blank("xx", meta={"name": "lazy"})
    nlp.add_pipe("test_tagging_nothing")
    with pytest.raises(ValueError) as raised:
        list(tag_texts(nlp, [("Leuk boek", "nl")]))
    assert str(raised.value) == (
        "The tagger 'lazy' sets no parts of speech (token.pos). Use a pipeline with a tagger or morphologizer in "
        "configs/augment.cfg"
    )


def test_tagging_join_needs_a_space_for_each_word() -> None:
    assert join(["a", "b", "."], [" ", "", ""]) == "a b."
    with pytest.raises(ValueError, match="shorter"):
        join(["a", "b"], [" "])


def test_tagging_count_words_counts_by_language_and_pos() -> None:
    texts = [
        TaggedText("nl", ["boek", ",", "Boek"], ["", " ", " "], ["NOUN", "PUNCT", "NOUN"], [0]),
        TaggedText("nl", ["lees", " ", "boek", "€"], [" ", "", "", ""], ["VERB", "SPACE", "NOUN", "SYM"], [0]),
        TaggedText("en", ["boek", "lees"], [" ", ""], ["PROPN", "VERB"], [0]),
    ]
    assert count_words(iter(texts)) == {
        ("nl", "NOUN"): Counter({"boek": 2, "Boek": 1}),
        ("nl", "VERB"): Counter({"lees": 1}),
        ("en", "PROPN"): Counter({"boek": 1}),
        ("en", "VERB"): Counter({"lees": 1}),
    }
    assert count_words([]) == {}
