"""Divide a bag of n-grams by its norm, as TF-IDF is, with stock layers alone."""

from collections.abc import Callable
from typing import Any

import numpy
import spacy
from spacy.language import Language
from spacy.pipeline import TextCategorizer
from thinc.api import Model

from .output_layers import find_output

_SPARSE = "sparse_linear"


@spacy.registry.callbacks("distil.init_norm_sketch.v1")
def create_init_norm_sketch(scale: float, seed: int) -> Callable[[Language], Language]:
    """Create an `[initialize.after_init]` callback that calls `init_norm_sketch` for each text classifier.

    scale (float): Size of the random weights, above 0. The larger, the longer the labels' sums grow before they count
        in the norm.
    seed (int): For the random signs.
    """

    def after_init(nlp: Language) -> Language:
        for _, pipe in nlp.pipeline:
            if isinstance(pipe, TextCategorizer):
                init_norm_sketch(pipe.model, scale=scale, seed=seed)
        return nlp

    return after_init


def init_norm_sketch(model: Model[Any, Any], *, scale: float, seed: int) -> None:
    """Set the first weights of SparseLinear → LayerNorm → Linear, so that the sums are divided by the text's norm.

    SparseLinear starts at zero, where LayerNorm has nothing to divide by. Here its first n_labels outputs start at
    zero, and the output layer hands them on; the others start with random signs, in pairs of opposite ones. Such a sum
    has the size of the L2 norm of the n-grams' values (Alon, Matias & Szegedy 1996, section 2.2), so LayerNorm divides
    by about that norm, and the pairs leave its mean as it is. All of them are then trained.

    model (Model): An initialized `textcat`'s model; it is changed.
    scale (float): Size of the random weights.
    seed (int): For the random signs.
    RAISES (ValueError): If the model has other layers, or the sums have no room for a pair beside the labels.
    """
    output = find_output(model).linear
    sums = [layer for layer in model.walk() if layer.name == _SPARSE and layer is not output]
    if len(sums) != 1:
        raise ValueError(
            f"distil.init_norm_sketch.v1 is for SparseLinear, LayerNorm and Linear, one after the other, but the model "
            f"{model.name!r} has {len(sums)} SparseLinear before its output. Leave [initialize.after_init] out of the "
            "config, or take the model of configs/student_bow.cfg"
        )
    n_labels, width = output.get_dim("nO"), sums[0].get_dim("nO")
    if width < n_labels + 2:
        raise ValueError(
            f"SparseLinear has nO = {width}, which is too small for {n_labels} labels and the norm: set it to "
            f"{n_labels + 2} or more in the config's [components.textcat.model.*.sum]"
        )
    length = sums[0].get_dim("length")
    n_pairs = (width - n_labels) // 2
    signs = numpy.random.default_rng(seed).choice([-scale, scale], (n_pairs, length)).astype("float32")
    weights = numpy.zeros((width, length), dtype="float32")
    weights[n_labels : n_labels + 2 * n_pairs : 2] = signs
    weights[n_labels + 1 : n_labels + 2 * n_pairs : 2] = -signs
    for layer, values in ((sums[0], weights.ravel()), (output, numpy.eye(n_labels, width, dtype="float32"))):
        layer.set_param("W", layer.ops.asarray(values))  # type: ignore[arg-type]
