"""What losses, metrics and calibration share: logarithms of probabilities, and their softening by a temperature."""

from typing import Any

import numpy
from numpy.typing import NDArray

# What probabilities are clipped at before their logarithm is taken.
SMALLEST = 1e-30
Floats = NDArray[Any]


def soften(probabilities: Floats, temperature: float) -> Floats:
    """Return softmax(log p / T) of each row.

    probabilities (NDArray): Shape (n, n_labels); rows sum to 1.
    RETURNS (NDArray): Same shape; the input itself if T is 1.
    """
    if temperature == 1.0:
        return probabilities
    return _softmax(log(probabilities) / temperature)


def shift(probabilities: Floats, bias: Floats) -> Floats:
    """Return softmax(log p + b) of each row.

    probabilities (NDArray): Shape (n, n_labels); rows sum to 1.
    bias (NDArray): b, shape (n_labels,).
    RETURNS (NDArray): Same shape as the probabilities.
    """
    return _softmax(log(probabilities) + bias)


def _softmax(logits: Floats) -> Floats:
    powers = numpy.exp(logits - logits.max(axis=1, keepdims=True))
    return powers / powers.sum(axis=1, keepdims=True)


def log(probabilities: Floats) -> Floats:
    """Return log p, with p clipped at `SMALLEST`: logits of a row up to a constant.

    probabilities (NDArray): Any shape.
    RETURNS (NDArray): Same shape and dtype.
    """
    return numpy.log(numpy.clip(probabilities, SMALLEST, None))
