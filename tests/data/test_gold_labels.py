import numpy
import pytest
from spacy.tokens import Doc
from spacy.vocab import Vocab

from scripts.distill.core.messages import quote
from scripts.distill.data.gold_labels import find_gold_label, get_gold_scores

REMEDY = "python -m spacy project run prepare . and then augment and score"


def make_doc(cats: dict[str, float], text: str = "a fine book") -> Doc:
    doc = Doc(Vocab(), words=[text], spaces=[False])
    doc.cats = cats
    return doc


def test_gold_scores_are_one_for_the_label_and_zero_without_one() -> None:
    docs = [make_doc({"A": 0.0, "B": 1.0, "C": 0.0}), make_doc({}), make_doc({"C": 1.0, "A": 0.0})]
    rows = get_gold_scores(docs, ("C", "A", "B"))
    assert rows.dtype == numpy.float32
    assert rows.tolist() == [[0, 0, 1], [0, 0, 0], [1, 0, 0]]
    assert [find_gold_label(doc) for doc in docs] == ["B", None, "C"]


def test_gold_scores_of_no_docs_have_a_column_for_each_label() -> None:
    assert get_gold_scores([], ["A", "B"]).shape == (0, 2)


def test_gold_scores_of_another_label_name_text_labels_and_command() -> None:
    with pytest.raises(ValueError) as error:
        get_gold_scores([make_doc({"A": 1.0}), make_doc({"MIX": 1.0}, "mixed feelings")], ["B", "A"])
    for part in ("'MIX'", "'mixed feelings'", "['A', 'B']", REMEDY):
        assert part in str(error.value)


@pytest.mark.parametrize(
    "cats",
    [{"A": 0.5, "B": 0.5}, {"A": 1.0, "B": 0.25}, {"A": 1.0, "B": 1.0}, {"A": 0.0, "B": 0.0}],
    ids=["soft", "partly", "two", "none"],
)
def test_gold_scores_that_are_not_hard_name_text_and_command(cats: dict[str, float]) -> None:
    with pytest.raises(ValueError) as error:
        get_gold_scores([make_doc({"A": 1.0, "B": 0.0}), make_doc(cats, "x" * 200)], ["A", "B"])
    for part in (str(cats), quote("x" * 99), REMEDY):
        assert part in str(error.value)
