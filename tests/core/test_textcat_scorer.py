import numpy
import pytest
import spacy
from spacy.tokens import Doc
from spacy.training import Example

from scripts.distill.core.textcat_scorer import LIKELIHOOD, score_textcat

VOCAB = spacy.blank("xx").vocab


def example(gold: str, positive: float) -> Example:
    predicted, reference = Doc(VOCAB, ["a"]), Doc(VOCAB, ["a"])
    predicted.cats = {"NEG": 1 - positive, "POS": positive}
    reference.cats = {label: float(label == gold) for label in ("NEG", "POS")}
    return Example(predicted, reference)


def score(*examples: Example) -> dict[str, float]:
    return score_textcat(list(examples), labels=["NEG", "POS"], threshold=0.0, positive_label=None)


def test_scorer_likelihood_is_the_geometric_mean_of_the_gold_labels_probabilities() -> None:
    found = score(example("POS", 0.9), example("NEG", 0.4), example("POS", 0.2))
    assert found[LIKELIHOOD] == pytest.approx((0.9 * 0.6 * 0.2) ** (1 / 3))
    assert found["cats_micro_f"] == pytest.approx(2 / 3)


def test_scorer_tells_timid_from_sure_where_both_are_right() -> None:
    timid, sure = (score(example("POS", p), example("NEG", 1 - p)) for p in (0.51, 0.95))
    assert timid["cats_micro_f"] == sure["cats_micro_f"] == 1
    assert timid[LIKELIHOOD] == pytest.approx(0.51) and sure[LIKELIHOOD] == pytest.approx(0.95)


def test_scorer_certain_errors_have_a_finite_loss() -> None:
    assert score(example("POS", 0.0))[LIKELIHOOD] == pytest.approx(1e-30)


def test_scorer_without_gold_labels_has_no_likelihood() -> None:
    doc = Doc(VOCAB, ["a"])
    assert score_textcat([Example(doc, doc.copy())], labels=["NEG", "POS"])[LIKELIHOOD] is None
    assert numpy.isfinite(score(example("NEG", 0.1))[LIKELIHOOD])
