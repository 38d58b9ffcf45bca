"""The whole step: corpora → transfer set with the teacher's probabilities; and scores for an evaluation."""

import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy

from ..core.files import hash_folder, replacing_folder, write_json, write_jsonl
from ..core.progress import MakeBar
from ..core.provenance import PREPARED, TRANSFER, fingerprint_corpora, read_summary
from ..data.gold import LANG
from ..data.origins import ORIGIN
from ..data.teacher_scores import Scores
from ..data.text_spool import TextSpool, spool_texts
from ..teacher.teachers import MeanTeacher, Teacher, mean_scores
from .cache import ScoreCache
from .scorer import BatchSettings, Engine, Scorer, run_here
from .transfer_set import gather_texts, load_tokenizer, write_transfer

SCORES = Path("corpus/scores.sqlite")
# How far on the way from chance, 0, to certainty, 1, a teacher's mean confidence must be.
NEAR_CHANCE = 0.25


def score_corpus(
    corpus: Path, output: Path, teacher: Teacher, cache: ScoreCache, settings: BatchSettings, *, spec: str, seed: int,
    bar: MakeBar, engine: Engine | None = None,
) -> dict[str, Any]:  # fmt: skip
    """Write the transfer set.

    corpus (Path): Holds what `prepare` and `augment` made. Written there: unscored.jsonl, the texts that the teacher
        has no answer for.
    output (Path): The folder of shards to write. Written beside it: score.json.
    teacher (Teacher): Scores the texts that are not in the cache.
    cache (ScoreCache): Where all probabilities are kept.
    settings (BatchSettings): How many texts are scored at a time.
    spec (str): The teacher's spec, for score.json.
    seed (int): Decides the order of the texts.
    bar (MakeBar): Makes a progress bar for a number of texts.
    engine (Engine | None): What runs the batches; None: this process.
    RETURNS (dict[str, Any]): The contents of score.json and, beside them: "newly_scored", how many texts were not in
        the cache; "texts_per_second", None if there were none; and "confidence", the mean probability of the labels
        that the teacher predicts.
    RAISES (OSError, ValueError): If a corpus is missing, broken or of other data, or the teacher has no answer for any
        text.
    """
    fingerprint = fingerprint_corpora(corpus)
    read_summary(corpus, "augment")
    nlp = load_tokenizer(corpus)
    spool, counts = gather_texts(corpus)
    scorers, seconds = _score(spool, teacher, cache, settings, engine, bar)
    planned = sum(scorer.planned for scorer in scorers)
    # The probability of the predicted label of each text, shard by shard.
    highest: list[Scores] = []

    def read(indices: Sequence[int]) -> Scores:
        scores = _read(scorers, indices)
        highest.append(scores.max(axis=1))
        return scores

    with replacing_folder(output) as folder:
        unscored = write_transfer(spool, read, nlp, teacher.labels, folder, seed=seed)
        if len(unscored) == len(spool):
            raise ValueError(f"The teacher {teacher.name} has no answer for any of the {len(spool)} texts")
    rows = ({key: row[key] for key in ("text", LANG, ORIGIN)} for row in spool.rows(unscored))
    write_jsonl(corpus / "unscored.jsonl", rows)
    summary = {
        "teacher": spec, "teacher_fingerprint": teacher.fingerprint, "labels": teacher.labels,
        "total": len(spool) - len(unscored), PREPARED: fingerprint, "texts": counts, "unscored": len(unscored),
        TRANSFER: hash_folder(output),
    }  # fmt: skip
    write_json(output.with_name("score.json"), summary)
    confidence = float(numpy.nanmean(numpy.concatenate(highest)))
    speed = planned / seconds if planned else None
    return {**summary, "newly_scored": planned, "texts_per_second": speed, "confidence": confidence}


def is_near_chance(confidence: float, n_labels: int) -> bool:
    """Return whether a teacher is hardly sure of anything, so that its probabilities teach little.

    confidence (float): The mean probability of the labels that the teacher predicts.
    n_labels (int): How many labels there are. The confidence of a guess is 1 / n_labels.
    """
    chance = 1 / n_labels
    return confidence < chance + NEAR_CHANCE * (1 - chance)


def score_texts(
    texts: Sequence[str], teacher: Teacher, cache: ScoreCache, settings: BatchSettings, bar: MakeBar
) -> Scores:
    """Return the teacher's probabilities of texts. What is not in the cache yet is scored and kept.

    texts (Sequence[str]): The texts.
    teacher (Teacher): Scores the texts that are not in the cache.
    cache (ScoreCache): Where all probabilities are kept.
    settings (BatchSettings): How many texts are scored at a time.
    bar (MakeBar): Makes a progress bar for a number of texts.
    RETURNS (NDArray[float32]): Shape (n_texts, n_labels). A row of NaN for a text that the teacher has no answer for.
    """
    scorers, _ = _score(spool_texts(texts), teacher, cache, settings, None, bar)
    return _read(scorers, range(len(texts)))


def _score(
    spool: TextSpool, teacher: Teacher, cache: ScoreCache, settings: BatchSettings, engine: Engine | None,
    make_bar: MakeBar,
) -> tuple[list[Scorer], float]:  # fmt: skip
    """Run the job of a teacher. Of a mean of teachers, run the job of each, so that the scores of each are kept.

    RETURNS (tuple[list[Scorer], float]): A Scorer for each teacher, to read the scores from, and how many seconds
        scoring took.
    """
    teachers = teacher.teachers if isinstance(teacher, MeanTeacher) else [teacher]
    with cache.lock():
        scorers = [Scorer(spool, each, cache, settings) for each in teachers]
        start = time.perf_counter()
        for scorer in scorers:
            if scorer.planned:
                bar = make_bar(scorer.planned)
                try:
                    scorer.run(engine or run_here(scorer.teacher), bar.update)
                finally:
                    bar.close()
        return scorers, time.perf_counter() - start


def _read(scorers: Sequence[Scorer], indices: Sequence[int]) -> Scores:
    """Return the probabilities of some texts: the mean over the teachers."""
    return mean_scores(scorer.read(indices) for scorer in scorers)
