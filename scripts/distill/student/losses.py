"""Soft-label losses between a student's and a teacher's probabilities.

Each is a thinc loss, registered under `losses`. All work on probabilities: a row's logits are
log p up to a constant. The gradient is taken with respect to the student's logits, and is that
of the loss summed over the batch, as everywhere in spaCy's text classifiers.
"""

import spacy
from thinc.loss import Loss

from ..core.probabilities import Floats, log, soften


class SoftLabelLoss(Loss):
    """What the losses have in common: arguments and results. See thinc's `Loss`."""

    def __call__(self, guesses: Floats, truths: Floats) -> tuple[Floats, float]:
        """Return gradient and loss.

        guesses (NDArray): The student's probabilities p, shape (n, n_labels).
        truths (NDArray): The teacher's probabilities q, shape (n, n_labels).
        RETURNS (tuple[NDArray, float]): dL/dlogits, shape (n, n_labels), of the guesses' dtype, and L.
        """
        return self.get_grad(guesses, truths), self.get_loss(guesses, truths)


class SoftCrossEntropy(SoftLabelLoss):
    """Cross-entropy with soft targets at a temperature (Hinton et al. 2015, section 2).

    temperature (float): T > 0. Both distributions are softened to softmax(log p / T); loss and
        gradient are scaled so that the gradient's size does not depend on T: the loss by T², its
        gradient with respect to the logits then is T · (p_T − q_T).
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


class MSELogits(SoftLabelLoss):
    """Squared error on logits (Tang et al. 2019).

    Logits are log p less its mean over the row, as p does not tell their constant. p and q are clipped
    at 1e-30: a teacher of exactly 0 and 1 asks for logits that are 69 apart, so don't round its probabilities.
    """

    def get_grad(self, guesses: Floats, truths: Floats) -> Floats:
        """Return dL/dlogits, shape (n, n_labels): the difference of the logits."""
        difference = log(guesses) - log(truths)
        return difference - difference.mean(axis=1, keepdims=True)

    def get_loss(self, guesses: Floats, truths: Floats) -> float:
        """Return L = ½ Σ (difference of the logits)², summed over the batch."""
        return _half_square(self.get_grad(guesses, truths))


class MSEProbs(SoftLabelLoss):
    """Squared error on probabilities (NLP Town 2019)."""

    def get_grad(self, guesses: Floats, truths: Floats) -> Floats:
        """Return dL/dlogits = J (p − q), shape (n, n_labels), with softmax's Jacobian J = diag(p) − pp'."""
        weighted = guesses * (guesses - truths)
        return weighted - guesses * weighted.sum(axis=1, keepdims=True)

    def get_loss(self, guesses: Floats, truths: Floats) -> float:
        """Return L = ½ Σ (p − q)², summed over the batch."""
        return _half_square(guesses - truths)


def _half_square(differences: Floats) -> float:
    return float((differences**2).sum()) / 2


@spacy.registry.losses("distill.cross_entropy.v1")
def configure_cross_entropy(temperature: float = 1.0) -> SoftCrossEntropy:
    """Make a `SoftCrossEntropy`; the arguments are its own."""
    return SoftCrossEntropy(temperature)


@spacy.registry.losses("distill.mse_logits.v1")
def configure_mse_logits() -> MSELogits:
    """Make a `MSELogits`."""
    return MSELogits()


@spacy.registry.losses("distill.mse_probs.v1")
def configure_mse_probs() -> MSEProbs:
    """Make a `MSEProbs`."""
    return MSEProbs()
