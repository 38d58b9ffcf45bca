"""What trained systems are compared on: the gold texts of one split, and what the teacher says about them."""

from dataclasses import dataclass
from pathlib import Path

from ..core.messages import run_again
from ..data.corpus import Corpus, GoldSplit
from ..data.teacher_scores import Scores
from ..score.cache import ScoreCache
from ..score.score import score_texts
from ..score.scorer import BatchSettings
from ..score.settings import load_score_settings
from ..teacher.provenance import check_trained_on
from ..teacher.teachers import Teacher, load_teacher


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

    def ask_teacher(self, cache: Path) -> Scores:
        """Return what the teacher says; what is not in the cache yet is scored and kept.

        cache (Path): The file with all scores.
        RETURNS (NDArray[float32]): Shape (n_texts, n_labels); a row of NaN for a text that it has no answer for.
        """
        with ScoreCache(cache) as scores:
            return score_texts(self.gold.texts, self.teacher, scores, self.batches)


def load_eval_set(
    corpus: Corpus, split: str, spec: str, *, teacher_model: Path, settings_path: Path, gpu_id: int = -1
) -> EvalSet:
    """Read a split, and load the teacher that scored the transfer set.

    corpus (Corpus): The folder with gold/, labels.json, prepare.json and score.json.
    split (str): "train", "dev" or "test".
    spec (str): The teacher's spec, see `check_spec`.
    teacher_model (Path): The folder of the teacher that is trained here.
    settings_path (Path): The config that says how to score, configs/score.cfg.
    gpu_id (int): The GPU, or -1 for CPU.
    RETURNS (EvalSet): The split and the teacher.
    RAISES (OSError, ValueError): If a file is missing, broken or of other data, the teacher can't be loaded, or another
        teacher scored the transfer set.
    """
    scored = corpus.scored_by(spec)
    labels, gold = corpus.labels, corpus.gold(split)
    settings = load_score_settings(settings_path)
    check_trained_on(spec, teacher_model, corpus)
    teacher = load_teacher(spec, labels, teacher_model=teacher_model, settings=settings.hugging_face, gpu_id=gpu_id)
    if teacher.fingerprint != scored["teacher_fingerprint"]:
        raise ValueError(
            "The teacher has changed since it scored the transfer set. " + run_again("score", "train-student", "export")
        )
    return EvalSet(labels, gold, teacher, settings.batches)
