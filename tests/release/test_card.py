"""The README of the wheel."""

from typing import Any

from scripts.distill.release.card import describe_scores, summarize, write_card

EVALUATION: dict[str, Any] = {
    "split": "test",
    "languages": {
        lang: {
            "systems": {"teacher": {"accuracy": 1.0}, "student": {"accuracy": accuracy, "macro_f": 0.5, "ece": 0.25}}
        }
        for lang, accuracy in (("en", 0.875), ("nl", 0.75))
    },
    "overall": {
        "n": 16,
        "systems": {
            "baseline": {"accuracy": 0.5, "macro_f": 0.25},
            "teacher": {"accuracy": 0.9375, "macro_f": 0.9},
            "student": {"accuracy": 0.8125, "macro_f": 0.75, "ece": 0.03125},
        },
    },
}
SUMMARY = {
    "split": "test",
    "overall": {"accuracy": 0.8125, "macro_f": 0.75, "ece": 0.03125},
    "languages": {
        "en": {"accuracy": 0.875, "macro_f": 0.5, "ece": 0.25},
        "nl": {"accuracy": 0.75, "macro_f": 0.5, "ece": 0.25},
    },
    "teacher_accuracy": 0.9375,
}
NOTES = (
    "Accuracy on the test texts: 0.812 (en 0.875, nl 0.750), with an expected calibration error of 0.031; accuracy of "
    "its teacher: 0.938."
)
META = {
    "lang": "en", "name": "tiny_mood", "version": "0.0.1", "spacy_version": ">=3.8.2,<3.9.0", "description": "Moods.",
    "author": "", "email": "", "url": "", "license": "", "pipeline": ["textcat"], "languages": ["en", "nl"],
    "labels": {"textcat": ["NEG", "A|B"]}, "notes": NOTES, "performance": {"cats_micro_f": 0.9444, "cats_score": 0.9},
}  # fmt: skip


def test_card_names_dev_and_test_and_leaves_out_what_is_empty() -> None:
    card = write_card(META)
    assert card == (
        "Moods.\n\n| | |\n| --- | --- |\n| name | en_tiny_mood |\n| version | 0.0.1 |\n| spaCy | >=3.8.2,<3.9.0 |\n"
        "| languages | en, nl |\n| components | textcat |\n| labels | NEG, A\\|B |\n\n"
        f"{NOTES}\n\nAccuracy on the dev texts, by which the student was chosen: 0.944.\n"
    )


def test_card_has_what_is_given() -> None:
    card = write_card({**META, "license": "MIT", "author": "Someone", "performance": {}})
    assert "| licence | MIT |\n| author | Someone |" in card
    assert "dev" not in card


def test_card_summarize_takes_the_students_scores() -> None:
    assert summarize(EVALUATION) == SUMMARY


def test_card_describe_scores() -> None:
    assert describe_scores(SUMMARY) == NOTES


def test_card_describe_a_student_whose_teacher_was_not_compared() -> None:
    overall = EVALUATION["overall"]
    without = {**EVALUATION, "overall": {**overall, "systems": {**overall["systems"], "teacher": None}}}
    summary = summarize(without)
    assert summary == {**SUMMARY, "teacher_accuracy": None}
    assert describe_scores(summary) == NOTES.replace("; accuracy of its teacher: 0.938", "")
