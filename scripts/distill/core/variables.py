"""Check the project's variables: weasel accepts misspelt ones in silence and remembers none."""

import os
import re
import shlex
import subprocess
from collections.abc import Mapping, Sequence
from enum import StrEnum
from pathlib import Path
from typing import Any

import srsly
from packaging.version import InvalidVersion, Version

_PREFIX = "--vars."


class EngineName(StrEnum):
    """What runs the teacher."""

    local = "local"
    ray = "ray"


class SettingsError(ValueError):
    """A variable is unknown, has an impossible value, or contradicts an earlier step."""


def read_defaults(project_file: Path) -> dict[str, Any]:
    """Return the variables of project.yml."""
    return dict(srsly.read_yaml(project_file)["vars"])


def given_overrides() -> dict[str, str]:
    """Return the variables that the calling `spacy project run` was given.

    They stand on the parent process's command line or in the environment variable of weasel.
    """
    arguments = _parent_arguments() + shlex.split(os.environ.get("WEASEL_CONFIG_OVERRIDES", ""))
    return parse_overrides(arguments)


def parse_overrides(arguments: Sequence[str]) -> dict[str, str]:
    """Return the variables among command-line arguments: `--vars.x 1` or `--vars.x=1`."""
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


def _parent_arguments() -> list[str]:
    process = Path(f"/proc/{os.getppid()}/cmdline")
    if process.exists():
        return process.read_text(encoding="utf-8", errors="replace").split("\0")[:-1]
    if os.name == "posix":
        command = ["ps", "-ww", "-o", "args=", "-p", str(os.getppid())]
        return subprocess.run(command, capture_output=True, text=True).stdout.split()
    return []


def check_known(overrides: Mapping[str, str], defaults: Mapping[str, Any]) -> None:
    """Check that only variables of project.yml were given.

    RAISES (SettingsError): If there is another one.
    """
    unknown = sorted(set(overrides) - set(defaults))
    if unknown:
        raise SettingsError(
            f"Unknown variable: {', '.join(_PREFIX + name for name in unknown)}. Known: "
            f"{', '.join(_PREFIX + name for name in defaults)}"
        )


def full_command(command: str, values: Mapping[str, str], defaults: Mapping[str, Any]) -> str:
    """Return the command line that runs a project command with these values of variables."""
    given = [f"{_PREFIX}{name} {shlex.quote(value)}" for name, value in values.items()
             if str(defaults.get(name)) != value]  # fmt: skip
    return " ".join([f"python -m spacy project run {command} .", *given])


def check_package(lang: str, name: str, version: str) -> None:
    """Check that a wheel of this name and version can be built, under just this name.

    RAISES (SettingsError): If the packaging tools would write name or version in another way.
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
