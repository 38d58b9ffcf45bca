"""Each augmenter's output: text, parts of speech, casing and spacing."""

import random
import re
from collections import Counter

import pytest
import spacy

from scripts.distill.augment.lexicon import WordsByKind
from scripts.distill.augment.methods import (
    Augmenter,
    Edit,
    create_mask,
    create_ngram,
    create_pos_swap,
    create_sentence,
    create_tang,
)
from scripts.distill.augment.tagging import TaggedText


def make(
    words: str, pos: str, lang: str = "en", glue: str = "", starts: list[int] | None = None, morph: str = ""
) -> TaggedText:
    """Make a tagged text from words, tags and features separated by blanks.

    `glue`: words without a space after them; `morph`: with _ for a word without features.
    """
    tokens = words.split(" ")
    spaces = ["" if token in glue.split(" ") else " " for token in tokens]
    spaces[-1] = ""
    features = [feats.replace("_", "") for feats in morph.split(" ")] if morph else [""] * len(tokens)
    return TaggedText(lang, tokens, spaces, pos.split(" "), features, starts or [0])


def repeat(word: str, pos: str, count: int, lang: str = "en", morph: str = "_") -> TaggedText:
    """Make a text of one word, again and again."""
    return make(" ".join([word] * count), " ".join([pos] * count), lang, morph=" ".join([morph] * count))


WORDS = WordsByKind([
    repeat("book", "NOUN", 3, morph="Number=Sing"), repeat("lamp", "NOUN", 1, morph="Number=Sing"),
    repeat("lamps", "NOUN", 4, morph="Number=Plur"),
    repeat("great", "ADJ", 2), repeat("dull", "ADJ", 2), repeat("the", "DET", 5), repeat("a", "DET", 4),
    repeat("is", "AUX", 5), repeat("boek", "NOUN", 3, lang="nl", morph="Number=Sing"),
])  # fmt: skip


TEXT = make(
    "The lamp is great . A BOOK !", "DET NOUN AUX ADJ PUNCT DET NOUN PUNCT", glue="great BOOK", starts=[0, 5],
    morph="_ Number=Sing _ _ _ _ Number=Sing _",
)  # fmt: skip
LONG = repeat("lamp", "NOUN", 100, morph="Number=Sing")
ONE_WORD = make("Lamp", "NOUN", morph="Number=Sing")
EMOJI = make("👍 !", "SYM PUNCT")
UNTAGGED = TaggedText("xx", ["Good", "book"], [" ", ""], ["", ""], ["", ""], [0])

AUGMENTERS: dict[str, Augmenter] = {
    "mask.v1": create_mask(),
    "pos_swap.v1": create_pos_swap(),
    "ngram.v1": create_ngram(),
    "sentence.v1": create_sentence(),
    "tang.v1": create_tang(),
}


def edits(augmenter: Augmenter, text: TaggedText, count: int = 200, words: WordsByKind = WORDS) -> list[Edit]:
    made = [augmenter(text, words, random.Random(seed)) for seed in range(count)]
    return [edit for edit in made if isinstance(edit, Edit)]


def variants(augmenter: Augmenter, text: TaggedText, count: int = 200, words: WordsByKind = WORDS) -> list[str]:
    return [edit.apply(text) for edit in edits(augmenter, text, count, words)]


def test_augmenters_all_registered_are_tested() -> None:
    assert set(spacy.registry.distill_augmenters.get_all()) == set(AUGMENTERS)  # type: ignore[attr-defined]


@pytest.mark.parametrize("name", AUGMENTERS)
def test_augmenters_resolve_with_the_same_defaults(name: str) -> None:
    resolved = spacy.registry.resolve({"augmenter": {"@distill_augmenters": name}})["augmenter"]
    assert variants(resolved, TEXT) == variants(AUGMENTERS[name], TEXT)


@pytest.mark.parametrize("augmenter", AUGMENTERS.values(), ids=AUGMENTERS)
def test_augmenters_are_a_function_of_the_seed(augmenter: Augmenter) -> None:
    assert edits(augmenter, TEXT) == edits(augmenter, TEXT)
    assert len(set(variants(augmenter, TEXT))) > 1


@pytest.mark.parametrize("augmenter", AUGMENTERS.values(), ids=AUGMENTERS)
@pytest.mark.parametrize("text", [TEXT, ONE_WORD, EMOJI, UNTAGGED], ids=["text", "one word", "emoji", "untagged"])
def test_augmenters_never_make_an_empty_text(augmenter: Augmenter, text: TaggedText) -> None:
    assert all(variant.strip() for variant in variants(augmenter, text))


@pytest.mark.parametrize("augmenter", AUGMENTERS.values(), ids=AUGMENTERS)
def test_augmenters_leave_the_text_as_it_is(augmenter: Augmenter) -> None:
    before = TEXT.text
    assert variants(augmenter, TEXT)
    assert TEXT.text == before


@pytest.mark.parametrize("augmenter", AUGMENTERS.values(), ids=AUGMENTERS)
def test_augmenters_offer_nothing_for_emoji(augmenter: Augmenter) -> None:
    assert variants(augmenter, EMOJI) == []


def test_augmenters_edit_writes_words_and_keeps_a_part() -> None:
    assert Edit().apply(TEXT) == "The lamp is great. A BOOK!"
    assert Edit({1: "<m>"}, {3: "dull"}).apply(TEXT) == "The <m> is dull. A BOOK!"
    assert Edit({0: "<m>"}, {6: "LAMP"}, 5, 7).apply(TEXT) == "A LAMP"
    assert Edit(start=1, end=3).apply(TEXT) == "lamp is"


def test_augmenters_mask_replaces_words_and_nothing_else() -> None:
    for edit in edits(create_mask(0.1, "<m>"), TEXT):
        assert 1 <= len(edit.masked) < 6
        assert set(edit.masked.values()) == {"<m>"}
        assert set(edit.masked) <= {0, 1, 2, 3, 5, 6}
        assert (edit.swapped, edit.start, edit.end) == ({}, None, None)
        assert edit.apply(TEXT).count("<m>") == len(edit.masked)


def test_augmenters_mask_never_masks_all_words() -> None:
    assert variants(create_mask(p=1.0), TEXT) == []
    assert variants(create_mask(p=0.1), ONE_WORD) == []
    two = make("good book !", "ADJ NOUN PUNCT", glue="book")
    assert set(variants(create_mask(p=0.9), two)) == {"<mask> book!", "good <mask>!"}


def test_augmenters_mask_at_its_probability() -> None:
    made = edits(create_mask(p=0.1), LONG)
    assert len(made) == 200
    assert sum(len(edit.masked) for edit in made) / (200 * 100) == pytest.approx(0.1, abs=0.01)


def test_augmenters_mask_needs_no_tags() -> None:
    assert set(variants(create_mask(), UNTAGGED)) == {"<mask> book", "Good <mask>"}


def test_augmenters_pos_swap_keeps_pos_casing_and_spacing() -> None:
    made = variants(create_pos_swap(p=1.0, agree="morph"), TEXT)
    assert set(made) == {"A book is dull. The LAMP!"}


def test_augmenters_pos_swap_agrees_if_told_to() -> None:
    singular = {"lamp", "book"}
    made = {edit.swapped[0] for edit in edits(create_pos_swap(agree="morph"), make("Cup", "NOUN", morph="Number=Sing"))}
    assert {word.lower() for word in made} == singular
    made = {edit.swapped[0] for edit in edits(create_pos_swap(), make("Cup", "NOUN", morph="Number=Sing"))}
    assert {word.lower() for word in made} == {*singular, "lamps"}


def test_augmenters_pos_swap_swaps_one_word_at_least() -> None:
    made = edits(create_pos_swap(p=0.01), TEXT)
    assert {len(edit.swapped) for edit in made} >= {1}
    assert all(edit.swapped for edit in made)
    # "is" is the only AUX: it stays, and a text where only it was chosen gives nothing
    assert {i for edit in made for i in edit.swapped} == {0, 1, 3, 5, 6}
    assert 0 < len(made) < 200


def test_augmenters_pos_swap_at_its_probability() -> None:
    made = edits(create_pos_swap(p=0.3), LONG)
    assert sum(len(edit.swapped) for edit in made) / (200 * 100) == pytest.approx(0.3, abs=0.02)


def test_augmenters_pos_swap_draws_by_frequency() -> None:
    words = WordsByKind([make("book book Book lamp lamp cup", "NOUN NOUN NOUN NOUN NOUN NOUN")])
    made = Counter(variants(create_pos_swap(), ONE_WORD, 1000, words))
    assert set(made) == {"Book", "Cup"}
    assert made["Book"] / 1000 == pytest.approx(0.75, abs=0.05)


def test_augmenters_pos_swap_draws_from_the_texts_language() -> None:
    dutch = make("Het mooie huis", "DET ADJ NOUN", lang="nl")
    assert set(variants(create_pos_swap(p=1.0), dutch)) == {"Het mooie boek"}


@pytest.mark.parametrize(
    "text",
    [make("Book", "NOUN", lang="de"), make("is", "AUX"), UNTAGGED, make("book", "NOUN", morph="Case=Gen")],
    ids=["language without words", "single word of its kind", "untagged", "single word with its features"],
)
def test_augmenters_pos_swap_gives_nothing_without_another_word(text: TaggedText) -> None:
    assert variants(create_pos_swap(p=1.0, agree="morph"), text) == []


def test_augmenters_ngram_is_a_part_of_the_text_of_allowed_length() -> None:
    made = edits(create_ngram(2, 3), TEXT)
    assert {len(TEXT.words[edit.start : edit.end]) for edit in made} == {2, 3}
    assert {edit.start for edit in made} == set(range(7))
    assert all(edit.apply(TEXT) in TEXT.text for edit in made)


def test_augmenters_ngram_holds_a_word() -> None:
    text = make("Good 👍 👍 👍 !", "ADJ SYM SYM SYM PUNCT")
    assert set(variants(create_ngram(1, 2), text)) == {"Good", "Good 👍"}


def test_augmenters_ngram_of_a_short_text_is_the_text() -> None:
    assert set(variants(create_ngram(3, 5), ONE_WORD)) == {"Lamp"}


def test_augmenters_sentence_takes_one_of_the_sentences() -> None:
    assert set(variants(create_sentence(), TEXT)) == {"The lamp is great.", "A BOOK!"}
    assert variants(create_sentence(), ONE_WORD) == []


def test_augmenters_sentence_holds_a_word() -> None:
    text = make("Good . 👍 !", "ADJ PUNCT SYM PUNCT", glue="Good", starts=[0, 2])
    assert set(variants(create_sentence(), text)) == {"Good."}


def test_augmenters_tang_masks_or_swaps_each_word_at_its_probability() -> None:
    made = edits(create_tang(p_mask=0.2, p_pos=0.3, p_ngram=1e-9), LONG)
    assert len(made) == 200
    assert all(not set(edit.masked) & set(edit.swapped) for edit in made)
    assert sum(len(edit.masked) for edit in made) / (200 * 100) == pytest.approx(0.2, abs=0.02)
    assert sum(len(edit.swapped) for edit in made) / (200 * 100) == pytest.approx(0.3, abs=0.02)
    assert {(edit.start, edit.end) for edit in made} == {(0, 100)}


def test_augmenters_tang_writes_its_mask_and_agreeing_words() -> None:
    made = edits(create_tang(p_mask=0.5, p_pos=0.5, mask_token="<m>", agree="morph"), LONG, 50)  # noqa: S106
    assert {mask for edit in made for mask in edit.masked.values()} == {"<m>"}
    assert {word for edit in made for word in edit.swapped.values()} == {"book"}
    made = edits(create_tang(p_mask=0.5, p_pos=0.5), LONG, 50)
    assert {word for edit in made for word in edit.swapped.values()} == {"book", "lamps"}


def test_augmenters_tang_cuts_an_ngram_at_its_probability() -> None:
    made = edits(create_tang(p_ngram=0.25, min_n=2, max_n=3), LONG, 1000)
    cut = [edit for edit in made if (edit.start, edit.end) != (0, 100)]
    assert {len(LONG.words[edit.start : edit.end]) for edit in cut} == {2, 3}
    assert len(cut) / 1000 == pytest.approx(0.25, abs=0.05)
    # What was masked or swapped outside the n-gram does not count.
    assert all({*edit.masked, *edit.swapped} <= set(range(edit.start, edit.end)) for edit in cut)


def test_augmenters_tang_never_masks_all_words() -> None:
    made = edits(create_tang(p_mask=0.8, p_pos=0.1, p_ngram=0.5), TEXT, 500)
    assert 0 < len(made) < 500
    for edit in made:
        words = [i for i in range(edit.start, edit.end) if TEXT.is_word[i]]
        assert set(edit.masked) < set(words)


@pytest.mark.parametrize("p", [0.0, -0.1, 1.1, float("nan")])
def test_augmenters_refuse_a_probability(p: float) -> None:
    with pytest.raises(ValueError, match=f"^mask: p must be above 0 and at most 1, found {p}$"):
        create_mask(p)
    with pytest.raises(ValueError, match=f"^pos_swap: p must be above 0 and at most 1, found {p}$"):
        create_pos_swap(p)


@pytest.mark.parametrize("p", [-0.1, 1.1, float("nan")])
def test_augmenters_tang_refuses_a_probability(p: float) -> None:
    for setting in ("p_mask", "p_pos", "p_ngram"):
        with pytest.raises(ValueError, match=f"^tang: {setting} must be from 0 to 1, found {p}$"):
            create_tang(**{setting: p})  # type: ignore[arg-type]


def test_augmenters_tang_leaves_out_what_has_no_probability() -> None:
    masks = [v for v in variants(create_tang(p_mask=0.5, p_pos=0, p_ngram=0), TEXT)]
    assert masks
    assert all(len(v.split()) == len(TEXT.text.split()) for v in masks)
    assert {w for v in masks for w in re.findall(r"\w+", v)} <= {*re.findall(r"\w+", TEXT.text), "mask"}


def test_augmenters_tang_refuses_probabilities_above_one_together() -> None:
    with pytest.raises(ValueError, match=r"^tang: p_mask \+ p_pos must be from 0 to 1, found 1\.25$"):
        create_tang(p_mask=0.5, p_pos=0.75)


def test_augmenters_refuse_lengths() -> None:
    with pytest.raises(ValueError, match=r"^ngram needs 1 <= min_n <= max_n, found 3 and 2$"):
        create_ngram(3, 2)
    with pytest.raises(ValueError, match=r"^tang needs 1 <= min_n <= max_n, found 0 and 5$"):
        create_tang(min_n=0)


def test_augmenters_refuse_an_agreement() -> None:
    with pytest.raises(ValueError, match=r'^pos_swap: agree must be "morph" or null, found \'pos\'$'):
        create_pos_swap(agree="pos")  # type: ignore[arg-type]
    with pytest.raises(ValueError, match=r'^tang: agree must be "morph" or null, found \'pos\'$'):
        create_tang(agree="pos")  # type: ignore[arg-type]
