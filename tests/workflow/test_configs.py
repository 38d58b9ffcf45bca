"""The committed configs are complete, consistent, and resolve."""

from pathlib import Path

import pytest
from confection import Config
from spacy.cli.init_config import fill_config
from spacy.util import load_config

import scripts.functions  # noqa: F401
from scripts.distill.data.origins import ORIGINS

CONFIGS = sorted(path for path in Path("configs").glob("*.cfg") if path.stem not in ("augment", "score", "vectors"))
STUDENTS = [path for path in CONFIGS if path.stem.startswith("student")]
# What makes a student: the loss, the weights and repeats by source, the transfer set and its tokenizer, streaming, the
# patience for so many texts, and the stock checkpoint.
DIFFERENCES = {
    "training.patience", "training.before_to_disk.corpus",
    "paths.train", "components.textcat.factory", "components.textcat.loss.@losses",
    "components.textcat.loss.temperature", "components.textcat.gold_weight",
    "corpora.train.@readers", "corpora.train.seed", "corpora.train.gold_preproc",
    "corpora.train.max_length", "corpora.train.limit", "corpora.train.augmenter", "training.max_epochs",
    "training.before_to_disk", "training.before_to_disk.@callbacks", "paths.tokenizer", "initialize.before_init",
    "initialize.before_init.@callbacks", "initialize.before_init.tokenizer", "initialize.before_init.vocab",
    *(f"{setting}.{kind}" for setting in ("corpora.train.repeats", "components.textcat.origin_weights")
      for kind in ORIGINS),
}  # fmt: skip


def flatten(config: dict[str, object], prefix: str = "") -> dict[str, object]:
    flat: dict[str, object] = {}
    for key, value in config.items():
        if isinstance(value, dict) and value:
            flat.update(flatten(value, f"{prefix}{key}."))
        else:
            flat[f"{prefix}{key}"] = value
    return flat


@pytest.mark.parametrize("path", CONFIGS, ids=lambda path: path.stem)
def test_configs_are_filled(path: Path, tmp_path: Path) -> None:
    _, filled = fill_config(tmp_path / "filled.cfg", path, silent=True)
    config = Config().from_disk(path, interpolate=False)
    filled = Config().from_disk(tmp_path / "filled.cfg", interpolate=False)
    assert flatten(filled) == flatten({**config, "pretraining": {}})


@pytest.mark.parametrize("path", STUDENTS, ids=lambda path: path.stem)
def test_configs_students_stream_and_end(path: Path) -> None:
    config = load_config(path)
    assert config["training"]["max_epochs"] == -1
    assert config["training"]["max_steps"] > 0
    # With a schedule the learning rate falls to zero at the end: nothing is to stop the training before. Its interval
    # follows from the number of texts, and may be longer than any patience.
    assert (config["training"]["patience"] == 0) == ("schedule" in config)
    assert config["initialize"]["components"]["textcat"]["labels"]["path"] == "${paths.labels}"


def test_configs_ensemble_student_is_the_baseline_with_other_data_and_loss() -> None:
    baseline, student = (flatten(load_config(f"configs/{name}.cfg")) for name in ("baseline", "student_ensemble"))
    different = {key for key in baseline | student if baseline.get(key) != student.get(key)}
    assert different <= DIFFERENCES
    assert student["paths.train"] == "corpus/transfer"


@pytest.mark.parametrize("path", STUDENTS, ids=lambda path: path.stem)
def test_configs_students_take_all_sources_alike(path: Path) -> None:
    config = load_config(path)
    alike = dict.fromkeys(ORIGINS, 1.0)
    assert config["components"]["textcat"]["origin_weights"] == alike
    assert config["components"]["textcat"]["gold_weight"] == 0
    assert config["corpora"]["train"]["repeats"] == alike


def test_configs_choose_by_dev_accuracy_and_likelihood() -> None:
    both = {"cats_micro_f": 0.5, "cats_likelihood": 0.5}
    for path in CONFIGS:
        if path.stem != "tagger":
            config = load_config(path)
            weights = config["training"]["score_weights"]
            # What has a schedule is trained by scripts.train; the baseline and its twin are stock.
            assert {name: weight for name, weight in weights.items() if weight} == (
                both if "schedule" in config else {"cats_micro_f": 1.0}
            )
