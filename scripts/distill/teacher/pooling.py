"""The teacher's model: a text classifier over the mean of a document's token vectors."""

from collections.abc import Callable
from typing import Any

import spacy
from spacy.language import Language
from spacy.tokens import Doc
from thinc.api import Model, Softmax, chain
from thinc.types import Floats2d

from ..core import textcat_scorer as _scorer  # what else a trained teacher names  # noqa: F401

# The name of the component that holds a teacher's encoder.
_TRANSFORMER = "transformer"


@spacy.registry.architectures("distill.TextCatMean.v1")
def build_mean_text_classifier(
    tok2vec: Model[list[Doc], list[Floats2d]], nO: int | None = None
) -> Model[list[Doc], Floats2d]:
    """Build a classifier of exclusive labels over the mean of a document's token vectors.

    It is `spacy.TextCatReduce.v1`, but its mean leaves out tokens without word pieces: white space, and what is cut off
    by the tokenizer's limit. The vectors of such tokens are zeros, which would dilute the mean of a long document.

    tok2vec (Model[list[Doc], list[Floats2d]]): Gives one vector for each token.
    nO (int | None): Number of labels; None if it is not known yet.
    RETURNS (Model[list[Doc], Floats2d]): Output shape (n_docs, n_labels), rows sum to 1.
    """
    output_layer = Softmax(nO=nO)
    model: Model[list[Doc], Floats2d] = chain(tok2vec, reduce_mean_nonzero(), output_layer)
    model.set_ref("tok2vec", tok2vec)
    model.set_ref("output_layer", output_layer)
    model.attrs["multi_label"] = False
    return model


def find_transformer(nlp: Language) -> Any:
    """Return the model of a pipeline's component `transformer`; None if the pipeline has no such component.

    nlp (Language): The pipeline.
    RETURNS (TransformerModel | None): Its `transformer` is the Hugging Face model, its `tokenizer` the tokenizer.
    """
    return nlp.get_pipe(_TRANSFORMER).model if _TRANSFORMER in nlp.pipe_names else None  # type: ignore[attr-defined]


def reduce_mean_nonzero() -> Model[list[Floats2d], Floats2d]:
    """Make a layer that takes the mean of those rows of an array that are not all zero.

    RETURNS (Model[list[Floats2d], Floats2d]): Input: n arrays, each of shape (n_tokens, width). Output: shape
        (n, width); zeros for an array whose rows are all zero.
    """
    return Model("reduce_mean_nonzero", _forward)


def _forward(
    model: Model[list[Floats2d], Floats2d], X: list[Floats2d], is_train: bool
) -> tuple[Floats2d, Callable[[Floats2d], list[Floats2d]]]:
    xp = model.ops.xp
    # 1 for a row that counts, 0 for a row of zeros: shape (n_tokens, 1). Rows of zeros add nothing to the sum.
    masks = [xp.any(x != 0, axis=1, keepdims=True).astype("float32") for x in X]
    counts = [max(float(mask.sum()), 1.0) for mask in masks]
    Y = xp.stack([x.sum(axis=0) / count for x, count in zip(X, counts, strict=True)])

    def backprop(dY: Floats2d) -> list[Floats2d]:
        # Each row that counts has its share of the mean's gradient.
        return [mask * (dy / count) for mask, dy, count in zip(masks, dY, counts, strict=True)]

    return Y, backprop
