"""Install the wheel in a clean environment and check that it does what the export does."""

from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING

import typer
from wasabi import msg

from scripts.distill.core.files import require_file, temporary_folder, write_json
from scripts.distill.core.lock import writes
from scripts.distill.core.messages import stopping_with

if TYPE_CHECKING:
    from spacy.tokens import Doc


@writes
def main(
    wheel: Path = typer.Argument(..., help="The wheel"),
    model: Path = typer.Argument(..., help="The export that it was made from"),
    output: Path = typer.Argument(..., help="JSON file to write"),
    corpus: Path = typer.Option("corpus", help="Folder with gold/, whose dev texts give the examples"),
    constraints: Path = typer.Option("constraints.txt", help="Versions to install", exists=True),
) -> None:
    """Check the wheel in a virtual environment that holds only spaCy.

    In: the wheel, and what it was made from. Out: a JSON file with what was found.

    Example: python -m scripts.verify packages/en_my_classifier-0.1.0/dist/en_my_classifier-0.1.0-py3-none-any.whl
    training/student/export metrics/verify.json
    """
    from scripts.distill.data.corpus import Corpus, gold_label
    from scripts.distill.release.wheel import verify_wheel

    with stopping_with("The wheel does not pass"):
        require_file(wheel, "package")
        require_file(model, "export")
        samples = choose_samples(Corpus(corpus).gold_docs("dev"))
        # Beside the output: one disk, and the next command removes what a kill leaves.
        with temporary_folder(output) as folder:
            result = verify_wheel(wheel, model, [doc.text for doc in samples], constraints, folder)
        for sample, doc in zip(result["samples"], samples, strict=True):
            sample["gold"] = gold_label(doc)
        write_json(output, result)
    for sample in result["samples"]:
        scores = ", ".join(f"{label} {score:.2f}" for label, score in sample["cats"].items())
        msg.text(f"{sample['gold']}: {scores}  {sample['text'][:80]}")
    msg.good(f"The wheel works with spaCy {result['spacy']} alone", f"{wheel}, {result['size_bytes'] / 1e6:.1f} MB")


def choose_samples(docs: Iterable["Doc"]) -> list["Doc"]:
    """Return the gold docs that are the first of their label, or the first of their language."""
    from scripts.distill.data.corpus import gold_label
    from scripts.distill.data.origins import LANG

    samples: dict[tuple[str, str], Doc] = {}
    for doc in docs:
        lang, label = doc.user_data[LANG], gold_label(doc)
        if all(label != known for _, known in samples) or all(lang != known for known, _ in samples):
            samples[lang, label] = doc
    return list(samples.values())


if __name__ == "__main__":
    typer.run(main)
