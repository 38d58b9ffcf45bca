"""Make many variants of the train texts by a plan: which methods, in what shares."""

import random
from collections import Counter
from collections.abc import Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path

import spacy
from confection import Config

from .augmenters import Augmenter, WordsByPos
from .splits import normalize
from .tagging import TaggedText, count_words

TRIES = 3


@dataclass(frozen=True)
class Plan:
    """What configs/augment.cfg says.

    tagger (str): Path or package of the pipeline that sets parts of speech.
    methods (Mapping[str, Augmenter]): The augmenters by name.
    shares (Mapping[str, float]): How often each is used, relative to the others.
    """

    tagger: str
    methods: Mapping[str, Augmenter]
    shares: Mapping[str, float]


@dataclass(frozen=True)
class Variant:
    """One new text.

    source (int): The index of the train text that it was made from.
    """

    text: str
    lang: str
    method: str
    source: int


@dataclass
class Counts:
    """What became of the variants."""

    kept: Counter[tuple[str, str]] = field(default_factory=Counter)
    duplicates: int = 0
    leaks: int = 0


def load_plan(path: Path) -> Plan:
    """Read a plan with spaCy's config system.

    RAISES (ValueError): If the plan's methods and shares don't name the same augmenters.
    """
    config = spacy.registry.resolve(Config().from_disk(path))
    plan = Plan(config["augment"]["tagger"], config["methods"], config["shares"])
    if set(plan.methods) != set(plan.shares):
        raise ValueError(
            f"{path}: [methods] names {sorted(plan.methods)}, [shares] {sorted(plan.shares)}. Name the same in both"
        )
    if any(share < 0 for share in plan.shares.values()) or not sum(plan.shares.values()):
        raise ValueError(f"{path}: [shares] must be 0 or more, and one above 0. Found: {dict(plan.shares)}")
    return plan


def augment(
    texts: Iterable[TaggedText],
    plan: Plan,
    *,
    variants: int,
    seed: int,
    held_out: Collection[str] = (),
    counts: Counts | None = None,
) -> Iterator[Variant]:
    """Make up to `variants` new texts from each text.

    A variant that equals a train text or another variant after normalising is dropped, and so is
    one that equals a held-out text. The random numbers of each variant derive from the seed, its
    source text and its number alone.

    texts (Iterable[TaggedText]): The train texts.
    plan (Plan): Which methods, in what shares.
    variants (int): How many new texts to make from each text at most.
    seed (int): The seed.
    held_out (Collection[str]): Normalised texts of dev and test, see `normalize`.
    counts (Counts | None): Updated with what became of the variants.
    YIELDS (Variant): The new texts.
    """
    texts = list(texts)
    counts = Counts() if counts is None else counts
    words = WordsByPos(count_words(texts))
    seen = {normalize(text.text) for text in texts}
    names = list(plan.methods)
    weights = [plan.shares[name] for name in names]
    for source, text in enumerate(texts):
        for number in range(variants):
            rng = random.Random(f"{seed}|{number}|{text.lang}|{text.text}")
            for _ in range(TRIES):
                method = rng.choices(names, weights)[0]
                variant = plan.methods[method](text, words, rng)
                if not variant:
                    continue
                key = normalize(variant)
                if key in held_out:
                    counts.leaks += 1
                elif key in seen:
                    counts.duplicates += 1
                else:
                    seen.add(key)
                    counts.kept[text.lang, method] += 1
                    yield Variant(variant, text.lang, method, source)
                    break
