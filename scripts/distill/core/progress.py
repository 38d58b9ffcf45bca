"""Show how far along long work is."""

from collections.abc import Iterable, Iterator
from typing import TypeVar

from tqdm import tqdm

T = TypeVar("T")


def track(items: Iterable[T], description: str, total: int | None = None, unit: str = "texts") -> Iterator[T]:
    """Yield items and, in a terminal, show how many of them are done.

    items (Iterable): The items.
    description (str): What is being done, such as "scoring".
    total (int | None): How many items there are; None: their length if they have one, else the bar has no end.
    unit (str): What the items are.
    """
    yield from tqdm(items, description, total, unit=f" {unit}", disable=None)
