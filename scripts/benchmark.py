"""Measure what the documentation claims about speed and memory."""

from pathlib import Path

import typer
from wasabi import msg

from scripts.distil.augmentation import load_plan
from scripts.distil.augmentation_speed import join_texts, time_augmentation, time_peers
from scripts.distil.cores import use_one_core
from scripts.distil.files import replacing_folder, write_json
from scripts.distil.score_settings import load_score_settings
from scripts.distil.score_speed import stream_texts, time_scoring
from scripts.distil.splits import read_splits, stream_unlabelled

app = typer.Typer()
SAMPLE = Path("assets/sample")
SCORE_SETTINGS = typer.Option("configs/score.cfg", "--settings", help="How to score: a config", exists=True)


@app.command()
def augment(
    data: Path = typer.Option(SAMPLE, help="Data folder, see the README"),
    plan_path: Path = typer.Option("configs/augment.cfg", "--plan", help="The plan", exists=True, dir_okay=False),
    output: Path = typer.Option("metrics/benchmark_augment.json", help="JSON file to write"),
) -> None:
    """Time tagging, generation and de-duplication on 70-word texts on one core, beside nlpaug and textaugment.

    The other libraries are in requirements-benchmark.txt.
    """
    use_one_core()
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


@app.command()
def score(
    data: Path = typer.Option(SAMPLE, help="Data folder, see the README"),
    lang: str = typer.Option("en", help="Language of the texts"),
    texts: int = typer.Option(512, help="How many unlabelled texts, at most", min=1),
    encoder: Path = typer.Option("assets/encoder", help="Encoder in Hugging Face format", exists=True),
    trained: Path = typer.Option("training/teacher/model-best", help="The teacher trained here", exists=True),
    settings: Path = SCORE_SETTINGS,
    output: Path = typer.Option("metrics/benchmark_score.json", help="JSON file to write"),
) -> None:
    """Time scoring beside a bare transformers loop and nlp.pipe, on the cores that there are."""
    splits = read_splits(data, lang=lang, seed=0)
    # Some 500 word pieces at most, so that a text is one window for all.
    short = [item.text for item in stream_unlabelled(splits) if len(item.text) < 1000][:texts]
    result = time_scoring(short, encoder, trained, load_score_settings(settings).batches)
    write_json(output, result)
    msg.table([(name, f"{len(short) / seconds:,.0f}") for name, seconds in result["seconds"].items()],
              header=("texts/s", ""), divider=True, aligns=("l", "r"))  # fmt: skip
    msg.good(
        f"Wrote {output}",
        f"{result['ratio_to_bare_transformers']:.2f}× a bare transformers loop, "
        f"{result['ratio_to_nlp_pipe']:.2f}× nlp.pipe of the trained teacher",
    )


@app.command()
def stream(
    texts: int = typer.Option(1_000_000, help="How many texts", min=1),
    folder: Path = typer.Option("corpus/stream", help="Folder to make; what was made stays there"),
    settings: Path = SCORE_SETTINGS,
    output: Path = typer.Option("metrics/benchmark_stream.json", help="JSON file to write"),
) -> None:
    """Send very many short texts through `prepare` and `score` with a teacher that costs nothing."""
    with replacing_folder(folder) as made:
        result = stream_texts(texts, SAMPLE, made, load_score_settings(settings).batches)
    write_json(output, result)
    msg.table([(name, f"{value:,.0f}") for name, value in result.items()], aligns=("l", "r"))
    msg.good(f"Wrote {output}")


if __name__ == "__main__":
    app()
