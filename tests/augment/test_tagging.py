import pickle
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import pytest
import spacy
from spacy.language import Language
from spacy.tokens import Doc

from scripts.distill.augment.tagging import TaggedText, load_taggers, tag_texts

# Word → part of speech and features, for a tagger that looks them up.
LEXICON = {"boek": "NOUN Number=Sing", "boeken": "NOUN Number=Plur", "leest": "VERB Number=Sing|Tense=Pres"}


def make_tagger(lexicon: Mapping[str, str], lang: str = "xx", meta: Mapping[str, Any] | None = None) -> Language:
    """Make a pipeline that looks words up; punctuation is PUNCT, all others X."""
    nlp = spacy.blank(lang, meta={"name": "lookup", **(meta or {})})
    ruler = nlp.add_pipe("attribute_ruler")
    ruler.add([[{}]], {"POS": "X"})
    ruler.add([[{"IS_PUNCT": True}]], {"POS": "PUNCT"})
    for word, tags in lexicon.items():
        pos, _, morph = tags.partition(" ")
        ruler.add([[{"LOWER": word}]], {"POS": pos, **({"MORPH": morph} if morph else {})})
    return nlp


def save_tagger(path: Path, *args: Any, **kwargs: Any) -> str:
    """Make a pipeline with `make_tagger`, and return the folder it is saved in."""
    make_tagger(*args, **kwargs).to_disk(path)
    return str(path)


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


def tag(tagger: Language | None, text: str, lang: str) -> TaggedText:
    [tagged] = tag_texts({lang: tagger}, [(text, lang)])
    return tagged


def test_tagging_gives_words_spaces_and_pos(tagger: Language) -> None:
    assert tag(tagger, "Leuk boek, zeker. Kopen!", "nl") == TaggedText(
        lang="nl",
        words=["Leuk", "boek", ",", "zeker", ".", "Kopen", "!"],
        spaces=[" ", "", " ", "", " ", "", ""],
        pos=["NOUN", "NOUN", "PUNCT", "NOUN", "PUNCT", "NOUN", "PUNCT"],
        morph=[""] * 7,
        sentence_starts=[0, 5],
    )


def test_tagging_gives_morph() -> None:
    tagged = tag(make_tagger(LEXICON), "Wie boeken leest, leest.", "nl")
    assert tagged.pos == ["X", "NOUN", "VERB", "PUNCT", "VERB", "PUNCT"]
    assert tagged.morph == ["", "Number=Plur", "Number=Sing|Tense=Pres", "", "Number=Sing|Tense=Pres", ""]


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
@pytest.mark.parametrize("known", [True, False], ids=["tagged", "untagged"])
def test_tagging_uses_the_tokenizer_of_each_language(
    tagger: Language, known: bool, text: str, lang: str, words: list[str]
) -> None:
    tagged = tag(tagger if known else None, text, lang)
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
        "👍👎🏽",
        "a",
        "",
    ],
    ids=["white-space", "leading", "symbols", "emoji", "one-word", "empty"],
)
@pytest.mark.parametrize("lang", ["en", "nl", "fr", "de", "it", "es"])
@pytest.mark.parametrize("known", [True, False], ids=["tagged", "untagged"])
def test_tagging_keeps_the_text(tagger: Language, known: bool, text: str, lang: str) -> None:
    tagged = tag(tagger if known else None, text, lang)
    assert tagged.text == text
    assert len(tagged.words) == len(tagged.spaces) == len(tagged.pos) == len(tagged.morph)
    assert tagged.sentence_starts[:1] == ([0] if text else [])


@pytest.mark.parametrize("known", [True, False], ids=["tagged", "untagged"])
def test_tagging_white_space_is_space(tagger: Language, known: bool) -> None:
    tagged = tag(tagger if known else None, "a  b\n", "en")
    assert tagged.words == ["a", " ", "b", "\n"]
    assert tagged.pos == (["NOUN", "SPACE", "NOUN", "SPACE"] if known else ["", "SPACE", "", "SPACE"])


def test_tagging_keeps_the_sentences_of_the_tagger(tagger: Language) -> None:
    tagger.add_pipe("test_tagging_sentences")
    assert tag(tagger, "Dr. who! and Amy", "en").sentence_starts == [0, 4]
    assert tag(tagger, "so! Amy", "en").sentence_starts == [0, 2]


def test_tagging_makes_sentences_where_the_tagger_makes_none(tagger: Language) -> None:
    assert tag(tagger, "One! Two? three. And Amy", "en").sentence_starts == [0, 2, 4, 6]


def test_tagging_without_a_tagger_has_sentences_and_no_tags() -> None:
    tagged = tag(None, "One! Two.", "sv")
    assert tagged == TaggedText("sv", ["One", "!", "Two", "."], ["", " ", "", ""], [""] * 4, [""] * 4, [0, 2])
    assert tagged.is_word == [True, False, True, False]


@pytest.mark.parametrize("processes", [1, 2])
def test_tagging_keeps_the_order(processes: int) -> None:
    texts = [(f"boek {i}", "nl" if i % 40 < 20 else "en") for i in range(80)]
    taggers = {"nl": make_tagger(LEXICON), "en": None}
    tagged = list(tag_texts(taggers, (pair for pair in texts), processes=processes))
    assert [(text.text, text.lang) for text in tagged] == texts
    assert [text.pos[0] for text in tagged] == ["NOUN" if lang == "nl" else "" for _, lang in texts]
    assert [text.morph[0] for text in tagged] == ["Number=Sing" if lang == "nl" else "" for _, lang in texts]


def test_tagging_no_texts() -> None:
    assert list(tag_texts({}, [])) == []


def test_tagging_tagger_without_pos_is_an_error() -> None:
    nlp = spacy.blank("xx", meta={"name": "lazy"})
    nlp.add_pipe("test_tagging_nothing")
    assert tag(nlp, "", "nl").words == []
    with pytest.raises(ValueError) as raised:
        tag(nlp, "Leuk boek", "nl")
    assert str(raised.value) == (
        "The tagger 'lazy' sets no parts of speech (token.pos). Use a pipeline with a tagger or morphologizer in "
        "configs/augment.cfg"
    )


@pytest.mark.parametrize(
    ("word", "pos", "expected"),
    [
        ("book", "NOUN", True),
        ("book", "", True),
        ("3", "NUM", True),
        ("n't", "PART", True),
        ("👍", "NOUN", False),
        (":-)", "X", False),
        (":D", "PUNCT", False),
        ("€5", "SYM", False),
        ("\n", "SPACE", False),
    ],
)
def test_tagging_is_word(word: str, pos: str, expected: bool) -> None:
    assert TaggedText("en", [word], [""], [pos], [""], [0]).is_word == [expected]


@pytest.mark.parametrize(
    ("text", "lang", "expected"),
    [
        ("do n't", "en", [(False, False), (False, False)]),
        ("don't", "en", [(False, True), (True, False)]),
        ("shouldn't've", "en", [(False, True), (True, True), (True, False)]),
        ("l'eau.", "fr", [(False, True), (True, False)]),
        ("(well) 👍ok", "en", [(False, False)] * 2),
    ],
)
def test_tagging_is_attached_to_words_alone(text: str, lang: str, expected: list[tuple[bool, bool]]) -> None:
    tagged = tag(None, text, lang)
    assert [tagged.is_attached(i) for i in tagged.word_indices] == expected


def test_tagging_texts_can_be_sent_to_another_process() -> None:
    tagged = tag(make_tagger(LEXICON), "Leuk boek!", "nl")
    assert tagged.is_word == [True, True, False]
    assert pickle.loads(pickle.dumps(tagged)) == tagged  # noqa: S301


def test_tagging_pieces_need_a_space_for_each_word() -> None:
    assert TaggedText("en", ["a", "b", "."], [" ", "", ""], [""] * 3, [""] * 3, [0]).pieces == ["a ", "b", "."]
    with pytest.raises(ValueError, match="shorter"):
        TaggedText("en", ["a", "b"], [" "], [""] * 2, [""] * 2, [0]).text  # noqa: B018


def test_tagging_load_taggers_takes_the_language_s_own_before_xx(tmp_path: Path) -> None:
    names = {
        "fr": save_tagger(tmp_path / "fr", {"livre": "NOUN"}, "fr"),
        "xx": save_tagger(tmp_path / "xx", {"livre": "VERB"}),
    }
    taggers = load_taggers(names, ["nl", "fr", "en", "nl"])
    assert list(taggers) == ["en", "fr", "nl"]
    assert taggers["en"] is taggers["nl"]
    tagged = tag_texts(taggers, [("livre", "fr"), ("livre", "nl")])
    assert [text.pos for text in tagged] == [["NOUN"], ["VERB"]]


def test_tagging_load_taggers_has_none_for_languages_that_a_pipeline_does_not_know(tmp_path: Path) -> None:
    several = save_tagger(tmp_path / "several", LEXICON, meta={"languages": ["en", "nl"]})
    taggers = load_taggers({"xx": several}, ["de", "en", "nl"])
    assert [lang for lang, tagger in taggers.items() if tagger is None] == ["de"]
    dutch = save_tagger(tmp_path / "nl", LEXICON, "nl")
    taggers = load_taggers({"xx": dutch}, ["de", "nl"])
    assert [lang for lang, tagger in taggers.items() if tagger is None] == ["de"]
    taggers = load_taggers({"nl": dutch}, ["de", "nl"])
    assert [lang for lang, tagger in taggers.items() if tagger is None] == ["de"]


def test_tagging_load_taggers_names_the_pipeline_that_is_missing(tmp_path: Path) -> None:
    with pytest.raises(OSError, match="no_such_pipeline"):
        load_taggers({"xx": "no_such_pipeline"}, ["en"])
    # Not looked for where no text needs it.
    assert load_taggers({"fr": "no_such_pipeline"}, ["en"]) == {"en": None}
