"""Find the layers that make a stock classifier's probabilities."""

from typing import Any, NamedTuple

from thinc.api import Model

SOFTMAX, SOFTMAX_ACTIVATION = "softmax", "softmax_activation"
_LINEAR = ("linear", "sparse_linear")
# The only layers that hand on what their last one makes, and its gradient, unchanged.
_WRAPPERS = ("thinc.layers.chain", "thinc.layers.with_cpu", "thinc.layers.resizable")


class Output(NamedTuple):
    """How a classifier makes its probabilities.

    name (str): The layer that makes them: "softmax" or "softmax_activation".
    linear (Model): The layer whose parameters W and b make their logits: the softmax itself, or what
        stands before softmax_activation.
    """

    name: str
    linear: Model[Any, Any]


def find_output(model: Model[Any, Any]) -> Output:
    """Find the layers that make a classifier's probabilities.

    `model.get_ref("output_layer")` is no help: spaCy's ensemble names its bag of words there.

    RAISES (ValueError): If the probabilities are made by other layers than those of a stock architecture for
        exclusive labels.
    """
    layers = _unwrap(model)
    last = layers[-1]
    if last.name == SOFTMAX:
        return Output(SOFTMAX, last)
    if last.name != SOFTMAX_ACTIVATION:
        raise ValueError(_unsupported(last.name))
    before = layers[-2].name if len(layers) > 1 else "nothing"
    if before not in _LINEAR:
        raise ValueError(_unsupported(f"{SOFTMAX_ACTIVATION} after {before}"))
    return Output(SOFTMAX_ACTIVATION, layers[-2])


def _unwrap(model: Model[Any, Any]) -> list[Model[Any, Any]]:
    """Return the layers that run one after the other."""
    if model._func.__module__ not in _WRAPPERS:
        return [model]
    return [layer for part in model.layers for layer in _unwrap(part)]


def _unsupported(name: str) -> str:
    return (
        f"Can't train or calibrate a model with output layer {name!r}. Supported: {SOFTMAX}, {SOFTMAX_ACTIVATION}: "
        "choose a stock architecture with exclusive_classes = true and no_output_layer = false in the student's config"
    )
