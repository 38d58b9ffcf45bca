"""What to make of the texts, by which methods, in what shares: configs/augment.cfg."""

from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Annotated, Any

import spacy
from pydantic import AfterValidator
from pydantic.dataclasses import dataclass as section
from spacy.util import import_file

from ..core.sections import STRICT, Number, Whole, read_config, validate
from ..data.languages import MULTI_LANGUAGE, is_language
from ..data.origins import GOLD, UNLABELLED
from .methods import Augmenter


@dataclass(frozen=True)
class Plan:
    """What configs/augment.cfg says.

    variants (int): How many new texts to make from each train text at most, 0 or more.
    mask_token (str): What masked words are replaced with. To the student's tokenizer it is one token.
    frequent_words (int): How many of each language's most frequent words can be swapped in, besides the words of the
        train texts; 0 or more.
    taggers (Mapping[str, str | None]): Language → folder or package of the pipeline that sets parts of speech; "xx"
        stands for all languages that are not named. None: no pipeline.
    methods (Mapping[str, Augmenter]): Name → method.
    shares (Mapping[str, float]): Name → how often the method is used for train texts, relative to the others.
    config (Mapping[str, Any]): The whole config as it was read, for augment.json.
    source (tuple): The arguments of `load_plan` that made this plan.
    unlabelled_variants (int): How many new texts to make from each unlabelled text at most, 0 or more.
    unlabelled_shares (Mapping[str, float]): Name → how often the method is used for unlabelled texts.
    """

    variants: int
    mask_token: str
    frequent_words: int
    taggers: Mapping[str, str | None]
    methods: Mapping[str, Augmenter]
    shares: Mapping[str, float]
    config: Mapping[str, Any] = field(default_factory=dict)
    source: tuple[Any, ...] = ()
    unlabelled_variants: int = 0
    unlabelled_shares: Mapping[str, float] = field(default_factory=dict)

    def __reduce__(self) -> tuple[Callable[..., "Plan"], tuple[Any, ...]]:
        """Let another process load the plan anew, since methods, which are functions, can't be sent to it."""
        return load_plan, self.source

    def for_unlabelled(self) -> "Plan":
        """Return the plan for unlabelled texts: its `variants` and `shares` are those of unlabelled texts."""
        path, overrides, code = self.source
        shares = {f"shares.{name}": share for name, share in self.unlabelled_shares.items()}
        return load_plan(path, {**(overrides or {}), "augment.variants": self.unlabelled_variants, **shares}, code)


def load_plan(path: Path, overrides: Mapping[str, Any] | None = None, code: Path | None = None) -> Plan:
    """Read a plan with spaCy's config system.

    path (Path): The config, configs/augment.cfg.
    overrides (Mapping[str, Any] | None): Settings that take the place of the plan's, such as
        {"augment.variants": 60}.
    code (Path | None): A Python file that registers methods of your own.
    RETURNS (Plan): The plan.
    RAISES (ValueError): If a setting is missing, misspelt or impossible, or [methods], [shares] and [unlabelled.shares]
        don't name the same methods.
    """
    if code is not None:
        if code.suffix != ".py":
            raise ValueError(f"{code}: no Python file. Its name must end in .py")
        import_file("python_code", code)
    read = read_config(path, overrides)
    # Only [methods] become functions. The rest stays as it was read.
    methods = spacy.registry.resolve({"methods": read.get("methods", {})})["methods"]
    for name, method in methods.items():
        if not callable(method):
            raise ValueError(f"{path}: [methods.{name}] has no line with @distill_augmenters")
    file = validate(path, _File, {**read, "methods": methods} if "methods" in read else read)
    for name, shares in (("shares", file.shares), ("unlabelled.shares", file.unlabelled.shares)):
        _check_shares(path, name, shares, methods)
    unknown = [lang for lang in file.taggers if lang != MULTI_LANGUAGE and not is_language(lang)]
    if unknown:
        raise ValueError(f"{path}: [taggers] names {', '.join(unknown)}. Use xx, or the code of a language (en, fr …)")
    return Plan(
        variants=file.augment.variants, mask_token=file.augment.mask_token, frequent_words=file.augment.frequent_words,
        taggers=file.taggers, methods=methods, shares=file.shares, config=dict(read), source=(path, overrides, code),
        unlabelled_variants=file.unlabelled.variants, unlabelled_shares=file.unlabelled.shares,
    )  # fmt: skip


def _check_word(text: str) -> str:
    if not text.strip():
        raise ValueError("be a word")
    return text


@section(frozen=True, config=STRICT)
class _Augment:
    variants: Whole
    mask_token: Annotated[str, AfterValidator(_check_word)]
    frequent_words: Whole


@section(frozen=True, config=STRICT)
class _Unlabelled:
    variants: Whole
    shares: dict[str, Number]


@section(frozen=True, config=STRICT)
class _File:
    augment: _Augment
    taggers: dict[str, str | None]
    shares: dict[str, Number]
    unlabelled: _Unlabelled
    methods: dict[str, Callable[..., Any]]


def _check_shares(path: Path, section: str, shares: Mapping[str, float], methods: Collection[str]) -> None:
    if set(methods) != set(shares):
        raise ValueError(
            f"{path}: [methods] names {sorted(methods)}, [{section}] {sorted(shares)}. Name the same in both"
        )
    if not sum(shares.values()):
        raise ValueError(f"{path}: [{section}]: one share must be above 0")
    if reserved := sorted(set(methods) & {GOLD, UNLABELLED}):
        raise ValueError(f"{path}: [methods] {reserved[0]}: texts that are not augmented are called so. Choose another")
