"""Words by language, part of speech and morphology, to draw from."""

import bisect
import itertools
import random
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass

from .tagging import TaggedText

# Language; part of speech; whether it is attached to the word before, and to the word after; features, or None for any.
Kind = tuple[str, str, tuple[bool, bool], str | None]


class WordsByKind:
    """Draws words of the same kind by their frequency.

    Words are of one kind if they have the same language and part of speech, and are written together with the words
    around them in the same way (English *n't*, French *l'*). Forms that differ in case alone count as one word, and
    the most frequent form is drawn.
    """

    def __init__(self, texts: Iterable[TaggedText]) -> None:
        """Count the words of texts.

        texts (Iterable[TaggedText]): The train texts, and whatever else words may be drawn from. Words without a part
            of speech are left out.
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

        text (TaggedText): The text.
        i (int): The index of the word in it.
        rng (random.Random): Draws.
        agree (bool): Whether the morphological features must be the same, too.
        RETURNS (str | None): The word; None if there is no other word of its kind.
        """
        table = self._tables.get(_kind(text, i, agree))
        if table is None:
            return None
        word = text.words[i]
        # The table's words share a line of numbers, each as many as its count. The word itself has low to high − 1.
        index = table.index.get(word.casefold())
        low, high = (0, 0) if index is None else (table.ends[index] - table.counts[index], table.ends[index])
        others = table.ends[-1] - (high - low)
        if not others:
            return None
        # Draw a number among those of the other words, as if those of the word itself were cut out of the line.
        drawn = int(rng.random() * others)
        other = table.words[bisect.bisect_right(table.ends, drawn if drawn < low else drawn + (high - low))]
        other = match_case(other, word)
        return other if other != word else None


def _kind(text: TaggedText, i: int, agree: bool) -> Kind:
    return text.lang, text.pos[i], text.is_attached(i), text.morph[i] if agree else None


@dataclass(frozen=True)
class _Table:
    """The words of one kind.

    words (list[str]): Each in its most frequent form.
    counts (list[int]): How often each word occurs, in any form.
    ends (list[int]): The cumulative sums of the counts.
    index (dict[str, int]): Case-folded word → its index.
    """

    words: list[str]
    counts: list[int]
    ends: list[int]
    index: dict[str, int]


def _make_table(counter: Counter[str]) -> _Table:
    # Case-folded word → how often each of its forms occurs. Sorted, so that the order of the texts changes nothing.
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

    A word that is itself neither Capitalised nor lower (NASA, iPhone), or has one letter (I), is never made lower.

    word (str): The word to write.
    model (str): The word whose casing is taken.
    """
    first, rest = word[:1], word[1:]
    if model.isupper() and sum(map(str.isalpha, model)) > 1:
        return word.upper()
    if model[:1].isupper():
        return first.upper() + rest
    return first.lower() + rest if rest and rest == rest.lower() else word
