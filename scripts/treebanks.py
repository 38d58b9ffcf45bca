"""Convert Universal Dependencies treebanks into corpora for the tagger."""

from pathlib import Path

import typer
from wasabi import msg

from scripts.distil.treebanks import convert_treebanks


def main(
    treebanks: Path = typer.Argument(..., help="Folder with <lang>/*.conllu"),
    output: Path = typer.Argument(..., help="Folder to write train.spacy, dev.spacy and sources.json to"),
) -> None:
    """Convert all treebanks but those held out for scoring."""
    try:
        sources = convert_treebanks(treebanks, output)
    except ValueError as err:
        msg.fail("Can't convert the treebanks", str(err), exits=1)
    msg.good(f"Wrote {output}", f"{sum(source['train'] for source in sources)} words to train on")


if __name__ == "__main__":
    typer.run(main)
