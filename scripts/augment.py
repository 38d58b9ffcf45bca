"""Make variants of the train and unlabelled texts with part-of-speech-aware augmentation, and look at them."""

from pathlib import Path

import typer
from wasabi import msg

from scripts.distill.core.lock import writes
from scripts.distill.core.messages import stopping_with

app = typer.Typer(help=__doc__)


@app.command(context_settings={"allow_extra_args": True, "ignore_unknown_options": True})
@writes
def run(
    context: typer.Context,
    corpus: Path = typer.Argument(
        ..., help="Folder with gold/{train,dev,test}.spacy and prepare.json; augmented.jsonl and augment.json go there"
    ),
    plan_path: Path = typer.Argument(
        ..., help="The plan, configs/augment.cfg: methods and their shares", exists=True, dir_okay=False
    ),
    seed: int = typer.Option(0, help="Seed of all random choices"),
    processes: int = typer.Option(1, help="Processes that work; the result is the same", min=1),
    code: Path | None = typer.Option(None, help="Python file with augmenters of your own", exists=True, dir_okay=False),
) -> None:
    """Make new texts from the train and unlabelled texts by masking, swapping and cutting.

    In: the corpora of `prepare`. Out: augmented.jsonl, augment.json and tokenizer/ beside them.

    Settings of the plan can be given as options, too, as to `spacy train`: --augment.variants 60

    Example: python -m scripts.augment run corpus configs/augment.cfg --augment.variants 60
    """
    from spacy.cli._util import parse_config_overrides

    from scripts.distill.augment.augment import augment_corpus
    from scripts.distill.augment.plan import load_plan
    from scripts.distill.data.corpus import Corpus

    with stopping_with("Can't augment the texts"):
        plan = load_plan(plan_path, parse_config_overrides(context.args, env_var=None), code)
        summary = augment_corpus(Corpus(corpus), plan, seed=seed, processes=processes)
    if summary["untagged_languages"]:
        msg.warn(
            f"No tagger knows {', '.join(summary['untagged_languages'])}: no words were swapped in these texts",
            f"Give one under [taggers] in {plan_path}",
        )
    table = [(lang, *(kept.get(m, 0) for m in plan.methods)) for lang, kept in summary["kept"].items()]
    msg.table(table, header=("lang", *plan.methods), divider=True, aligns=("l", *("r" for _ in plan.methods)))
    msg.good(
        f"Wrote {corpus / 'augmented.jsonl'}",
        f"{summary['total']} variants of {sum(summary['sources'].values())} labelled and "
        f"{sum(summary['unlabelled_sources'].values())} unlabelled texts; "
        f"{sum(summary['duplicates_dropped'].values())} duplicates and "
        f"{sum(summary['leaks_dropped'].values())} dev or test texts dropped",
    )


@app.command()
def show(
    corpus: Path = typer.Argument("corpus", help="Folder with gold/ and augmented.jsonl"),
    lang: str = typer.Option(..., help="Language code"),
    n: int = typer.Option(5, help="How many texts", min=1),
) -> None:
    """Print texts beside their variants: train texts, then unlabelled ones. Changed words stand between stars.

    In: the corpora of `prepare` and `augment`. Out: nothing but what is printed.

    Example: python -m scripts.augment show --lang nl --n 3
    """
    from scripts.distill.augment.show import show_variants
    from scripts.distill.data.corpus import Corpus

    with stopping_with("Can't show variants"):
        for shown in show_variants(Corpus(corpus), lang, n):
            msg.divider(f"text {shown.source}")
            typer.echo(shown.text)
            msg.table([(method, " ".join(text.split())) for method, text in shown.variants], spacing=2)


if __name__ == "__main__":
    app()
