"""The words of the train texts by language, part of speech and morphology, to draw from."""

import bisect
import itertools
import random
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass

from .tagging import TaggedText

# Language, part of speech, attached to the word before and after; features, or None for any.
Kind = tuple[str, str, tuple[bool, bool], str | None]


class WordsByKind:
    """Draws words of the same kind by their frequency.

    Words are of one kind if language, part of speech, and being written together with the words
    around them (English *n't*, French *l'*) are the same. Forms that differ in case alone count as
    one word, written as most often.
    """

    def __init__(self, texts: Iterable[TaggedText]) -> None:
        """Count the words of texts.

        texts (Iterable[TaggedText]): The train texts. Words without a part of speech are left out.
        """
        counts: dict[Kind, Counter[str]] = {}
        for text in texts:
            for i, word in enumerate(text.words):
                if text.is_word[i] and text.pos[i]:
                    for agree in (False, True):
                        counts.setdefault(_kind(text, i, agree), Counter())[word] += 1
        self._tables = {kind: _make_table(counter) for kind, counter in counts.items()}

    def draw_other(self, text: TaggedText, i: int, rng: random.Random, *, agree: bool = False) -> str | None:
        """Draw another word of the same kind as a word of a text, in the casing of that word.

        i (int): The index of the word.
        agree (bool): Whether the morphological features must be the same too.
        RETURNS (str | None): The word; None if there is no other of its kind.
        """
        table = self._tables.get(_kind(text, i, agree))
        if table is None:
            return None
        word = text.words[i]
        index = table.index.get(word.casefold())
        low, high = (0, 0) if index is None else (table.ends[index] - table.counts[index], table.ends[index])
        others = table.ends[-1] - (high - low)
        if not others:
            return None
        drawn = int(rng.random() * others)
        other = table.words[bisect.bisect_right(table.ends, drawn if drawn < low else drawn + (high - low))]
        other = match_case(other, word)
        return other if other != word else None


def _kind(text: TaggedText, i: int, agree: bool) -> Kind:
    return text.lang, text.pos[i], text.is_attached(i), text.morph[i] if agree else None


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


def match_case(word: str, model: str) -> str:
    """Write `word` the way `model` is written: ALL CAPS, Capitalised or lower.

    A word that is not Capitalised or lower itself (NASA, iPhone, I) is never made lower.
    """
    first, rest = word[:1], word[1:]
    if model.isupper() and sum(map(str.isalpha, model)) > 1:
        return word.upper()
    if model[:1].isupper():
        return first.upper() + rest
    return first.lower() + rest if rest and rest == rest.lower() else word
