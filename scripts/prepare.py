"""Read the data, validate and split it, and write the corpora."""

from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING, Any

import typer
from wasabi import msg

from scripts.distill.core.lock import writes
from scripts.distill.core.messages import stopping_with

if TYPE_CHECKING:
    from scripts.distill.data.records import Kind

# What the console calls each kind of record that is not kept.
NAMES = {
    "neutral": "neutral", "duplicate": "duplicate", "case_duplicate": "duplicate but for case",
    "contradiction": "duplicate with another label", "near_copy": "near copies", "rejected": "rejected",
}  # fmt: skip


@writes
def main(
    data: Path = typer.Argument(
        ...,
        help="Folder with <lang>/{train,dev,test}, <lang>/labelled or <lang>, and <lang>/unlabelled: .jsonl, .csv or "
        ".tsv, unlabelled texts also .txt, all also with .gz. See docs/data.md",
    ),
    corpus: Path = typer.Argument(..., help="Folder to write the corpora to"),
    lang: str = typer.Option("xx", help="Language code, or xx for all languages of the data"),
    seed: int = typer.Option(0, help="Seed of random splits", min=0, max=2**32 - 1),
    max_gold: int | None = typer.Option(None, min=1, help="Train texts per language; all by default"),
    max_unlabelled: int | None = typer.Option(None, min=0, help="Unlabelled texts per language; all by default"),
    force: bool = typer.Option(False, help="Do it again even if nothing has changed"),
) -> None:
    """Turn labelled and unlabelled texts into gold corpora, and say what was dropped and why.

    In: the data folder. Out: gold/{train,dev,test}.spacy, unlabelled.jsonl, labels.json, prepare.json, dropped.jsonl.

    Example: python -m scripts.prepare assets/sample corpus --lang nl
    """
    from scripts.distill.core.variables import is_forced
    from scripts.distill.data.prepare import prepare_if_changed

    with stopping_with("Can't prepare the data"):
        summary = prepare_if_changed(
            data, corpus, Path(__file__), lang=lang, seed=seed, max_gold=max_gold,
            max_unlabelled=max_unlabelled, force=force or is_forced(),
        )  # fmt: skip
    if summary is None:
        msg.good(f"Nothing changed: {corpus} was made from these files of {data}, with these settings")
        return
    splits = ["train", "dev", "test", "unlabelled"]
    rows = [(code, *(kept[split] for split in splits)) for code, kept in summary["kept"].items()]
    msg.table(rows, header=("lang", *splits), divider=True, aligns=("l", *"rrrr"))
    files = summary["files"].values()
    read, lines = sum(file["read"] for file in files), sum(file["lines"] for file in files)
    msg.info(f"Read {lines} lines of {len(files)} files: {read} records")
    dropped = {kind: sum(file.get(kind, 0) for file in files) for kind in NAMES}
    msg.info(
        f"Dropped: {', '.join(f'{count} {NAMES[kind]}' for kind, count in dropped.items())}"
        f". Each is listed in {corpus / 'dropped.jsonl'}"
    )
    if summary["unused"]:
        msg.info(f"Not used (lang = {lang}): {', '.join(summary['unused'])}")
    _warn_of_labels(summary)
    if dropped["contradiction"]:
        msg.warn(f"{dropped['contradiction']} texts are there again with another label, the first of them:")
        _show_drops(corpus, "contradiction")
    if dropped["rejected"]:
        msg.warn(f"{dropped['rejected']} records were rejected as bad input, the first of them:")
        _show_drops(corpus, "rejected")
    _warn_of_few(summary)
    counts = (f"{label} {sum(splits.values())}" for label, splits in summary["labels"].items())
    msg.good(f"Wrote {corpus / 'gold'}", f"labels: {', '.join(counts)}")


def _warn_of_few(summary: dict[str, Any]) -> None:
    """Say so if the student can't be judged, or has little to learn from."""
    from scripts.distill.data.corpus import FEW_TEXTS, MANY_TEXTS

    kept = summary["kept"].values()
    test, unlabelled = (sum(counts[split] for counts in kept) for split in ("test", "unlabelled"))
    if test < FEW_TEXTS:
        msg.warn(
            f"Only {test} test texts. To know whether the student may be shipped, label more: {FEW_TEXTS} at least, "
            f"better {MANY_TEXTS:,}"
        )
    if not unlabelled:
        msg.warn("No unlabelled texts: they help the student most, see docs/data.md")


def _warn_of_labels(summary: dict[str, Any]) -> None:
    """Say which labels look like others, and how many were written in another way."""
    from scripts.distill.data.labels import find_lookalikes, find_missing_values

    for label in find_missing_values(summary["labels"]):
        msg.warn(
            f"{sum(summary['labels'][label].values())} texts have the label {label!r}, like any other label. If it "
            "means that there is none, move these texts to the unlabelled texts"
        )
    for group in find_lookalikes(summary["labels"]):
        counts = (f"{label!r} ({sum(summary['labels'][label].values())} texts)" for label in group)
        msg.warn(f"These labels differ only by case or as numbers, and stay apart: {', '.join(counts)}")
    changed = sum(file.get("labels_changed", 0) for file in summary["files"].values())
    if changed:
        msg.warn(f"{changed} labels had invisible characters, odd spaces or another Unicode form, which were mended")


def _show_drops(corpus: Path, kind: "Kind") -> None:
    """Print the first few records that were dropped for a reason."""
    import srsly

    for drop in islice((d for d in srsly.read_jsonl(corpus / "dropped.jsonl") if d["kind"] == kind), 5):
        typer.echo(f"  {drop['file']}:{drop['line']}: {drop['reason']}")


if __name__ == "__main__":
    typer.run(main)
