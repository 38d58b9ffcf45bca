"""Train TF-IDF + logistic regression on the gold labels: what one would try without spaCy or a teacher."""

from pathlib import Path

import typer
from wasabi import msg

from scripts.distill.core.lock import writes
from scripts.distill.core.messages import stopping_with


@writes
def main(
    corpus: Path = typer.Argument(..., help="Folder with gold/ and labels.json"),
    output: Path = typer.Argument(..., help="Folder to write"),
) -> None:
    """Train TF-IDF + logistic regression on the train texts, and write the result without pickles.

    In: the corpora of `prepare`. Out: a folder with vocabulary.json, weights.npz and meta.json.

    Example: python -m scripts.tfidf corpus training/tfidf
    """
    from scripts.distill.core.files import replacing_folder
    from scripts.distill.data.corpus import GOLD_SHA256, Corpus
    from scripts.distill.evaluate.tfidf import fit_tfidf, write_tfidf

    with stopping_with("Can't train"):
        corpora = Corpus(corpus)
        train = corpora.gold("train")
        with replacing_folder(output, marker="weights.npz") as folder:
            write_tfidf(fit_tfidf(train.texts, train.labels), folder, {GOLD_SHA256: corpora.gold_fingerprint})
    msg.good(f"Wrote {output}", f"{len(train.texts)} train texts")


if __name__ == "__main__":
    typer.run(main)
