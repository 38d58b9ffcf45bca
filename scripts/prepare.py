"""Read the data, validate and split it, and write the corpora."""

from itertools import islice
from pathlib import Path

import srsly
import typer
from wasabi import msg

from scripts.distill.core.lock import writes
from scripts.distill.core.variables import is_forced
from scripts.distill.data.prepare import prepare_if_changed


@writes
def main(
    data: Path = typer.Argument(..., help="Folder with <lang>/{train,dev,test[,unlabelled]}.jsonl or <lang>.jsonl"),
    corpus: Path = typer.Argument(..., help="Folder to write the corpora to"),
    lang: str = typer.Option("xx", help="Language code, or xx for all languages of the data"),
    seed: int = typer.Option(0, help="Seed of random splits"),
    max_unlabelled: int | None = typer.Option(None, min=0, help="Unlabelled texts per language; all by default"),
    force: bool = typer.Option(False, help="Do it again even if nothing has changed"),
) -> None:
    """Turn labelled and unlabelled texts into gold corpora, and say what was dropped and why."""
    try:
        summary = prepare_if_changed(
            data, corpus, Path(__file__), lang=lang, seed=seed, max_unlabelled=max_unlabelled,
            force=force or is_forced(),
        )  # fmt: skip
    except (OSError, ValueError) as err:
        msg.fail("Can't prepare the data", str(err), exits=1)
    if summary is None:
        msg.good(f"Nothing changed: {corpus} was made from these files of {data}, with these settings")
        return
    splits = ["train", "dev", "test", "unlabelled"]
    rows = [(code, *(kept[split] for split in splits)) for code, kept in summary["kept"].items()]
    msg.table(rows, header=("lang", *splits), divider=True, aligns=("l", *"rrrr"))
    kinds = {"neutral": "neutral", "duplicate": "duplicate", "near_copy": "near copies", "rejected": "rejected"}
    dropped = {kind: sum(f.get(kind, 0) for f in summary["files"].values()) for kind in kinds}
    msg.info(
        f"Dropped: {', '.join(f'{count} {kinds[kind]}' for kind, count in dropped.items())}"
        f". Each is listed in {corpus / 'dropped.jsonl'}"
    )
    if summary["unused"]:
        msg.info(f"Not used (lang = {lang}): {', '.join(summary['unused'])}")
    if dropped["rejected"]:
        msg.warn(f"{dropped['rejected']} records were rejected as bad input, the first of them:")
        for drop in islice((d for d in srsly.read_jsonl(corpus / "dropped.jsonl") if d["kind"] == "rejected"), 5):
            typer.echo(f"  {drop['file']}:{drop['line']}: {drop['reason']}")
    msg.good(f"Wrote {corpus / 'gold'}", f"labels: {', '.join(summary['labels'])}")


if __name__ == "__main__":
    typer.run(main)
