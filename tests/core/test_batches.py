import numpy
import pytest

from scripts.distill.core.batches import group_by_length


@pytest.mark.parametrize(
    ("size", "most", "batches"),
    [
        (8, None, [[1], [3, 0], [2, 4]]),
        (8, 1, [[1], [3], [0], [2], [4]]),
        (100, None, [[1, 3, 0, 2, 4]]),
        (1, None, [[1], [3], [0], [2], [4]]),
    ],
    ids=["size", "most", "all", "too-small"],
)
def test_batches_hold_items_of_similar_length(size: int, most: int | None, batches: list[list[int]]) -> None:
    lengths = numpy.asarray([3, 9, 1, 4, 0])
    assert [batch.tolist() for batch in group_by_length(lengths, size, most)] == batches


def test_batches_of_nothing_are_none() -> None:
    assert list(group_by_length(numpy.asarray([], dtype="int64"), 8)) == []
