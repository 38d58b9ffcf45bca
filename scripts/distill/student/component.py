"""A text classifier that learns from a teacher's probabilities, for exclusive labels."""

from collections.abc import Callable, Iterable, Mapping
from functools import partial
from typing import Any, cast

import numpy
from numpy.typing import NDArray
from spacy.language import Language
from spacy.pipeline.textcat import DEFAULT_SINGLE_TEXTCAT_MODEL, TextCategorizer
from spacy.tokens import Doc
from spacy.training import Example
from spacy.vocab import Vocab
from thinc.api import Model
from thinc.loss import Loss
from thinc.types import Floats2d

from ..core.messages import run_again
from ..data.gold_labels import find_gold_label, get_gold_scores
from ..data.origins import ORIGINS, check_by_origin, find_origin
from ..data.teacher_scores import Scores, get_teacher_scores
from .losses import SoftCrossEntropy
from .output_layers import find_output

FACTORY = "distilled_textcat"
# The cross-entropy with gold labels, at T = 1 whatever the temperature of the loss with the teacher.
_GOLD_LOSS = SoftCrossEntropy()
# Takes truths and scores, both of shape (n, n_labels); returns the loss and the gradient.
_GetLoss = Callable[[Floats2d, Floats2d], tuple[float, Floats2d]]


@Language.factory(
    FACTORY,
    assigns=["doc.cats"],
    default_config={
        "threshold": 0.0,
        "model": DEFAULT_SINGLE_TEXTCAT_MODEL,
        "loss": {"@losses": "distill.cross_entropy.v1"},
        "origin_weights": dict.fromkeys(ORIGINS, 1.0),
        "gold_weight": 0.0,
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
    origin_weights: Mapping[str, float],
    gold_weight: float,
    scorer: Callable[..., Any] | None,
) -> "DistilledTextCategorizer":
    """Create a `DistilledTextCategorizer`; the arguments are its own."""
    return DistilledTextCategorizer(
        nlp.vocab, model, name, threshold=threshold, loss=loss, origin_weights=origin_weights, gold_weight=gold_weight,
        scorer=scorer,
    )  # fmt: skip


class DistilledTextCategorizer(TextCategorizer):
    """spaCy's `textcat` with another loss: it compares its scores with a teacher's.

    Examples carry the teacher's probabilities in `reference.user_data`, see `teacher_scores`. Predicting, evaluating
    and (de)serialising are the parent's. So what was learnt can be saved as a stock `textcat`, see `to_stock`.
    """

    def __init__(
        self,
        vocab: Vocab,
        model: Model[list[Doc], Floats2d],
        name: str = "textcat",
        *,
        threshold: float = 0.0,
        loss: Loss,
        origin_weights: Mapping[str, float] | None = None,
        gold_weight: float = 0.0,
        scorer: Callable[..., Any] | None = None,
    ) -> None:
        """Create the component.

        vocab (Vocab): The shared vocabulary.
        model (Model[list[Doc], Floats2d]): A stock model for exclusive labels.
        name (str): The component's name in the pipeline.
        threshold (float): Passed to the scorer.
        loss (Loss): Takes the student's and the teacher's probabilities; returns the gradient with respect to the
            student's logits, and the loss, see `losses`.
        origin_weights (Mapping[str, float] | None): What the loss of a text counts, by the text's origin: "gold",
            "unlabelled" and "augmented" → 0 or more. None: 1 for each.
        gold_weight (float): α, from 0 to 1. The loss of a text with a gold label is (1 − α) · the soft loss +
            α · the cross-entropy with that label (Hinton et al. 2015, section 2). 0 to 0.3 are good values.
        scorer (Callable | None): The scoring method.
        RAISES (ValueError): If `find_output` does not know the model's output layer, or a weight is missing or
            impossible.
        """
        super().__init__(vocab, model, name, threshold=threshold, scorer=scorer)
        self.loss = loss
        self.origin_weights = dict.fromkeys(ORIGINS, 1.0) if origin_weights is None else dict(origin_weights)
        check_by_origin("origin_weights", self.origin_weights)
        if not 0 <= gold_weight <= 1:
            raise ValueError(f"gold_weight must be a number from 0 to 1. Found: {gold_weight}")
        self.gold_weight = gold_weight
        self._to_d_scores = find_output(model).to_d_scores

    def initialize(
        self,
        get_examples: Callable[[], Iterable[Example]],
        *,
        nlp: Language | None = None,
        labels: Iterable[str] | None = None,
        positive_label: str | None = None,
    ) -> None:
        """Initialise labels and model, as the parent does. The error for missing labels says how to get them.

        get_examples (Callable): Returns examples to infer missing dimensions from.
        nlp (Language | None): The pipeline.
        labels (Iterable[str] | None): The labels; None: the gold labels of the examples.
        positive_label (str | None): Passed to the parent.
        RAISES (ValueError): If there are fewer than two labels.
        """
        if labels is None:
            labels = (label for eg in get_examples() for label in eg.reference.cats)
        labels = list(dict.fromkeys([*self.labels, *labels]))
        if len(labels) < 2:
            raise ValueError(
                f"{self.name} needs two or more labels that exclude each other. Found: {labels}. Give "
                f"data that have them. {run_again('prepare')}"
            )
        super().initialize(get_examples, nlp=nlp, labels=labels, positive_label=positive_label)

    def _validate_categories(self, examples: Iterable[Example]) -> None:
        """Check the gold labels, as the parent does, but name the text."""
        for eg in examples:
            find_gold_label(eg.reference)

    def get_loss(  # type: ignore[override]  # spaCy's own annotation is wrong: d_scores is an array
        self, examples: Iterable[Example], scores: Floats2d
    ) -> tuple[float, Floats2d]:
        """Compare scores with the teacher's probabilities and the gold labels, each text weighted by its origin.

        examples (Iterable[Example]): The batch. Each reference has the teacher's probabilities, and may have a gold
            label.
        scores (Floats2d): The student's probabilities, shape (n, n_labels).
        RETURNS (tuple[float, Floats2d]): The loss, summed over the batch, and the gradient that the model's output
            layer expects, shape (n, n_labels).
        RAISES (ValueError): If a reference has no teacher probabilities for the labels, no origin, or a gold label that
            is not among the labels.
        """
        docs = [eg.reference for eg in examples]
        teacher_scores, gold_scores = get_teacher_scores(docs, self.labels), get_gold_scores(docs, self.labels)
        # Shape (n,). The share `gold_weight` of a text's weight goes to its gold label, if it has one.
        weights = numpy.asarray([self.origin_weights[find_origin(doc)] for doc in docs])
        gold_weights = self.gold_weight * weights * gold_scores.any(axis=1)
        soft, d_soft = self._weigh(self.get_teacher_student_loss, teacher_scores, scores, weights - gold_weights)
        gold, d_gold = self._weigh(partial(self._compare, _GOLD_LOSS), gold_scores, scores, gold_weights)
        return soft + gold, d_soft + d_gold

    def _weigh(
        self, get_loss: _GetLoss, truths: Scores, scores: Floats2d, weights: NDArray[numpy.float64]
    ) -> tuple[float, Floats2d]:
        """Return the loss and the gradient of a batch whose texts count differently.

        get_loss (Callable): Takes truths and scores; returns the loss, summed over the batch, and the gradient.
        truths (NDArray[float32]): What is to be learnt: probabilities, shape (n, n_labels).
        scores (Floats2d): The student's probabilities, same shape.
        weights (NDArray[float64]): What each text counts, shape (n,). A text of weight 0 is left out.
        RETURNS (tuple[float, Floats2d]): The loss, and the gradient of the same shape as the scores.
        """
        ops = self.model.ops
        loss, d_scores, targets = 0.0, ops.alloc2f(*scores.shape), ops.asarray2f(cast(Floats2d, truths))
        # `get_loss` sums over its batch, so texts of the same weight are compared together.
        for weight in numpy.unique(weights[weights > 0]).tolist():
            rows: Any = ops.asarray1i(numpy.flatnonzero(weights == weight).tolist())
            part, d_part = get_loss(targets[rows], scores[rows])
            loss += weight * part
            d_scores[rows] = weight * d_part
        return loss, d_scores

    def get_teacher_student_loss(self, teacher_scores: Floats2d, student_scores: Floats2d) -> tuple[float, Floats2d]:
        """Return the loss of the student's probabilities against the teacher's, and its gradient.

        The name of the method and the order of its arguments and results are those of spaCy v4.

        teacher_scores (Floats2d): The teacher's probabilities, shape (n, n_labels).
        student_scores (Floats2d): The student's probabilities, shape (n, n_labels).
        RETURNS (tuple[float, Floats2d]): The loss, summed over the batch, and the gradient that the output layer
            expects, shape (n, n_labels).
        """
        return self._compare(self.loss, teacher_scores, student_scores)

    def _compare(self, loss: Loss, truths: Floats2d, scores: Floats2d) -> tuple[float, Floats2d]:
        """Turn thinc's (gradient, loss) into spaCy's (loss, gradient that the output layer expects)."""
        d_logits, value = loss(scores, truths)
        return float(value), self._to_d_scores(d_logits, scores)
