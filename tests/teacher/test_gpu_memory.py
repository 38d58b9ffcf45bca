from collections.abc import Sequence

import numpy
import pytest
import torch

from scripts.distill.data.teacher_scores import Scores
from scripts.distill.teacher.gpu_memory import predict_in_parts


class Predictor:
    """Runs out of memory above a total size and records what it was given."""

    def __init__(self, limit: int) -> None:
        self.limit = limit
        self.tried: list[list[int]] = []

    def __call__(self, items: Sequence[int]) -> Scores:
        self.tried.append(list(items))
        if sum(items) > self.limit:
            raise torch.OutOfMemoryError("CUDA out of memory")
        return numpy.asarray([[item, -item] for item in items], dtype="float32")


@pytest.mark.parametrize("limit", [45, 44, 20, 9], ids=["whole", "halves", "parts", "single"])
def test_gpu_memory_halves_until_it_fits_and_keeps_the_order(limit: int) -> None:
    items = [3, 9, 1, 5, 7, 2, 4, 8, 6]
    predict = Predictor(limit)
    rows = predict_in_parts(predict, items)
    assert rows.dtype == numpy.float32
    assert rows.tolist() == [[item, -item] for item in items]
    done = [tried for tried in predict.tried if sum(tried) <= limit]
    assert [item for part in done for item in part] == items


def test_gpu_memory_tries_the_halves_only() -> None:
    predict = Predictor(6)
    predict_in_parts(predict, [1, 2, 3, 4, 5])
    assert predict.tried == [[1, 2, 3, 4, 5], [1, 2], [3, 4, 5], [3], [4, 5], [4], [5]]


@pytest.mark.parametrize("items", [[10], [1, 2, 10, 3]], ids=["alone", "among-others"])
def test_gpu_memory_raises_if_a_single_item_is_too_large(items: list[int]) -> None:
    predict = Predictor(9)
    with pytest.raises(ValueError, match=r"a single text: CUDA out of memory.*gpu_id -1") as error:
        predict_in_parts(predict, items)
    assert isinstance(error.value.__cause__, torch.OutOfMemoryError)
    assert predict.tried[-1] == [10]


@pytest.mark.parametrize("error", [ValueError("wrong"), RuntimeError("CUDA error"), MemoryError(), KeyboardInterrupt()])
def test_gpu_memory_passes_other_errors_on_at_once(error: BaseException) -> None:
    calls = []

    def predict(items: Sequence[int]) -> Scores:
        calls.append(items)
        raise error

    with pytest.raises(type(error)) as raised:
        predict_in_parts(predict, [1, 2, 3])
    assert raised.value is error
    assert len(calls) == 1
