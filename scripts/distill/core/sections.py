"""Read the sections of a config into dataclasses, and refuse what is missing, misspelt or of the wrong type."""

import math
from collections.abc import Mapping
from configparser import Error
from dataclasses import MISSING, fields
from pathlib import Path
from typing import Any

from confection import Config, ConfigValidationError

_KINDS: dict[type, str] = {
    int: "a whole number, 0 or more", float: "a number, 0 or more", str: "a string", dict: "a section",
}  # fmt: skip


def read_sections(
    path: Path, sections: Mapping[str, type], overrides: Mapping[str, Any] | None = None
) -> dict[str, Any]:
    """Read a config with spaCy's config system.

    path (Path): The config.
    sections (Mapping[str, type]): Section → dataclass whose fields are its settings; a field's default says its type,
        a field without one is a section of its own. Numbers are 0 or more.
    overrides (Mapping[str, Any] | None): Settings that replace those of the file: {"section.name": value}.
    RETURNS (dict[str, Any]): Section → dataclass.
    RAISES (ValueError): If a setting is missing, misspelt or of the wrong type, or the file is no config.
    """
    try:
        config = Config().from_disk(path, overrides=dict(overrides or {}))
    except (ConfigValidationError, Error) as err:
        raise ValueError(f"{path}: can't be read as a config: {str(err).strip()}") from err
    if set(config) != set(sections):
        expected = " and ".join(f"[{name}]" for name in sections)
        raise ValueError(f"{path}: expected the sections {expected}. Found: {', '.join(config)}")
    return {name: _read_section(path, name, config[name], kind) for name, kind in sections.items()}


def _read_section(path: Path, section: str, found: Mapping[str, Any], dataclass: type) -> Any:
    known = {field.name for field in fields(dataclass)}
    if set(found) != known:
        raise ValueError(
            f"{path}: expected in [{section}] the settings {', '.join(sorted(known))}. "
            f"Found: {', '.join(sorted(found))}"
        )
    for field in fields(dataclass):
        value = found[field.name]
        kind: type = dict if field.default is MISSING else type(field.default)
        fits = isinstance(value, int | float if kind is float else kind) and not isinstance(value, bool)
        if not fits or (isinstance(value, int | float) and not 0 <= value < math.inf):
            raise ValueError(f"{path}: [{section}] {field.name} must be {_KINDS[kind]}, found {value!r}")
    return dataclass(**found)
