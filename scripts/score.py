"""Score texts with a teacher, and look after the scores that are kept."""

from pathlib import Path

import typer
from wasabi import msg

from scripts.distill.core.lock import writes
from scripts.distill.core.messages import stopping_with
from scripts.distill.core.variables import EngineName
from scripts.distill.score import CACHE_PATH
from scripts.distill.teacher.spec import TEACHERS

app = typer.Typer(help=__doc__)
CACHE = typer.Option(CACHE_PATH, help="The file with all scores")
EXISTING_CACHE = typer.Option(CACHE_PATH, "--cache", help="The file with all scores", exists=True, dir_okay=False)


@app.command()
@writes
def run(
    corpus: Path = typer.Argument(..., help="Folder with the corpora of `prepare` and `augment`"),
    settings_path: Path = typer.Argument(..., help="How to score: configs/score.cfg", exists=True, dir_okay=False),
    output: Path = typer.Argument(
        ..., help="Folder to write the shards of the transfer set to; counts go beside it, to score.json"
    ),
    teacher: str = typer.Option("train", help=TEACHERS),
    teacher_model: Path = typer.Option("training/teacher/model-best", help="The teacher trained here"),
    cache: Path = CACHE,
    seed: int = typer.Option(0, help="Seed of the order of the texts"),
    gpu_id: int = typer.Option(-1, help="GPU, or -1 for CPU"),
    engine: EngineName = typer.Option(EngineName.local, help="local: this process; ray: Ray, here or at RAY_ADDRESS"),
    limit: int = typer.Option(0, help="Texts that the teacher is asked about at most; 0: all", min=0),
) -> None:
    """Write train, unlabelled and augmented texts with the teacher's probabilities.

    In: the corpora of `prepare` and `augment`. Out: the transfer set, as shards of spaCy docs.

    Example: python -m scripts.score run corpus configs/score.cfg corpus/transfer --teacher jsonl:scores.jsonl
    """
    from scripts.distill.data.corpus import Corpus
    from scripts.distill.score.score import is_near_chance, score_by_spec

    with stopping_with("Can't score the texts"):
        summary = score_by_spec(
            Corpus(corpus), output, teacher, teacher_model=teacher_model, settings_path=settings_path, cache=cache,
            seed=seed, gpu_id=gpu_id, ray=engine == EngineName.ray, limit=limit or None,
        )  # fmt: skip
    if summary["unscored"]:
        msg.warn(
            f"The teacher has no answer for {summary['unscored']} texts, which are left out",
            f"They are in {corpus / 'unscored.jsonl'}",
        )
    if is_near_chance(summary["confidence"], len(summary["labels"])):
        msg.warn(
            f"The teacher is hardly sure of anything: its predicted labels have a probability of "
            f"{summary['confidence']:.2f} on average, a guess has {1 / len(summary['labels']):.2f}",
            "A student learns little from that. Train the teacher for longer ([schedule] in configs/teacher.cfg) or on "
            "more labelled texts",
        )
    speed = f", {summary['texts_per_second']:.0f} texts/s" if summary["texts_per_second"] else ""
    msg.good(
        f"Wrote {output}",
        f"{summary['total']} texts; {summary['newly_scored']} were not in {cache} yet{speed}",
    )


@app.command("list")
def list_teachers(
    cache: Path = EXISTING_CACHE,
    corpus: Path = typer.Option("corpus", help="Folder with score.json, which names the current teacher"),
) -> None:
    """List the teachers whose scores are kept: when each was last used, and which one scored the transfer set.

    In: the file with all scores. Out: nothing but what is printed.

    Example: python -m scripts.score list
    """
    import srsly

    from scripts.distill.score.cache import MEMBERS, ScoreCache

    summary = corpus / "score.json"
    with stopping_with("Can't read the scores"):
        with ScoreCache(cache) as scores:
            teachers = scores.teachers()
        current = srsly.read_json(summary) if summary.exists() else {}
    members = current.get(MEMBERS, [current.get("teacher_fingerprint")])  # older files have no members
    rows = [
        (t.fingerprint[:12], t.name, ", ".join(t.labels), t.texts, f"{t.texts_per_second or 0:.0f}",
         t.last_used or "not known", "yes" if t.fingerprint in members else "")
        for t in teachers
    ]  # fmt: skip
    header = ("teacher", "name", "labels", "texts", "texts/s", "last used", "current")
    msg.table(rows, header=header, divider=True, aligns=tuple("lllrrll"))


@app.command()
@writes
def prune(
    fingerprint: str = typer.Argument("", help="The teacher, as `list` names it; none: the file gets smaller, no more"),
    cache: Path = EXISTING_CACHE,
) -> None:
    """Remove the scores of a teacher, and give their room back to the disk.

    In: the file with all scores. Out: the same file without them.

    Example: python -m scripts.score prune 1c0b117e8ed0
    """
    from scripts.distill.core.files import FullDiskError
    from scripts.distill.score.cache import ScoreCache

    with stopping_with("Can't remove the scores"), ScoreCache(cache) as scores:
        if fingerprint:
            removed = scores.prune(fingerprint)
            msg.good(f"Removed the scores of {removed} texts from {cache}")
        try:
            scores.shrink()
        except FullDiskError as err:
            msg.warn("The file keeps its size", str(err))
        else:
            msg.good(f"{cache} is as small as it can be")


if __name__ == "__main__":
    app()
