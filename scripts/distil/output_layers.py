"""What a text classifier's output layer expects as a gradient, for exclusive labels."""

from collections.abc import Callable
from typing import Any

from thinc.api import Model
from thinc.types import Floats2d

from .losses import SMALLEST

ToDScores = Callable[[Floats2d, Floats2d], Floats2d]


def _same(d_logits: Floats2d, scores: Floats2d) -> Floats2d:
    """Thinc's Softmax takes its incoming gradient as dL/dlogits already."""
    return d_logits


def _divide_by_scores(d_logits: Floats2d, scores: Floats2d) -> Floats2d:
    """softmax_activation applies its Jacobian J = diag(p) − pp'.

    J (g / p) = g − p Σg = g, as the rows of g = dL/dlogits sum to 0.
    """
    return d_logits / scores.clip(SMALLEST, None)  # type: ignore[call-arg]


_OUTPUTS: dict[str, ToDScores] = {"softmax": _same, "softmax_activation": _divide_by_scores}


def find_output(model: Model[Any, Any]) -> ToDScores:
    """Find what the layer that makes a classifier's probabilities expects.

    RETURNS (Callable): Takes dL/dlogits and the probabilities, both of shape (n, n_labels); returns the gradient to
        backpropagate, of the same shape.
    RAISES (ValueError): If the layer is not supported; the message names it.
    """
    layer: Model[Any, Any] = model
    while _passes_through(layer):
        layer = layer.layers[-1]
    if layer.name not in _OUTPUTS:
        raise ValueError(
            f"Can't train a model with output layer {layer.name!r}. Supported: {', '.join(_OUTPUTS)}: the stock "
            "architectures with exclusive_classes = true and no_output_layer = false. Change the student's config, and "
            "train it with: python -m spacy project run train-student ."
        )
    return _OUTPUTS[layer.name]


def _passes_through(layer: Model[Any, Any]) -> bool:
    """Say whether a layer hands its gradient to its last one unchanged: a chain, `with_cpu` and `resizable` do."""
    names = [part.name for part in layer.layers]
    return bool(names) and layer.name in (">>".join(names), f"with_cpu({names[-1]})", f"resizable({names[-1]})")
