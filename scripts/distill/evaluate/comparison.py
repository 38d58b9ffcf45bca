"""Compare baseline, teacher, student and a control on one split: by language, overall, and by the texts' length."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any, Protocol

import numpy
from numpy.typing import NDArray

from ..core.probabilities import shift, soften
from ..core.progress import track
from ..data.corpus import FEW_TEXTS, GoldSplit
from ..data.teacher_scores import Scores
from . import metrics
from .by_language import language_rows
from .metrics import Labels, Probabilities
from .slices import thirds_by_length

BASELINE, TEACHER, STUDENT = "baseline", "teacher", "student"
TFIDF = "tfidf_logreg"
OVERALL = "overall"
# Keys of a system's scores: the calibration error and, of the student, the calibration error before calibration.
ECE, ECE_BEFORE = "ece", "ece_before_calibration"
# Key of a system's scores: the confidence interval of its accuracy.
ACCURACY_CI = "accuracy_ci95"
# A system whose p_above_majority is not below this may be no better than the most frequent label.
SIGNIFICANCE = 0.01


# System → probabilities, shape (n_texts, n_labels).
Predictions = dict[str, Probabilities]


class System(Protocol):
    """A pipeline to be compared, see `SpacyTeacher`."""

    def pipe(self, texts: Iterable[str]) -> Iterator[Scores]:
        """Yield the probabilities of each text, shape (n_labels,), in the order of the project's labels."""


def predict(systems: Mapping[str, System], texts: Sequence[str]) -> Predictions:
    """Run each system over texts."""
    return {name: numpy.stack(list(track(system.pipe(texts), name, len(texts)))) for name, system in systems.items()}


def add_teacher(predictions: Predictions, scores: Scores) -> str | None:
    """Add a teacher's probabilities, unless the teacher has no answer for some text.

    predictions (dict[str, NDArray]): What `predict` returned; the teacher is added.
    scores (NDArray[float32]): The teacher's probabilities, shape (n_texts, n_labels). A row of NaN is no answer.
    RETURNS (str | None): Why the teacher can't be compared; None if it can.
    """
    missing = int(numpy.isnan(scores).any(axis=1).sum())
    if missing:
        return f"it has no answer for {missing} of {len(scores)} texts"
    predictions[TEACHER] = scores
    return None


def evaluate(predictions: Predictions, split: GoldSplit, before: Probabilities, *, seed: int) -> dict[str, Any]:
    """Compare the systems by language and overall.

    predictions (dict[str, NDArray]): System → probabilities, shape (n_texts, n_labels). The teacher may be missing.
    split (GoldSplit): The texts' languages and gold labels.
    before (NDArray): The student's probabilities before its calibration, shape (n_texts, n_labels), see
        `undo_calibration`.
    seed (int): Decides the resamples of the confidence intervals.
    RETURNS (dict[str, Any]): "languages": language → comparison; "overall": comparison. A comparison has "n";
        "majority", the share of the most frequent label; "systems": system → scores; "student_vs_teacher", see
        `metrics.compare`; "error_reduction" and "gain_recovered" of the student over the baseline. What needs a teacher
        is None if the teacher is missing.
    """
    langs = numpy.asarray(split.langs)

    def compare(rows: NDArray[numpy.bool_]) -> dict[str, Any]:
        scores, gold = {name: scores[rows] for name, scores in predictions.items()}, split.labels[rows]
        result = _compare_systems(scores, gold, seed)
        result["systems"][STUDENT][ECE_BEFORE] = metrics.expected_calibration_error(before[rows], gold)
        return result

    return {
        "languages": {lang: compare(langs == lang) for lang in sorted(set(split.langs))},
        OVERALL: compare(langs != ""),
    }


def undo_calibration(probabilities: Probabilities, temperature: float, bias: Sequence[float]) -> Probabilities:
    """Return a student's probabilities before its calibration: softmax(T · log p − b).

    probabilities (NDArray): The calibrated probabilities p, shape (n_texts, n_labels).
    temperature (float): T that the student was calibrated with.
    bias (Sequence[float]): b that the student was calibrated with, in the order of the labels; empty for none.
    """
    before = soften(probabilities, 1 / temperature)
    return shift(before, -numpy.asarray(bias)) if len(bias) else before


def compare_pairs(predictions: Predictions, gold: Labels, seed: int) -> dict[str, dict[str, Any]]:
    """Compare the student with each other system, and the teacher with the controls, on the same texts.

    predictions (dict[str, NDArray]): System → probabilities, shape (n_texts, n_labels). The teacher may be missing.
    gold (NDArray[int64]): Label indices, shape (n_texts,).
    seed (int): Decides the resamples of the confidence intervals.
    RETURNS (dict[str, dict[str, Any]]): "student" and, if it is there, "teacher" → what it is compared with → see
        `metrics.compare`.
    """
    predicted = {name: scores.argmax(axis=1) for name, scores in predictions.items()}
    return {
        name: {
            other: metrics.compare(predicted[name], predicted[other], gold, seed=seed)
            for other in (TEACHER, TFIDF, BASELINE)
            if other in predicted and other != name
        }
        for name in (STUDENT, TEACHER)
        if name in predicted
    }


def compare_lengths(predictions: Predictions, split: GoldSplit, labels: Sequence[str]) -> list[dict[str, Any]]:
    """Compare the systems on the short, the middle and the long third of the texts.

    Accuracy should not depend on length.

    predictions (dict[str, NDArray]): System → probabilities, shape (n_texts, n_labels).
    split (GoldSplit): The texts and their gold labels.
    labels (Sequence[str]): The project's labels, in the order of the columns.
    RETURNS (list[dict[str, Any]]): Of each third that has texts: "words", the numbers of words of its shortest and its
        longest text; "n"; "accuracy": system → accuracy; "shares": "gold" or system → label → share of the texts.
    """
    predicted = {name: scores.argmax(axis=1) for name, scores in predictions.items()}
    return [
        {
            "words": words,
            "n": len(rows),
            "accuracy": {name: float((found[rows] == split.labels[rows]).mean()) for name, found in predicted.items()},
            "shares": {
                name: {label: float((found[rows] == i).mean()) for i, label in enumerate(labels)}
                for name, found in {"gold": split.labels, **predicted}.items()
            },
        }
        for words, rows in thirds_by_length(split.texts)
    ]


def length_rows(thirds: Sequence[Mapping[str, Any]]) -> tuple[list[tuple[str, ...]], tuple[str, ...]]:
    """Return the rows of a table of what `compare_lengths` returned, and the table's header.

    thirds (Sequence[Mapping[str, Any]]): What `compare_lengths` returned.
    """
    labels = list(thirds[0]["shares"]["gold"])
    systems = [name for name in (TEACHER, STUDENT) if name in thirds[0]["accuracy"]]
    header = ("words", "n", *systems, *(f"{label}: gold → student" for label in labels))
    rows = [
        (
            "–".join(map(str, third["words"])), str(third["n"]),
            *(_percent(third["accuracy"][name]) for name in systems),
            *(f"{_percent(third['shares']['gold'][label])} → {_percent(third['shares'][STUDENT][label])}"
              for label in labels),
        )
        for third in thirds
    ]  # fmt: skip
    return rows, header


def _compare_systems(scores: Mapping[str, Probabilities], gold: Labels, seed: int) -> dict[str, Any]:
    """Return the comparison on some texts, see `evaluate`."""
    predicted = {name: rows.argmax(axis=1) for name, rows in scores.items()}
    systems: dict[str, Any] = {
        name: {
            **metrics.accuracy_and_macro_f(labels, gold),
            ACCURACY_CI: metrics.share_interval(int((labels == gold).sum()), len(gold)),
            ECE: metrics.expected_calibration_error(scores[name], gold),
            "p_above_majority": metrics.p_above_majority(labels, gold),
        }
        for name, labels in predicted.items()
    }
    baseline, student = systems[BASELINE]["accuracy"], systems[STUDENT]["accuracy"]
    result = {
        "n": len(gold),
        "majority": float(numpy.bincount(gold).max() / len(gold)),
        "systems": systems,
        "student_vs_teacher": None,
        "error_reduction": metrics.error_reduction(baseline, student),
        "gain_recovered": None,
    }
    if TEACHER not in systems:
        systems[TEACHER] = None
        return result
    return result | {
        "student_vs_teacher": metrics.compare(predicted[STUDENT], predicted[TEACHER], gold, seed=seed),
        "gain_recovered": metrics.gain_recovered(baseline, systems[TEACHER]["accuracy"], student),
    }


def better_controls(comparison: Mapping[str, Any]) -> list[str]:
    """Return the controls that are at least as accurate as the teacher: if there are any, distilling is pointless.

    comparison (Mapping[str, Any]): A comparison of `evaluate`.
    """
    systems = comparison["systems"]
    if systems[TEACHER] is None:
        return []
    controls = (BASELINE, TFIDF)
    return [c for c in controls if systems[c]["accuracy"] >= systems[TEACHER]["accuracy"]]


def near_majority(comparison: Mapping[str, Any]) -> list[str]:
    """Return which of teacher and student may be no better than the most frequent label (p ≥ 0.01).

    comparison (Mapping[str, Any]): A comparison of `evaluate`.
    """
    systems = {name: comparison["systems"][name] for name in (TEACHER, STUDENT)}
    return [name for name, scores in systems.items() if scores and scores["p_above_majority"] >= SIGNIFICANCE]


def describe_few(comparison: Mapping[str, Any], split: str) -> str | None:
    """Return what can be said of the student if there are too few texts to judge; None if there are enough.

    comparison (Mapping[str, Any]): A comparison of `evaluate`.
    split (str): What the texts are called: "test" or "dev".
    """
    if comparison["n"] >= FEW_TEXTS:
        return None
    low, high = comparison["systems"][STUDENT][ACCURACY_CI]
    return (
        f"Only {comparison['n']} {split} texts: the student's accuracy may be anything from {_percent(low)} to "
        f"{_percent(high)} % (95 % interval), and small differences between systems are chance. To judge them, label "
        f"{FEW_TEXTS} or more {split} texts"
    )


def table_rows(evaluation: Mapping[str, Any]) -> Iterable[tuple[str, ...]]:
    """Yield the rows of a table: one for each of several languages, one for all texts. Its header is `TABLE_HEADER`.

    evaluation (Mapping[str, Any]): What `evaluate` returned.
    """
    comparisons = {**language_rows(evaluation), OVERALL: evaluation[OVERALL]}
    for name, row in comparisons.items():
        systems = [row["systems"][system] for system in (TFIDF, BASELINE, TEACHER, STUDENT)]
        accuracies = [_percent(scores["accuracy"] if scores else None) for scores in systems]
        versus = row["student_vs_teacher"]
        gap = agreement = "–"
        if versus:
            low, high = versus["ci95"]
            gap = f"{100 * versus['gap']:.1f} [{100 * low:.1f}, {100 * high:.1f}]"
            agreement = _percent(versus["agreement"])
        yield (
            name, str(row["n"]), *accuracies, _percent(row["systems"][STUDENT]["macro_f"]), gap, agreement,
            _percent(row["error_reduction"]), _percent(row["gain_recovered"]),
        )  # fmt: skip


TABLE_HEADER = (
    "lang", "n", "tf-idf+lr", "baseline", "teacher", "student", "student F", "gap to teacher [95 % CI]",
    "agreement", "error reduction", "gain recovered",
)  # fmt: skip


def _percent(value: float | None) -> str:
    return "–" if value is None else f"{100 * value:.1f}"
