"""Train a teacher or a student by its config, for as long as suits the amount of data."""

from pathlib import Path
from typing import Any

import typer
from wasabi import msg

from scripts.distill.core.files import replace_folder, require_file, settle, temporary_folder
from scripts.distill.core.lock import writes
from scripts.distill.core.messages import stopping_with

app = typer.Typer()
# What `encoder` makes.
ENCODER = "assets/encoder"


@app.command(context_settings={"allow_extra_args": True, "ignore_unknown_options": True})
@writes
def main(
    context: typer.Context,
    config_path: Path = typer.Argument(
        ..., help="configs/teacher.cfg, configs/student.cfg or another training config", exists=True, dir_okay=False
    ),
    output: Path = typer.Option(..., help="Folder for model-best and model-last"),
    corpus: Path = typer.Option("corpus", help="The corpora; they say which language it is"),
    gpu_id: int = typer.Option(-1, help="GPU, or -1 for CPU"),
) -> None:
    """Run `spacy train` with the numbers of updates that follow from the section `schedule` and the number of texts.

    In: a config and the corpora that it names. Out: model-best and model-last, which `spacy.load` reads.

    model-best and model-last come when the training has ended. Until then its checkpoints are in a hidden folder beside
    the output, so an interrupted training leaves what was there before.

    Settings of the config can be given as options, too, as to `spacy train`: --training.max_steps 1000

    Example: python -m scripts.train configs/student.cfg --output training/student --training.max_steps 1000
    """
    from spacy.cli.train import train

    with stopping_with("Can't train"):
        if output.exists() and not output.is_dir():
            raise ValueError(f"{output}: a file. Give a folder, which is made if it is missing")
        overrides = _plan(config_path, corpus, context.args)
    for name in ("model-best", "model-last"):
        settle(output / name)  # a kill may have come while they were moved
    # Beside a link to another disk, the model would be made on this one, and could not be moved.
    place = output.resolve() if output.is_symlink() else output
    with stopping_with("Can't train"), temporary_folder(place) as made:
        train(config_path, made, use_gpu=gpu_id, overrides=overrides)
        # The best one last: where it is, the training has ended.
        for model in sorted(made.iterdir(), reverse=True):
            output.mkdir(parents=True, exist_ok=True)
            replace_folder(model, output / model.name)
    msg.good(f"Wrote {output / 'model-best'}")


def _plan(config_path: Path, corpus: Path, arguments: list[str]) -> dict[str, Any]:
    """Check a config against the corpora, and return the settings that it shall have beside those of its file."""
    from spacy.cli._util import parse_config_overrides
    from spacy.util import load_config

    import scripts.functions  # noqa: F401  # registers what configs name
    from scripts.distill.data.corpus import Corpus
    from scripts.distill.data.schedule import (
        check_names,
        check_updates,
        plan_updates,
        read_schedule,
        updates_per_epoch,
    )
    from scripts.distill.student.provenance import check_transfer

    corpora = Corpus(corpus)
    written = load_config(config_path)
    if not {"nlp", "training"} <= {*written}:
        raise ValueError(f"{config_path}: no training config. Give one, such as configs/student.cfg")
    given = {"nlp.lang": corpora.lang, **parse_config_overrides(arguments, env_var=None)}
    if "corpus" in (written["training"].get("before_to_disk") or {}):
        given["training.before_to_disk.corpus"] = str(corpus)
    config = load_config(config_path, overrides=given, interpolate=True)
    check_names(config_path, config, written)
    schedule = read_schedule(config_path, config)
    check_transfer(config, corpora)
    for path in filter(None, config.get("paths", {}).values()):
        corpora.require(Path(path))
    if schedule:
        per_epoch = updates_per_epoch(config)
        updates = plan_updates(schedule, per_epoch, given.get("training.max_steps") or None)
        given = {**updates.overrides(), **given}
        config = load_config(config_path, overrides=given, interpolate=True)
    check_updates(config["training"])
    if schedule:
        msg.info(
            f"{updates.total} updates, {updates.total / per_epoch:.1f} epochs; scored on dev every {updates.every}"
        )
    if encoder := config.get("paths", {}).get("encoder"):
        _check_encoder(encoder, corpora.prepared["languages"])
    return given


def _check_encoder(encoder: str, languages: list[str]) -> None:
    """Check that the encoder is there, and say which languages of the data it does not know."""
    from scripts.distill.teacher.encoder import unknown_languages

    if encoder == ENCODER:
        require_file(Path(encoder), "encoder")
    if unknown := unknown_languages(Path(encoder), languages):
        msg.warn(
            f"The encoder in {encoder} does not know these languages of the data: {', '.join(unknown)}",
            "Give a multilingual one: --vars.encoder e5",
        )


if __name__ == "__main__":
    app()
