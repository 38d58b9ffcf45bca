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


def check_spec(teacher: str) -> None:
    """Check a teacher's spec.

    teacher (str): The spec: "train" (the teacher that is trained here), "spacy:<package or path>", "hf:<id or path>",
        "jsonl:<path>", or "mean:" and two or more different ones of these, with commas and no spaces between.
    RAISES (SettingsError): If the spec is none of these.
    """
    members = spec_members(teacher)
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
        check_spec(member)


def spec_members(teacher: str) -> list[str]:
    """Return the specs of the teachers that a teacher is the mean of. Of any other teacher, return its spec alone.

    teacher (str): The teacher's spec, see `check_spec`.
    """
    kind, _, names = teacher.partition(":")
    return names.split(",") if kind == MEAN else [teacher]


def find_files(teacher: str) -> Path | None:
    """Return the file or folder of a teacher from elsewhere.

    teacher (str): The teacher's spec, see `check_spec`; not "mean:".
    RETURNS (Path | None): None if the teacher is a model of the Hub, or is not to be found.
    """
    kind, _, name = teacher.partition(":")
    if name and (path := Path(name).expanduser()).exists():
        return path
    spec = find_spec(name) if kind == SPACY and name.isidentifier() else None
    if not spec or not spec.origin:
        return None
    folder = Path(spec.origin).parent
    # The pipeline's own folder: beside it, Python puts compiled files when the package is first imported.
    return next(folder.glob(f"{name}-*"), folder)


def public_name(teacher: str) -> str:
    """Return a teacher's spec as it may go into a package: of a path on this machine only the last part.

    teacher (str): The teacher's spec, see `check_spec`.
    """
    if (members := spec_members(teacher)) != [teacher]:
        return f"{MEAN}:{','.join(map(public_name, members))}"
    kind, _, name = teacher.partition(":")
    is_path = kind == JSONL or (kind == SPACY and "/" in name) or name.startswith((".", "/", "~"))
    local = is_path or Path(name).exists()
    return f"{kind}:{Path(name).name}" if local and name else teacher


def check_spec_exists(teacher: str) -> None:
    """Check that a teacher's files or package are here. Of a model of the Hub this is not asked.

    teacher (str): The teacher's spec, see `check_spec`.
    RAISES (SettingsError): If files or a package are missing.
    """
    for member in spec_members(teacher):
        kind, _, name = member.partition(":")
        of_hub = kind == HF and not name.startswith((".", "/", "~"))
        if member != TRAIN and not of_hub and find_files(member) is None:
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


def note_teacher(teacher: str, folder: Path) -> None:
    """Write down which teacher from elsewhere is used, and the sha256 of its files, so that weasel sees a change.

    teacher (str): The teacher's spec, see `check_spec`. For "train", which is not from elsewhere, the note is removed.
    folder (Path): Where external.json is written: a dependency, in project.yml, of the commands that use a teacher.
    """
    path = folder / "external.json"
    if teacher == TRAIN:
        path.unlink(missing_ok=True)
        return
    places = [find_files(member) for member in spec_members(teacher)]
    write_json(path, {"teacher": teacher, "sha256": [place and hash_path(place) for place in places]})
