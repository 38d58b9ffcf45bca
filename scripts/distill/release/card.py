"""The README of the wheel, which says what it is and how good it is."""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from ..data.origins import GOLD, UNLABELLED
from ..evaluate.by_language import language_rows
from ..evaluate.comparison import ACCURACY_CI, ECE
from ..teacher.spec import TRAIN

UNKNOWN = "not stated"
TRAINED_HERE = "the encoder, fine-tuned on the labelled texts"


def write_card(meta: Mapping[str, Any]) -> str:
    """Return the README of a package. What meta.json leaves empty, such as an author, is left out.

    meta (Mapping[str, Any]): The contents of meta.json; "evaluation" is what `summarize` returned, "notes" what
        `describe_scores` returned, and "performance" are the scores on dev that spaCy's training noted.
    RETURNS (str): Markdown.
    """
    about, evaluation = meta.get("distillation"), meta.get("evaluation")
    parts = [
        meta.get("description"),
        _table(("", ""), [row for row in _facts(meta).items() if row[1]]),
        *(_describe_results(meta, evaluation) if evaluation else ()),
        *_describe_use(meta),
        *(_describe_origin(meta, about) if about else ()),
    ]
    return "\n\n".join(part for part in parts if part) + "\n"


def _facts(meta: Mapping[str, Any]) -> dict[str, Any]:
    return {
        "name": f"{meta['lang']}_{meta['name']}",
        "version": meta["version"],
        "spaCy": meta["spacy_version"],
        "languages": ", ".join(meta.get("languages", [])),
        "components": ", ".join(meta.get("pipeline", [])),
        "labels": _list_labels(meta),
        "licence": meta.get("license"),
        "author": meta.get("author"),
        "e-mail": meta.get("email"),
        "address": meta.get("url"),
    }


def _list_labels(meta: Mapping[str, Any]) -> str:
    # As code: in Markdown, underscores and stars would change the type.
    return ", ".join(f"`{label}`" for names in meta.get("labels", {}).values() for label in names)


def _table(header: Sequence[str], rows: Iterable[Sequence[Any]]) -> str:
    # A bar would end the cell.
    lines = ([str(cell).replace("|", r"\|") for cell in row] for row in (header, ["---"] * len(header), *rows))
    return "\n".join(f"| {' | '.join(cells)} |" for cells in lines)


def _describe_results(meta: Mapping[str, Any], evaluation: Mapping[str, Any]) -> tuple[str, ...]:
    """Return accuracy by language, with intervals, and what the probabilities are worth."""
    dev = meta.get("performance", {}).get("cats_micro_f")
    rows = [*language_rows(evaluation).items(), ("all", evaluation["overall"])]
    return (
        "## Results",
        meta["notes"],
        _table(
            ("language", "texts", "accuracy", "95 % interval", "calibration error"),
            [(name, row["n"], f"{row['accuracy']:.3f}", _interval(row), f"{row[ECE]:.3f}") for name, row in rows],
        ),
        "" if dev is None else f"Accuracy on the dev texts, by which the student was chosen: {dev:.3f}.",
        "A probability says how often an answer is right, for texts such as the dev texts, on which it was calibrated. "
        "The calibration error is how far that is off, on average.",
        '`nlp.meta["thresholds"]` says from which score on 90, 95 or 99 % of the answers are right.'
        if any(found for labels in meta.get("thresholds", {}).values() for found in labels.values())
        else "",
    )


def _interval(scores: Mapping[str, Any]) -> str:
    low, high = scores[ACCURACY_CI]
    return f"{low:.3f} to {high:.3f}"


def _describe_use(meta: Mapping[str, Any]) -> tuple[str, ...]:
    languages = ", ".join(meta.get("languages", [])) or meta["lang"]
    return (
        "## Intended use",
        f"It sorts texts in {languages} into {_list_labels(meta)}, many texts in little time, on one CPU core. The "
        "texts should be of the kind that it has learnt from.",
        "## Limits",
        "- Each text gets one of the labels, even if none fits, or the text is in another language.\n"
        "- It has learnt the answers of its teacher, and the teacher's mistakes with them.\n"
        "- How good it is on texts of another kind, and whether it is fair to all groups of people, was not measured.",
    )


def _describe_origin(meta: Mapping[str, Any], about: Mapping[str, Any]) -> tuple[str, ...]:
    """Return what the student has learnt from, and under which licences that came."""
    encoder = about.get("encoder")
    licences = [
        ("this package", f"{meta['lang']}_{meta['name']}", meta.get("license") or UNKNOWN),
        ("teacher", TRAINED_HERE if about["teacher"] == TRAIN else about["teacher"], UNKNOWN),
        *([("encoder of the word vectors", encoder["name"], encoder["licence"] or UNKNOWN)] if encoder else []),
        ("what it needs", "spaCy", "MIT"),
    ]
    return (
        "## Data",
        "It has learnt from these texts, which are not in the package. meta.json has the hash of each file.",
        _table(
            ("language", "labelled", "unlabelled", "made by augmentation"),
            [(lang, *_count_texts(counts)) for lang, counts in about["texts"].items()],
        ),
        "## Licences",
        _table(("part", "name", "licence"), licences),
    )


def _count_texts(counts: Mapping[str, int]) -> tuple[int, int, int]:
    """Return how many texts are gold, unlabelled and, by whatever method, augmented."""
    gold, unlabelled = counts.get(GOLD, 0), counts.get(UNLABELLED, 0)
    return gold, unlabelled, sum(counts.values()) - gold - unlabelled


def summarize(evaluation: Mapping[str, Any]) -> dict[str, Any]:
    """Return the student's scores, as they go into meta.json.

    evaluation (Mapping[str, Any]): The contents of metrics/evaluation.json.
    RETURNS (dict[str, Any]): "split"; "overall", the student's scores, with "n", the number of texts; "languages":
        language → the same; "teacher_accuracy", None if the teacher was not compared.
    """
    teacher = evaluation["overall"]["systems"]["teacher"]
    return {
        "split": evaluation["split"],
        "overall": _student_scores(evaluation["overall"]),
        "languages": {lang: _student_scores(row) for lang, row in evaluation["languages"].items()},
        "teacher_accuracy": teacher["accuracy"] if teacher else None,
    }


def _student_scores(comparison: Mapping[str, Any]) -> dict[str, Any]:
    return {"n": comparison["n"], **comparison["systems"]["student"]}


def describe_scores(scores: Mapping[str, Any]) -> str:
    """Return the scores as a sentence for the package's README.

    scores (Mapping[str, Any]): What `summarize` returned.
    """
    by_language = ", ".join(f"{lang} {row['accuracy']:.3f}" for lang, row in language_rows(scores).items())
    several = f" ({by_language})" if by_language else ""
    teacher = scores["teacher_accuracy"]
    return (
        f"Accuracy on the {scores['split']} texts: {scores['overall']['accuracy']:.3f}{several}, with an "
        f"expected calibration error of {scores['overall']['ece']:.3f}"
        f"{'' if teacher is None else f'; accuracy of its teacher: {teacher:.3f}'}."
    )
