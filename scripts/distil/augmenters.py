"""Text augmentation: pure functions from a tagged text and random numbers to a new text.

The methods are those of Tang et al. 2019 (section 4.2: masking, part-of-speech-guided word
replacement, n-gram sampling) and NLP Town 2019 (a random sentence). Each is registered under
`distil_augmenters`, and called as `augmenter(text, words, rng)`:

text (TaggedText): The text to vary.
words (WordsByPos): The words of the train texts by language and part of speech.
rng (random.Random): The only source of randomness.
RETURNS (str | None): The new text; None if the method has nothing to offer for this text.
"""

import itertools
import random
from collections import Counter
from collections.abc import Callable, Mapping

import spacy

from .tagging import NO_WORDS, TaggedText, join

if not hasattr(spacy.registry, "distil_augmenters"):
    spacy.registry.create("distil_augmenters")

DRAWS = 5


class WordsByPos:
    """Draws words of a language and part of speech by their frequency."""

    def __init__(self, counts: Mapping[tuple[str, str], Counter[str]]) -> None:
        """Prepare to draw.

        counts (Mapping): (language, part of speech) → word → count, see `count_words`.
        """
        self._words = {key: sorted(counter) for key, counter in counts.items()}
        self._weights = {
            key: list(itertools.accumulate(counter[word] for word in self._words[key]))
            for key, counter in counts.items()
        }

    def draw(self, lang: str, pos: str, rng: random.Random) -> str | None:
        """Return a word, or None if there is none of this language and part of speech."""
        words = self._words.get((lang, pos))
        if not words:
            return None
        return rng.choices(words, cum_weights=self._weights[lang, pos])[0]


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
            swapped[i] = _draw_other(text.words[i], text.lang, text.pos[i], words, rng)
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


def _draw_other(word: str, lang: str, pos: str, words: WordsByPos, rng: random.Random) -> str:
    """Draw another word, or return the same one if few draws find no other."""
    for _ in range(DRAWS):
        drawn = words.draw(lang, pos, rng)
        if drawn is not None and drawn.casefold() != word.casefold():
            return match_case(drawn, word)
    return word


def _check_probability(name: str, p: float) -> None:
    if not 0 < p <= 1:
        raise ValueError(f"{name}: p must be above 0 and at most 1, found {p}")
