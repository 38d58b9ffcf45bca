"""Make many variants of the train texts by a plan: which methods, in what shares."""

import itertools
import math
import random
from collections import Counter
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import spacy
from confection import Config
from spacy.util import import_file

from .augmenters import Augmenter, Edit
from .near_copies import NearCopies
from .splits import MULTI_LANGUAGE, is_language, normalize
from .tagging import TaggedText
from .text_keys import text_key
from .words import WordsByKind

TRIES = 3
# Texts that are sent to a process at a time.
CHUNK = 50


@dataclass(frozen=True)
class Plan:
    """What configs/augment.cfg says.

    variants (int): How many new texts to make from each train text, at most.
    mask_token (str): What masked words are replaced with; a token of its own for the student.
    frequent_words (int): How many of each language's most frequent words can be swapped in, besides those of the train
        texts.
    taggers (Mapping[str, str]): The pipeline that sets parts of speech, by language; "xx" for all
        languages that are not named.
    methods (Mapping[str, Augmenter]): The augmenters by name.
    shares (Mapping[str, float]): How often each is used, relative to the others.
    config (Mapping[str, Any]): All of it as it was read, for the record.
    source (tuple): The arguments of `load_plan`.
    unlabelled_variants (int): How many new texts to make from each unlabelled text, at most.
    unlabelled_shares (Mapping[str, float]): How often each method is used for those.
    """

    variants: int
    mask_token: str
    frequent_words: int
    taggers: Mapping[str, str]
    methods: Mapping[str, Augmenter]
    shares: Mapping[str, float]
    config: Mapping[str, Any] = field(default_factory=dict)
    source: tuple[Any, ...] = ()
    unlabelled_variants: int = 0
    unlabelled_shares: Mapping[str, float] = field(default_factory=dict)

    def __reduce__(self) -> tuple[Callable[..., "Plan"], tuple[Any, ...]]:
        """Let another process read the plan again: functions can't be sent to it."""
        return load_plan, self.source

    def for_unlabelled(self) -> "Plan":
        """Return the plan for unlabelled texts: with their number of variants, and their shares."""
        path, overrides, code = self.source
        shares = {f"shares.{name}": share for name, share in self.unlabelled_shares.items()}
        return load_plan(path, {**(overrides or {}), "augment.variants": self.unlabelled_variants, **shares}, code)


@dataclass(frozen=True)
class Variant:
    """One new text.

    source (int): The number of the text that it was made from: an index into the train texts; those after the last
        are the unlabelled ones.
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

    kept (dict[str, Counter[str]]): Language → method → texts.
    swapped (dict[str, Counter[str]]): Language → part of speech → words swapped in the kept texts.
    duplicates (Counter[str]): Variants that equal a text they were made from, or another variant.
    leaks (Counter[str]): Variants that equal a dev or test text, or nearly so.
    """

    kept: dict[str, Counter[str]] = field(default_factory=dict)
    swapped: dict[str, Counter[str]] = field(default_factory=dict)
    duplicates: Counter[str] = field(default_factory=Counter)
    leaks: Counter[str] = field(default_factory=Counter)

    def keep(self, variant: Variant) -> None:
        """Count a variant that is kept."""
        self.kept.setdefault(variant.lang, Counter())[variant.method] += 1
        self.swapped.setdefault(variant.lang, Counter()).update(variant.swapped)


def load_plan(path: Path, overrides: Mapping[str, Any] | None = None, code: Path | None = None) -> Plan:
    """Read a plan with spaCy's config system.

    overrides (Mapping[str, Any] | None): Settings that take the place of the plan's, such as
        {"augment.variants": 60}.
    code (Path | None): A Python file that registers augmenters of your own.
    RAISES (ValueError): If a setting is missing, misspelt or impossible, or methods and shares
        don't name the same augmenters.
    """
    if code is not None:
        import_file("python_code", code)
    read = Config().from_disk(path, overrides=dict(overrides or {}))
    config = spacy.registry.resolve(read)
    settings, unlabelled = config.get("augment", {}), config.get("unlabelled", {})
    if set(config) != set(_SECTIONS) or set(settings) != _SETTINGS:
        raise ValueError(
            f"{path}: expected the sections {', '.join(f'[{name}]' for name in _SECTIONS)}, and in [augment] "
            f"{', '.join(sorted(_SETTINGS))}. Found: {', '.join(f'[{name}]' for name in config)}, and "
            f"{', '.join(settings) or 'none'}"
        )
    if set(unlabelled) != _UNLABELLED_SETTINGS:
        raise ValueError(
            f"{path}: expected in [unlabelled] variants and shares. Found: {', '.join(unlabelled) or 'none'}"
        )
    plan = Plan(
        **settings, **{name: config[name] for name in ("taggers", "methods", "shares")}, config=dict(read),
        source=(path, overrides, code), unlabelled_variants=unlabelled["variants"],
        unlabelled_shares=unlabelled["shares"],
    )  # fmt: skip
    _check_plan(path, plan)
    return plan


_SECTIONS = ("augment", "taggers", "shares", "unlabelled", "methods")
_SETTINGS, _UNLABELLED_SETTINGS = {"variants", "mask_token", "frequent_words"}, {"variants", "shares"}


def _check_plan(path: Path, plan: Plan) -> None:
    for section, shares in (("shares", plan.shares), ("unlabelled.shares", plan.unlabelled_shares)):
        _check_shares(path, section, shares, plan.methods)
    for name, method in plan.methods.items():
        if not callable(method):
            raise ValueError(f"{path}: [methods.{name}] has no line with @distil_augmenters")
    numbers = {"[augment] variants": plan.variants, "[augment] frequent_words": plan.frequent_words,
               "[unlabelled] variants": plan.unlabelled_variants}  # fmt: skip
    for setting, number in numbers.items():
        if type(number) is not int or number < 0:
            raise ValueError(f"{path}: {setting} must be a whole number, 0 or more. Found: {number!r}")
    unknown = [lang for lang in plan.taggers if lang != MULTI_LANGUAGE and not is_language(lang)]
    if unknown:
        raise ValueError(f"{path}: [taggers] names {', '.join(unknown)}. Use xx, or the code of a language (en, fr …)")
    if not isinstance(plan.mask_token, str) or not plan.mask_token.strip():
        raise ValueError(f"{path}: mask_token must be a word. Found: {plan.mask_token!r}")


def _check_shares(path: Path, section: str, shares: Mapping[str, Any], methods: Collection[str]) -> None:
    if set(methods) != set(shares):
        raise ValueError(
            f"{path}: [methods] names {sorted(methods)}, [{section}] {sorted(shares)}. Name the same in both"
        )
    values = list(shares.values())
    if not all(isinstance(s, int | float) and 0 <= s < math.inf for s in values) or not sum(values):
        raise ValueError(f"{path}: [{section}] must be 0 or more, and one above 0. Found: {dict(shares)}")


def make_variants(
    texts: Sequence[TaggedText], plan: Plan, words: WordsByKind, *, seed: int, processes: int = 1, first: int = 0
) -> Iterator[Variant]:
    """Make up to `plan.variants` new texts from each text.

    The random numbers of each variant derive from the seed, its source text and its number alone,
    so the number of processes changes nothing. The variants of one text differ from each other and
    from it.

    texts (Sequence[TaggedText]): The texts.
    plan (Plan): Which methods, in what shares.
    words (WordsByKind): The words to draw from.
    seed (int): The seed.
    processes (int): How many work.
    first (int): The number of the first text, see `Variant.source`.
    YIELDS (Variant): The new texts, in the order of their sources.
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
    """Keep what all texts share in a process, so that it is sent there once."""
    global _context
    _context = context


def _vary_in_context(job: tuple[int, TaggedText]) -> list[Variant]:
    source, text = job
    return list(_vary(text, source, *_context))


def _vary(text: TaggedText, source: int, plan: Plan, words: WordsByKind, seed: int) -> Iterator[Variant]:
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


def drop_repeats(
    variants: Iterable[Variant], originals: Iterable[str], held_out: Collection[str], counts: Counts
) -> Iterator[Variant]:
    """Drop variants that equal, after normalising, an original, an earlier variant or a held-out text.

    originals (Iterable[str]): The texts that they were made from.
    held_out (Collection[str]): Normalised texts of dev and test, see `normalize`; near copies of them are dropped, too.
    counts (Counts): Updated with what became of the variants.
    YIELDS (Variant): The others.
    """
    seen = {text_key(normalize(text)) for text in originals}
    forbidden = NearCopies(sorted(held_out))
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
