"""Convert Universal Dependencies treebanks into corpora for the tagger."""

from pathlib import Path

import typer
from wasabi import msg

from scripts.distil.files import write_json
from scripts.distil.treebanks import convert_treebanks


def main(
    treebanks: Path = typer.Argument(..., help="Folder with <lang>/*.conllu"),
    output: Path = typer.Argument(..., help="Folder to write train.spacy, dev.spacy and words.json to"),
) -> None:
    """Convert all treebanks but those held out for scoring."""
    try:
        words = convert_treebanks(treebanks, output)
    except ValueError as err:
        msg.fail("Can't convert the treebanks", str(err), exits=1)
    write_json(output / "words.json", words)
    msg.good(f"Wrote {output}", f"{sum(w['train'] for w in words.values())} words to train on")


if __name__ == "__main__":
    typer.run(main)
