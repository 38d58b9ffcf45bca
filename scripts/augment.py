"""Make variants of the train texts with part-of-speech-aware augmentation."""

from dataclasses import asdict
from pathlib import Path

import spacy
import typer
from tqdm import tqdm
from wasabi import msg

from scripts.distil.augmentation import Counts, augment, load_plan
from scripts.distil.files import write_json, write_jsonl
from scripts.distil.gold import LANG, read_gold
from scripts.distil.provenance import PREPARED, fingerprint_corpora
from scripts.distil.splits import normalize
from scripts.distil.tagging import tag_texts


def main(
    corpus: Path = typer.Argument(
        ..., help="Folder with gold/{train,dev,test}.spacy and prepare.json; augmented.jsonl and augment.json go there"
    ),
    plan_path: Path = typer.Argument(..., help="The plan: a config of methods and shares", exists=True, dir_okay=False),
    variants: int = typer.Option(20, help="Variants of each train text, at most", min=0),
    seed: int = typer.Option(0, help="Seed of all random choices"),
) -> None:
    """Make new texts from the train texts by masking, swapping and cutting."""
    counts = Counts()
    gold, output = corpus / "gold", corpus / "augmented.jsonl"
    try:
        plan = load_plan(plan_path)
        texts = [(doc.text, doc.user_data[LANG]) for doc in read_gold(gold / "train.spacy")]
        held_out = {normalize(doc.text) for split in ("dev", "test") for doc in read_gold(gold / f"{split}.spacy")}
        tagger = spacy.load(plan.tagger)
        tagged = list(tqdm(tag_texts(tagger, texts), "tagging", len(texts), unit=" texts", disable=None))
        rows = augment(tagged, plan, variants=variants, seed=seed, held_out=held_out, counts=counts)
        bar = tqdm(rows, "augmenting", len(texts) * variants, unit=" variants", disable=None)
        total = write_jsonl(output, (asdict(row) for row in bar))
    except (OSError, ValueError) as err:
        msg.fail("Can't augment the train texts", str(err), exits=1)
    kept: dict[str, dict[str, int]] = {}
    for (lang, method), count in sorted(counts.kept.items()):
        kept.setdefault(lang, {})[method] = count
    write_json(corpus / "augment.json", {
        PREPARED: fingerprint_corpora(corpus),
        "sources": len(texts), "total": total, "kept": kept,
        "duplicates_dropped": counts.duplicates, "leaks_dropped": counts.leaks,
    })  # fmt: skip
    table = [(lang, *(by_method.get(m, 0) for m in plan.methods)) for lang, by_method in kept.items()]
    msg.table(table, header=("lang", *plan.methods), divider=True, aligns=("l", *("r" for _ in plan.methods)))
    msg.good(
        f"Wrote {output}",
        f"{total} variants of {len(texts)} texts; {counts.duplicates} duplicates and "
        f"{counts.leaks} dev or test texts dropped",
    )


if __name__ == "__main__":
    typer.run(main)
