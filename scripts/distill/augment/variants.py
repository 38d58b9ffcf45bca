"""Make many variants of texts by a plan: which methods, in what shares."""

import itertools
import random
from collections import Counter
from collections.abc import Collection, Iterable, Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass, field
from typing import Any

from ..data.near_duplicates import NearDuplicates
from ..data.text_keys import normalize, text_key
from .lexicon import WordsByKind
from .methods import Edit
from .plan import Plan
from .tagging import TaggedText

# How often a method is drawn for a variant, until one makes a text that is new.
TRIES = 3
# Texts that are sent to a process at a time.
CHUNK = 50


@dataclass(frozen=True)
class Variant:
    """One new text.

    text (str): The new text.
    lang (str): The language code.
    method (str): The name of the method that made it.
    source (int): The number of the text that it was made from. Train texts are numbered from 0 on, then unlabelled
        texts from where the train texts end.
    swapped (tuple[str, ...]): The parts of speech of the words that were swapped.
    """

    text: str
    lang: str
    method: str
    source: int
    swapped: tuple[str, ...] = ()


@dataclass
class Counts:
    """What became of the variants, by language.

    kept (dict[str, Counter[str]]): Language → method → variants kept.
    swapped (dict[str, Counter[str]]): Language → part of speech → words swapped in the kept variants.
    duplicates (Counter[str]): Language → variants dropped since they equal a train or unlabelled text, or a variant.
    leaks (Counter[str]): Language → variants dropped since they equal, or nearly equal, a dev or test text.
    """

    kept: dict[str, Counter[str]] = field(default_factory=dict)
    swapped: dict[str, Counter[str]] = field(default_factory=dict)
    duplicates: Counter[str] = field(default_factory=Counter)
    leaks: Counter[str] = field(default_factory=Counter)

    def keep(self, variant: Variant) -> None:
        """Count a variant that is kept."""
        self.kept.setdefault(variant.lang, Counter())[variant.method] += 1
        self.swapped.setdefault(variant.lang, Counter()).update(variant.swapped)


def make_variants(
    texts: Sequence[TaggedText], plan: Plan, words: WordsByKind, *, seed: int, processes: int = 1, first: int = 0
) -> Iterator[Variant]:
    """Make up to `plan.variants` new texts from each text.

    The random numbers of a variant derive from three things alone: the seed, the text that the variant is made from,
    and the number of the variant. So the number of processes changes nothing. The variants of a text differ from the
    text and from each other.

    texts (Sequence[TaggedText]): The texts.
    plan (Plan): Which methods, in what shares.
    words (WordsByKind): The words to draw from.
    seed (int): Decides all random choices.
    processes (int): How many processes work, 1 or more.
    first (int): The number of the first text, see `Variant.source`.
    YIELDS (Variant): The new texts, in the order of the texts that they are made from.
    """
    jobs = list(enumerate(texts, start=first))
    if processes == 1:
        for source, text in jobs:
            yield from _vary(text, source, plan, words, seed)
    else:
        with ProcessPoolExecutor(processes, initializer=_set_context, initargs=(plan, words, seed)) as pool:
            yield from itertools.chain.from_iterable(pool.map(_vary_in_context, jobs, chunksize=CHUNK))


_context: tuple[Plan, WordsByKind, int]


def _set_context(*context: Any) -> None:
    """Keep what all texts share as a global of this process, so that it is sent here once."""
    global _context
    _context = context


def _vary_in_context(job: tuple[int, TaggedText]) -> list[Variant]:
    source, text = job
    return list(_vary(text, source, *_context))


def _vary(text: TaggedText, source: int, plan: Plan, words: WordsByKind, seed: int) -> Iterator[Variant]:
    """Yield the variants of one text, see `make_variants`."""
    names, weights = list(plan.methods), [plan.shares[name] for name in plan.methods]
    original = text.text
    seen = {original, original.strip(), ""}
    for number in range(plan.variants):
        rng = random.Random(f"{seed}|{number}|{text.lang}|{original}")
        for _ in range(TRIES):
            [method] = rng.choices(names, weights)
            edit = plan.methods[method](text, words, rng)
            new = edit.apply(text) if isinstance(edit, Edit) else edit
            if new and new not in seen:
                seen.add(new)
                swapped = [text.pos[i] for i in edit.swapped] if isinstance(edit, Edit) else []
                yield Variant(new, text.lang, method, source, tuple(swapped))
                break


def drop_repeats_and_leaks(
    variants: Iterable[Variant], originals: Iterable[str], held_out: Collection[str], counts: Counts
) -> Iterator[Variant]:
    """Drop variants that equal an original or an earlier variant, and those that nearly equal a dev or test text.

    Texts are normalised before they are compared, see `normalize`.

    variants (Iterable[Variant]): The variants.
    originals (Iterable[str]): The train and unlabelled texts.
    held_out (Collection[str]): The dev and test texts, normalised.
    counts (Counts): Updated with what became of the variants.
    YIELDS (Variant): The variants that are kept.
    """
    seen = {text_key(normalize(text)) for text in originals}
    forbidden = NearDuplicates(sorted(held_out))
    for variant in variants:
        text = normalize(variant.text)
        key = text_key(text)
        if key in seen:
            counts.duplicates[variant.lang] += 1
        elif forbidden.find(text) is not None:
            counts.leaks[variant.lang] += 1
        else:
            seen.add(key)
            counts.keep(variant)
            yield variant
