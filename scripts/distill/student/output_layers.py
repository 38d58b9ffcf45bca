"""The layers that make a stock classifier's probabilities, and the gradient that they expect; for exclusive labels."""

from collections.abc import Callable
from typing import Any, NamedTuple

from thinc.api import Model
from thinc.types import Floats2d

from ..core.probabilities import SMALLEST

_SOFTMAX, _SOFTMAX_ACTIVATION = "softmax", "softmax_activation"
_LINEAR = ("linear", "sparse_linear")
# The only layers that hand on what their last one makes, and its gradient, unchanged.
_WRAPPERS = ("thinc.layers.chain", "thinc.layers.with_cpu", "thinc.layers.resizable")


class Output(NamedTuple):
    """How a classifier makes its probabilities.

    linear (Model): The layer whose parameters W and b make their logits.
    to_d_scores (Callable): Takes dL/dlogits and the probabilities, both of shape (n, n_labels); returns the gradient to
        backpropagate, of the same shape.
    """

    linear: Model[Any, Any]
    to_d_scores: Callable[[Floats2d, Floats2d], Floats2d]


def _same(d_logits: Floats2d, scores: Floats2d) -> Floats2d:
    """Thinc's Softmax takes its incoming gradient as dL/dlogits already."""
    return d_logits


def _divide_by_scores(d_logits: Floats2d, scores: Floats2d) -> Floats2d:
    """softmax_activation applies its Jacobian J = diag(p) − pp'.

    J (g / p) = g − p Σg = g, as the rows of g = dL/dlogits sum to 0.
    """
    return d_logits / scores.clip(SMALLEST, None)  # type: ignore[call-arg]


def find_output(model: Model[Any, Any]) -> Output:
    """Find how a classifier makes its probabilities.

    `model.get_ref("output_layer")` is no help: spaCy's ensemble names its bag of words there.

    RAISES (ValueError): If the probabilities are made by other layers than those of a stock architecture for
        exclusive labels, or layers joined to end likewise; the message names the layer.
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
    """Return the layers that run one after the other, of a model whose chains may be nested and wrapped."""
    if model._func.__module__ not in _WRAPPERS:
        return [model]
    return [layer for part in model.layers for layer in unwrap(part)]


def _unsupported(name: str) -> str:
    return (
        f"Can't learn or calibrate with output layer {name!r}. Supported: {_SOFTMAX}, {_SOFTMAX_ACTIVATION}: the "
        "stock architectures with exclusive_classes = true and no_output_layer = false, and layers that end in one of "
        "these. Change the student's config, and train it with: python -m spacy project run train-student ."
    )
