"""The settings of scoring: configs/score.cfg."""

from configparser import Error
from dataclasses import MISSING, dataclass, fields
from pathlib import Path

from confection import Config, ConfigValidationError

from .hugging_face import HuggingFaceSettings
from .scoring import BatchSettings

_KINDS: dict[type, str] = {int: "a whole number", str: "a string", dict: "a section"}


@dataclass(frozen=True)
class ScoreSettings:
    """How texts are scored.

    batches (BatchSettings): How many are scored, and kept for good, at a time.
    hugging_face (HuggingFaceSettings): How a teacher `hf:…` reads them.
    """

    batches: BatchSettings
    hugging_face: HuggingFaceSettings


def load_score_settings(path: Path) -> ScoreSettings:
    """Read the settings with spaCy's config system.

    RAISES (ValueError): If a setting is missing, misspelt or of the wrong type, or the file is no config.
    """
    try:
        config = Config().from_disk(path)
    except (ConfigValidationError, Error) as err:
        raise ValueError(f"{path}: can't be read as a config: {str(err).strip()}") from err
    expected = {"batches": BatchSettings, "hugging_face": HuggingFaceSettings}
    if set(config) != set(expected):
        raise ValueError(f"{path}: expected the sections [batches] and [hugging_face]. Found: {', '.join(config)}")
    for section, settings in expected.items():
        names = {field.name for field in fields(settings)}
        if set(config[section]) != names:
            raise ValueError(
                f"{path}: expected in [{section}] the settings {', '.join(sorted(names))}. "
                f"Found: {', '.join(sorted(config[section]))}"
            )
        for field in fields(settings):
            value = config[section][field.name]
            kind: type = dict if field.default is MISSING else type(field.default)
            if not isinstance(value, kind) or isinstance(value, bool) or (isinstance(value, int) and value < 0):
                raise ValueError(f"{path}: [{section}] {field.name} must be {_KINDS[kind]}, found {value!r}")
    for name in ("texts", "characters"):
        if config["batches"][name] < 1:
            raise ValueError(f"{path}: [batches] {name} must be 1 or more, found 0")
    return ScoreSettings(BatchSettings(**config["batches"]), HuggingFaceSettings(**config["hugging_face"]))
