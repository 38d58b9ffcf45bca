"""What trained systems are compared on: the gold texts of one split, and what the teacher says about them."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ..core.progress import MakeBar
from ..core.provenance import check_scored_by, read_summary
from ..data.gold import GoldSplit, load_split, read_labels
from ..data.teacher_scores import Scores
from ..score.cache import ScoreCache
from ..score.scorer import BatchSettings
from ..score.settings import load_score_settings
from ..score.step import score_texts
from ..teacher.teachers import Teacher, load_teacher
from ..teacher.trained_on import check_trained_on


@dataclass(frozen=True)
class EvalSet:
    """The gold texts of one split, and the teacher that the student learnt from.

    labels (list[str]): The project's labels, in their order.
    gold (GoldSplit): The texts and their gold labels.
    teacher (Teacher): The teacher.
    batches (BatchSettings): How many texts the teacher scores at a time.
    """

    labels: list[str]
    gold: GoldSplit
    teacher: Teacher
    batches: BatchSettings

    def ask_teacher(self, cache: Path, bar: MakeBar) -> Scores:
        """Return the teacher's probabilities of the texts. What is not in the cache yet is scored and kept.

        cache (Path): The file with all scores.
        bar (MakeBar): Makes a progress bar for a number of texts.
        RETURNS (NDArray[float32]): Shape (n_texts, n_labels). A row of NaN for a text that the teacher has no answer
            for.
        """
        with ScoreCache(cache) as scores:
            return score_texts(self.gold.texts, self.teacher, scores, self.batches, bar)


def load_eval_set(
    corpus: Path, split: str, teacher: str, *, teacher_model: Path, settings_path: Path, gpu_id: int = -1
) -> EvalSet:
    """Read a split, and load the teacher that scored the transfer set.

    corpus (Path): The folder with gold/, labels.json, prepare.json and score.json.
    split (str): "train", "dev" or "test".
    teacher (str): The teacher's spec, see `check_spec`.
    teacher_model (Path): The folder of the teacher that is trained here.
    settings_path (Path): The config that says how to score, configs/score.cfg.
    gpu_id (int): The GPU, or -1 for CPU.
    RETURNS (EvalSet): The split and the teacher.
    RAISES (OSError, ValueError): If a file is missing, broken or of other data, the teacher can't be loaded, or another
        teacher scored the transfer set.
    """
    scored = read_summary(corpus, "score")
    labels = read_labels(corpus)
    gold = load_split(corpus / "gold" / f"{split}.spacy", labels)
    settings = load_score_settings(settings_path)
    check_trained_on(teacher, teacher_model, corpus)
    model = load_teacher(teacher, labels, teacher_model=teacher_model, settings=settings.hugging_face, gpu_id=gpu_id)
    check_same_teacher(teacher, model.fingerprint, scored)
    return EvalSet(labels, gold, model, settings.batches)


def check_same_teacher(teacher: str, fingerprint: str, scored: Mapping[str, Any]) -> None:
    """Check that a teacher is the one that scored the transfer set, and has not changed since.

    teacher (str): The teacher's spec, see `check_spec`.
    fingerprint (str): The teacher's fingerprint.
    scored (Mapping[str, Any]): The contents of score.json.
    RAISES (ValueError): If another teacher scored the transfer set, or this one has changed.
    """
    check_scored_by(teacher, scored)
    if fingerprint != scored["teacher_fingerprint"]:
        raise ValueError(
            "The teacher has changed since it scored the transfer set. Run, with the same --vars: "
            "python -m spacy project run score . and then train-student and export"
        )
