"""Make the student's probabilities say how often it is right: temperature scaling (Guo et al. 2017)."""

from collections.abc import Sequence
from typing import Any

import numpy
from scipy.optimize import minimize_scalar
from spacy.language import Language
from spacy.pipeline.textcat import TextCategorizer
from thinc.api import Model

from ..core.probabilities import soften
from ..data.gold import GoldSplit
from ..evaluate.metrics import Labels, Probabilities, expected_calibration_error, negative_log_likelihood
from ..student.output_layers import find_output

BOUNDS = (0.05, 20.0)
# How near to a bound, in log T, the search ends if there is nothing better on this side of it.
_AT_BOUND = 1e-3


def calibrate(nlp: Language, split: GoldSplit, labels: Sequence[str]) -> dict[str, float]:
    """Fit a temperature on a gold split, and fold it into the pipeline's classifier.

    nlp (Language): A pipeline with one `textcat`; it is changed.
    split (GoldSplit): The dev texts.
    labels (Sequence[str]): The project's labels, in the order that the split's indices follow.
    RETURNS (dict[str, float]): "temperature"; "dev_ece_before", "dev_ece_after", "dev_nll_before" and "dev_nll_after":
        ECE and NLL on the split before and after.
    RAISES (ValueError): If the pipeline has no such classifier, or one for other labels.
    """
    textcat = _find_textcat(nlp, labels)
    # In a zone, the split's words do not stay in the vocabulary, which may be saved.
    with nlp.memory_zone():
        before = numpy.asarray([[doc.cats[label] for label in labels] for doc in nlp.pipe(split.texts)])
    temperature = fit_temperature(before, split.labels)
    fold_temperature(textcat.model, temperature)
    after = soften(before, temperature)
    return {
        "temperature": temperature,
        "dev_ece_before": expected_calibration_error(before, split.labels),
        "dev_ece_after": expected_calibration_error(after, split.labels),
        "dev_nll_before": negative_log_likelihood(before, split.labels),
        "dev_nll_after": negative_log_likelihood(after, split.labels),
    }


def fit_temperature(probabilities: Probabilities, gold: Labels) -> float:
    """Return the temperature T with the smallest NLL of softmax(log p / T) (Guo et al. 2017, section 4.2).

    T is sought between 0.05 and 20 and is one of these bounds if the best T lies beyond it, as 0.05 if every prediction
    is right. It has six decimals, so that meta.json, which holds ten, has the very T that was used.

    probabilities (NDArray): Shape (n, n_labels), rows sum to 1.
    gold (NDArray[int64]): Label indices, shape (n,).
    """
    bounds = numpy.log(BOUNDS)
    log_t = minimize_scalar(
        lambda log_t: negative_log_likelihood(probabilities, gold, float(numpy.exp(log_t))),
        bounds=bounds, method="bounded",
    ).x  # fmt: skip
    for bound, log_bound in zip(BOUNDS, bounds, strict=True):
        if abs(log_t - log_bound) < _AT_BOUND:
            return bound
    return round(float(numpy.exp(log_t)), 6)


def fold_temperature(model: Model[Any, Any], temperature: float) -> None:
    """Divide the logits of a classifier by a temperature, for good.

    They are W x + b: dividing W and b is exact, and the layers stay stock.

    model (Model): A `textcat`'s model; it is changed.
    RAISES (ValueError): If it is none that `find_output` knows.
    """
    linear = find_output(model).linear
    for name in ("W", "b"):
        linear.set_param(name, linear.get_param(name) / temperature)


def _find_textcat(nlp: Language, labels: Sequence[str]) -> TextCategorizer:
    found = [pipe for _, pipe in nlp.pipeline if isinstance(pipe, TextCategorizer)]
    if len(found) != 1:
        raise ValueError(
            f"The student has {len(found)} text classifiers among its components {nlp.pipe_names}, to be calibrated it "
            "must have one. Change its config, and run, with the same --vars: "
            "python -m spacy project run train-student ."
        )
    if set(found[0].labels) != set(labels):
        raise ValueError(
            f"The student's labels {sorted(found[0].labels)} are not those of the data, {sorted(labels)}. Run, with "
            "the same --vars: python -m spacy project run train-student ."
        )
    return found[0]
