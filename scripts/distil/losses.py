"""Soft-label losses between a student's and a teacher's probabilities.

Each is a thinc loss, registered under `losses`. All work on probabilities: a row's logits are
log p up to a constant. The gradient is taken with respect to the student's logits, and is that
of the loss summed over the batch, as everywhere in spaCy's text classifiers.
"""

from typing import Any

import numpy
import spacy
from numpy.typing import NDArray
from thinc.loss import Loss

SMALLEST = 1e-30
Floats = NDArray[Any]


class SoftCrossEntropy(Loss):
    """Cross-entropy with soft targets at a temperature (Hinton et al. 2015, section 2).

    temperature (float): T > 0. Both distributions are softened to softmax(log p / T); loss and
        gradient are scaled so that the gradient's size does not depend on T: the loss by T², its
        gradient with respect to the logits then is T · (p_T − q_T).
    """

    def __init__(self, temperature: float = 1.0) -> None:
        if not temperature > 0:
            raise ValueError(f"The temperature must be greater than 0, found {temperature}")
        self.temperature = temperature

    def __call__(self, guesses: Floats, truths: Floats) -> tuple[Floats, float]:
        """Return gradient and loss.

        guesses (NDArray): The student's probabilities p, shape (n, n_labels).
        truths (NDArray): The teacher's probabilities q, shape (n, n_labels).
        RETURNS (tuple[NDArray, float]): dL/dlogits, shape (n, n_labels), and L.
        """
        return self.get_grad(guesses, truths), self.get_loss(guesses, truths)

    def get_grad(self, guesses: Floats, truths: Floats) -> Floats:
        """Return dL/dlogits, shape (n, n_labels)."""
        p, q = soften(guesses, self.temperature), soften(truths, self.temperature)
        return self.temperature * (p - q)

    def get_loss(self, guesses: Floats, truths: Floats) -> float:
        """Return L = −T² Σ q_T log p_T, summed over the batch."""
        p, q = soften(guesses, self.temperature), soften(truths, self.temperature)
        return float(-(self.temperature**2) * (q * _log(p)).sum())


def soften(probabilities: Floats, temperature: float) -> Floats:
    """Return softmax(log p / T) of each row.

    probabilities (NDArray): Shape (n, n_labels); rows sum to 1.
    RETURNS (NDArray): Same shape; the input itself if T is 1.
    """
    if temperature == 1.0:
        return probabilities
    logits = _log(probabilities) / temperature
    powers = numpy.exp(logits - logits.max(axis=1, keepdims=True))
    return powers / powers.sum(axis=1, keepdims=True)


def _log(probabilities: Floats) -> Floats:
    return numpy.log(numpy.clip(probabilities, SMALLEST, None))


@spacy.registry.losses("distil.cross_entropy.v1")
def configure_cross_entropy(temperature: float = 1.0) -> SoftCrossEntropy:
    """Make a `SoftCrossEntropy`; the arguments are its own."""
    return SoftCrossEntropy(temperature)
