"""Install the wheel in a clean environment and check that it does what the export does."""

from pathlib import Path

import typer
from wasabi import msg

from scripts.distill.core.files import write_json
from scripts.distill.core.lock import writes
from scripts.distill.data.corpus import Corpus
from scripts.distill.data.origins import LANG
from scripts.distill.release.wheel import WheelError, verify_wheel


@writes
def main(
    wheel: Path = typer.Argument(..., help="The wheel", exists=True, dir_okay=False),
    model: Path = typer.Argument(..., help="The export that it was made from", exists=True, file_okay=False),
    output: Path = typer.Argument(..., help="JSON file to write"),
    corpus: Path = typer.Option("corpus", help="Folder with gold/, whose dev texts give one of each language"),
    constraints: Path = typer.Option("constraints.txt", help="Versions to install", exists=True),
) -> None:
    """Check the wheel in a virtual environment that holds only spaCy."""
    samples: dict[str, str] = {}
    try:
        for doc in Corpus(corpus).gold_docs("dev"):
            samples.setdefault(doc.user_data[LANG], doc.text)
        result = verify_wheel(wheel, model, list(samples.values()), constraints)
    except (WheelError, ValueError) as err:
        msg.fail("The wheel does not pass", str(err), exits=1)
    write_json(output, result)
    for sample in result["samples"]:
        scores = ", ".join(f"{label} {score:.2f}" for label, score in sample["cats"].items())
        msg.text(f"{scores}  {sample['text'][:80]}")
    msg.good(f"The wheel works with spaCy {result['spacy']} alone", f"{wheel}, {result['size_bytes'] / 1e6:.1f} MB")


if __name__ == "__main__":
    typer.run(main)
