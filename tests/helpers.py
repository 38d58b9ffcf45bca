"""What tests of several packages share."""

from collections.abc import Sequence
from pathlib import Path

import numpy

from scripts.distill.data.teacher_scores import Scores
from scripts.distill.data.text_spool import spool_texts
from scripts.distill.score.scorer import Batch, BatchSettings, plan_batches, score_batch
from scripts.distill.teacher.teachers import Teacher

ROOT = Path(__file__).parents[1]


def predict_all(teacher: Teacher, texts: Sequence[str], settings: BatchSettings) -> Scores:
    """Score texts in the same batches as a `Scorer`, without a cache.

    RETURNS (NDArray[float32]): Shape (n_texts, n_labels), in the order of the texts.
    """
    spool = spool_texts(texts)
    scores = numpy.zeros((len(texts), len(teacher.labels)), dtype="float32")
    for batch in plan_batches(spool.lengths, spool.keys, numpy.arange(len(texts)), settings):
        scores[batch] = score_batch(teacher, Batch(0, [texts[i] for i in batch])).scores
    return scores
