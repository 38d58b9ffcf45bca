"""What shows progress: a bar such as tqdm's, made by the caller."""

from collections.abc import Callable
from typing import Protocol


class Bar(Protocol):
    """A progress bar."""

    def update(self, n: int) -> object:
        """Go on by `n` items."""

    def close(self) -> None:
        """Leave the line."""


# Makes a bar; takes the number of items in all.
MakeBar = Callable[[int], Bar]
