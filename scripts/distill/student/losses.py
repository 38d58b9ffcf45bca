"""Soft-label losses between a student's and a teacher's probabilities.

Each is a thinc loss, registered under `losses`. All work on probabilities p and q: a row's logits are log p, up to a
constant. A loss is summed over the batch, as everywhere in spaCy's text classifiers. Its gradient is taken with respect
to the student's logits.

A loss, its `get_grad` and its `get_loss` take the student's probabilities p as `guesses` and the teacher's q as
`truths`, both of shape (n, n_labels). Calling it returns the gradient, of the guesses' shape and dtype, and the loss.
"""

from typing import Any

import spacy
from thinc.loss import Loss
from thinc.util import to_categorical

from ..core.probabilities import Floats, log, soften


class SoftCrossEntropy(Loss):
    """Cross-entropy with soft targets at a temperature (Hinton et al. 2015, section 2).

    Both distributions are softened: p_T = softmax(log p / T), q_T = softmax(log q / T). The gradient of the plain
    cross-entropy, (p_T − q_T) / T, shrinks as 1 / T². So the loss is scaled by T², and its gradient is
    T · (p_T − q_T), whose size hardly depends on T.

    temperature (float): T > 0. 1, the default, compares the probabilities as they are. The higher T, the more the
        labels count that the teacher holds for unlikely. 1 to 2 are good values.
    RAISES (ValueError): If the temperature is not above 0.
    """

    def __init__(self, temperature: float = 1.0) -> None:
        if not temperature > 0:
            raise ValueError(f"The temperature must be greater than 0, found {temperature}")
        self.temperature = temperature

    def get_grad(self, guesses: Floats, truths: Floats) -> Floats:
        """Return dL/dlogits, shape (n, n_labels)."""
        p, q = soften(guesses, self.temperature), soften(truths, self.temperature)
        return self.temperature * (p - q)

    def get_loss(self, guesses: Floats, truths: Floats) -> float:
        """Return L = −T² Σ q_T log p_T, summed over the batch."""
        p, q = soften(guesses, self.temperature), soften(truths, self.temperature)
        return float(-(self.temperature**2) * (q * log(p)).sum())


class HardLabels(Loss):
    """Cross-entropy with the label that the teacher holds for likeliest: what a student learns that is told no
    probabilities. Of equal ones, the first label counts.
    """

    def get_grad(self, guesses: Floats, truths: Floats) -> Floats:
        """Return dL/dlogits = p − y, shape (n, n_labels); y is 1 for the likeliest label, else 0."""
        return guesses - _one_hot(truths)

    def get_loss(self, guesses: Floats, truths: Floats) -> float:
        """Return L = −Σ y log p, summed over the batch."""
        return float(-(_one_hot(truths) * log(guesses)).sum())


class MSELogits(Loss):
    """Squared error on logits (Tang et al. 2019).

    Logits are log p less its mean over the row, since p does not tell their constant. p and q are clipped at 1e-30. A
    teacher of exactly 0 and 1 asks for logits that are 69 apart, so don't round a teacher's probabilities.
    """

    def get_grad(self, guesses: Floats, truths: Floats) -> Floats:
        """Return dL/dlogits, shape (n, n_labels): the difference of the logits."""
        difference = log(guesses) - log(truths)
        # Centring the difference centres both: the mean of a difference is the difference of the means.
        return difference - difference.mean(axis=1, keepdims=True)

    def get_loss(self, guesses: Floats, truths: Floats) -> float:
        """Return L = ½ Σ (difference of the logits)², summed over the batch."""
        return _half_square(self.get_grad(guesses, truths))


class MSEProbs(Loss):
    """Squared error on probabilities (NLP Town 2019)."""

    def get_grad(self, guesses: Floats, truths: Floats) -> Floats:
        """Return dL/dlogits = J (p − q), shape (n, n_labels), with softmax's Jacobian J = diag(p) − pp'."""
        # J v = p ⊙ v − p (p · v), for v = p − q.
        weighted = guesses * (guesses - truths)
        return weighted - guesses * weighted.sum(axis=1, keepdims=True)

    def get_loss(self, guesses: Floats, truths: Floats) -> float:
        """Return L = ½ Σ (p − q)², summed over the batch."""
        return _half_square(guesses - truths)


def _one_hot(truths: Floats) -> Floats:
    """Return 1 for the largest number of each row, else 0, in the same shape and dtype, on the same device."""
    rows: Any = to_categorical(truths.argmax(axis=1), n_classes=truths.shape[1])
    one_hot: Floats = rows.astype(truths.dtype)
    return one_hot


def _half_square(differences: Floats) -> float:
    """Return ½ Σ x² over all numbers of an array."""
    return float((differences**2).sum()) / 2


@spacy.registry.losses("distill.cross_entropy.v1")
def configure_cross_entropy(temperature: float = 1.0) -> SoftCrossEntropy:
    """Make a `SoftCrossEntropy`; the argument is its own."""
    return SoftCrossEntropy(temperature)


@spacy.registry.losses("distill.hard_labels.v1")
def configure_hard_labels() -> HardLabels:
    """Make a `HardLabels`."""
    return HardLabels()


@spacy.registry.losses("distill.mse_logits.v1")
def configure_mse_logits() -> MSELogits:
    """Make a `MSELogits`."""
    return MSELogits()


@spacy.registry.losses("distill.mse_probs.v1")
def configure_mse_probs() -> MSEProbs:
    """Make a `MSEProbs`."""
    return MSEProbs()
