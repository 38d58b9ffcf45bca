"""Make the student's probabilities say how often it is right: a bias for each label, and a temperature.

This is bias-corrected temperature scaling (Alexandari et al. 2020, section 2.2), but one after the other: first the
bias, then the temperature (Guo et al. 2017, section 4.2). A student of few labels leans to one of them, since what its
teacher says of phrases without an opinion is chance. This shows in short texts first, so the bias is fitted on the
sentences of the texts as well: a sentence has the label of its text, and counts as much as a text.
"""

from collections.abc import Sequence
from typing import Any

import numpy
from numpy.typing import NDArray
from scipy.optimize import minimize, minimize_scalar
from spacy.language import Language
from spacy.pipeline import Sentencizer
from spacy.pipeline.textcat import TextCategorizer
from thinc.api import Model

from ..core.messages import run_again
from ..core.probabilities import shift, soften
from ..data.corpus import GoldSplit
from ..evaluate.metrics import Labels, Probabilities, expected_calibration_error, negative_log_likelihood
from ..student.output_layers import find_output

# Between these, the temperature is sought.
BOUNDS = (0.05, 20.0)
# If the search ends so near to a bound, in log T, the best temperature lies at the bound or beyond it.
_AT_BOUND = 1e-3


def calibrate(nlp: Language, split: GoldSplit, labels: Sequence[str]) -> dict[str, Any]:
    """Fit a bias and a temperature on a gold split, and fold them into the pipeline's classifier.

    nlp (Language): A pipeline with one `textcat`, whose weights are changed.
    split (GoldSplit): The dev texts and their gold labels.
    labels (Sequence[str]): The project's labels, in their order.
    RETURNS (dict[str, Any]): "temperature"; "bias": label → what is added to its logit before the logits are divided by
        the temperature; "dev_ece_before", "dev_ece_after", "dev_nll_before" and "dev_nll_after": ECE and NLL on the
        split, before and after the calibration.
    RAISES (ValueError): If the pipeline does not have exactly one text classifier, the classifier has other labels, or
        `find_output` does not know its output layer.
    """
    textcat = _find_textcat(nlp, labels)
    # In a zone, the words of the split do not stay in the vocabulary, which may be saved with the pipeline.
    with nlp.memory_zone():
        before = predict(nlp, split.texts, labels)
        # A rule on punctuation says where sentences begin.
        sentencizer = Sentencizer()
        sentences = [[sentence.text for sentence in sentencizer(nlp.make_doc(text)).sents] for text in split.texts]
        of_sentences = predict(nlp, [sentence for found in sentences for sentence in found], labels)
    gold = numpy.concatenate([split.labels, numpy.repeat(split.labels, [len(found) for found in sentences])])
    bias = fit_bias(numpy.concatenate([before, of_sentences]), gold)
    shifted = shift(before, bias)
    temperature = fit_temperature(shifted, split.labels)
    by_label = dict(zip(labels, bias.tolist(), strict=True))
    fold_bias(textcat.model, [by_label[label] for label in textcat.labels])
    fold_temperature(textcat.model, temperature)
    after = soften(shifted, temperature)
    return {
        "temperature": temperature,
        "bias": by_label,
        "dev_ece_before": expected_calibration_error(before, split.labels),
        "dev_ece_after": expected_calibration_error(after, split.labels),
        "dev_nll_before": negative_log_likelihood(before, split.labels),
        "dev_nll_after": negative_log_likelihood(after, split.labels),
    }


def fit_bias(probabilities: Probabilities, gold: Labels) -> NDArray[numpy.float64]:
    """Return the bias b with the smallest NLL of softmax(log p + b).

    b has a normal prior with mean 0 and standard deviation 1, so it stays near 0 if there are few texts. It has six
    decimals, as the temperature.

    probabilities (NDArray): Shape (n, n_labels), rows sum to 1.
    gold (NDArray[int64]): Label indices, shape (n,).
    RETURNS (NDArray[float64]): Shape (n_labels,); sums to 0.
    """
    n, n_labels = probabilities.shape
    # The mean NLL of the texts, and −log of the prior, Σ b² / 2, divided by n like the mean.
    found = minimize(
        lambda b: negative_log_likelihood(shift(probabilities.astype("float64"), b), gold) + (b**2).sum() / (2 * n),
        numpy.zeros(n_labels), method="BFGS",
    ).x  # fmt: skip
    # softmax does not change if a number is taken from all of b.
    return numpy.round(found - found.mean(), 6)


def fit_temperature(probabilities: Probabilities, gold: Labels) -> float:
    """Return the temperature T with the smallest NLL of softmax(log p / T) (Guo et al. 2017, section 4.2).

    T is sought between 0.05 and 20. If the best T lies beyond a bound, T is the bound, as 0.05 if every prediction is
    right. T has six decimals. So meta.json, which holds ten, has the very T that was used.

    probabilities (NDArray): Shape (n, n_labels), rows sum to 1.
    gold (NDArray[int64]): Label indices, shape (n,).
    """
    # The search is in log T, where halving and doubling are steps of the same size.
    bounds = numpy.log(BOUNDS)
    log_t = minimize_scalar(
        lambda log_t: negative_log_likelihood(probabilities, gold, float(numpy.exp(log_t))),
        bounds=bounds, method="bounded",
    ).x  # fmt: skip
    for bound, log_bound in zip(BOUNDS, bounds, strict=True):
        if abs(log_t - log_bound) < _AT_BOUND:
            return bound
    return round(float(numpy.exp(log_t)), 6)


def fold_bias(model: Model[Any, Any], bias: Sequence[float]) -> None:
    """Add a bias to the logits of a classifier, for good.

    The logits are W x + b: the bias is added to b, and the layers stay stock.

    model (Model): A `textcat`'s model, whose weights are changed.
    bias (Sequence[float]): The bias of each label, in the order of the model's labels.
    RAISES (ValueError): If `find_output` does not know the model's output layer.
    """
    linear = find_output(model).linear
    b: Any = linear.get_param("b")
    linear.set_param("b", b + linear.ops.asarray1f(list(bias)))


def fold_temperature(model: Model[Any, Any], temperature: float) -> None:
    """Divide the logits of a classifier by a temperature, for good.

    The logits are W x + b: W and b are divided, which is exact, and the layers stay stock.

    model (Model): A `textcat`'s model, whose weights are changed.
    temperature (float): T > 0.
    RAISES (ValueError): If `find_output` does not know the model's output layer.
    """
    linear = find_output(model).linear
    for name in ("W", "b"):
        linear.set_param(name, linear.get_param(name) / temperature)


def predict(nlp: Language, texts: Sequence[str], labels: Sequence[str]) -> Probabilities:
    """Return a pipeline's probabilities of texts.

    nlp (Language): A pipeline with one `textcat` with these labels.
    texts (Sequence[str]): The texts.
    labels (Sequence[str]): The labels, in the order of the columns.
    RETURNS (NDArray[float64]): Shape (n_texts, n_labels).
    """
    rows = [[doc.cats[label] for label in labels] for doc in nlp.pipe(texts)]
    return numpy.asarray(rows, dtype="float64").reshape(len(texts), len(labels))


def _find_textcat(nlp: Language, labels: Sequence[str]) -> TextCategorizer:
    """Return a pipeline's only text classifier, if it has these labels."""
    found = [pipe for _, pipe in nlp.pipeline if isinstance(pipe, TextCategorizer)]
    if len(found) != 1:
        raise ValueError(
            f"The student has {len(found)} text classifiers among its components {nlp.pipe_names}, to be calibrated it "
            "must have one. Change its config. " + run_again("train-student")
        )
    if set(found[0].labels) != set(labels):
        raise ValueError(
            f"The student's labels {sorted(found[0].labels)} are not those of the data, {sorted(labels)}. "
            + run_again("train-student")
        )
    return found[0]
