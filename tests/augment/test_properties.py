"""What holds for any texts, plan and seed."""

import itertools
import random
from collections.abc import Sequence
from dataclasses import dataclass

import pytest
from hypothesis import HealthCheck, assume, given, settings
from hypothesis import strategies as st

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
from scripts.distill.augment.plan import Plan
from scripts.distill.augment.tagging import TaggedText
from scripts.distill.augment.variants import Counts, drop_repeats_and_leaks, make_variants
from scripts.distill.data.near_duplicates import similarity
from scripts.distill.data.text_keys import normalize

MASK = "[MASK]"
check = settings(max_examples=100, deadline=None, derandomize=True, suppress_health_check=[HealthCheck.too_slow])

# Few words, so that texts share them; each lower, Capitalised, ALL CAPS and miXed.
STEMS = ["a", "été", "boek", "book", "straße", "i", "дом", "本", "iPhone", "n't", "l'", "qu'", "42", "3rd", "x-y"]
CASINGS = [str.lower, str.title, str.upper, str.swapcase, str]
FORMS = sorted({casing(stem) for stem in STEMS for casing in CASINGS})
SIGNS = ["👍", "👍🏽", "!", "...", "€", ":-)", "[", "«", "-"]
MORPHS = ["", "Number=Sing", "Number=Plur|Case=Nom"]
PROBABILITY = st.floats(0.01, 1) | st.sampled_from([0.5, 1])
AGREE = st.sampled_from([None, "morph"])
# A token, what follows it, and its tags. Some words the tagger takes for punctuation.
WORDS = list(itertools.product(FORMS, [" ", " ", ""], ["NOUN", "NOUN", "NOUN", "VERB", ""], MORPHS))
OTHERS = [
    *itertools.product(SIGNS, [" ", ""], ["PUNCT", "SYM", "X", "NOUN", ""], MORPHS),
    *itertools.product(["\n", "  "], [""], ["SPACE"], [""]),
    *itertools.product(FORMS, [" ", ""], ["PUNCT"], MORPHS),
]
TOKENS = st.lists(st.sampled_from(WORDS) | st.sampled_from([*WORDS, *OTHERS * 3]), min_size=1, max_size=14)


@st.composite
def texts(draw: st.DrawFn) -> TaggedText:
    words, spaces, pos, morph = (list(column) for column in zip(*draw(TOKENS), strict=True))
    starts = sorted({0, *draw(st.sets(st.integers(0, len(words) - 1), max_size=3))})
    return TaggedText(draw(st.sampled_from(["en", "en", "nl"])), words, spaces, pos, morph, starts)


CORPORA = st.lists(texts(), min_size=1, max_size=8)


@dataclass(frozen=True)
class Method:
    """An augmenter, and the settings that what it makes is checked against."""

    augmenter: Augmenter
    agree: str | None
    lengths: tuple[int, int]


@st.composite
def methods(draw: st.DrawFn, name: str) -> Method:
    min_n = draw(st.integers(1, 4))
    max_n = draw(st.integers(min_n, 6))
    agree = draw(AGREE)
    p = draw(PROBABILITY)
    made = {
        "mask": lambda: create_mask(p, MASK),
        "pos_swap": lambda: create_pos_swap(p, agree),
        "ngram": lambda: create_ngram(min_n, max_n),
        "sentence": create_sentence,
        "tang": lambda: create_tang(p / 2, draw(PROBABILITY) / 2, draw(PROBABILITY), min_n, max_n, MASK, agree),
    }[name]()
    return Method(made, agree, (min_n, max_n))


NAMES = ["mask", "pos_swap", "ngram", "sentence", "tang"]


@st.composite
def plans(draw: st.DrawFn) -> Plan:
    names = draw(st.lists(st.sampled_from(NAMES), min_size=1, unique=True))
    shares = {name: draw(st.sampled_from([0, 0.5, 1, 3])) for name in names}
    assume(any(shares.values()))
    made = {name: draw(methods(name)).augmenter for name in names}
    return Plan(draw(st.integers(0, 8)), MASK, 0, {}, made, shares, source=())


# What the tests know of words, without the help of what they test.


def is_word(text: TaggedText, i: int) -> bool:
    return text.pos[i] not in ("PUNCT", "SYM", "SPACE") and any(
        char.isalpha() or char.isdigit() for char in text.words[i]
    )


def attachment(text: TaggedText, i: int) -> tuple[bool, bool]:
    """Return whether there are words on the left and on the right, with no space between."""
    left = i > 0 and is_word(text, i - 1) and text.spaces[i - 1] == ""
    right = i < len(text.words) - 1 and is_word(text, i + 1) and text.spaces[i] == ""
    return left, right


def forms_like(corpus: Sequence[TaggedText], text: TaggedText, i: int, agree: str | None) -> set[str]:
    """Return the corpus' words that may take the place of a word."""
    return {
        other.words[j]
        for other in corpus
        for j in range(len(other.words))
        if is_word(other, j)
        and (other.lang, other.pos[j], attachment(other, j)) == (text.lang, text.pos[i], attachment(text, i))
        and (agree is None or other.morph[j] == text.morph[i])
    }


def is_cased_like(new: str, old: str, forms: set[str]) -> bool:
    """Return whether a word has the casing of the old one, or capitals of its own, as in one of the forms."""
    if sum(char.isalpha() for char in old) > 1 and old.isupper():
        return new == new.upper()
    inner = new[1:] == new[1:].lower() or any(form[1:] == new[1:] for form in forms)
    if old[0].isupper():
        return inner and new[0] == new[0].upper()
    own = new in forms and (len(new) == 1 or new[1:] != new[1:].lower())
    return new == new.lower() or own


def edits(corpus: Sequence[TaggedText], method: Method, seed: int) -> list[tuple[TaggedText, Edit]]:
    table = WordsByKind(corpus)
    made = [(text, method.augmenter(text, table, random.Random(f"{seed}|{n}"))) for text in corpus for n in range(6)]
    return [(text, edit) for text, edit in made if isinstance(edit, Edit)]


@check
@given(CORPORA, methods("pos_swap") | methods("tang"), st.integers())
def test_augmentation_properties_swapped_words_are_of_the_same_kind(
    corpus: list[TaggedText], method: Method, seed: int
) -> None:
    for text, edit in edits(corpus, method, seed):
        for i, new in edit.swapped.items():
            assert is_word(text, i) and text.pos[i]
            known = {form.casefold() for form in forms_like(corpus, text, i, method.agree)}
            assert new.casefold() in known - {text.words[i].casefold()}


@check
@given(CORPORA, methods("pos_swap") | methods("tang"), st.integers())
def test_augmentation_properties_casing_is_kept(corpus: list[TaggedText], method: Method, seed: int) -> None:
    for text, edit in edits(corpus, method, seed):
        for i, new in edit.swapped.items():
            assert is_cased_like(new, text.words[i], forms_like(corpus, text, i, method.agree)), (new, text.words[i])


@check
@given(CORPORA, st.sampled_from(NAMES).flatmap(methods), st.integers())
def test_augmentation_properties_spacing_and_other_tokens_are_kept(
    corpus: list[TaggedText], method: Method, seed: int
) -> None:
    for text, edit in edits(corpus, method, seed):
        kept = range(len(text.words))[edit.start : edit.end]
        assert {*edit.masked, *edit.swapped} <= set(kept)
        rest = edit.apply(text)
        assert rest == rest.strip() != ""
        # Token by token, but for white space at both ends.
        tokens = [i for i in kept if text.words[i].strip()]
        tokens = [*range(tokens[0], tokens[-1] + 1)]
        for i in tokens:
            word = edit.masked.get(i) or edit.swapped.get(i) or text.words[i]
            after = word + text.spaces[i] if i < tokens[-1] else word
            assert rest.startswith(after)
            rest = rest[len(after) :]
        assert rest == ""


@check
@given(CORPORA, methods("mask") | methods("tang"), st.integers())
def test_augmentation_properties_masks_never_take_all_words_nor_what_is_swapped(
    corpus: list[TaggedText], method: Method, seed: int
) -> None:
    for text, edit in edits(corpus, method, seed):
        kept = range(len(text.words))[edit.start : edit.end]
        assert all(is_word(text, i) for i in edit.masked)
        assert any(is_word(text, i) and i not in edit.masked for i in kept)
        assert not set(edit.masked) & set(edit.swapped)
        assert set(edit.masked.values()) <= {MASK}


@check
@given(CORPORA, methods("ngram") | methods("tang") | methods("sentence"), st.integers())
def test_augmentation_properties_what_is_cut_out_holds_a_word(
    corpus: list[TaggedText], method: Method, seed: int
) -> None:
    for text, edit in edits(corpus, method, seed):
        kept = range(len(text.words))[edit.start : edit.end]
        assert any(is_word(text, i) for i in kept)
        least, most = method.lengths
        bounds = {*text.sentence_starts, len(text.words)}
        assert min(least, len(text.words)) <= len(kept) <= most or {edit.start, edit.end} <= bounds


@check
@given(CORPORA, plans(), st.integers())
def test_augmentation_properties_variants_are_new_distinct_and_the_same_again(
    corpus: list[TaggedText], plan: Plan, seed: int
) -> None:
    table = WordsByKind(corpus)
    variants = list(make_variants(corpus, plan, table, seed=seed))
    assert list(make_variants(corpus, plan, WordsByKind(corpus), seed=seed)) == variants
    assert [variant.source for variant in variants] == sorted(variant.source for variant in variants)
    for source, text in enumerate(corpus):
        made = [variant for variant in variants if variant.source == source]
        new = [variant.text for variant in made]
        assert len(new) == len(set(new)) <= plan.variants
        assert text.text.strip() not in new
        assert all(variant.text.strip() and variant.lang == text.lang for variant in made)
        assert all(plan.shares[variant.method] > 0 for variant in made)
        assert all(set(variant.swapped) <= set(text.pos) - {"", "PUNCT", "SYM", "SPACE"} for variant in made)


@check
@given(CORPORA, plans(), st.integers(), st.data())
def test_augmentation_properties_kept_variants_never_equal_a_held_out_or_train_text(
    corpus: list[TaggedText], plan: Plan, seed: int, data: st.DataObject
) -> None:
    variants = list(make_variants(corpus, plan, WordsByKind(corpus), seed=seed))
    texts = sorted({variant.text for variant in variants})
    held_out = data.draw(st.lists(st.sampled_from(texts))) if texts else []
    # Written in another way, a text is the same.
    forbidden = {normalize(f" {data.draw(st.sampled_from(CASINGS[:2]))(text)}\n") for text in held_out}
    counts = Counts()
    variants += variants[::2]
    kept = list(drop_repeats_and_leaks(variants, [text.text for text in corpus], forbidden, counts))
    keys = [normalize(variant.text) for variant in kept]
    assert len(keys) == len(set(keys))
    assert not set(keys) & (forbidden | {normalize(text.text) for text in corpus})
    made, originals = [normalize(variant.text) for variant in variants], {normalize(text.text) for text in corpus}
    equal = sum(text in forbidden - originals for text in made)
    near = sum(any(similarity(text, other) >= 0.7 for other in forbidden) for text in made)
    assert equal <= counts.leaks.total() <= near
    assert counts.duplicates.total() == len(variants) - len(kept) - counts.leaks.total()
    assert sum(methods.total() for methods in counts.kept.values()) == len(kept)


@pytest.mark.parametrize("seed", [0, 1])
def test_augmentation_properties_processes_change_nothing(seed: int) -> None:
    forms = [f"{stem}{i % 7}" for i, stem in enumerate(STEMS * 5)]
    corpus = [
        TaggedText("en", forms[i : i + 9], [" "] * 9, ["NOUN", "VERB", "ADJ"] * 3, [""] * 9, [0, 4]) for i in range(60)
    ]
    made = {
        "mask": create_mask(), "pos_swap": create_pos_swap(agree="morph"), "ngram": create_ngram(),
        "sentence": create_sentence(), "tang": create_tang(),
    }  # fmt: skip
    plan = Plan(6, MASK, 0, {}, made, dict.fromkeys(made, 1.0), source=())
    one, two = (list(make_variants(corpus, plan, WordsByKind(corpus), seed=seed, processes=count)) for count in (1, 2))
    assert one == two
    assert {variant.method for variant in one} == set(NAMES)
