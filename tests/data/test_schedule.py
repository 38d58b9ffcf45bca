from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import spacy
from confection import Config
from spacy.cli.train import train
from spacy.util import load_config

import scripts.functions  # noqa: F401
from scripts.distill.data.docbins import write_docs
from scripts.distill.data.schedule import Schedule, check_updates, plan_updates, read_schedule, updates_per_epoch

PLAN = Schedule(epochs=3, min_updates=45, max_updates=600, warmup=0.1, evaluations=5)
SECTION = {"epochs": 3, "min_updates": 45, "max_updates": 600, "warmup": 0.1, "evaluations": 5}


@pytest.mark.parametrize(
    "per_epoch,total,warmup,every",
    [
        pytest.param(2, 45, 4, 9, id="little-data-has-the-least"),
        pytest.param(32, 100, 10, 20, id="rounded-up-to-end-with-an-evaluation"),
        pytest.param(100, 300, 30, 60, id="three-epochs"),
        pytest.param(10_000, 600, 60, 120, id="much-data-has-the-most"),
    ],
)
def test_schedule_follows_from_the_data(per_epoch: float, total: int, warmup: int, every: int) -> None:
    updates = plan_updates(PLAN, per_epoch)
    assert updates.overrides() == {
        "training.max_steps": total, "training.eval_frequency": every,
        "training.optimizer.learn_rate.warmup_steps": warmup,
    }  # fmt: skip
    assert total % every == 0


def test_schedule_warm_up_is_never_all_of_a_training() -> None:
    updates = plan_updates(replace(PLAN, min_updates=2, max_updates=2, evaluations=1), 1)
    assert (updates.total, updates.warmup, updates.every) == (2, 1, 2)


def test_schedule_takes_the_number_of_updates_that_a_user_gives() -> None:
    updates = plan_updates(PLAN, 10_000, 7)
    assert (updates.total, updates.warmup, updates.every) == (7, 1, 2)
    updates = plan_updates(PLAN, 10_000, 1)
    assert (updates.total, updates.warmup, updates.every) == (1, 0, 1)


def test_schedule_weight_decay_is_that_of_the_whole_training() -> None:
    """Of many texts, each update shrinks the parameters less; what the user says comes after these settings."""
    schedule = replace(PLAN, weight_decay=30.0)
    few, many = plan_updates(schedule, 20), plan_updates(schedule, 200)
    assert few.overrides()["training.optimizer.L2"] == pytest.approx(30 / 60)
    assert many.overrides()["training.optimizer.L2"] == pytest.approx(30 / 600)
    assert plan_updates(schedule, 200, 15).l2 == pytest.approx(30 / 45)  # as of min_updates


def test_schedule_is_optional() -> None:
    assert read_schedule(Path("x.cfg"), Config({"training": {}})) is None
    assert read_schedule(Path("x.cfg"), Config({"schedule": SECTION})) == PLAN


@pytest.mark.parametrize(
    "changes,message",
    [
        (
            {"epoch": 3},
            r"\[schedule\] epoch: unknown\. Known: epochs, min_updates, max_updates, warmup, evaluations, weight_decay",
        ),
        ({"epochs": "three"}, "epochs: must be a valid number. Found: 'three'"),
        ({"warmup": -1}, "warmup: must be greater than or equal to 0. Found: -1"),
        ({"warmup": 1}, "warmup: must be less than 1. Found: 1"),
        ({"evaluations": 0}, "evaluations: must be greater than or equal to 1. Found: 0"),
        ({"min_updates": 700}, "min_updates must not be more than max_updates"),
    ],
)
def test_schedule_impossible_settings_are_an_error(changes: dict[str, Any], message: str) -> None:
    with pytest.raises(ValueError, match=rf"x\.cfg: .*{message}"):
        read_schedule(Path("x.cfg"), Config({"schedule": {**SECTION, **changes}}))


def write_texts(path: Path, sources: list[str]) -> None:
    nlp = spacy.blank("xx")
    docs = []
    for source in sources:
        docs.append(nlp.make_doc("one two three"))
        docs[-1].user_data = {"origin": source}
    write_docs(docs, path)


def test_schedule_counts_texts_for_a_teacher(tmp_path: Path) -> None:
    write_texts(tmp_path / "train.spacy", ["gold"] * 65)
    config = load_config(
        "configs/teacher.cfg", overrides={"paths.train": str(tmp_path / "train.spacy")}, interpolate=True
    )
    assert updates_per_epoch(config) == 3


def test_schedule_counts_words_and_repeats_for_a_student(tmp_path: Path) -> None:
    for shard in ("00000", "00001"):
        write_texts(tmp_path / f"{shard}.spacy", ["gold", "unlabelled", "ngram", "pos_swap"])
    overrides = {
        "paths.train": str(tmp_path),
        "corpora.train.repeats.gold": 4.0,
        "corpora.train.repeats.augmented": 0.5,
    }
    config = load_config("configs/student.cfg", overrides=overrides, interpolate=True)
    # In each of two shards: gold four times, unlabelled once, two augmented every second time; three words each.
    assert updates_per_epoch(config) == pytest.approx(2 * 3 * (4 + 1 + 1) / 3000)


def test_schedule_of_repeats_that_leave_no_text_is_an_error(tmp_path: Path) -> None:
    write_texts(tmp_path / "00000.spacy", ["gold", "pos_swap"])
    config = load_config("configs/student.cfg", overrides={"paths.train": str(tmp_path)}, interpolate=True)
    config["corpora"]["train"]["repeats"] = {"gold": 0.0, "unlabelled": 1.0, "augmented": 0.0}
    with pytest.raises(ValueError, match=r"repeats leaves no text to train on\. It has 0 for augmented, gold"):
        updates_per_epoch(config)
    del config["corpora"]["train"]["repeats"]["augmented"]
    with pytest.raises(ValueError, match=r"\[corpora.train.repeats\] must have a number"):
        updates_per_epoch(config)


def test_schedule_without_texts_or_with_another_batcher_is_an_error(tmp_path: Path) -> None:
    path = str(tmp_path / "train.spacy")
    config = load_config("configs/teacher.cfg", overrides={"paths.train": path}, interpolate=True)
    with pytest.raises(ValueError, match=f"{path}: no texts to train on"):
        updates_per_epoch(config)
    write_texts(tmp_path / "train.spacy", ["gold"])
    config["training"]["batcher"]["@batchers"] = "spacy.batch_by_sequence.v1"
    with pytest.raises(ValueError, match=r"\[training.batcher\] is spacy.batch_by_sequence.v1"):
        updates_per_epoch(config)


def test_updates_of_the_committed_configs_are_accepted() -> None:
    for path in sorted(Path("configs").glob("*.cfg")):
        config = load_config(path)
        if "training" in config and "transformer" not in config.get("paths", {}):
            check_updates(config.interpolate()["training"])


@pytest.mark.parametrize(
    "changes,message",
    [
        (
            {"max_steps": 60, "eval_frequency": 200},
            r"max_steps = 60 is less than eval_frequency = 200.* --training\.eval_frequency 20,",
        ),
        (
            {"max_steps": 60, "eval_frequency": 20, "optimizer": {"learn_rate": {"warmup_steps": 50}}},
            r"rises for 50 of max_steps = 60 updates.* --training\.optimizer\.learn_rate\.warmup_steps 6,",
        ),
        (
            {"max_steps": 12000, "eval_frequency": 2400, "patience": 2000},
            r"patience = 2000 is less than eval_frequency = 2400.* --training\.patience 0",
        ),
    ],
)
def test_updates_that_teach_nothing_are_refused(changes: dict[str, Any], message: str) -> None:
    training = {"optimizer": {"learn_rate": 0.001}, "patience": 0, **changes}
    with pytest.raises(ValueError, match=message):
        check_updates(training)
    check_updates({**training, "max_steps": 10_000, "patience": 0})
    check_updates({**training, "max_steps": 0})


def test_updates_are_checked_by_plain_spacy_train(tmp_path: Path) -> None:
    write_texts(tmp_path / "train.spacy", ["gold"] * 4)
    (tmp_path / "labels.json").write_text('["NEG", "POS"]', encoding="utf-8")
    overrides = {"training.max_steps": 20, "training.eval_frequency": 200}
    paths = {f"paths.{name}": str(tmp_path / "train.spacy") for name in ("train", "dev")}
    with pytest.raises(ValueError, match=r"max_steps = 20 is less than eval_frequency = 200"):
        train("configs/bow.cfg", overrides={**overrides, **paths, "paths.labels": str(tmp_path / "labels.json")})
