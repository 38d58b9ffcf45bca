"""Sentences and names that several messages share."""

from pathlib import Path


def quote(text: str, length: int = 60) -> str:
    """Return a text in quotes, cut to a number of characters, so that a person can find it.

    text (str): The text.
    length (int): Characters that are kept at most, without the quotes. A text that is cut ends in "…".
    """
    return repr(text if len(text) <= length else text[: length - 1] + "…")


def run_again(command: str, *then: str) -> str:
    """Return the sentence that asks a user to run commands of the project.

    command (str): The first command, such as "score".
    *then (str): The commands to run after it.
    """
    after = f" and then {' and '.join(filter(None, [', '.join(then[:-1]), then[-1]]))}" if then else ""
    return f"Run, with the same --vars: python -m spacy project run {command} .{after}"


def name_missing(path: Path) -> str:
    """Return a path as messages name one that is not there: a relative one with the place where it was looked for."""
    return str(path) if path.is_absolute() else f"{path} (looked for at {path.absolute()})"
