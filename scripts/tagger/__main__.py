"""Convert treebanks for the tagger, install the trained tagger, and score the tagger."""

from pathlib import Path

import typer
from wasabi import msg

from scripts.distill.core.files import folder_size, replacing_file, replacing_folder
from scripts.distill.core.lock import writes
from scripts.distill.core.messages import stopping_with
from scripts.distill.core.threads import use_one_core

app = typer.Typer(help=__doc__)


@app.command()
@writes
def convert(
    treebanks: Path = typer.Argument(..., help="Folder with <lang>/*.conllu"),
    output: Path = typer.Argument(..., help="Folder to write train.spacy, dev.spacy and sources.json to"),
) -> None:
    """Convert all treebanks but those held out for scoring.

    In: Universal Dependencies treebanks. Out: train.spacy, dev.spacy and sources.json.

    Example: python -m scripts.tagger convert ud corpus/treebanks
    """
    from scripts.tagger.treebanks import convert_treebanks

    with stopping_with("Can't convert the treebanks"):
        sources = convert_treebanks(treebanks, output)
    msg.good(f"Wrote {output}", f"{sum(source['train'] for source in sources)} words to train on")


@app.command()
@writes
def install(
    model: Path = typer.Argument(..., help="The trained tagger", exists=True, file_okay=False),
    output: Path = typer.Argument(..., help="Folder to write"),
    sources: Path = typer.Argument(..., help="What `convert` wrote to sources.json", exists=True, dir_okay=False),
) -> None:
    """Copy the tagger to where augmentation finds it, with metadata on the treebanks that it was trained on.

    In: the trained tagger and sources.json. Out: a folder that `spacy.load` reads.

    Example: python -m scripts.tagger install training/tagger/model-best assets/tagger corpus/treebanks/sources.json
    """
    import spacy
    import srsly

    from scripts.tagger.treebanks import describe_tagger

    nlp = spacy.load(model)
    nlp.meta.update(describe_tagger(srsly.read_json(sources)))
    with replacing_folder(output, marker="meta.json") as folder:
        nlp.to_disk(folder, exclude=["vocab"])
    msg.good(f"Wrote {output}")


@app.command()
@writes
def score(
    model: Path = typer.Argument(..., help="The tagger", exists=True, file_okay=False),
    treebanks: Path = typer.Argument(..., help="Folder with <lang>/*.conllu"),
    output: Path = typer.Argument(..., help="Markdown file to write"),
) -> None:
    """Score the tagger on the held-out treebanks, on one core.

    In: the tagger and the treebanks. Out: a page of tables.

    Example: python -m scripts.tagger score assets/tagger ud docs/tagger.md
    """
    import spacy

    from scripts.tagger.scores import describe_scores, score_held_out

    use_one_core()
    nlp = spacy.load(model)
    with stopping_with("Can't score the tagger"):
        scores = list(score_held_out(nlp, treebanks))
    with replacing_file(output) as file:
        file.write(describe_scores(nlp.meta, folder_size(model), scores))
    rows = [(s.lang, f"{100 * s.raw:.1f}", f"{100 * s.gold:.1f}", f"{s.words_per_second:,.0f}") for s in scores]
    header = ("lang", "UPOS, raw text", "UPOS, gold tokens", "words/s")
    msg.table(rows, header=header, divider=True, aligns=("l", "r", "r", "r"))
    msg.good(f"Wrote {output}")


if __name__ == "__main__":
    app()
