"""Tie what a step makes to the corpora that it was made from, so that outputs of different runs are not mixed."""

import json
import shlex
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from .files import hash_file

# What summaries and metadata call the sha256 of prepare.json, and the sha256 of all files in transfer/.
PREPARED, TRANSFER = "prepare_sha256", "transfer_sha256"


def fingerprint_corpora(corpus: Path) -> str:
    """Return the sha256 of prepare.json, which holds the settings and the hashes of the data.

    corpus (Path): The folder with prepare.json.
    RAISES (ValueError): If there is no prepare.json; the message names the command that makes it.
    """
    return hash_file(_find_prepared(corpus))


def read_prepared(corpus: Path) -> dict[str, Any]:
    """Return what prepare.json says of the corpora, see `gold.prepare`.

    corpus (Path): The folder with prepare.json.
    RAISES (ValueError): If there is no prepare.json; the message names the command that makes it.
    """
    prepared: dict[str, Any] = json.loads(_find_prepared(corpus).read_text(encoding="utf-8"))
    return prepared


def _find_prepared(corpus: Path) -> Path:
    return find_made(corpus / "prepare.json", "prepare")


def find_made(path: Path, command: str) -> Path:
    """Return the path of a file that a command of the project makes, if the file is there.

    path (Path): The file.
    command (str): The command's name in project.yml.
    RAISES (ValueError): If there is no such file; the message names the command.
    """
    if not path.exists():
        raise ValueError(f"{path}: no such file. Make it with: python -m spacy project run {command} .")
    return path


def read_summary(corpus: Path, command: str) -> dict[str, Any]:
    """Read the summary that a command wrote, and check that it was made from the present corpora.

    corpus (Path): The folder with prepare.json and the summaries.
    command (str): "augment", "score" or "vectors": the command that writes <command>.json.
    RETURNS (dict[str, Any]): The summary.
    RAISES (ValueError): If the summary is missing, or `prepare` has made other corpora since.
    """
    path = corpus / f"{command}.json"
    remedy = f"Run, with the same --vars: python -m spacy project run {command} ."
    if not path.exists():
        raise ValueError(f"{path}: no such file. {remedy}")
    summary: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
    if summary.get(PREPARED) != fingerprint_corpora(corpus):
        raise ValueError(f"{path}: made from other data than {corpus / 'prepare.json'} tells of. {remedy}")
    return summary


def check_scored_by(teacher: str, scored: Mapping[str, Any]) -> None:
    """Check that a teacher is the one that scored the transfer set.

    teacher (str): The teacher's spec, see `check_spec`.
    scored (Mapping[str, Any]): The contents of score.json.
    RAISES (ValueError): If the transfer set was scored by another teacher.
    """
    if teacher != scored["teacher"]:
        raise ValueError(
            f"The transfer set was scored by the teacher {scored['teacher']!r}, this command was given {teacher!r}. "
            f"Run it with --vars.teacher {shlex.quote(scored['teacher'])}"
        )


def read_rows(path: Path, command: str, keys: tuple[str, ...]) -> Iterator[dict[str, str]]:
    """Read a JSONL file that a command of the project makes.

    path (Path): The file.
    command (str): The command's name in project.yml.
    keys (tuple[str, ...]): What each row must have, each with a string.
    YIELDS (dict[str, str]): A row.
    RAISES (ValueError): If there is no such file, or a line is no such row; the message names the command.
    """
    remedy = f"Make it with: python -m spacy project run {command} ."
    with find_made(path, command).open("rb") as file:
        for number, line in enumerate(file, start=1):
            try:
                row = json.loads(line)
                if not all(isinstance(row[key], str) for key in keys):
                    raise TypeError("a value is not a string")
            except (ValueError, KeyError, TypeError) as err:
                raise ValueError(
                    f"{path}:{number}: expected a JSON object with the strings {', '.join(keys)} ({err!r}). {remedy}"
                ) from err
            yield row
