"""What to make of the texts: which methods, in what shares; configs/augment.cfg."""

import math
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import spacy
from confection import Config
from spacy.util import import_file

from ..data.splits import MULTI_LANGUAGE, is_language
from .methods import Augmenter


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
            raise ValueError(f"{path}: [methods.{name}] has no line with @distill_augmenters")
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
