import json
from collections.abc import Iterable, Iterator, Mapping
from typing import Any

import numpy
import pytest
import spacy
from numpy.testing import assert_equal
from spacy.language import Language
from spacy.tokens import Doc

from scripts.distill.core.probabilities import shift, soften
from scripts.distill.data.corpus import GoldSplit
from scripts.distill.data.teacher_scores import Scores
from scripts.distill.evaluate.comparison import (
    TABLE_HEADER,
    Predictions,
    add_teacher,
    better_controls,
    compare_lengths,
    compare_pairs,
    describe_few,
    evaluate,
    length_rows,
    near_majority,
    predict,
    table_rows,
    undo_calibration,
)
from scripts.distill.teacher.teachers import SpacyTeacher

LABELS = ["NEG", "POS"]
# Text: language, gold label, and what baseline, teacher, student and control predict.
ROWS = {
    "e1": ("en", 0, 0, 0, 0, 0),
    "n1": ("nl", 0, 0, 0, 1, 0),
    "e2 longer": ("en", 0, 1, 0, 0, 1),
    "e3": ("en", 1, 1, 1, 1, 1),
    "f1": ("fr", 1, 1, 1, 1, 1),
    "n2": ("nl", 1, 0, 1, 1, 1),
    "e4": ("en", 1, 0, 0, 1, 1),
}
SYSTEMS = ("baseline", "teacher", "student", "tfidf_logreg")


class FakeTeacher:
    """Predicts what it is told to."""

    labels = LABELS
    name = fingerprint = "fake"

    def __init__(self, answers: Mapping[str, int]) -> None:
        self.answers = answers
        self.seen: list[list[str]] = []

    def pipe(self, texts: Iterable[str]) -> Iterator[Scores]:
        self.seen.append([])
        for text in texts:
            self.seen[-1].append(text)
            yield numpy.asarray([[0.75, 0.25], [0.25, 0.75]][self.answers[text]], dtype="float32")


@Language.component("test_evaluation_neg_first")
def set_neg_first(doc: Doc) -> Doc:
    doc.cats = {"NEG": 1 - float(doc.text), "POS": float(doc.text)}
    return doc


@Language.component("test_evaluation_pos_first")
def set_pos_first(doc: Doc) -> Doc:
    doc.cats = {"POS": float(doc.text), "NEG": 1 - float(doc.text)}
    return doc


def make_systems() -> dict[str, FakeTeacher]:
    return {name: FakeTeacher({text: row[2 + i] for text, row in ROWS.items()}) for i, name in enumerate(SYSTEMS)}


def make_split() -> GoldSplit:
    return GoldSplit(
        texts=list(ROWS),
        langs=[row[0] for row in ROWS.values()],
        labels=numpy.asarray([row[1] for row in ROWS.values()]),
    )


def compare_all(predictions: Predictions, split: GoldSplit, temperature: float = 2) -> dict[str, Any]:
    """Compare systems of which the student was calibrated with a temperature."""
    return evaluate(predictions, split, undo_calibration(predictions["student"], temperature, []), seed=0)


@pytest.fixture(scope="module")
def evaluation() -> dict[str, Any]:
    split = make_split()
    return compare_all(predict(make_systems(), split.texts), split)


@pytest.fixture(scope="module")
def without_teacher() -> dict[str, Any]:
    """The evaluation of a teacher that has no answer for one of the texts."""
    split, systems = make_split(), make_systems()
    scores = numpy.stack(list(systems.pop("teacher").pipe(split.texts)))
    scores[3] = numpy.nan
    predictions = predict(systems, split.texts)
    assert add_teacher(predictions, scores) == "it has no answer for 1 of 7 texts"
    return compare_all(predictions, split)


def comparison(**accuracies: float) -> dict[str, Any]:
    return {"systems": {name: {"accuracy": accuracy} for name, accuracy in accuracies.items()}}


def test_evaluation_predict_returns_probabilities_in_order_of_texts() -> None:
    predictions = predict(make_systems(), make_split().texts)
    assert {name: scores.tolist() for name, scores in predictions.items()} == {
        name: [[[0.75, 0.25], [0.25, 0.75]][row[2 + i]] for row in ROWS.values()] for i, name in enumerate(SYSTEMS)
    }


def test_evaluation_predict_shows_progress(monkeypatch: pytest.MonkeyPatch) -> None:
    shown: dict[str, int] = {}

    def track(rows: Iterator[Scores], name: str, total: int) -> Iterator[Scores]:
        assert total == len(ROWS)
        shown[name] = 0
        for row in rows:
            shown[name] += 1
            yield row

    monkeypatch.setattr("scripts.distill.evaluate.comparison.track", track)
    systems = make_systems()
    predict(systems, make_split().texts)
    assert shown == dict.fromkeys(systems, len(ROWS))
    for system in systems.values():
        assert system.seen == [list(ROWS)]


def test_evaluation_add_teacher_takes_the_scores_of_another_step() -> None:
    scores = numpy.asarray([[0.75, 0.25], [0.25, 0.75], [1.0, 0.0]], dtype="float32")
    predictions: dict[str, Any] = {"student": 1 - scores}
    assert add_teacher(predictions, scores) is None
    assert predictions["teacher"].tolist() == [[0.75, 0.25], [0.25, 0.75], [1.0, 0.0]]
    assert predictions["student"].tolist() == [[0.25, 0.75], [0.75, 0.25], [0.0, 1.0]]


@pytest.mark.parametrize("missing", [[0], [1, 2], [0, 1, 2]], ids=str)
def test_evaluation_add_teacher_says_why_it_cannot_be_compared(missing: list[int]) -> None:
    scores = numpy.full((3, 2), 0.5, dtype="float32")
    scores[missing] = numpy.nan
    predictions: dict[str, Any] = {}
    assert add_teacher(predictions, scores) == f"it has no answer for {len(missing)} of 3 texts"
    assert predictions == {}


def test_evaluation_predict_aligns_systems_with_other_label_order() -> None:
    systems = {}
    for order in ("neg_first", "pos_first"):
        nlp = spacy.blank("xx")
        nlp.add_pipe(f"test_evaluation_{order}")
        systems[order] = SpacyTeacher(nlp, LABELS)
    split = GoldSplit(["0.75", "0.125", "1"], ["en"] * 3, numpy.asarray([1, 0, 1]))
    predictions = predict(systems, split.texts)
    expected = [[0.25, 0.75], [0.875, 0.125], [0.0, 1.0]]
    assert predictions["neg_first"].tolist() == predictions["pos_first"].tolist() == expected


def test_evaluation_by_language_matches_hand_computed(evaluation: Mapping[str, Any]) -> None:
    assert list(evaluation["languages"]) == ["en", "fr", "nl"]
    english, dutch = evaluation["languages"]["en"], evaluation["languages"]["nl"]
    assert (english["n"], english["majority"]) == (4, 0.5)
    others = ("p_above_majority", "accuracy_ci95")
    scores = {n: {k: v for k, v in s.items() if k not in others} for n, s in english["systems"].items()}
    assert scores == {
        "baseline": {"accuracy": 0.5, "macro_f": 0.5, "ece": 0.25},
        # NEG: P 2/3, R 1 → 4/5; POS: P 1, R 1/2 → 2/3
        "teacher": {"accuracy": 0.75, "macro_f": pytest.approx((4 / 5 + 2 / 3) / 2), "ece": 0.0},
        # Before calibration at T = 2, 0.75 was 0.75² / (0.75² + 0.25²) = 0.9
        "student": {"accuracy": 1.0, "macro_f": 1.0, "ece": 0.25, "ece_before_calibration": pytest.approx(0.1)},
        "tfidf_logreg": {"accuracy": 0.75, "macro_f": pytest.approx((4 / 5 + 2 / 3) / 2), "ece": 0.0},
    }
    assert english["systems"]["student"]["accuracy_ci95"] == pytest.approx([0.51, 1.0], abs=0.001)
    # All four right: 1/2⁴.
    assert english["systems"]["student"]["p_above_majority"] == pytest.approx(1 / 16)
    assert english["student_vs_teacher"]["gap"] == -0.25
    assert english["student_vs_teacher"]["agreement"] == 0.75
    assert (english["error_reduction"], english["gain_recovered"]) == (1.0, 2.0)
    assert (dutch["n"], dutch["majority"]) == (2, 0.5)
    assert {name: scores["accuracy"] for name, scores in dutch["systems"].items()} == {
        "baseline": 0.5, "teacher": 1.0, "student": 0.5, "tfidf_logreg": 1.0,
    }  # fmt: skip
    assert dutch["student_vs_teacher"] == {"gap": 0.5, "ci95": [0.0, 1.0], "agreement": 0.5}
    assert (dutch["error_reduction"], dutch["gain_recovered"]) == (0.0, 0.0)


def test_evaluation_ratios_are_none_where_the_baseline_is_perfect(evaluation: Mapping[str, Any]) -> None:
    interval = pytest.approx([0.2065, 1.0], abs=1e-4)
    perfect = {"accuracy": 1.0, "accuracy_ci95": interval, "macro_f": 1.0, "ece": 0.25, "p_above_majority": 1.0}
    before = {"ece_before_calibration": pytest.approx(0.1)}
    assert evaluation["languages"]["fr"] == {
        "n": 1,
        "majority": 1.0,
        "systems": {name: perfect | (before if name == "student" else {}) for name in SYSTEMS},
        "student_vs_teacher": {"gap": 0.0, "ci95": pytest.approx([-0.7935, 0.7935], abs=1e-4), "agreement": 1.0},
        "error_reduction": None,
        "gain_recovered": None,
    }


def test_evaluation_overall_counts_each_text_once(evaluation: Mapping[str, Any]) -> None:
    overall = evaluation["overall"]
    assert (overall["n"], overall["majority"]) == (7, pytest.approx(4 / 7))
    assert {name: scores["accuracy"] for name, scores in overall["systems"].items()} == pytest.approx(
        {"baseline": 4 / 7, "teacher": 6 / 7, "student": 6 / 7, "tfidf_logreg": 6 / 7}
    )
    assert {name: scores["ece"] for name, scores in overall["systems"].items()} == pytest.approx(
        {"baseline": 3 / 4 - 4 / 7, "teacher": 6 / 7 - 3 / 4, "student": 6 / 7 - 3 / 4, "tfidf_logreg": 6 / 7 - 3 / 4}
    )
    assert overall["systems"]["student"]["ece_before_calibration"] == pytest.approx(0.9 - 6 / 7)
    versus = overall["student_vs_teacher"]
    assert versus["gap"] == 0
    assert versus["ci95"][0] < 0 < versus["ci95"][1]
    assert versus["agreement"] == pytest.approx(5 / 7)
    assert overall["error_reduction"] == pytest.approx(2 / 3)
    assert overall["gain_recovered"] == pytest.approx(1)


def test_evaluation_says_when_there_are_too_few_texts_to_judge(evaluation: Mapping[str, Any]) -> None:
    sentence = describe_few(evaluation["overall"], "dev")
    assert sentence
    assert sentence.startswith("Only 7 dev texts: the student's accuracy may be anything from 48.7 to 97.4 %")
    assert sentence.endswith("label 100 or more dev texts")
    assert describe_few({**evaluation["overall"], "n": 100}, "dev") is None


def test_evaluation_of_a_student_that_is_not_calibrated() -> None:
    split = make_split()
    predictions = predict(make_systems(), split.texts)
    student = compare_all(predictions, split, temperature=1)["overall"]["systems"]["student"]
    assert student["ece_before_calibration"] == student["ece"]


def test_evaluation_is_plain_json(evaluation: Mapping[str, Any]) -> None:
    assert set(evaluation) == {"languages", "overall"}
    assert_equal(json.loads(json.dumps(evaluation, allow_nan=False)), evaluation)


def test_evaluation_is_deterministic(evaluation: Mapping[str, Any]) -> None:
    split = make_split()
    assert compare_all(predict(make_systems(), split.texts), split) == evaluation


def test_evaluation_of_more_than_two_labels() -> None:
    gold = numpy.asarray([0, 1, 2, 2])
    answers = {"baseline": [0, 0, 0, 0], "teacher": [0, 1, 2, 1], "student": [0, 1, 2, 2]}
    predictions = {name: numpy.eye(3)[labels] for name, labels in answers.items()}
    overall = compare_all(predictions, GoldSplit(list("abcd"), ["en"] * 4, gold), temperature=1)["overall"]
    assert [overall["systems"][name]["accuracy"] for name in answers] == [0.25, 0.75, 1.0]
    assert overall["majority"] == 0.5
    # F of 0: P 1/4, R 1 → 2/5; the others are never predicted
    assert overall["systems"]["baseline"]["macro_f"] == pytest.approx(2 / 5 / 3)


@pytest.mark.parametrize(
    "baseline,control,teacher,expected",
    [
        pytest.param(0.5, 0.5, 0.75, [], id="teacher-best"),
        pytest.param(0.75, 0.5, 0.75, ["baseline"], id="baseline-equal"),
        pytest.param(0.5, 1.0, 0.75, ["tfidf_logreg"], id="control-above"),
        pytest.param(1.0, 0.75, 0.75, ["baseline", "tfidf_logreg"], id="both"),
    ],
)
def test_evaluation_better_controls(baseline: float, control: float, teacher: float, expected: list[str]) -> None:
    systems = comparison(baseline=baseline, tfidf_logreg=control, teacher=teacher, student=1.0)
    assert better_controls(systems) == expected


@pytest.mark.parametrize(
    "teacher,student,expected",
    [(0.001, 0.009, []), (0.001, 0.01, ["student"]), (0.5, 0.001, ["teacher"]), (1.0, 1.0, ["teacher", "student"])],
)
def test_evaluation_near_majority(teacher: float, student: float, expected: list[str]) -> None:
    systems = {"teacher": {"p_above_majority": teacher}, "student": {"p_above_majority": student}}
    assert near_majority({"systems": systems}) == expected


def test_evaluation_table_has_a_row_for_each_language_and_overall(evaluation: Mapping[str, Any]) -> None:
    rows = {row[0]: row for row in table_rows(evaluation)}
    assert list(rows) == ["en", "fr", "nl", "overall"]
    assert all(len(row) == len(TABLE_HEADER) for row in rows.values())
    assert rows["nl"] == (
        "nl", "2", "100.0", "50.0", "100.0", "50.0", "33.3", "50.0 [0.0, 100.0]", "50.0", "0.0", "0.0",
    )  # fmt: skip
    assert rows["fr"][-2:] == ("–", "–")
    assert rows["overall"][1] == "7"
    alone = {**evaluation, "languages": {"nl": evaluation["languages"]["nl"]}}
    assert [row[0] for row in table_rows(alone)] == ["overall"]


def test_evaluation_without_a_teacher_compares_the_others(
    evaluation: Mapping[str, Any], without_teacher: Mapping[str, Any]
) -> None:
    pairs = [(without_teacher["overall"], evaluation["overall"])]
    pairs += [(without_teacher["languages"][lang], evaluation["languages"][lang]) for lang in ("en", "fr", "nl")]
    for without, with_teacher in pairs:
        none = {"student_vs_teacher": None, "gain_recovered": None}
        assert without == {**with_teacher, **none, "systems": {**with_teacher["systems"], "teacher": None}}
    assert_equal(json.loads(json.dumps(without_teacher, allow_nan=False)), without_teacher)


def test_evaluation_without_a_teacher_warns_of_the_student_only(without_teacher: Mapping[str, Any]) -> None:
    assert better_controls(without_teacher["overall"]) == []
    assert near_majority(without_teacher["overall"]) == ["student"]
    assert near_majority({"systems": {"teacher": None, "student": {"p_above_majority": 0.001}}}) == []


def test_evaluation_table_without_a_teacher_has_dashes(without_teacher: Mapping[str, Any]) -> None:
    rows = {row[0]: row for row in table_rows(without_teacher)}
    assert all(len(row) == len(TABLE_HEADER) for row in rows.values())
    assert rows["nl"] == ("nl", "2", "100.0", "50.0", "–", "50.0", "33.3", "–", "–", "0.0", "–")


def test_evaluation_compares_thirds_of_length() -> None:
    texts = ["a", "a b", "a b c", "a b c d", "a b c d e", "a b c d e f"]
    split = GoldSplit(texts[::-1], ["en"] * 6, numpy.asarray([1, 0, 1, 0, 1, 0]))
    # The student says the second label (1) of all but the two shortest.
    student = numpy.asarray([[0.1, 0.9]] * 4 + [[0.8, 0.2]] * 2)
    thirds = compare_lengths({"student": student}, split, ["NEG", "POS"])
    assert [third["words"] for third in thirds] == [[1, 2], [3, 4], [5, 6]]
    assert [third["n"] for third in thirds] == [2, 2, 2]
    assert [third["accuracy"]["student"] for third in thirds] == [0.5, 0.5, 0.5]
    assert [third["shares"]["student"]["POS"] for third in thirds] == [0, 1, 1]
    assert [third["shares"]["gold"]["POS"] for third in thirds] == [0.5, 0.5, 0.5]
    rows, header = length_rows(thirds)
    assert header == ("words", "n", "student", "NEG: gold → student", "POS: gold → student")
    assert rows[0] == ("1–2", "2", "50.0", "50.0 → 100.0", "50.0 → 0.0")


def test_evaluation_compares_each_pair_on_the_same_texts(evaluation: Mapping[str, Any]) -> None:
    split = make_split()
    pairs = compare_pairs(predict(make_systems(), split.texts), split.labels, seed=0)
    assert {name: set(others) for name, others in pairs.items()} == {
        "student": {"baseline", "teacher", "tfidf_logreg"}, "teacher": {"baseline", "tfidf_logreg"},
    }  # fmt: skip
    assert pairs["student"]["teacher"] == evaluation["overall"]["student_vs_teacher"]
    # Of seven texts, the student is right on six and the baseline on four.
    assert pairs["student"]["baseline"]["gap"] == pytest.approx(-2 / 7)
    assert pairs["teacher"]["tfidf_logreg"]["gap"] == 0


def test_evaluation_undoes_the_calibration() -> None:
    before = numpy.asarray([[0.2, 0.5, 0.3], [0.9, 0.05, 0.05]])
    bias = [0.5, -0.2, -0.3]
    after = soften(shift(before, numpy.asarray(bias)), 1.7)
    assert undo_calibration(after, 1.7, bias) == pytest.approx(before)
    assert undo_calibration(before, 1.0, []) == pytest.approx(before)
