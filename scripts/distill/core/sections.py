"""Read configs into pydantic dataclasses, which refuse what is missing, misspelt, of the wrong type or impossible."""

import re
from collections.abc import Mapping
from configparser import Error
from dataclasses import MISSING, fields, is_dataclass
from pathlib import Path
from typing import Annotated, Any, TypeVar, get_args, get_origin, get_type_hints

from confection import Config, ConfigValidationError
from pydantic import ConfigDict, Field, TypeAdapter, ValidationError
from pydantic_core import ErrorDetails

T = TypeVar("T")
# The configuration of dataclasses that are read from a config: @dataclass(frozen=True, config=STRICT).
STRICT = ConfigDict(extra="forbid", arbitrary_types_allowed=True)
# Whole: an integer, 0 or more. Count: an integer, 1 or more. Number: any finite number, 0 or more.
Whole = Annotated[int, Field(strict=True, ge=0)]
Count = Annotated[int, Field(strict=True, ge=1)]
Number = Annotated[float, Field(strict=True, ge=0, allow_inf_nan=False)]


def read_config(path: Path, overrides: Mapping[str, Any] | None = None, *, interpolate: bool = True) -> Config:
    """Read a config with spaCy's config system.

    path (Path): The config.
    overrides (Mapping[str, Any] | None): Settings that replace those of the file: {"section.name": value}.
    interpolate (bool): Whether variables such as ${system.seed} are filled in.
    RETURNS (Config): Section → name → value.
    RAISES (ValueError): If the file is no config, or an override names a section that the file does not have.
    """
    try:
        return Config().from_disk(path, overrides=dict(overrides or {}), interpolate=interpolate)
    except (ConfigValidationError, Error) as err:
        raise ValueError(f"{path}: can't be read as a config: {str(err).strip()}") from err


def read_sections(path: Path, kind: type[T], overrides: Mapping[str, Any] | None = None) -> T:
    """Read a config into a dataclass.

    path (Path): The config.
    kind (type): A dataclass whose fields are the sections. Each section is a dataclass whose fields are the settings.
    overrides (Mapping[str, Any] | None): See `read_config`.
    RETURNS (T): The settings, as an object of `kind`.
    RAISES (ValueError): If `read_config` can't read the file, or `validate` refuses a setting.
    """
    return validate(path, kind, read_config(path, overrides))


def validate(path: Path, kind: type[T], found: Mapping[str, Any], section: str = "", *, all_given: bool = True) -> T:
    """Turn settings into a dataclass.

    path (Path): The file, for the message.
    kind (type): The dataclass.
    found (Mapping[str, Any]): The settings: name → value, or section → name → value.
    section (str): The section of the file that the settings stand in; "" for the whole file.
    all_given (bool): Whether a setting must be given even if the dataclass has a default for it. So the reader of a
        committed config sees every value that holds.
    RETURNS (T): The settings, as an object of `kind`.
    RAISES (ValueError): If a setting is missing, misspelt, of the wrong type or impossible. The message names all such
        settings.
    """
    above = tuple(section.split(".")) if section else ()
    problems = [_name((*above, *place), "missing") for place in _missing(kind, found, all_given)]
    try:
        read = TypeAdapter(kind).validate_python(dict(found))
    except ValidationError as err:
        problems += [_describe(kind, above, error) for error in err.errors() if error["type"] != "missing"]
    if problems:
        raise ValueError(f"{path}: {'; '.join(problems)}")
    return read


def _missing(kind: Any, found: Any, all_given: bool) -> list[tuple[str, ...]]:
    """Return the places of settings that are missing: the names on the way to each, from the outermost section in."""
    if not isinstance(found, Mapping):
        return []
    if get_origin(kind) is dict:
        return [
            (name, *rest) for name, value in found.items() for rest in _missing(get_args(kind)[1], value, all_given)
        ]
    places: list[tuple[str, ...]] = []
    for field in fields(kind) if is_dataclass(kind) else ():
        if field.name in found:
            inner = _missing(get_type_hints(kind)[field.name], found[field.name], all_given)
            places += [(field.name, *rest) for rest in inner]
        elif all_given or (field.default is MISSING and field.default_factory is MISSING):
            places.append((field.name,))
    return places


def _describe(kind: Any, above: tuple[str, ...], error: ErrorDetails) -> str:
    """Turn one of pydantic's errors into a message that names the setting and what would be right."""
    place = (*above, *map(str, error["loc"]))
    if error["type"] == "unexpected_keyword_argument":
        # Go down to the section with the unknown setting: its fields are the known settings.
        for part in error["loc"][:-1]:
            kind = get_args(kind)[1] if get_origin(kind) is dict else get_type_hints(kind)[str(part)]
        return _name(place, f"unknown. Known: {', '.join(field.name for field in fields(kind))}")
    problem = re.sub(r"^(Input should|String should|Value error,)", "must", error["msg"])
    return _name(place, f"{problem}. Found: {error['input']!r}")


def _name(place: tuple[str, ...], problem: str) -> str:
    *section, name = place or ("",)
    return f"[{'.'.join(section)}] {name}: {problem}" if section else f"[{name}]: {problem}"
