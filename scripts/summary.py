"""Say at the end of a workflow what was made: how good it is, what it says, how to install it."""

from pathlib import Path
from typing import Any

import typer
from wasabi import msg

from scripts.distill.core.files import require_file
from scripts.distill.core.messages import stopping_with
from scripts.distill.evaluate.by_language import language_rows

# System in metrics/evaluation.json → its name in the table.
SYSTEMS = {"tfidf_logreg": "TF-IDF + LR", "baseline": "baseline", "teacher": "teacher", "student": "student"}


def main(
    wheel: Path = typer.Argument(..., help="The student's wheel"),
    evaluation: Path = typer.Option("metrics/evaluation.json", help="What `evaluate` wrote"),
    report: Path = typer.Option("reports/evaluation.html", help="The page that `evaluate` wrote"),
    verified: Path = typer.Option("metrics/verify.json", help="What `verify` wrote"),
) -> None:
    """Print accuracies, an example of each label and language, whether to ship the student, and how to install it.

    In: what `package`, `evaluate` and `verify` wrote. Out: nothing but what is printed.

    Example: python -m scripts.summary packages/en_my_classifier-0.1.0/dist/en_my_classifier-0.1.0-py3-none-any.whl
    """
    import srsly

    with stopping_with("Nothing to sum up"):
        for path, command in ((wheel, "package"), (evaluation, "evaluate"), (report, "evaluate"), (verified, "verify")):
            require_file(path, command)
    found = srsly.read_json(evaluation)
    rows = [*language_rows(found).items(), ("all", found["overall"])]
    msg.divider(f"Accuracy on the {found['split']} texts, in %")
    table = [(name, str(row["n"]), *(_percent(row["systems"][system]) for system in SYSTEMS)) for name, row in rows]
    msg.table(table, header=("lang", "texts", *SYSTEMS.values()), divider=True, aligns=("l", *"r" * 5))
    msg.divider("What the student says of dev texts")
    about = srsly.read_json(verified)
    for sample in about["samples"]:
        scores = "  ".join(f"{label} {score:.2f}" for label, score in sample["cats"].items())
        gold = f"{sample['gold']}: " if "gold" in sample else ""
        typer.echo(f"{gold}{scores}  {sample['text'][:90]}")
    msg.divider("May it be shipped?")
    typer.echo(f"{found['verdict']['decision']}: {found['verdict']['reason']}\nThe report: {report.resolve()}")
    package = wheel.name.split("-")[0]
    msg.divider(f"Use it: {about['size_bytes'] / 1e6:.1f} MB, needs nothing but spaCy")
    typer.echo(f'pip install {wheel}\npython -c \'import spacy; print(spacy.load("{package}")("…").cats)\'')


def _percent(scores: dict[str, Any] | None) -> str:
    return "–" if scores is None else f"{100 * scores['accuracy']:.1f}"


if __name__ == "__main__":
    typer.run(main)
