"""Check the project's variables: weasel accepts misspelt ones in silence and remembers none."""

import json
import os
import re
import shlex
import subprocess
from collections.abc import Mapping, Sequence
from enum import StrEnum
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import srsly
from packaging.version import InvalidVersion, Version

from .files import hash_path, write_json

_PREFIX = "--vars."
TRAIN, SPACY, HF, JSONL, MEAN = "train", "spacy", "hf", "jsonl", "mean"
TEACHERS = (
    "train (the teacher trained here), spacy:<package or path>, hf:<id or path>, jsonl:<path> or mean:<several of "
    "these, with commas between>"
)
# The settings that decide what is in corpus/.
RECORDED = ("lang", "data", "seed")


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


def check_same(
    corpus: Path, settings: Mapping[str, Any], command: str, overrides: Mapping[str, str], defaults: Mapping[str, Any]
) -> None:
    """Check that a command is given the language, data and seed that the corpora were made with.

    corpus (Path): Holds prepare.json.
    settings (Mapping): The command's `lang`, `data` and `seed`.
    command (str): The command's name.
    overrides, defaults (Mapping): The variables that were given, and those of project.yml.
    RAISES (SettingsError): If there are no corpora, or they were made with other values. The
        message has the full command to run.
    """
    path = corpus / "prepare.json"
    if not path.exists():
        raise SettingsError(f"{path}: no such file. Make it with: {full_command('prepare', overrides, defaults)}")
    recorded = json.loads(path.read_text(encoding="utf-8"))
    # As paths, so that "assets/sample/" is "assets/sample".
    different = [name for name in RECORDED if Path(str(recorded[name])) != Path(str(settings[name]))]
    if different:
        found = ", ".join(f"{name} = {recorded[name]}" for name in different)
        given = ", ".join(f"{name} = {settings[name]}" for name in different)
        same = {**overrides, **{name: str(recorded[name]) for name in RECORDED}}
        raise SettingsError(
            f"{corpus} was made with {found}, but {command!r} was given {given} (variables are not remembered "
            f"between calls). To go on with these corpora, run:\n{full_command(command, same, defaults)}\n"
            f"To make new ones, run:\n{full_command('prepare', overrides, defaults)}"
        )


def full_command(command: str, values: Mapping[str, str], defaults: Mapping[str, Any]) -> str:
    """Return the command line that runs a project command with these values of variables."""
    given = [f"{_PREFIX}{name} {shlex.quote(value)}" for name, value in values.items()
             if str(defaults.get(name)) != value]  # fmt: skip
    return " ".join([f"python -m spacy project run {command} .", *given])


def check_teacher(teacher: str) -> None:
    """Check how a teacher is named.

    teacher (str): "train", "spacy:<package or path>", "hf:<id or path>", "jsonl:<path>", or "mean:" and two or more of
        these, with commas between.
    RAISES (SettingsError): If it is none of these.
    """
    members = find_members(teacher)
    if members == [teacher]:
        kind, _, name = teacher.partition(":")
        if teacher != TRAIN and not (kind in (SPACY, HF, JSONL) and name):
            raise SettingsError(f"Unknown teacher {teacher!r}. Supported: {TEACHERS}")
        return
    impossible = any(name.startswith(f"{MEAN}:") or name != name.strip() for name in members)
    if len(members) < 2 or len(set(members)) < len(members) or impossible:
        raise SettingsError(
            f"Teacher {teacher!r}: expected two or more different teachers after mean:, with commas and no spaces "
            "between"
        )
    for member in members:
        check_teacher(member)


def find_members(teacher: str) -> list[str]:
    """Return the teachers that a teacher is the mean of; of any other, itself."""
    kind, _, names = teacher.partition(":")
    return names.split(",") if kind == MEAN else [teacher]


def find_teacher(teacher: str) -> Path | None:
    """Return the file or folder of a teacher from elsewhere; None if it is a model of the Hub, or not to be found."""
    kind, _, name = teacher.partition(":")
    if name and Path(name).exists():
        return Path(name)
    spec = find_spec(name) if kind == SPACY and name.isidentifier() else None
    if not spec or not spec.origin:
        return None
    folder = Path(spec.origin).parent
    # The pipeline alone: beside it, Python puts compiled files when it is first imported.
    return next(folder.glob(f"{name}-*"), folder)


def check_teacher_exists(teacher: str) -> None:
    """Check that a teacher's files or package are here; a model of the Hub may be elsewhere.

    teacher (str): The teacher, see `check_teacher`.
    RAISES (SettingsError): If they are not.
    """
    for member in find_members(teacher):
        kind, _, name = member.partition(":")
        of_hub = kind == HF and not name.startswith((".", "/", "~"))
        if member != TRAIN and not of_hub and find_teacher(member) is None:
            package = ", and no package of this name is installed" if kind == SPACY else ""
            raise SettingsError(f"teacher = {member}: there is no {name}{package}")


def check_teacher_trained(
    trained: Path, overrides: Mapping[str, str] | None = None, defaults: Mapping[str, Any] | None = None
) -> None:
    """Check that there is a teacher that was trained here.

    trained (Path): Its folder.
    overrides, defaults (Mapping | None): The variables that were given, and those of project.yml, if they are known.
    RAISES (SettingsError): If there is none; the message has the commands that train one.
    """
    if not trained.exists():
        steps = [
            full_command(step, overrides or {}, defaults or {}) for step in ("prepare", "encoder", "train-teacher")
        ]
        known = "" if overrides is not None else ", with the --vars of your data"
        raise SettingsError("\n".join([f"{trained}: no trained teacher. Train it{known}:", *steps]))


def note_teacher(teacher: str, folder: Path) -> None:
    """Write down which teacher from elsewhere is used, so that weasel sees when it changes.

    teacher (str): The teacher, see `check_teacher`.
    folder (Path): Where the teacher trained here lies, a dep of the commands that use a teacher.
    """
    path = folder / "external.json"
    if teacher == TRAIN:
        path.unlink(missing_ok=True)
        return
    places = [find_teacher(member) for member in find_members(teacher)]
    write_json(path, {"teacher": teacher, "sha256": [place and hash_path(place) for place in places]})


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
