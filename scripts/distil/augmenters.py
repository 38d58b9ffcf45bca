"""Text augmentation: pure functions from a tagged text and random numbers to a new text.

The methods are those of Tang et al. 2019 (section 4.2: masking, part-of-speech-guided word
replacement, n-gram sampling) and NLP Town 2019 (a random sentence). Each is registered under
`distil_augmenters`, and called as `augmenter(text, words, rng)`:

text (TaggedText): The text to vary.
words (WordsByPos): The words of the train texts by language and part of speech.
rng (random.Random): The only source of randomness.
RETURNS (str | None): The new text; None if the method has nothing to offer for this text.
"""

import bisect
import itertools
import random
from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import dataclass

import spacy

from .tagging import NO_WORDS, TaggedText, join

if not hasattr(spacy.registry, "distil_augmenters"):
    spacy.registry.create("distil_augmenters")


class WordsByPos:
    """Draws words of a language and part of speech by their frequency.

    Forms that differ in case alone count as one word, written as most often.
    """

    def __init__(self, counts: Mapping[tuple[str, str], Counter[str]]) -> None:
        """Prepare to draw.

        counts (Mapping): (language, part of speech) → word → count, see `count_words`.
        """
        self._tables = {key: _make_table(counter) for key, counter in counts.items()}

    def draw_other(self, word: str, lang: str, pos: str, rng: random.Random) -> str | None:
        """Return another word than `word`, or None if there is no other of its kind."""
        table = self._tables.get((lang, pos))
        if table is None:
            return None
        index = table.index.get(word.casefold())
        low, high = (0, 0) if index is None else (table.ends[index] - table.counts[index], table.ends[index])
        others = table.ends[-1] - (high - low)
        if not others:
            return None
        drawn = rng.randrange(others)
        return table.words[bisect.bisect_right(table.ends, drawn if drawn < low else drawn + (high - low))]


@dataclass(frozen=True)
class _Table:
    """Words with their counts, the counts' cumulative sums, and where each case-folded word stands."""

    words: list[str]
    counts: list[int]
    ends: list[int]
    index: dict[str, int]


def _make_table(counter: Counter[str]) -> _Table:
    forms: dict[str, Counter[str]] = {}
    for word in sorted(counter):
        forms.setdefault(word.casefold(), Counter())[word] = counter[word]
    counts = [form.total() for form in forms.values()]
    return _Table(
        words=[form.most_common(1)[0][0] for form in forms.values()],
        counts=counts,
        ends=list(itertools.accumulate(counts)),
        index={key: i for i, key in enumerate(forms)},
    )


Augmenter = Callable[[TaggedText, WordsByPos, random.Random], str | None]


@spacy.registry.distil_augmenters("mask.v1")  # type: ignore[attr-defined]
def create_mask(p: float = 0.1, mask_token: str = "[MASK]") -> Augmenter:  # noqa: S107
    """Replace each word with a mask, with probability p; at least one word.

    p (float): Tang et al.'s p_mask.
    mask_token (str): What to write for a masked word; the teacher's own mask token is best.
    """
    _check_probability("mask", p)

    def mask(text: TaggedText, words: WordsByPos, rng: random.Random) -> str | None:
        chosen = _choose_words(text, p, rng)
        if not chosen:
            return None
        masked = list(text.words)
        for i in chosen:
            masked[i] = mask_token
        return join(masked, text.spaces)

    return mask


@spacy.registry.distil_augmenters("pos_swap.v1")  # type: ignore[attr-defined]
def create_pos_swap(p: float = 0.1) -> Augmenter:
    """Replace each word with another of its part of speech, with probability p; at least one.

    The new word is drawn from the train texts' unigram distribution of that part of speech in the
    same language, and takes on the old one's casing. Spacing is kept.

    p (float): Tang et al.'s p_pos.
    """
    _check_probability("pos_swap", p)

    def pos_swap(text: TaggedText, words: WordsByPos, rng: random.Random) -> str | None:
        swapped = list(text.words)
        for i in _choose_words(text, p, rng):
            other = words.draw_other(text.words[i], text.lang, text.pos[i], rng)
            if other is not None:
                swapped[i] = match_case(other, text.words[i])
        return join(swapped, text.spaces) if swapped != text.words else None

    return pos_swap


@spacy.registry.distil_augmenters("ngram.v1")  # type: ignore[attr-defined]
def create_ngram(min_n: int = 1, max_n: int = 5) -> Augmenter:
    """Sample an n-gram that holds a word; n is drawn uniformly from min_n to max_n."""
    if not 1 <= min_n <= max_n:
        raise ValueError(f"ngram needs 1 <= min_n <= max_n, found {min_n} and {max_n}")

    def ngram(text: TaggedText, words: WordsByPos, rng: random.Random) -> str | None:
        n = rng.randint(min_n, max_n)
        start = rng.randint(0, max(0, len(text.words) - n))
        return _cut(text, start, start + n)

    return ngram


@spacy.registry.distil_augmenters("sentence.v1")  # type: ignore[attr-defined]
def create_sentence() -> Augmenter:
    """Sample a sentence; a text of a single sentence has none to offer."""

    def sentence(text: TaggedText, words: WordsByPos, rng: random.Random) -> str | None:
        starts = text.sentence_starts
        if len(starts) < 2:
            return None
        chosen = rng.randrange(len(starts))
        end = starts[chosen + 1] if chosen + 1 < len(starts) else len(text.words)
        return _cut(text, starts[chosen], end)

    return sentence


def match_case(word: str, model: str) -> str:
    """Write `word` the way `model` is written: ALL CAPS, Capitalised or as it is."""
    if len(model) > 1 and model.isupper():
        return word.upper()
    if model[:1].isupper():
        return word[:1].upper() + word[1:]
    if word[1:].islower() or len(word) == 1:
        return word[:1].lower() + word[1:]
    return word


def _cut(text: TaggedText, start: int, end: int) -> str | None:
    """Return the text of some tokens, or None if no word is among them."""
    if all(pos in NO_WORDS for pos in text.pos[start:end]):
        return None
    return join(text.words[start:end], text.spaces[start:end]).strip()


def _choose_words(text: TaggedText, p: float, rng: random.Random) -> list[int]:
    """Choose each word with probability p, and one at least where there is a word."""
    candidates = [i for i, pos in enumerate(text.pos) if pos not in NO_WORDS]
    chosen = [i for i in candidates if rng.random() < p]
    return chosen or ([rng.choice(candidates)] if candidates else [])


def _check_probability(name: str, p: float) -> None:
    if not 0 < p <= 1:
        raise ValueError(f"{name}: p must be above 0 and at most 1, found {p}")
