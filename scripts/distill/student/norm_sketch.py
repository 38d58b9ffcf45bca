"""Divide a bag of n-grams by roughly its norm, as TF-IDF does, with stock layers alone."""

from collections.abc import Callable
from typing import Any

import numpy
import spacy
from spacy.language import Language
from thinc.api import Model

from .component import DistilledTextCategorizer
from .output_layers import find_output, unwrap


@spacy.registry.callbacks("distill.init_norm_sketch.v1")
def create_init_norm_sketch(scale: float, seed: int) -> Callable[[Language], Language]:
    """Create an `[initialize.after_init]` callback that calls `init_norm_sketch` for each `distilled_textcat`.

    scale (float): Size of the random weights, above 0; 0.1 is a good value. The labels' sums start at zero and are part
        of what LayerNorm divides by. The larger `scale`, the later in training they count there.
    seed (int): Decides the random signs.
    RETURNS (Callable): The callback.
    """

    def after_init(nlp: Language) -> Language:
        for _, pipe in nlp.pipeline:
            if isinstance(pipe, DistilledTextCategorizer):
                init_norm_sketch(pipe.model, scale=scale, seed=seed)
        return nlp

    return after_init


def init_norm_sketch(model: Model[Any, Any], *, scale: float, seed: int) -> None:
    """Set the first weights of SparseLinear → LayerNorm → Linear, so that the sums are divided by the text's norm.

    Left to itself, SparseLinear starts at zero, where LayerNorm has nothing to divide by. Here its first n_labels
    outputs start at zero, and the output layer hands these on. The other outputs start with random signs, in pairs of
    opposite ones, which add nothing to the mean that LayerNorm takes off.

    The square of a sum with random signs is on average proportional to the squared L2 norm of the n-grams' values (the
    sketch of Alon, Matias & Szegedy 1996). So LayerNorm divides by a rough multiple of the norm: ±40 % with three
    pairs, and more exact the more pairs there are. If the outputs beside the labels are odd in number, the last one
    starts at zero.

    All weights are then trained.

    model (Model): The model of an initialised `textcat`; its weights are changed.
    scale (float): Size of the random weights, above 0.
    seed (int): Decides the random signs.
    RAISES (ValueError): If the model has other layers, or SparseLinear has no room for a pair beside the labels.
    """
    output = find_output(model).linear
    layers = unwrap(model)
    before = layers[: layers.index(output)][-2:]
    names = [layer.name for layer in before]
    if names != ["sparse_linear", "layernorm"] or before[0].attrs["v1_indexing"]:
        raise ValueError(
            f"distill.init_norm_sketch.v1 is for SparseLinear.v2, LayerNorm.v1 and Linear.v1, one after the other, but "
            f"the model's output layer {output.name!r} follows {' and '.join(names) or 'nothing'}. Leave "
            "[initialize.after_init] out of the config, or take the model of configs/student_bow.cfg"
        )
    sums = before[0]
    n_labels, width, length = output.get_dim("nO"), sums.get_dim("nO"), sums.get_dim("length")
    if width < n_labels + 2:
        raise ValueError(
            f"SparseLinear has nO = {width}, which is too small for {n_labels} labels and the norm: set it to "
            f"{n_labels + 6} in the config's [components.textcat.model.layer.*.sum]"
        )
    # One row for each output: the labels' rows, then a row of signs and its opposite for each pair.
    n_pairs = (width - n_labels) // 2
    signs = numpy.random.default_rng(seed).choice([-scale, scale], (n_pairs, length)).astype("float32")
    weights = numpy.zeros((width, length), dtype="float32")
    pairs = weights[n_labels : n_labels + 2 * n_pairs]
    pairs[::2], pairs[1::2] = signs, -signs
    # SparseLinear keeps its weights in one row, output after output. The output layer starts as the identity.
    for layer, values in ((sums, weights.ravel()), (output, numpy.eye(n_labels, width, dtype="float32"))):
        layer.set_param("W", layer.ops.asarray(values))  # type: ignore[arg-type]
