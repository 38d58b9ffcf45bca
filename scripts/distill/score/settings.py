"""The settings of scoring: configs/score.cfg."""

from pathlib import Path

from pydantic.dataclasses import dataclass

from ..core.sections import STRICT, read_sections
from ..teacher.hugging_face import HuggingFaceSettings
from .scorer import BatchSettings


@dataclass(frozen=True, config=STRICT)
class ScoreSettings:
    """How texts are scored.

    batches (BatchSettings): How many texts are scored, and kept for good, at a time.
    hugging_face (HuggingFaceSettings): How a teacher `hf:…` reads texts.
    """

    batches: BatchSettings
    hugging_face: HuggingFaceSettings


def load_score_settings(path: Path) -> ScoreSettings:
    """Read the settings.

    path (Path): The config, configs/score.cfg.
    RAISES (ValueError): See `read_sections`.
    """
    return read_sections(path, ScoreSettings)
