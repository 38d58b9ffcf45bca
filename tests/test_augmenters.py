"""Each augmenter's output: text, parts of speech, casing and spacing."""

import random
from collections import Counter

import pytest
import spacy

from scripts.distil.augmenters import (
    Augmenter,
    WordsByPos,
    create_mask,
    create_ngram,
    create_pos_swap,
    create_sentence,
    match_case,
)
from scripts.distil.tagging import TaggedText

WORDS = WordsByPos({
    ("en", "NOUN"): Counter({"book": 3, "lamp": 1}),
    ("en", "ADJ"): Counter({"great": 2, "dull": 2}),
    ("en", "DET"): Counter({"the": 5, "a": 4}),
    ("en", "AUX"): Counter({"is": 5}),
    ("nl", "NOUN"): Counter({"boek": 3}),
})  # fmt: skip


def make(words: str, pos: str, lang: str = "en", glue: str = "", starts: list[int] | None = None) -> TaggedText:
    """Make a tagged text from words and tags separated by blanks; `glue`: words without a space after them."""
    tokens = words.split(" ")
    spaces = ["" if token in glue.split(" ") else " " for token in tokens]
    spaces[-1] = ""
    return TaggedText(lang, tokens, spaces, pos.split(" "), starts or [0])


TEXT = make("The lamp is great . A BOOK !", "DET NOUN AUX ADJ PUNCT DET NOUN PUNCT", glue="great BOOK", starts=[0, 5])
ONE_WORD = make("Lamp", "NOUN")
EMOJI = make("👍 !", "SYM PUNCT")

AUGMENTERS: dict[str, Augmenter] = {
    "mask.v1": create_mask(),
    "pos_swap.v1": create_pos_swap(),
    "ngram.v1": create_ngram(),
    "sentence.v1": create_sentence(),
}


def variants(augmenter: Augmenter, text: TaggedText, count: int = 200) -> list[str]:
    made = (augmenter(text, WORDS, random.Random(seed)) for seed in range(count))
    return [variant for variant in made if variant is not None]


def test_augmenters_all_registered_are_tested() -> None:
    assert set(spacy.registry.distil_augmenters.get_all()) == set(AUGMENTERS)  # type: ignore[attr-defined]


@pytest.mark.parametrize("name", AUGMENTERS)
def test_augmenters_resolve_with_the_same_defaults(name: str) -> None:
    resolved = spacy.registry.resolve({"augmenter": {"@distil_augmenters": name}})["augmenter"]
    assert variants(resolved, TEXT) == variants(AUGMENTERS[name], TEXT)


@pytest.mark.parametrize("augmenter", AUGMENTERS.values(), ids=AUGMENTERS)
def test_augmenters_are_a_function_of_the_seed(augmenter: Augmenter) -> None:
    assert variants(augmenter, TEXT) == variants(augmenter, TEXT)
    assert len(set(variants(augmenter, TEXT))) > 1


@pytest.mark.parametrize("augmenter", AUGMENTERS.values(), ids=AUGMENTERS)
@pytest.mark.parametrize("text", [TEXT, ONE_WORD, EMOJI], ids=["text", "one word", "emoji"])
def test_augmenters_never_make_an_empty_text(augmenter: Augmenter, text: TaggedText) -> None:
    assert all(variant.strip() for variant in variants(augmenter, text))


def test_augmenters_mask_replaces_words_and_nothing_else() -> None:
    made = variants(create_mask(p=1.0), TEXT, count=1)
    assert made == ["[MASK] [MASK] [MASK] [MASK]. [MASK] [MASK]!"]
    for variant in variants(create_mask(0.1, "<m>"), TEXT):
        assert variant.count("<m>") >= 1
        kept = variant.replace("<m>", "").replace(".", " ").replace("!", " ").split()
        assert set(kept) <= set(TEXT.words)


def test_augmenters_mask_at_its_probability() -> None:
    long = make(" ".join(["lamp"] * 100), " ".join(["NOUN"] * 100))
    made = variants(create_mask(p=0.1), long)
    assert len(made) == 200
    assert sum(variant.count("[MASK]") for variant in made) / (200 * 100) == pytest.approx(0.1, abs=0.01)


def test_augmenters_pos_swap_keeps_pos_casing_and_spacing() -> None:
    made = variants(create_pos_swap(p=1.0), TEXT)
    assert set(made) == {"A book is dull. The LAMP!"}


def test_augmenters_pos_swap_swaps_one_word_at_least() -> None:
    made = variants(create_pos_swap(p=0.01), TEXT)
    assert made
    assert TEXT.text not in made
    # "is" is the only AUX: it stays, and a text where only it was chosen gives nothing
    assert all(" is " in variant for variant in made)
    assert len(made) < 200


def test_augmenters_pos_swap_draws_by_frequency() -> None:
    words = WordsByPos({("en", "NOUN"): Counter({"book": 2, "Book": 1, "lamp": 9, "cup": 1})})
    swap = create_pos_swap()
    made = Counter(swap(ONE_WORD, words, random.Random(seed)) for seed in range(1000))
    assert set(made) == {"Book", "Cup"}
    assert made["Book"] / 1000 == pytest.approx(0.75, abs=0.05)


def test_augmenters_pos_swap_draws_from_the_texts_language() -> None:
    dutch = make("Het mooie huis", "DET ADJ NOUN", lang="nl")
    assert set(variants(create_pos_swap(p=1.0), dutch)) == {"Het mooie boek"}


@pytest.mark.parametrize(
    "text",
    [make("Book", "NOUN", lang="de"), make("is", "AUX"), EMOJI],
    ids=["language without words", "single word of its kind", "no word"],
)
def test_augmenters_pos_swap_gives_nothing_without_another_word(text: TaggedText) -> None:
    assert variants(create_pos_swap(p=1.0), text) == []


def test_augmenters_ngram_is_a_part_of_the_text_of_allowed_length() -> None:
    made = variants(create_ngram(2, 3), TEXT)
    assert all(variant in TEXT.text for variant in made)
    lengths = {len(variant.replace(".", " .").replace("!", " !").split()) for variant in made}
    assert lengths == {2, 3}


def test_augmenters_ngram_of_a_short_text_is_the_text() -> None:
    assert set(variants(create_ngram(3, 5), ONE_WORD)) == {"Lamp"}
    assert variants(create_ngram(), EMOJI) == []


def test_augmenters_sentence_takes_one_of_the_sentences() -> None:
    assert set(variants(create_sentence(), TEXT)) == {"The lamp is great.", "A BOOK!"}
    assert variants(create_sentence(), ONE_WORD) == []


@pytest.mark.parametrize(
    ("word", "model", "expected"),
    [
        ("book", "Lamp", "Book"),
        ("book", "LAMP", "BOOK"),
        ("Book", "lamp", "book"),
        ("iPhone", "lamp", "iPhone"),
        ("iPhone", "Lamp", "IPhone"),
        ("NASA", "lamp", "NASA"),
        ("école", "Maison", "École"),
        ("five", "3", "five"),
        ("a", "The", "A"),
    ],
)
def test_augmenters_match_case(word: str, model: str, expected: str) -> None:
    assert match_case(word, model) == expected


@pytest.mark.parametrize("p", [0.0, -0.1, 1.1])
def test_augmenters_refuse_a_probability(p: float) -> None:
    with pytest.raises(ValueError, match="mask: p must be"):
        create_mask(p)
    with pytest.raises(ValueError, match="pos_swap: p must be"):
        create_pos_swap(p)


def test_augmenters_refuse_lengths() -> None:
    with pytest.raises(ValueError, match="1 <= min_n <= max_n, found 3 and 2"):
        create_ngram(3, 2)
