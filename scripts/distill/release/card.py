"""The README of the wheel, which says what it is and how good it is."""

from collections.abc import Mapping
from typing import Any


def write_card(meta: Mapping[str, Any]) -> str:
    """Return the README of a package. What meta.json leaves empty, such as a licence, is left out.

    meta (Mapping[str, Any]): The contents of meta.json; "notes" is what `describe_scores` returned, and "performance"
        are the scores on dev that spaCy's training noted.
    RETURNS (str): Markdown.
    """
    labels = [label for names in meta.get("labels", {}).values() for label in names]
    facts = {
        "name": f"{meta['lang']}_{meta['name']}",
        "version": meta["version"],
        "spaCy": meta["spacy_version"],
        "languages": ", ".join(meta.get("languages", [])),
        "components": ", ".join(meta.get("pipeline", [])),
        "labels": ", ".join(labels).replace("|", r"\|"),  # a bar would end the cell
        "licence": meta.get("license"),
        "author": meta.get("author"),
        "e-mail": meta.get("email"),
        "address": meta.get("url"),
    }
    rows = [f"| {name} | {value} |" for name, value in facts.items() if value]
    dev = meta.get("performance", {}).get("cats_micro_f")
    chosen = "" if dev is None else f"Accuracy on the dev texts, by which the student was chosen: {dev:.3f}."
    parts = [meta.get("description"), "\n".join(["| | |", "| --- | --- |", *rows]), meta.get("notes"), chosen]
    return "\n\n".join(part for part in parts if part) + "\n"


def summarize(evaluation: Mapping[str, Any]) -> dict[str, Any]:
    """Return the student's scores, as they go into meta.json.

    evaluation (Mapping[str, Any]): The contents of metrics/evaluation.json.
    RETURNS (dict[str, Any]): "split"; "overall", the student's scores; "languages": language → the student's scores;
        "teacher_accuracy", None if the teacher was not compared.
    """
    teacher = evaluation["overall"]["systems"]["teacher"]
    return {
        "split": evaluation["split"],
        "overall": evaluation["overall"]["systems"]["student"],
        "languages": {lang: row["systems"]["student"] for lang, row in evaluation["languages"].items()},
        "teacher_accuracy": teacher["accuracy"] if teacher else None,
    }


def describe_scores(scores: Mapping[str, Any]) -> str:
    """Return the scores as a sentence for the package's README.

    scores (Mapping[str, Any]): What `summarize` returned.
    """
    by_language = ", ".join(f"{lang} {row['accuracy']:.3f}" for lang, row in scores["languages"].items())
    teacher = scores["teacher_accuracy"]
    return (
        f"Accuracy on the {scores['split']} texts: {scores['overall']['accuracy']:.3f} ({by_language}), with an "
        f"expected calibration error of {scores['overall']['ece']:.3f}"
        f"{'' if teacher is None else f'; accuracy of its teacher: {teacher:.3f}'}."
    )
