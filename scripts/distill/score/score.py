"""The whole step: corpora → transfer set with the teacher's probabilities; and scores for an evaluation."""

import time
from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path
from typing import Any

import numpy
from wasabi import msg

from ..core.files import hash_folder, replacing_folder, write_json, write_jsonl
from ..core.progress import track
from ..data.corpus import PREPARE_SHA256, TRANSFER_SHA256, Corpus
from ..data.origins import LANG, ORIGIN
from ..data.teacher_scores import Scores
from ..data.text_spool import TextSpool, spool_texts
from ..teacher.provenance import check_trained_on
from ..teacher.spec import spec_members
from ..teacher.teachers import MeanTeacher, Teacher, load_teacher, mean_scores
from .cache import MEMBERS, ScoreCache
from .scorer import BatchSettings, Engine, Scorer, run_here
from .settings import load_score_settings
from .transfer_set import gather_texts, write_transfer

# Which part of the way from chance to certainty a teacher's mean confidence must have gone.
NEAR_CHANCE = 0.25


def score_corpus(
    corpus: Corpus, output: Path, teacher: Teacher, cache: ScoreCache, settings: BatchSettings, *, spec: str, seed: int,
    engine: Engine | None = None, limit: int | None = None,
) -> dict[str, Any]:  # fmt: skip
    """Write the transfer set.

    corpus (Corpus): Holds what `prepare` and `augment` made. Written there: unscored.jsonl, the texts that the teacher
        has no answer for.
    output (Path): The folder of shards to write. Written beside it: score.json.
    teacher (Teacher): Scores the texts that are not in the cache.
    cache (ScoreCache): Where all probabilities are kept.
    settings (BatchSettings): How many texts are scored at a time.
    spec (str): The teacher's spec, for score.json.
    seed (int): Decides the order of the texts.
    engine (Engine | None): What runs the batches; None: this process.
    limit (int | None): How many texts the teacher is asked about at most; None: all that are not in the cache. Others
        are left out, as if it had no answer for them.
    RETURNS (dict[str, Any]): The contents of score.json and, beside them: "newly_scored", how many texts were not in
        the cache; "texts_per_second", None if there were none; and "confidence", the mean probability of the labels
        that the teacher predicts.
    RAISES (OSError, ValueError): If a corpus is missing, broken or of other data, or the teacher has no answer for any
        text.
    """
    fingerprint = corpus.fingerprint
    corpus.summary("augment")
    nlp = corpus.tokenizer()
    spool, counts = gather_texts(corpus)
    scorers, seconds = _score(spool, teacher, cache, settings, engine, limit)
    planned = sum(scorer.planned for scorer in scorers)
    # The probability of the predicted label of each text, shard by shard.
    highest: list[Scores] = []

    def read(indices: Sequence[int]) -> Scores:
        scores = _read(scorers, indices)
        highest.append(scores.max(axis=1))
        return scores

    with replacing_folder(output, marker="00000.spacy") as folder:
        unscored = write_transfer(spool, read, nlp, teacher.labels, folder, seed=seed)
        if len(unscored) == len(spool):
            raise ValueError(f"The teacher {teacher.name} has no answer for any of the {len(spool)} texts")
        # score.json is written last, and says that the rest is complete. Until then there must be none.
        output.with_name("score.json").unlink(missing_ok=True)
    rows = ({key: row[key] for key in ("text", LANG, ORIGIN)} for row in spool.rows(unscored))
    write_jsonl(corpus.folder / "unscored.jsonl", rows)
    summary = {
        "teacher": spec, "teacher_fingerprint": teacher.fingerprint,
        MEMBERS: [scorer.teacher.fingerprint for scorer in scorers], "labels": teacher.labels,
        "total": len(spool) - len(unscored), PREPARE_SHA256: fingerprint, "texts": counts, "unscored": len(unscored),
        TRANSFER_SHA256: hash_folder(output),
    }  # fmt: skip
    write_json(output.with_name("score.json"), summary)
    confidence = float(numpy.nanmean(numpy.concatenate(highest)))
    speed = planned / seconds if planned else None
    return {**summary, "newly_scored": planned, "texts_per_second": speed, "confidence": confidence}


def score_by_spec(
    corpus: Corpus, output: Path, spec: str, *, teacher_model: Path, settings_path: Path, cache: Path, seed: int,
    gpu_id: int = -1, ray: bool = False, limit: int | None = None,
) -> dict[str, Any]:  # fmt: skip
    """Load a teacher and write the transfer set.

    corpus, output, seed, limit: As of `score_corpus`.
    spec (str): The teacher, see `load_teacher`.
    teacher_model (Path): Where the teacher trained here lies.
    settings_path (Path): How to score, see `load_score_settings`.
    cache (Path): The file with all scores.
    gpu_id (int): The GPU, or -1 for CPU.
    ray (bool): Whether Ray runs the batches.
    RETURNS (dict[str, Any]): What `score_corpus` returns.
    RAISES (OSError, ValueError): As `load_teacher` and `score_corpus` do; and if Ray is not installed, or was given
        several teachers, or a limit was given with several.
    """
    settings = load_score_settings(settings_path)
    corpus.summary("augment")  # before the teacher is loaded, which takes a while
    if ray and len(spec_members(spec)) > 1:
        raise ValueError(
            f"Ray can't score with {spec}. Score with each of these teachers by itself; without --vars.engine, "
            f"their mean takes the scores from {cache}"
        )
    if limit and len(spec_members(spec)) > 1:
        raise ValueError(f"limit is for one teacher: those of {spec} would be asked about different texts")
    check_trained_on(spec, teacher_model, corpus)
    load = partial(load_teacher, spec, corpus.labels, teacher_model=teacher_model, settings=settings.hugging_face)
    teacher = load(gpu_id=-1 if ray else gpu_id)
    engine = _on_ray(load, gpu_id) if ray else None
    with ScoreCache(cache) as scores:
        return score_corpus(
            corpus, output, teacher, scores, settings.batches, spec=spec, seed=seed, engine=engine, limit=limit
        )  # fmt: skip


def _on_ray(load: Callable[..., Teacher], gpu_id: int) -> Engine:
    try:
        from .ray_engine import run_on_ray  # on demand: Ray is optional
    except ImportError as err:
        raise ValueError(
            f"Ray is not installed ({err}). Run: pip install -r requirements-ray.txt -c constraints.txt"
        ) from err
    # Ray shows each actor its own GPU alone, as number 0.
    return run_on_ray(partial(load, gpu_id=0 if gpu_id >= 0 else -1), gpu=gpu_id >= 0)


def is_near_chance(confidence: float, n_labels: int) -> bool:
    """Return whether a teacher is hardly sure of anything, so that its probabilities teach little.

    confidence (float): The mean probability of the labels that the teacher predicts.
    n_labels (int): How many labels there are. The confidence of a guess is 1 / n_labels.
    """
    chance = 1 / n_labels
    return confidence < chance + NEAR_CHANCE * (1 - chance)


def score_texts(texts: Sequence[str], teacher: Teacher, cache: ScoreCache, settings: BatchSettings) -> Scores:
    """Return the teacher's probabilities of texts; what is not in the cache yet is scored and kept.

    texts (Sequence[str]): The texts.
    teacher (Teacher): Scores the texts that are not in the cache.
    cache (ScoreCache): Where all probabilities are kept.
    settings (BatchSettings): How many texts are scored at a time.
    RETURNS (NDArray[float32]): Shape (n_texts, n_labels). A row of NaN for a text that the teacher has no answer for.
    """
    scorers, _ = _score(spool_texts(texts), teacher, cache, settings)
    return _read(scorers, range(len(texts)))


def _score(
    spool: TextSpool, teacher: Teacher, cache: ScoreCache, settings: BatchSettings, engine: Engine | None = None,
    limit: int | None = None,
) -> tuple[list[Scorer], float]:  # fmt: skip
    """Run the job of a teacher. Of a mean of teachers, run the job of each, so that the scores of each are kept.

    How many texts a teacher is asked about is printed before: some teachers cost money.

    RETURNS (tuple[list[Scorer], float]): A Scorer for each teacher, to read the scores from, and how many seconds
        scoring took.
    """
    teachers = teacher.teachers if isinstance(teacher, MeanTeacher) else [teacher]
    with cache.lock():
        scorers = [Scorer(spool, each, cache, settings, limit) for each in teachers]
        for scorer in scorers:
            if scorer.planned:
                msg.info(f"Asking {scorer.teacher.name} about {scorer.planned:,} texts of {len(spool):,}")
        start = time.perf_counter()
        for scorer in scorers:
            kept = scorer.run(engine or run_here(scorer.teacher))
            for _ in track(kept, "scoring", scorer.planned) if scorer.planned else ():
                pass
        return scorers, time.perf_counter() - start


def _read(scorers: Sequence[Scorer], indices: Sequence[int]) -> Scores:
    """Return the probabilities of some texts: the mean over the teachers."""
    return mean_scores(scorer.read(indices) for scorer in scorers)
