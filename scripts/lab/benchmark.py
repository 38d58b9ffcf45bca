"""Measure what the documentation claims about speed and memory."""

import sys
from pathlib import Path

import typer
from wasabi import msg

from scripts.distill.core.files import replacing_folder, write_json
from scripts.distill.core.lock import writes
from scripts.distill.core.messages import stopping_with
from scripts.distill.core.threads import use_one_core
from scripts.distill.score import CACHE_PATH
from scripts.distill.teacher.spec import TEACHERS

app = typer.Typer(help=__doc__)
SAMPLE = Path("assets/sample")
SCORE_SETTINGS = typer.Option("configs/score.cfg", "--settings", help="How to score", exists=True)


@app.command()
@writes
def augment(
    data: Path = typer.Option(SAMPLE, help="Data folder, see docs/data.md"),
    plan_path: Path = typer.Option("configs/augment.cfg", "--plan", help="The plan", exists=True, dir_okay=False),
    output: Path = typer.Option("metrics/benchmark_augment.json", help="JSON file to write"),
) -> None:
    """Time tagging, generation and de-duplication on 70-word texts on one core, beside nlpaug and textaugment.

    In: a data folder and a plan. Out: a JSON file. The other libraries are in requirements-benchmark.txt.

    Example: python -m scripts.lab.benchmark augment --data assets/sample
    """
    from scripts.distill.augment.plan import load_plan
    from scripts.distill.data.splits import read_splits
    from scripts.distill.data.text_keys import normalize
    from scripts.lab.augmentation_speed import join_texts, time_augmentation, time_peers

    use_one_core()
    records = read_splits(data, lang="xx", seed=0).records
    texts = list(join_texts((record.text, record.lang) for record in records["train"]))
    held_out = {normalize(record.text) for split in ("dev", "test") for record in records[split]}
    result = time_augmentation(texts, held_out, load_plan(plan_path, {"augment.variants": 200}))
    english = next((text for text, lang in texts if lang == "en"), texts[0][0])
    peers, missing = time_peers(english)
    write_json(output, {**result, "peers": peers, "missing_peers": missing})
    msg.table([(name, f"{rate:,.0f}") for name, rate in (result | peers).items()], aligns=("l", "r"))
    for name, reason in missing.items():
        msg.info(f"{name} does not run here: {reason}")
    msg.good(f"Wrote {output}")


@app.command()
@writes
def score(
    data: Path = typer.Option(SAMPLE, help="Data folder, see docs/data.md"),
    lang: str = typer.Option("en", help="Language of the texts"),
    texts: int = typer.Option(512, help="How many unlabelled texts, at most", min=1),
    encoder: Path = typer.Option("assets/encoder", help="Encoder in Hugging Face format", exists=True),
    teacher_model: Path = typer.Option("training/teacher/model-best", help="The teacher trained here", exists=True),
    settings: Path = SCORE_SETTINGS,
    output: Path = typer.Option("metrics/benchmark_score.json", help="JSON file to write"),
) -> None:
    """Time scoring beside a bare transformers loop and nlp.pipe, on the cores that there are.

    In: a data folder, an encoder and a teacher. Out: a JSON file.

    Example: python -m scripts.lab.benchmark score --lang nl --texts 200
    """
    from scripts.distill.data.records import Record
    from scripts.distill.data.splits import read_splits, stream_unlabelled
    from scripts.distill.score.settings import load_score_settings
    from scripts.lab.score_speed import time_scoring

    splits = read_splits(data, lang=lang, seed=0)
    # Below 1,000 characters, which is below some 500 word pieces: so a text is one window for all ways to score it.
    kept = (item.text for item in stream_unlabelled(splits) if isinstance(item, Record))
    short = [text for text in kept if len(text) < 1000][:texts]
    result = time_scoring(short, encoder, teacher_model, load_score_settings(settings).batches)
    write_json(output, result)
    msg.table([(name, f"{len(short) / seconds:,.0f}") for name, seconds in result["seconds"].items()],
              header=("texts/s", ""), divider=True, aligns=("l", "r"))  # fmt: skip
    msg.good(
        f"Wrote {output}",
        f"{result['ratio_to_bare_transformers']:.2f}× a bare transformers loop, "
        f"{result['ratio_to_nlp_pipe']:.2f}× nlp.pipe of the trained teacher",
    )


@app.command()
@writes
def stream(
    texts: int = typer.Option(1_000_000, help="How many texts", min=1),
    folder: Path = typer.Option("corpus/stream", help="Folder to make; what was made stays there"),
    settings: Path = SCORE_SETTINGS,
    output: Path = typer.Option("metrics/benchmark_stream.json", help="JSON file to write"),
) -> None:
    """Send very many short texts through `prepare` and `score` with a teacher that costs nothing.

    In: the sample, whose words the texts are made of. Out: a JSON file, and the folder with the texts.

    Example: python -m scripts.lab.benchmark stream --texts 100000
    """
    from scripts.distill.score.settings import load_score_settings
    from scripts.lab.score_speed import stream_texts

    with replacing_folder(folder, marker="corpus/prepare.json") as made:
        result = stream_texts(texts, SAMPLE, made, load_score_settings(settings).batches)
    write_json(output, result)
    msg.table([(name, f"{value:,.0f}") for name, value in result.items()], aligns=("l", "r"))
    msg.good(f"Wrote {output}")


@app.command()
@writes
def student(
    corpus: Path = typer.Option("corpus", help="Folder with gold/, labels.json and score.json"),
    output: Path = typer.Option("metrics/benchmark_student.json", help="JSON file to write"),
    student: Path = typer.Option("training/student/export", help="The student"),
    baseline: Path = typer.Option("training/baseline/model-best", help="The baseline"),
    tfidf: Path = typer.Option("training/tfidf", help="TF-IDF + logistic regression"),
    bow: Path = typer.Option("training/bow/model-best", help="spaCy's bag of words, left out if there is none"),
    system: list[str] = typer.Option([], help="Another student, as NAME=PATH; may be repeated"),
    teacher: str = typer.Option("train", help=TEACHERS),
    teacher_model: Path = typer.Option("training/teacher/model-best", help="The teacher trained here"),
    settings: Path = SCORE_SETTINGS,
    cache: Path = typer.Option(CACHE_PATH, help="The file with all scores"),
    split: str = typer.Option("test", help="test, or dev while choosing between models"),
    lang: str | None = typer.Option(None, help="Only texts of this language"),
    spacy_alone: bool = typer.Option(
        True,
        "--spacy-alone/--here",
        help="Time stock pipelines in .venv-spacy, made if need be, or in this environment",
    ),
    constraints: Path = typer.Option("constraints.txt", help="Versions to install", exists=True),
) -> None:
    """Measure accuracy, speed on one core, start-up, memory and size of all trained systems, and spaCy's tokenizer.

    In: the corpora and the trained systems. Out: a JSON file.

    Example: python -m scripts.lab.benchmark student --lang nl --here
    """
    from scripts.distill.data.corpus import Corpus
    from scripts.distill.evaluate.evaluate import Paths
    from scripts.distill.release.wheel import WheelError, spacy_environment
    from scripts.lab.systems import TABLE_HEADER, measure_systems, table_rows

    paths = Paths(baseline, student, tfidf, teacher_model, settings, cache)

    def make_python() -> str:
        if not spacy_alone:
            return sys.executable
        try:
            return spacy_environment(Path(".venv-spacy"), constraints)
        except WheelError as err:
            raise ValueError(f".venv-spacy can't be made: {err}\nTo time all in this environment, add --here") from err

    with stopping_with("Can't measure the systems"):
        result = measure_systems(
            Corpus(corpus), split, lang, teacher, paths, bow=bow, more=system, make_python=make_python
        )  # fmt: skip
    about = {"split": split, "lang": lang, "teacher": teacher, "spacy_alone": spacy_alone}
    write_json(output, {**about, **result})
    msg.table(list(table_rows(result)), header=TABLE_HEADER, divider=True, aligns=("l", *"r" * 8))
    for name, reason in result["missing"].items():
        msg.info(f"{name} is left out. {reason}")
    if result["why_no_teacher"]:
        msg.warn(f"The teacher {teacher} has no accuracy: {result['why_no_teacher']}")
    msg.good(f"Wrote {output}", f"{result['n']} {split} texts; the speed is that of one core")


@app.command()
@writes
def peers(
    corpus: Path = typer.Option("corpus", help="Folder with gold/, labels.json and prepare.json"),
    output: Path = typer.Option("metrics/benchmark_peers.json", help="JSON file to write; finished rows are kept"),
    peer: list[str] = typer.Option([], help="Only this one of the other systems; may be repeated"),
    split: str = typer.Option("test", help="test, or dev while choosing between models"),
    other: Path | None = typer.Option(None, help="Another data folder, for a second accuracy on its dev texts"),
    other_texts: int = typer.Option(0, help="How many of its texts in each language, at most; 0: all", min=0),
    ours: bool = typer.Option(True, "--ours/--no-ours", help="Student, baseline, bag of words and teacher, too"),
    student: Path = typer.Option("training/student/export", help="The student"),
    teacher: str = typer.Option("train", help=TEACHERS),
    teacher_model: Path = typer.Option("training/teacher/model-best", help="The teacher trained here"),
    encoder: Path = typer.Option("assets/encoder", help="Encoder in Hugging Face format", exists=True),
    seed: int = typer.Option(0, help="The seed of the other systems"),
) -> None:
    """Compare with what a user could take instead, each in an environment of its own that is made at first.

    What can't be installed, or fails, has its reason in the table, and is tried again the next time.

    In: the corpora and the trained systems. Out: a JSON file, .venv-peers and training/peers.

    Example: python -m scripts.lab.benchmark peers --peer fasttext --no-ours
    """
    from scripts.distill.data.corpus import Corpus
    from scripts.distill.evaluate.evaluate import Paths
    from scripts.distill.release.wheel import spacy_environment
    from scripts.lab.peer_table import TABLE_HEADER, measure_rows, table_rows
    from scripts.lab.peers import (
        Task,
        find_peers,
        make_jobs,
        measure_ours,
        our_fingerprint,
        peer_environment,
        read_elsewhere,
    )  # fmt: skip
    from scripts.lab.plain_teacher import keep_plain_teacher

    training, constraints, cpu = Path("training"), Path("constraints.txt"), Path("requirements-cpu.txt")
    bow, plain = training / "bow/model-best", training / "peers/teacher"
    paths = Paths(
        training / "baseline/model-best", student, training / "tfidf", teacher_model, Path("configs/score.cfg"),
        CACHE_PATH,
    )  # fmt: skip
    with stopping_with("Can't compare the systems"):
        data, chosen = Corpus(corpus), find_peers(peer)
        elsewhere = read_elsewhere(other, data.lang, data.labels, other_texts) if other else None
        keep_plain_teacher(teacher_model, plain)
        task = Task(data.gold("train"), data.gold("dev"), data.gold(split), elsewhere, encoder, plain, seed)
    jobs = {}
    if ours:
        jobs["ours"] = our_fingerprint(task, teacher, paths, bow), lambda: measure_ours(
            data, split, teacher, paths, bow=bow, other=elsewhere,
            make_python=lambda: spacy_environment(Path(".venv-spacy"), constraints),
        )  # fmt: skip
    jobs |= make_jobs(chosen, task, plain.parent, lambda names: peer_environment(names, Path(".venv-peers"), cpu))
    use_one_core()
    rows = measure_rows(jobs, output)
    msg.table(table_rows(rows), header=TABLE_HEADER, divider=True, aligns=("l", *"r" * 8))
    about = f", and on {len(elsewhere.texts)} texts of {other}" if elsewhere else ""
    msg.good(f"Wrote {output}", f"Accuracy on {len(task.test.texts)} {split} texts{about}; speed is that of one core")


@app.command()
@writes
def memory(
    texts: int = typer.Option(1_000_000, help="How many texts", min=1),
    student: Path = typer.Option("training/student/export", help="The student"),
    constraints: Path = typer.Option("constraints.txt", help="Versions to install", exists=True),
    output: Path = typer.Option("metrics/benchmark_memory.json", help="JSON file to write"),
) -> None:
    """Let a process with spaCy alone read very many short texts, and note how its memory grows.

    Each text has a word that no other text has. The words come from the sample.

    In: an exported student. Out: a JSON file.

    Example: python -m scripts.lab.benchmark memory --texts 100000
    """
    from scripts.distill.core.files import require_file
    from scripts.distill.release.wheel import spacy_environment
    from scripts.lab.memory_growth import measure_memory, table_rows

    with stopping_with("Can't measure the memory"):
        python = spacy_environment(Path(".venv-spacy"), constraints)
        result = measure_memory(require_file(student, "export"), SAMPLE, texts, python)
    write_json(output, result)
    rows, header = table_rows(result)
    msg.table(rows, header=header, divider=True, aligns=("r",) * len(header))
    msg.good(f"Wrote {output}")


if __name__ == "__main__":
    app()
