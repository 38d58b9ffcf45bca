"""Text augmentation: pure functions from a tagged text and random numbers to a new text.

The methods are those of Tang et al. 2019 (section 4.2: masking, part-of-speech-guided word replacement, n-gram
sampling) and NLP Town 2019 (a random sentence). What is registered under `distill_augmenters` is a function that
creates a method. A method is called as `augmenter(text, words, rng)`:

text (TaggedText): The text to vary.
words (WordsByKind): The words to draw from.
rng (random.Random): The only source of randomness.
RETURNS (Edit | str | None): What to change in the text, or a new text; None if the method has nothing to offer for this
    text.
"""

import random
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Literal

import spacy

from .lexicon import WordsByKind
from .tagging import TaggedText

if not hasattr(spacy.registry, "distill_augmenters"):
    spacy.registry.create("distill_augmenters")


@dataclass(frozen=True)
class Edit:
    """A change to a tagged text: some words give place to others, and only a part of the text is kept.

    masked (Mapping[int, str]): Index of a token → the mask that takes its place.
    swapped (Mapping[int, str]): Index of a token → the word that takes its place.
    start, end (int | None): The tokens to keep, as in a slice: `tokens[start:end]`.
    """

    masked: Mapping[int, str] = field(default_factory=dict)
    swapped: Mapping[int, str] = field(default_factory=dict)
    start: int | None = None
    end: int | None = None

    def apply(self, text: TaggedText) -> str:
        """Return the new text, without white space at its ends.

        text (TaggedText): The text to change; it stays as it is.
        """
        pieces = text.pieces.copy()
        for changes in (self.masked, self.swapped):
            for i, word in changes.items():
                pieces[i] = word + text.spaces[i]
        return "".join(pieces[self.start : self.end]).strip()


Augmenter = Callable[[TaggedText, WordsByKind, random.Random], Edit | str | None]


@spacy.registry.distill_augmenters("mask.v1")  # type: ignore[attr-defined]
def create_mask(p: float = 0.1, mask_token: str = "<mask>") -> Augmenter:  # noqa: S107
    """Replace each word with a mask, with probability p; at least one word, and never all.

    p (float): Tang et al.'s p_mask, above 0 and at most 1; theirs is 0.1.
    mask_token (str): What to write for a masked word. The mask token of the teacher's encoder is best.
    RAISES (ValueError): If `p` is impossible.
    """
    _check_probability("mask", "p", p)

    def mask(text: TaggedText, words: WordsByKind, rng: random.Random) -> Edit | None:
        chosen = _choose_words(text, p, rng)
        if len(chosen) == len(text.word_indices):
            return None
        return Edit(masked=dict.fromkeys(chosen, mask_token))

    return mask


@spacy.registry.distill_augmenters("pos_swap.v1")  # type: ignore[attr-defined]
def create_pos_swap(p: float = 0.1, agree: Literal["morph"] | None = None) -> Augmenter:
    """Replace each word with another of its part of speech, with probability p; at least one word is tried.

    The new word is drawn by frequency, among words of the same language that are written together with the words around
    them in the same way. It takes on the casing of the old word. Spacing is kept.

    p (float): Tang et al.'s p_pos, above 0 and at most 1. Theirs is 0.1; 0.3 is a good value, since the teacher scores
        the new text.
    agree (str | None): "morph": the new word has the same number, gender, case, tense … as well, so that the text stays
        grammatical. None: any word of the part of speech.
    RAISES (ValueError): If `p` or `agree` is impossible.
    """
    _check_probability("pos_swap", "p", p)
    _check_agree("pos_swap", agree)

    def pos_swap(text: TaggedText, words: WordsByKind, rng: random.Random) -> Edit | None:
        swapped = _swap(text, _choose_words(text, p, rng), words, rng, agree)
        return Edit(swapped=swapped) if swapped else None

    return pos_swap


@spacy.registry.distill_augmenters("ngram.v1")  # type: ignore[attr-defined]
def create_ngram(min_n: int = 1, max_n: int = 5) -> Augmenter:
    """Sample an n-gram that holds a word; n is drawn uniformly from min_n to max_n.

    min_n, max_n (int): Tokens of the n-gram, 1 or more. Tang et al.'s are 1 and 5. A shorter text is kept whole.
    RAISES (ValueError): If not 1 <= min_n <= max_n.
    """
    _check_lengths("ngram", min_n, max_n)

    def ngram(text: TaggedText, words: WordsByKind, rng: random.Random) -> Edit | None:
        start, end = _sample_ngram(text, min_n, max_n, rng)
        return Edit(start=start, end=end) if any(text.is_word[start:end]) else None

    return ngram


@spacy.registry.distill_augmenters("sentence.v1")  # type: ignore[attr-defined]
def create_sentence() -> Augmenter:
    """Sample a sentence that holds a word. The method has nothing to offer for a text of a single sentence."""

    def sentence(text: TaggedText, words: WordsByKind, rng: random.Random) -> Edit | None:
        starts = text.sentence_starts
        if len(starts) < 2:
            return None
        start, end = rng.choice(list(zip(starts, [*starts[1:], len(text.words)], strict=True)))
        return Edit(start=start, end=end) if any(text.is_word[start:end]) else None

    return sentence


@spacy.registry.distill_augmenters("tang.v1")  # type: ignore[attr-defined]
def create_tang(
    p_mask: float = 0.1,
    p_pos: float = 0.1,
    p_ngram: float = 0.25,
    min_n: int = 1,
    max_n: int = 5,
    mask_token: str = "<mask>",  # noqa: S107
    agree: Literal["morph"] | None = None,
) -> Augmenter:
    """Combine the methods as Tang et al. 2019 (section 4.2) do.

    Each word is masked with probability p_mask, or swapped for another of its part of speech with probability p_pos,
    never both. Then, with probability p_ngram, an n-gram of the result is sampled.

    p_mask, p_pos, p_ngram (float): From 0 to 1; p_mask + p_pos are at most 1. The defaults are Tang et al.'s.
    min_n, max_n (int): See `create_ngram`.
    mask_token (str): See `create_mask`.
    agree (str | None): See `create_pos_swap`.
    RAISES (ValueError): If a setting is impossible.
    """
    for name, p in (("p_mask", p_mask), ("p_pos", p_pos), ("p_ngram", p_ngram), ("p_mask + p_pos", p_mask + p_pos)):
        if not 0 <= p <= 1:
            raise ValueError(f"tang: {name} must be from 0 to 1, found {p}")
    _check_lengths("tang", min_n, max_n)
    _check_agree("tang", agree)

    def tang(text: TaggedText, words: WordsByKind, rng: random.Random) -> Edit | None:
        # One number decides for each word: below p_mask it is masked, in the next p_pos it is swapped.
        drawn = [(i, rng.random()) for i in text.word_indices]
        masked = {i: mask_token for i, x in drawn if x < p_mask}
        swapped = _swap(text, [i for i, x in drawn if p_mask <= x < p_mask + p_pos], words, rng, agree)
        whole = 0, len(text.words)
        start, end = _sample_ngram(text, min_n, max_n, rng) if rng.random() < p_ngram else whole
        # A text of masks alone tells the teacher nothing.
        if not any(text.is_word[i] and i not in masked for i in range(start, end)):
            return None
        return Edit(
            {i: word for i, word in masked.items() if start <= i < end},
            {i: word for i, word in swapped.items() if start <= i < end},
            start,
            end,
        )

    return tang


def _choose_words(text: TaggedText, p: float, rng: random.Random) -> list[int]:
    """Return the indices of the chosen words: each with probability p, and at least one where there is a word."""
    chosen = [i for i in text.word_indices if rng.random() < p]
    return chosen or ([rng.choice(text.word_indices)] if text.word_indices else [])


def _swap(
    text: TaggedText, chosen: list[int], words: WordsByKind, rng: random.Random, agree: str | None
) -> dict[int, str]:
    # Words without another one of their kind stay.
    drawn = ((i, words.draw_other(text, i, rng, agree=agree is not None)) for i in chosen)
    return {i: word for i, word in drawn if word is not None}


def _sample_ngram(text: TaggedText, min_n: int, max_n: int, rng: random.Random) -> tuple[int, int]:
    """Return where an n-gram starts, and where it ends, as in a slice."""
    n = rng.randint(min_n, max_n)
    start = rng.randint(0, max(0, len(text.words) - n))
    return start, min(start + n, len(text.words))


def _check_probability(name: str, setting: str, p: float) -> None:
    if not 0 < p <= 1:
        raise ValueError(f"{name}: {setting} must be above 0 and at most 1, found {p}")


def _check_lengths(name: str, min_n: int, max_n: int) -> None:
    if not 1 <= min_n <= max_n:
        raise ValueError(f"{name} needs 1 <= min_n <= max_n, found {min_n} and {max_n}")


def _check_agree(name: str, agree: str | None) -> None:
    if agree not in (None, "morph"):
        raise ValueError(f'{name}: agree must be "morph" or null, found {agree!r}')
