"""The README of the wheel."""

from typing import Any

from scripts.distill.release.card import describe_scores, summarize, write_card

EVALUATION: dict[str, Any] = {
    "split": "test",
    "languages": {
        lang: {
            "n": 8,
            "systems": {
                "teacher": {"accuracy": 1.0},
                "student": {"accuracy": accuracy, "accuracy_ci95": [low, 0.98], "macro_f": 0.5, "ece": 0.25},
            },
        }
        for lang, accuracy, low in (("en", 0.875, 0.5), ("nl", 0.75, 0.375))
    },
    "overall": {
        "n": 16,
        "systems": {
            "baseline": {"accuracy": 0.5, "macro_f": 0.25},
            "teacher": {"accuracy": 0.9375, "macro_f": 0.9},
            "student": {"accuracy": 0.8125, "accuracy_ci95": [0.5625, 0.9375], "macro_f": 0.75, "ece": 0.03125},
        },
    },
}
SUMMARY = {
    "split": "test",
    "overall": {"n": 16, "accuracy": 0.8125, "accuracy_ci95": [0.5625, 0.9375], "macro_f": 0.75, "ece": 0.03125},
    "languages": {
        "en": {"n": 8, "accuracy": 0.875, "accuracy_ci95": [0.5, 0.98], "macro_f": 0.5, "ece": 0.25},
        "nl": {"n": 8, "accuracy": 0.75, "accuracy_ci95": [0.375, 0.98], "macro_f": 0.5, "ece": 0.25},
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

ABOUT = {
    "teacher": "train", "encoder": {"name": "intfloat/multilingual-e5-small", "licence": "MIT"},
    "texts": {"nl": {"gold": 3, "unlabelled": 20, "pos_swap": 6, "ngram": 5}},
}  # fmt: skip


def test_card_names_dev_and_test_and_leaves_out_what_is_empty() -> None:
    card = write_card({**META, "evaluation": SUMMARY})
    assert card.startswith(
        "Moods.\n\n|  |  |\n| --- | --- |\n| name | en_tiny_mood |\n| version | 0.0.1 |\n"
        "| spaCy | >=3.8.2,<3.9.0 |\n| languages | en, nl |\n| components | textcat |\n| labels | `NEG`, `A\\|B` |\n\n"
        f"## Results\n\n{NOTES}\n\n"
    )
    assert "Accuracy on the dev texts, by which the student was chosen: 0.944.\n" in card
    assert "thresholds" not in card
    assert "licence" not in card


def test_card_has_accuracy_and_calibration_of_each_language() -> None:
    thresholds = {"0.9": {"NEG": None, "POS": {"threshold": 0.7}}}
    card = write_card({**META, "evaluation": SUMMARY, "thresholds": thresholds})
    for row in (
        "| en | 8 | 0.875 | 0.500 to 0.980 | 0.250 |",
        "| nl | 8 | 0.750 | 0.375 to 0.980 | 0.250 |",
        "| all | 16 | 0.812 | 0.562 to 0.938 | 0.031 |",
    ):
        assert f"\n{row}\n" in card
    assert 'nlp.meta["thresholds"]' in card
    alone = {**SUMMARY, "languages": {"en": SUMMARY["overall"]}}
    assert "\n| en |" not in write_card({**META, "evaluation": alone})
    assert "(en" in describe_scores(SUMMARY)
    assert "(en" not in describe_scores(alone)


def test_card_says_what_it_is_for_and_what_it_was_made_of() -> None:
    card = write_card({**META, "distillation": ABOUT})
    assert "sorts texts in en, nl into `NEG`, `A|B`" in card
    assert "## Limits\n" in card
    assert "\n| nl | 3 | 20 | 11 |\n" in card
    assert "\n| this package | en_tiny_mood | not stated |\n" in card
    assert "\n| teacher | the encoder, fine-tuned on the labelled texts | not stated |\n" in card
    assert "\n| encoder of the word vectors | intfloat/multilingual-e5-small | MIT |\n" in card
    other = {**ABOUT, "teacher": "hf:someone/classifier", "encoder": None}
    card = write_card({**META, "license": "MIT", "distillation": other})
    assert "\n| this package | en_tiny_mood | MIT |\n| teacher | hf:someone/classifier | not stated |\n" in card
    assert "word vectors" not in card


def test_card_has_what_is_given() -> None:
    card = write_card({**META, "license": "MIT", "author": "Someone", "performance": {}, "evaluation": SUMMARY})
    assert "| licence | MIT |\n| author | Someone |" in card
    assert "dev texts, by which" not in card


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
