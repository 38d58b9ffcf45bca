"""The settings of scoring: configs/score.cfg."""

from dataclasses import dataclass
from pathlib import Path

from ..core.sections import read_sections
from ..teacher.hugging_face import HuggingFaceSettings
from .scorer import BatchSettings


@dataclass(frozen=True)
class ScoreSettings:
    """How texts are scored.

    batches (BatchSettings): How many are scored, and kept for good, at a time.
    hugging_face (HuggingFaceSettings): How a teacher `hf:…` reads them.
    """

    batches: BatchSettings
    hugging_face: HuggingFaceSettings


def load_score_settings(path: Path) -> ScoreSettings:
    """Read the settings.

    RAISES (ValueError): If a setting is missing, misspelt, of the wrong type or impossible, or the file is no config.
    """
    settings = ScoreSettings(**read_sections(path, {"batches": BatchSettings, "hugging_face": HuggingFaceSettings}))
    for name in ("texts", "characters"):
        if getattr(settings.batches, name) < 1:
            raise ValueError(f"{path}: [batches] {name} must be 1 or more, found 0")
    return settings
