"""Go on when a batch is too large for the GPU's memory."""

from collections.abc import Callable, Sequence
from typing import TypeVar

import numpy
import torch

from ..data.teacher_scores import Scores

T = TypeVar("T")


def predict_in_parts(predict: Callable[[Sequence[T]], Scores], items: Sequence[T]) -> Scores:
    """Call `predict` on all items. If the GPU's memory does not suffice, call it on each half of them, and so on.

    predict (Callable): Takes items, returns a row for each.
    items (Sequence[T]): What to predict: texts, or windows of texts.
    RETURNS (NDArray[float32]): The rows of all items, in their order.
    RAISES (ValueError): If the memory does not suffice for a single item.
    """
    try:
        return predict(items)
    except torch.OutOfMemoryError as err:
        if len(items) == 1:
            raise ValueError(
                f"The GPU's memory does not suffice for a single text: {err}. Read texts in shorter windows, or use "
                "gpu_id -1"
            ) from err
    # Outside of `except`: there, the traceback would keep the tensors in memory.
    torch.cuda.empty_cache()
    middle = len(items) // 2
    return numpy.concatenate([predict_in_parts(predict, half) for half in (items[:middle], items[middle:])])
