"""A text classifier that learns from a teacher's probabilities, for exclusive labels."""

from collections.abc import Callable, Iterable, Mapping
from typing import Any, cast

import numpy
from spacy.language import Language
from spacy.pipeline.textcat import DEFAULT_SINGLE_TEXTCAT_MODEL, TextCategorizer
from spacy.tokens import Doc
from spacy.training import Example
from spacy.vocab import Vocab
from thinc.api import Model
from thinc.loss import Loss
from thinc.types import Floats2d

from .losses import SMALLEST
from .output_layers import SOFTMAX, SOFTMAX_ACTIVATION, find_output
from .sources import KINDS, check_by_kind, source_kind
from .teacher_scores import get_teacher_scores

FACTORY = "distilled_textcat"


@Language.factory(
    FACTORY,
    assigns=["doc.cats"],
    default_config={
        "threshold": 0.0,
        "model": DEFAULT_SINGLE_TEXTCAT_MODEL,
        "loss": {"@losses": "distil.cross_entropy.v1"},
        "source_weights": dict.fromkeys(KINDS, 1.0),
        "scorer": {"@scorers": "spacy.textcat_scorer.v2"},
    },
    default_score_weights={"cats_micro_f": 1.0},
)
def make_distilled_textcat(
    nlp: Language,
    name: str,
    model: Model[list[Doc], Floats2d],
    threshold: float,
    loss: Loss,
    source_weights: Mapping[str, float],
    scorer: Callable[..., Any] | None,
) -> "DistilledTextCategorizer":
    """Create a `DistilledTextCategorizer`; see there."""
    return DistilledTextCategorizer(
        nlp.vocab, model, name, threshold=threshold, loss=loss, source_weights=source_weights, scorer=scorer
    )


class DistilledTextCategorizer(TextCategorizer):
    """spaCy's `textcat` with another loss: it compares its scores with a teacher's.

    Examples carry the teacher's probabilities in `reference.user_data`, see `teacher_scores`.
    Predicting, evaluating and (de)serialising are the parent's, so that what was learnt can be
    saved as a stock `textcat`, see `stock`.
    """

    def __init__(
        self,
        vocab: Vocab,
        model: Model[list[Doc], Floats2d],
        name: str = "textcat",
        *,
        threshold: float = 0.0,
        loss: Loss,
        source_weights: Mapping[str, float] | None = None,
        scorer: Callable[..., Any] | None = None,
    ) -> None:
        """Create the component.

        vocab (Vocab): The shared vocabulary.
        model (Model[list[Doc], Floats2d]): A stock model for exclusive labels.
        name (str): The component's name in the pipeline.
        threshold (float): Passed to the scorer.
        loss (Loss): Takes student and teacher probabilities, returns (gradient with respect to
            the student's logits, loss), see `losses`.
        source_weights (Mapping[str, float] | None): What the loss of a text counts, by the kind of its source:
            "gold", "unlabelled" or "augmented". None: all the same.
        scorer (Callable | None): The scoring method.
        RAISES (ValueError): If the loss can't be used with the model's output layer, or a weight is missing.
        """
        super().__init__(vocab, model, name, threshold=threshold, scorer=scorer)
        self.loss = loss
        self.source_weights = dict.fromkeys(KINDS, 1.0) if source_weights is None else dict(source_weights)
        check_by_kind("source_weights", self.source_weights)
        self._output = find_output(model).name

    def get_loss(  # type: ignore[override]  # spaCy's own annotation is wrong: d_scores is an array
        self, examples: Iterable[Example], scores: Floats2d
    ) -> tuple[float, Floats2d]:
        """Compare scores with the teacher's, each text weighted by its source.

        examples (Iterable[Example]): The batch; each reference has teacher probabilities.
        scores (Floats2d): The student's probabilities, shape (n, n_labels).
        RETURNS (tuple[float, Floats2d]): The loss and the gradient that the model's output layer
            expects, shape (n, n_labels).
        RAISES (ValueError): If a reference has no teacher probabilities for the labels, or no source.
        """
        docs = [eg.reference for eg in examples]
        teacher_scores = self.model.ops.asarray2f(cast(Floats2d, get_teacher_scores(docs, self.labels)))
        weights = numpy.asarray([self.source_weights[source_kind(doc)] for doc in docs])
        loss, d_scores = 0.0, self.model.ops.alloc2f(*scores.shape)
        for weight in numpy.unique(weights):
            rows: Any = numpy.flatnonzero(weights == weight)
            part, d_part = self.get_teacher_student_loss(teacher_scores[rows], scores[rows])
            loss += float(weight) * part
            d_scores[rows] = float(weight) * d_part
        return loss, d_scores

    def get_teacher_student_loss(self, teacher_scores: Floats2d, student_scores: Floats2d) -> tuple[float, Floats2d]:
        """Return loss and gradient of the student's scores against the teacher's.

        Named and ordered as in spaCy v4.

        teacher_scores (Floats2d): Probabilities, shape (n, n_labels).
        student_scores (Floats2d): Probabilities, shape (n, n_labels).
        RETURNS (tuple[float, Floats2d]): The loss and the gradient that the output layer expects.
        """
        d_logits, loss = self.loss(student_scores, teacher_scores)
        return float(loss), _GRADIENTS[self._output](d_logits, student_scores)


def _same(d_logits: Floats2d, scores: Floats2d) -> Floats2d:
    """Thinc's Softmax takes its incoming gradient as dL/dlogits already."""
    return d_logits


def _divide_by_scores(d_logits: Floats2d, scores: Floats2d) -> Floats2d:
    """softmax_activation applies its Jacobian J = diag(p) − pp'.

    J (g / p) = g − p Σg = g, as the rows of g = dL/dlogits sum to 0.
    """
    return d_logits / scores.clip(SMALLEST, None)  # type: ignore[call-arg]


_GRADIENTS: dict[str, Callable[[Floats2d, Floats2d], Floats2d]] = {
    SOFTMAX: _same,
    SOFTMAX_ACTIVATION: _divide_by_scores,
}
