"""What losses, metrics and calibration share: logarithms of probabilities, and their softening by a temperature."""

from typing import Any

import numpy
from numpy.typing import NDArray
from thinc.api import NumpyOps

# Probabilities below this count as this when their logarithm is taken. A float32 can still hold it.
SMALLEST = 1e-30
# A float array of any shape, float32 or float64.
Floats = NDArray[Any]
OPS = NumpyOps()


def soften(probabilities: Floats, temperature: float) -> Floats:
    """Return softmax(log p / T) of each row.

    probabilities (NDArray): p, shape (n, n_labels); rows sum to 1.
    temperature (float): T > 0. Above 1 it flattens a row, below 1 it sharpens a row.
    RETURNS (NDArray): Same shape; the input itself if T is 1.
    """
    if temperature == 1.0:
        return probabilities
    return OPS.softmax(log(probabilities), temperature=temperature)


def shift(probabilities: Floats, bias: Floats) -> Floats:
    """Return softmax(log p + b) of each row.

    probabilities (NDArray): p, shape (n, n_labels); rows sum to 1.
    bias (NDArray): b, shape (n_labels,), in the order of the columns.
    RETURNS (NDArray): Same shape as the probabilities.
    """
    return OPS.softmax(log(probabilities) + bias)


def log(probabilities: Floats) -> Floats:
    """Return log p, with p clipped at `SMALLEST`: the logits of a row, up to a constant.

    probabilities (NDArray): p, any shape.
    RETURNS (NDArray): Same shape and dtype.
    """
    return numpy.log(numpy.clip(probabilities, SMALLEST, None))
