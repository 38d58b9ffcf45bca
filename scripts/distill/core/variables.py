"""Check the project's variables: weasel accepts misspelt ones in silence and remembers none."""

import os
import re
import shlex
from collections.abc import Mapping, Sequence
from enum import StrEnum
from pathlib import Path
from typing import Any

import srsly
from packaging.version import InvalidVersion, Version

from .processes import arguments_of

_PREFIX = "--vars."


class EngineName(StrEnum):
    """What runs the teacher: this process, or Ray."""

    local = "local"
    ray = "ray"


class SettingsError(ValueError):
    """A variable is unknown, has an impossible value, or contradicts an earlier step."""


def read_defaults(project_file: Path) -> dict[str, Any]:
    """Return the variables of project.yml with their values there.

    project_file (Path): The file project.yml.
    RETURNS (dict[str, Any]): Name → value.
    """
    return dict(srsly.read_yaml(project_file)["vars"])


def given_overrides() -> dict[str, str]:
    """Return the variables that the calling `spacy project run` was given.

    Such variables stand on the command line of the parent process, or in the environment variable
    WEASEL_CONFIG_OVERRIDES.

    RETURNS (dict[str, str]): Name → value, as written.
    """
    arguments = arguments_of(os.getppid()) + shlex.split(os.environ.get("WEASEL_CONFIG_OVERRIDES", ""))
    return parse_overrides(arguments)


def is_forced() -> bool:
    """Return whether the calling `spacy project run` was told to run commands even if nothing changed."""
    return not {"--force", "-F"}.isdisjoint(arguments_of(os.getppid()))


def parse_overrides(arguments: Sequence[str]) -> dict[str, str]:
    """Return the variables among command-line arguments: `--vars.x 1` or `--vars.x=1`.

    arguments (Sequence[str]): The arguments; others than variables are passed over.
    RETURNS (dict[str, str]): Name → value, as written.
    """
    overrides = {}
    for i, argument in enumerate(arguments):
        if argument.startswith(_PREFIX):
            name, equals, value = argument.removeprefix(_PREFIX).partition("=")
            if not equals:
                following = arguments[i + 1 : i + 2]
                # As in weasel, a name without a value is a flag.
                value = following[0] if following and not following[0].startswith("--") else "true"
            overrides[name] = value
    return overrides


def check_given(project_file: Path = Path("project.yml")) -> None:
    """Check that the calling `spacy project run`, if there is one, was given only variables of project.yml.

    project_file (Path): The file project.yml.
    RAISES (SettingsError): If one of them is not there.
    """
    if overrides := given_overrides():
        check_known(overrides, read_defaults(project_file))


def check_known(overrides: Mapping[str, str], defaults: Mapping[str, Any]) -> None:
    """Check that only variables of project.yml were given.

    overrides (Mapping[str, str]): The variables that were given.
    defaults (Mapping[str, Any]): The variables of project.yml.
    RAISES (SettingsError): If a given variable is not in project.yml.
    """
    unknown = sorted(set(overrides) - set(defaults))
    if unknown:
        raise SettingsError(
            f"Unknown variable: {', '.join(_PREFIX + name for name in unknown)}. Known: "
            f"{', '.join(_PREFIX + name for name in defaults)}"
        )


def check_characters(values: Mapping[str, Any]) -> None:
    """Check that no variable has a character that weasel reads as something else: quotes, $ or a backslash.

    weasel itself fails on most of these, with a TypeError, before it runs a command; others arrive as something else.

    values (Mapping[str, Any]): Variable → value, as written.
    RAISES (SettingsError): If a value has one; the message says what to do.
    """
    for name, value in values.items():
        found = [character for character in '"$\\' if character in str(value)]
        if found:
            raise SettingsError(
                f"{name} = {value}: has {' and '.join(found)}, which spaCy's project commands read as something else. "
                f"Rename it, or make a link with a plain name: ln -s <path> plain, and --vars.{name} plain"
            )


def check_lock_file(path: Path) -> None:
    """Check what weasel remembers of earlier runs; a kill while it is written leaves it empty or cut off.

    path (Path): The file project.lock, which may be missing.
    RAISES (SettingsError): If it can't be used.
    """
    try:
        usable = not path.exists() or isinstance(srsly.read_yaml(path), dict)
    except (OSError, ValueError):
        usable = False
    if not usable:
        raise SettingsError(f"{path}: empty or broken. Remove it, and every command runs once more:\nrm {path}")


def full_command(command: str, values: Mapping[str, str], defaults: Mapping[str, Any]) -> str:
    """Return the command line that runs a project command with these values of variables.

    command (str): The command's name in project.yml.
    values (Mapping[str, str]): Variable → value. A value that project.yml has, too, is left out.
    defaults (Mapping[str, Any]): The variables of project.yml.
    """
    given = [f"{_PREFIX}{name} {shlex.quote(value)}" for name, value in values.items()
             if str(defaults.get(name)) != value]  # fmt: skip
    return " ".join([f"python -m spacy project run {command} .", *given])


def check_package(lang: str, name: str, version: str) -> None:
    """Check that a wheel of this name and version can be built, under just this name.

    lang (str): The language code, which is put in front of the name.
    name (str): The package's name without its language.
    version (str): The package's version.
    RAISES (SettingsError): If the packaging tools would write the name or the version in another way.
    """
    if not re.fullmatch(r"[a-z][a-z0-9]*(_[a-z0-9]+)*", name) or name.startswith(f"{lang}_"):
        raise SettingsError(
            f"name = {name!r}: use lower-case letters and digits, joined by single _, without {lang + '_'!r} in front, "
            "which is put there for you"
        )
    try:
        normal = str(Version(version))
    except InvalidVersion:
        normal = ""
    if version != normal:
        raise SettingsError(
            f"version = {version!r}: not a version as Python packages write it, "
            f"such as {normal or '0.1.0'!r}. A number such as 1.10 "
            "is cut short on its way here: write three parts, 1.10.0"
        )
