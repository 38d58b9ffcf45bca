"""What is computed at a time: items of similar length together, so that little of a batch is padding."""

from collections.abc import Iterator
from typing import Any

import numpy
from numpy.typing import NDArray


def group_by_length(lengths: NDArray[Any], size: int, most: int | None = None) -> Iterator[NDArray[numpy.int64]]:
    """Put items into batches, the longest items first.

    lengths (NDArray[int]): The length of each item, shape (n_items,).
    size (int): How long a batch may be, where each item counts as long as the longest one of its batch. A single item
        that is longer is a batch of its own.
    most (int | None): Items of a batch at most.
    YIELDS (NDArray[int64]): The indices of the items of a batch.
    """
    order = numpy.argsort(-lengths, kind="stable")
    start = 0
    while start < len(order):
        fit = size // max(1, int(lengths[order[start]]))
        end = start + max(1, fit if most is None else min(fit, most))
        yield order[start:end]
        start = end
