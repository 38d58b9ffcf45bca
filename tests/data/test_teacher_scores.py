import numpy
import pytest
from spacy.tokens import Doc, DocBin
from spacy.vocab import Vocab

from scripts.distill.data.teacher_scores import KEY, get_teacher_scores, set_teacher_scores

LABELS = ["NEG", "POS"]
SCORE_COMMAND = "python -m spacy project run score ."


def make_doc(text: str = "a fine book", scores: dict[str, float] | None = None) -> Doc:
    doc = Doc(Vocab(), words=[text], spaces=[False])
    if scores is not None:
        doc.user_data[KEY] = scores
    return doc


def test_teacher_scores_are_stored_by_label() -> None:
    doc = make_doc()
    set_teacher_scores(doc, ["POS", "NEG"], numpy.asarray([0.75, 0.25], dtype="float32"))
    assert doc.user_data["teacher_cats"] == {"POS": 0.75, "NEG": 0.25}


def test_teacher_scores_stay_aligned_with_other_label_order() -> None:
    docs = [make_doc("one"), make_doc("two")]
    set_teacher_scores(docs[0], ["POS", "NEG", "MIX"], numpy.asarray([0.5, 0.25, 0.25], dtype="float32"))
    set_teacher_scores(docs[1], ["MIX", "POS", "NEG"], numpy.asarray([0.125, 0.0, 0.875], dtype="float32"))
    rows = get_teacher_scores(docs, ["MIX", "NEG", "POS"])
    assert rows.dtype == numpy.float32
    assert rows.tolist() == [[0.25, 0.25, 0.5], [0.125, 0.875, 0.0]]


@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_teacher_scores_survive_docbin_unrounded(dtype: str) -> None:
    row = numpy.asarray([1 / 3, 2 / 3], dtype=dtype)
    doc = make_doc()
    set_teacher_scores(doc, LABELS, row)
    data = DocBin(attrs=["ORTH", "SPACY"], store_user_data=True, docs=[doc]).to_bytes()
    (restored,) = DocBin().from_bytes(data).get_docs(Vocab())
    stored = restored.user_data[KEY]
    assert numpy.asarray([stored["NEG"], stored["POS"]], dtype="float64").tolist() == row.astype("float64").tolist()
    assert get_teacher_scores([restored], LABELS).tolist() == [row.astype("float32").tolist()]


def test_teacher_scores_need_one_score_for_each_label() -> None:
    doc = make_doc()
    with pytest.raises(ValueError):
        set_teacher_scores(doc, LABELS, numpy.asarray([0.5, 0.25, 0.25], dtype="float32"))
    assert KEY not in doc.user_data


def test_teacher_scores_of_no_docs_have_a_column_for_each_label() -> None:
    assert get_teacher_scores([], LABELS).shape == (0, 2)


def test_teacher_scores_missing_names_text_and_command() -> None:
    docs = [make_doc("scored", {"NEG": 0.5, "POS": 0.5}), make_doc("not scored")]
    with pytest.raises(ValueError) as error:
        get_teacher_scores(docs, LABELS)
    assert "'not scored'" in str(error.value)
    assert SCORE_COMMAND in str(error.value)


@pytest.mark.parametrize(
    "scores",
    [
        pytest.param({"NEG": 1.0}, id="missing"),
        pytest.param({"NEG": 0.5, "POS": 0.25, "MIX": 0.25}, id="extra"),
        pytest.param({"neg": 0.5, "pos": 0.5}, id="other"),
        pytest.param({}, id="none"),
    ],
)
def test_teacher_scores_with_other_labels_name_text_labels_and_command(scores: dict[str, float]) -> None:
    docs = [make_doc("right", {"NEG": 0.5, "POS": 0.5}), make_doc("wrong labels", scores)]
    with pytest.raises(ValueError) as error:
        get_teacher_scores(docs, LABELS)
    assert "'wrong labels'" in str(error.value)
    assert str(sorted(scores)) in str(error.value)
    assert str(LABELS) in str(error.value)
    assert SCORE_COMMAND in str(error.value)


@pytest.mark.parametrize(
    "neg,pos,total",
    [
        pytest.param(0.5, 0.25, "0.75", id="below"),
        pytest.param(1.0, 0.5, "1.5", id="above"),
        pytest.param(0.0, 0.0, "0.0", id="zero"),
        pytest.param(float("nan"), 1.0, "nan", id="nan"),
    ],
)
def test_teacher_scores_that_do_not_sum_to_one_are_refused(neg: float, pos: float, total: str) -> None:
    docs = [make_doc("right", {"NEG": 0.5, "POS": 0.5}), make_doc("wrong sum", {"NEG": neg, "POS": pos})]
    with pytest.raises(ValueError, match=f"'wrong sum' sum to {total}, not to 1") as error:
        get_teacher_scores(docs, LABELS)
    assert SCORE_COMMAND in str(error.value)


def test_teacher_scores_may_be_off_by_float_noise() -> None:
    rows = get_teacher_scores([make_doc(scores={"NEG": 0.5, "POS": 0.5004})], LABELS)
    assert rows.tolist() == [[0.5, numpy.float32(0.5004)]]


def test_teacher_scores_errors_shorten_long_texts() -> None:
    with pytest.raises(ValueError) as error:
        get_teacher_scores([make_doc("x" * 200)], LABELS)
    assert "'" + "x" * 59 + "…'" in str(error.value)
