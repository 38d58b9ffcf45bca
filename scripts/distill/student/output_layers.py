"""The layers that make a stock classifier's probabilities of exclusive labels, and the gradient that they expect."""

from collections.abc import Callable
from typing import Any, NamedTuple

from thinc.api import Model
from thinc.types import Floats2d

from ..core.messages import run_again
from ..core.probabilities import SMALLEST

_SOFTMAX, _SOFTMAX_ACTIVATION = "softmax", "softmax_activation"
# What may stand before softmax_activation: layers whose W and b make the logits.
_LINEAR = ("linear", "sparse_linear")
# The modules of the layers that only wrap others: what the last wrapped layer makes, and its gradient, pass unchanged.
_WRAPPERS = ("thinc.layers.chain", "thinc.layers.with_cpu", "thinc.layers.resizable")


class Output(NamedTuple):
    """How a classifier makes its probabilities.

    linear (Model): The layer whose parameters W and b make the logits of the probabilities.
    to_d_scores (Callable): Takes dL/dlogits and the probabilities, both of shape (n, n_labels). Returns the gradient to
        give to the model's backpropagation, of the same shape.
    """

    linear: Model[Any, Any]
    to_d_scores: Callable[[Floats2d, Floats2d], Floats2d]


def _same(d_logits: Floats2d, scores: Floats2d) -> Floats2d:
    """Return the gradient for thinc's Softmax, which takes what comes in for dL/dlogits."""
    return d_logits


def _divide_by_scores(d_logits: Floats2d, scores: Floats2d) -> Floats2d:
    """Return the gradient for softmax_activation, which multiplies what comes in by its Jacobian J = diag(p) − pp'.

    With g = dL/dlogits: J (g / p) = g − p Σg = g, since the rows of g sum to 0.
    """
    return d_logits / scores.clip(SMALLEST, None)  # type: ignore[call-arg]


def find_output(model: Model[Any, Any]) -> Output:
    """Find how a classifier makes its probabilities.

    `model.get_ref("output_layer")` is no help: spaCy's ensemble names its bag of words there.

    model (Model): A `textcat`'s model.
    RETURNS (Output): The layer that makes the logits, and what turns dL/dlogits into the gradient to backpropagate.
    RAISES (ValueError): If the model ends neither in Softmax nor in a linear layer and softmax_activation, as spaCy's
        architectures for exclusive labels do; the message names the layer.
    """
    layers = unwrap(model)
    last = layers[-1]
    if last.name == _SOFTMAX:
        return Output(last, _same)
    if last.name != _SOFTMAX_ACTIVATION:
        raise ValueError(_unsupported(last.name))
    before = layers[-2].name if len(layers) > 1 else "nothing"
    if before not in _LINEAR:
        raise ValueError(_unsupported(f"{_SOFTMAX_ACTIVATION} after {before}"))
    return Output(layers[-2], _divide_by_scores)


def unwrap(model: Model[Any, Any]) -> list[Model[Any, Any]]:
    """Return the layers of a model that run one after the other. Chains in chains and wrappers are opened.

    model (Model): Any model.
    """
    if model._func.__module__ not in _WRAPPERS:
        return [model]
    return [layer for part in model.layers for layer in unwrap(part)]


def _unsupported(name: str) -> str:
    return (
        f"Can't learn or calibrate with output layer {name!r}. Supported: {_SOFTMAX}, {_SOFTMAX_ACTIVATION}: the "
        "stock architectures with exclusive_classes = true and no_output_layer = false, and layers that end in one of "
        f"these. Change the student's config. {run_again('train-student')}"
    )
