"""Score texts with a teacher, and look after the scores that are kept."""

from collections.abc import Callable
from functools import partial
from pathlib import Path

import typer
from tqdm import tqdm
from wasabi import msg

from scripts.distill.core.provenance import read_summary
from scripts.distill.core.variables import EngineName
from scripts.distill.data.gold import read_labels
from scripts.distill.score.cache import ScoreCache
from scripts.distill.score.scorer import Engine
from scripts.distill.score.settings import load_score_settings
from scripts.distill.score.step import SCORES, is_near_chance, score_corpus
from scripts.distill.teacher.spec import TEACHERS, spec_members
from scripts.distill.teacher.teachers import Teacher, load_teacher
from scripts.distill.teacher.trained_on import check_trained_on

app = typer.Typer()
CACHE = typer.Option(SCORES, help="The file with all scores")
EXISTING_CACHE = typer.Option(SCORES, "--cache", help="The file with all scores", exists=True, dir_okay=False)


@app.command()
def run(
    corpus: Path = typer.Argument(..., help="Folder with the corpora of `prepare` and `augment`"),
    settings_path: Path = typer.Argument(..., help="How to score: a config", exists=True, dir_okay=False),
    output: Path = typer.Argument(
        ..., help="Folder to write the shards of the transfer set to; counts go beside it, to score.json"
    ),
    teacher: str = typer.Option("train", help=TEACHERS),
    teacher_model: Path = typer.Option("training/teacher/model-best", help="The teacher trained here"),
    cache: Path = CACHE,
    seed: int = typer.Option(0, help="Seed of the order of the texts"),
    gpu_id: int = typer.Option(-1, help="GPU, or -1 for CPU"),
    engine: EngineName = typer.Option(EngineName.local, help="local: this process; ray: Ray, here or at RAY_ADDRESS"),
) -> None:
    """Write train, unlabelled and augmented texts with the teacher's probabilities."""
    try:
        settings = load_score_settings(settings_path)
        read_summary(corpus, "augment")  # before the teacher is loaded, which takes a while
        labels = read_labels(corpus)
        load = partial(load_teacher, teacher, labels, teacher_model=teacher_model, settings=settings.hugging_face)
        if engine == EngineName.ray and len(spec_members(teacher)) > 1:
            raise ValueError(
                f"Ray can't score with {teacher}. Score with each of these teachers by itself; without --vars.engine, "
                f"their mean takes the scores from {cache}"
            )
        check_trained_on(teacher, teacher_model, corpus)
        model = load(gpu_id=-1 if engine == EngineName.ray else gpu_id)
        with ScoreCache(cache) as scores:
            summary = score_corpus(
                corpus, output, model, scores, settings.batches, spec=teacher, seed=seed, bar=_bar,
                engine=_on_ray(load, gpu_id) if engine == EngineName.ray else None,
            )  # fmt: skip
    except (OSError, ValueError) as err:
        msg.fail("Can't score the texts", str(err), exits=1)
    if summary["unscored"]:
        msg.warn(
            f"The teacher has no answer for {summary['unscored']} texts, which are left out",
            f"They are in {corpus / 'unscored.jsonl'}",
        )
    if is_near_chance(summary["confidence"], len(labels)):
        msg.warn(
            f"The teacher is hardly sure of anything: its predicted labels have a probability of "
            f"{summary['confidence']:.2f} on average, a guess has {1 / len(labels):.2f}",
            "A student learns little from that. Train the teacher for longer ([schedule] in configs/teacher.cfg) or on "
            "more labelled texts",
        )
    speed = f", {summary['texts_per_second']:.0f} texts/s" if summary["texts_per_second"] else ""
    msg.good(
        f"Wrote {output}",
        f"{summary['total']} texts; {summary['newly_scored']} were not in {cache} yet{speed}",
    )


def _on_ray(load: Callable[..., Teacher], gpu_id: int) -> Engine:
    """Make an engine that scores with Ray: on GPUs if `gpu_id` is not -1, else on cores."""
    try:
        from scripts.distill.score.ray_engine import run_on_ray  # on demand: Ray is optional
    except ImportError as err:
        raise ValueError(
            f"Ray is not installed ({err}). Run: pip install -r requirements-ray.txt -c constraints.txt"
        ) from err
    # Ray shows each actor only the actor's own GPU, which then is number 0.
    return run_on_ray(partial(load, gpu_id=0 if gpu_id >= 0 else -1), gpu=gpu_id >= 0)


def _bar(total: int) -> tqdm:
    return tqdm(total=total, desc="scoring", unit=" texts", disable=None)


@app.command("list")
def list_teachers(cache: Path = EXISTING_CACHE) -> None:
    """List the teachers whose scores are kept."""
    try:
        with ScoreCache(cache) as scores:
            teachers = scores.teachers()
    except (OSError, ValueError) as err:
        msg.fail("Can't read the scores", str(err), exits=1)
    rows = [
        (t.fingerprint[:12], t.name, ", ".join(t.labels), t.texts, f"{t.texts_per_second or 0:.0f}") for t in teachers
    ]
    msg.table(rows, header=("teacher", "name", "labels", "texts", "texts/s"), divider=True, aligns=tuple("lllrr"))


@app.command()
def prune(
    fingerprint: str = typer.Argument(..., help="The teacher, as `list` names it"), cache: Path = EXISTING_CACHE
) -> None:
    """Remove the scores of a teacher."""
    try:
        with ScoreCache(cache) as scores:
            removed = scores.prune(fingerprint)
    except (OSError, ValueError) as err:
        msg.fail("Can't remove the scores", str(err), exits=1)
    msg.good(f"Removed the scores of {removed} texts from {cache}")


if __name__ == "__main__":
    app()
