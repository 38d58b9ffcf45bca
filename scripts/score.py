"""Score the transfer texts with the teacher."""

import json
import time
from pathlib import Path

import typer
from spacy.cli._util import setup_gpu
from tqdm import tqdm
from wasabi import msg

from scripts.distil.corpus import write_shards
from scripts.distil.files import replacing_folder, write_json
from scripts.distil.provenance import PREPARED, fingerprint_corpora, read_summary
from scripts.distil.teachers import load_teacher, predict_all
from scripts.distil.transfer import count_sources, finish_docs, gather_docs


def main(
    corpus: Path = typer.Argument(..., help="Folder with the corpora of `prepare` and `augment`"),
    output: Path = typer.Argument(
        ..., help="Folder to write the shards of the transfer set to; counts go beside it, to score.json"
    ),
    teacher: str = typer.Option("train", help="train, or spacy:<package or path>"),
    trained: Path = typer.Option("training/teacher/model-best", help="The teacher trained here"),
    seed: int = typer.Option(0, help="Seed of the order of the texts"),
    gpu_id: int = typer.Option(-1, help="GPU, or -1 for CPU"),
) -> None:
    """Write train, unlabelled and augmented texts with the teacher's probabilities."""
    try:
        setup_gpu(gpu_id)
        read_summary(corpus, "augment")
        labels = json.loads((corpus / "labels.json").read_text(encoding="utf-8"))
        docs = gather_docs(corpus)
        model = load_teacher(teacher, labels, trained=trained)
        start = time.perf_counter()
        texts = [doc.text for doc in docs]
        scores = predict_all(model, texts, lambda rows: tqdm(rows, "scoring", len(texts), unit=" texts", disable=None))
        seconds = time.perf_counter() - start
        with replacing_folder(output) as folder:
            shards = write_shards(finish_docs(docs, labels, scores, seed=seed), folder)
    except (OSError, ValueError) as err:
        msg.fail("Can't score the texts", str(err), exits=1)
    write_json(output.with_name("score.json"), {
        "teacher": teacher, "teacher_fingerprint": model.fingerprint, "labels": labels, "total": len(docs),
        PREPARED: fingerprint_corpora(corpus),
        "texts": count_sources(docs),
    })  # fmt: skip
    msg.good(f"Wrote {output}", f"{len(docs)} texts in {shards} shards, scored at {len(docs) / seconds:.0f} texts/s")


if __name__ == "__main__":
    typer.run(main)
