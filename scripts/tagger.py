"""Install the trained tagger with metadata on its sources."""

from pathlib import Path

import spacy
import srsly
import typer
from wasabi import msg

from scripts.distil.files import replacing_folder
from scripts.distil.treebanks import describe_sources


def main(
    model: Path = typer.Argument(..., help="The trained tagger", exists=True, file_okay=False),
    output: Path = typer.Argument(..., help="Folder to write"),
    treebanks: Path = typer.Option("corpus/treebanks", help="Folder with words.json", exists=True, file_okay=False),
) -> None:
    """Copy the tagger to where augmentation finds it."""
    nlp = spacy.load(model)
    nlp.meta.update(describe_sources(srsly.read_json(treebanks / "words.json")))
    with replacing_folder(output) as folder:
        nlp.to_disk(folder, exclude=["vocab"])
    accuracy = nlp.meta["performance"]["pos_acc"]
    msg.good(f"Wrote {output}", f"accuracy of parts of speech on the held-out docs (gold tokens): {accuracy:.3f}")


if __name__ == "__main__":
    typer.run(main)
