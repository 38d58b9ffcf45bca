"""Measure what the documentation claims about speed."""

from pathlib import Path

import typer
from wasabi import msg

from scripts.distil.augmentation import load_plan
from scripts.distil.augmentation_speed import join_texts, time_augmentation, time_peers
from scripts.distil.cores import use_one_core
from scripts.distil.files import write_json
from scripts.distil.splits import read_splits

app = typer.Typer()


@app.callback()
def one_core() -> None:
    """Measure speed, each benchmark on one core where the system can be told so."""
    use_one_core()


@app.command()
def augment(
    data: Path = typer.Option("assets/sample", help="Data folder, see the README"),
    plan_path: Path = typer.Option("configs/augment.cfg", "--plan", help="The plan", exists=True, dir_okay=False),
    output: Path = typer.Option("metrics/benchmark_augment.json", help="JSON file to write"),
) -> None:
    """Time tagging, generation and de-duplication on 70-word texts, beside nlpaug and textaugment.

    The other libraries are in requirements-benchmark.txt.
    """
    reviews = read_splits(data, lang="xx", seed=0).reviews["train"]
    texts = list(join_texts((review.text, review.lang) for review in reviews))
    result = time_augmentation(texts, load_plan(plan_path, {"augment.variants": 200}))
    english = next((text for text, lang in texts if lang == "en"), texts[0][0])
    peers, missing = time_peers(english)
    write_json(output, {**result, "peers": peers, "missing_peers": missing})
    msg.table([(name, f"{rate:,.0f}") for name, rate in (result | peers).items()], aligns=("l", "r"))
    for name, reason in missing.items():
        msg.info(f"{name} does not run here: {reason}")
    msg.good(f"Wrote {output}")


if __name__ == "__main__":
    app()
