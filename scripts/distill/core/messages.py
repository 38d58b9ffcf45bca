"""Sentences and names that several messages share, and how a command ends that can't do its work."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import typer
from click import ClickException
from wasabi import msg


@contextmanager
def stopping_with(title: str) -> Iterator[None]:
    """Stop the command with a message if the block fails for a reason that a user can mend.

    title (str): What can't be done, such as "Can't train".
    """
    try:
        yield
    except (OSError, ValueError, ClickException) as err:
        msg.fail(title)
        typer.echo(err)  # as it is: commands in it stay on lines of their own, to be copied
        raise SystemExit(1) from err


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
