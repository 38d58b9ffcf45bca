"""Specs: the strings that name teachers, and where the files of a teacher are found."""

from collections.abc import Mapping
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from ..core.files import hash_path, write_json
from ..core.variables import SettingsError, full_command

TRAIN, SPACY, HF, JSONL, MEAN = "train", "spacy", "hf", "jsonl", "mean"
TEACHERS = (
    "train (the teacher trained here), spacy:<package or path>, hf:<id or path>, jsonl:<path> or mean:<several of "
    "these, with commas between>"
)


def check_spec(spec: str) -> None:
    """Check the spec of a teacher, which says how it is found.

    spec (str): "train", "spacy:<package or path>", "hf:<id or path>", "jsonl:<path>", or "mean:" and two or more of
        these, with commas between.
    RAISES (SettingsError): If it is none of these.
    """
    members = spec_members(spec)
    if members == [spec]:
        kind, _, name = spec.partition(":")
        if spec != TRAIN and not (kind in (SPACY, HF, JSONL) and name):
            raise SettingsError(f"Unknown teacher {spec!r}. Supported: {TEACHERS}")
        return
    impossible = any(name.startswith(f"{MEAN}:") or name != name.strip() for name in members)
    if len(members) < 2 or len(set(members)) < len(members) or impossible:
        raise SettingsError(
            f"Teacher {spec!r}: expected two or more different teachers after mean:, with commas and no spaces between"
        )
    for member in members:
        check_spec(member)


def spec_members(spec: str) -> list[str]:
    """Return the specs of the teachers that a teacher is the mean of; of any other, its own."""
    kind, _, names = spec.partition(":")
    return names.split(",") if kind == MEAN else [spec]


def find_local_path(spec: str) -> Path | None:
    """Return the file or folder of a teacher from elsewhere; None if it is a model of the Hub, or not to be found."""
    kind, _, name = spec.partition(":")
    if name and (path := Path(name).expanduser()).exists():
        return path
    package = find_spec(name) if kind == SPACY and name.isidentifier() else None
    if not package or not package.origin:
        return None
    folder = Path(package.origin).parent
    # The pipeline alone: beside it, Python puts compiled files when it is first imported.
    return next(folder.glob(f"{name}-*"), folder)


def public_name(spec: str) -> str:
    """Return a teacher's spec as it may go into a package: of a path on this machine only the last part."""
    if (members := spec_members(spec)) != [spec]:
        return f"{MEAN}:{','.join(map(public_name, members))}"
    kind, _, name = spec.partition(":")
    is_path = kind == JSONL or (kind == SPACY and "/" in name) or name.startswith((".", "/", "~"))
    local = is_path or Path(name).exists()
    return f"{kind}:{Path(name).name}" if local and name else spec


def check_spec_exists(spec: str) -> None:
    """Check that a teacher's files or package are here; a model of the Hub may be elsewhere.

    spec (str): Names the teacher, see `check_spec`.
    RAISES (SettingsError): If they are not.
    """
    for member in spec_members(spec):
        kind, _, name = member.partition(":")
        of_hub = kind == HF and not name.startswith((".", "/", "~"))
        if member != TRAIN and not of_hub and find_local_path(member) is None:
            package = ", and no package of this name is installed" if kind == SPACY else ""
            raise SettingsError(f"teacher = {member}: there is no {name}{package}")


def check_trained_here(
    teacher_model: Path, overrides: Mapping[str, str] | None = None, defaults: Mapping[str, Any] | None = None
) -> None:
    """Check that there is a teacher that was trained here.

    teacher_model (Path): The folder of that teacher.
    overrides (Mapping[str, str] | None): The variables that were given, if they are known.
    defaults (Mapping[str, Any] | None): The variables of project.yml, if they are known.
    RAISES (SettingsError): If there is no such teacher; the message has the commands that train one.
    """
    if not teacher_model.exists():
        steps = [
            full_command(step, overrides or {}, defaults or {}) for step in ("prepare", "encoder", "train-teacher")
        ]
        known = "" if overrides is not None else ", with the --vars of your data"
        raise SettingsError("\n".join([f"{teacher_model}: no trained teacher. Train it{known}:", *steps]))


def note_teacher(spec: str, folder: Path) -> None:
    """Write down which teacher from elsewhere is used, so that weasel sees when it changes.

    spec (str): Names the teacher, see `check_spec`.
    folder (Path): Where the teacher trained here lies, a dep of the commands that use a teacher.
    """
    path = folder / "external.json"
    if spec == TRAIN:
        path.unlink(missing_ok=True)
        return
    places = [find_local_path(member) for member in spec_members(spec)]
    write_json(path, {"teacher": spec, "sha256": [place and hash_path(place) for place in places]})
