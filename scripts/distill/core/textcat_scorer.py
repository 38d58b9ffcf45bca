"""What chooses a checkpoint: accuracy on dev, and how sure the classifier is of the right labels."""

from collections.abc import Callable, Iterable
from typing import Any

import numpy
import spacy
from spacy.pipeline.textcat import textcat_score
from spacy.training import Example

LIKELIHOOD = "cats_likelihood"


@spacy.registry.scorers("distill.textcat_scorer.v1")
def create_textcat_scorer() -> Callable[..., dict[str, Any]]:
    """Create spaCy's scorer of exclusive labels with one more score, `cats_likelihood`.

    `cats_likelihood` is exp(−log-loss): the geometric mean of the probabilities that the gold labels get. It is from 0
    to 1; higher is better. A classifier that is right but hardly sure scores low. On few dev texts, checkpoints of the
    same accuracy differ in it.

    RETURNS (Callable): `score_textcat`.
    """
    return score_textcat


def score_textcat(examples: Iterable[Example], **kwargs: Any) -> dict[str, Any]:
    """Score docs with gold labels, see `create_textcat_scorer`.

    examples (Iterable[Example]): The predicted docs, each with its gold doc as reference.
    **kwargs (Any): What spaCy gives to a scorer of text classifiers, see `textcat_score`.
    RETURNS (dict[str, Any]): The scores of `textcat_score`, and "cats_likelihood": None if no text has a gold label.
    """
    examples = list(examples)
    # The probability of each text's gold label.
    right = [eg.predicted.cats.get(max(eg.reference.cats, key=eg.reference.cats.__getitem__), 0.0)
             for eg in examples if eg.reference.cats]  # fmt: skip
    likelihood = float(numpy.exp(numpy.log(numpy.clip(right, 1e-30, 1)).mean())) if right else None
    return {**textcat_score(examples, **kwargs), LIKELIHOOD: likelihood}
