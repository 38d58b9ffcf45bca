"""How long to train, from the amount of data: what `[schedule]` of a config says, in epochs, as numbers of updates."""

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any

import spacy
from confection import Config
from pydantic import Field
from pydantic.dataclasses import dataclass as section
from spacy.language import Language
from spacy.schemas import ConfigSchemaInit, ConfigSchemaNlp, ConfigSchemaTraining

from ..core.sections import STRICT, Count, Number, validate
from .docbins import read_docs
from .origins import ORIGIN, ORIGINS, check_by_origin, check_some_left, find_origin

SCHEDULE = "schedule"
# The largest share of a training in which the learning rate may rise.
MOST_WARMUP = 0.5
# What spaCy takes where a config's `[training]` is silent.
SPACY_UPDATES = {"max_steps": 20_000, "eval_frequency": 200, "patience": 1_600}


@section(frozen=True, config=STRICT)
class Schedule:
    """What `[schedule]` of a config says.

    epochs (float): How often each text is seen, on average; 0 or more. 3 to 4 are good values.
    min_updates, max_updates (int): Bounds of the number of updates: little data wants more epochs, much data fewer.
        Within them, the number is then rounded up, so that training ends with an evaluation.
    warmup (float): The share of the updates in which the learning rate rises, from 0 to below 1. 0.05 to 0.1 are good
        values.
    evaluations (int): How often the dev texts are scored at most, the end of training included; 1 or more.
    weight_decay (float | None): What the optimizer's L2 times the updates, `min_updates` of them at least, is. So all
        parameters decay by the same share, however long the training is: the more texts, the smaller L2 (Wang &
        Aitchison 2024, "How to set AdamW's weight decay as you scale model and dataset size", section 3). None: L2 of
        the config holds.
    """

    epochs: Number
    min_updates: Count
    max_updates: Count
    warmup: Annotated[float, Field(strict=True, ge=0, lt=1)]
    evaluations: Count
    weight_decay: Number | None = None


@dataclass(frozen=True)
class Updates:
    """How long a training is, in updates.

    total (int): Updates of the whole training.
    warmup (int): Updates in which the learning rate rises, the first ones.
    every (int): Updates from one scoring of the dev texts to the next.
    l2 (float | None): The optimizer's weight decay. None: that of the config.
    """

    total: int
    warmup: int
    every: int
    l2: float | None = None

    def overrides(self) -> dict[str, Any]:
        """Return these numbers as settings of `spacy train`: name → value."""
        settings = {
            "training.max_steps": self.total, "training.eval_frequency": self.every,
            "training.optimizer.learn_rate.warmup_steps": self.warmup,
        }  # fmt: skip
        return settings if self.l2 is None else {**settings, "training.optimizer.L2": self.l2}


def read_schedule(path: Path, config: Config) -> Schedule | None:
    """Read `[schedule]` of a config.

    path (Path): The config's file, for the message.
    config (Config): The config.
    RETURNS (Schedule | None): The schedule. None if the config has no such section: then the numbers of updates in
        `[training]` hold as they are.
    RAISES (ValueError): If a setting is missing, misspelt or impossible.
    """
    if SCHEDULE not in config:
        return None
    schedule = validate(path, Schedule, config[SCHEDULE], SCHEDULE, all_given=False)
    if schedule.min_updates > schedule.max_updates:
        raise ValueError(f"{path}: [{SCHEDULE}] min_updates must not be more than max_updates")
    return schedule


def plan_updates(schedule: Schedule, per_epoch: float, total: int | None = None) -> Updates:
    """Turn epochs into updates.

    schedule (Schedule): What the config says.
    per_epoch (float): Updates in which each text is seen once, see `updates_per_epoch`.
    total (int | None): Updates of the whole training, above 0, if a user has said how many; only warm-up, interval
        and weight decay follow from the schedule then.
    RAISES (ValueError): If `total` is no such number.
    """
    if total is not None and (type(total) is not int or total < 1):
        raise ValueError(f"[training] max_steps must be a whole number, 1 or more. Found: {total!r}")
    planned = max(schedule.min_updates, min(round(schedule.epochs * per_epoch), schedule.max_updates))
    every = max(1, math.ceil((total or planned) / schedule.evaluations))
    # A multiple of the interval, so that the model is scored after the last update.
    total = total or math.ceil(planned / every) * every
    warmup = min(max(1, round(schedule.warmup * total)), int(MOST_WARMUP * total))
    # A trial of a few updates must not shrink the parameters to nothing.
    decay = schedule.weight_decay
    return Updates(total, warmup, every, None if decay is None else decay / max(total, schedule.min_updates))


def check_names(path: Path, config: Config, written: Config) -> None:
    """Check that a training config has only settings that spaCy knows, which itself ignores all others in silence.

    path (Path): The config's file, for the message.
    config (Config): The config, with the settings that were given as options.
    written (Config): The config as it stands in the file.
    RAISES (ValueError): If `[nlp]`, `[training]` or `[initialize]` has another setting, or `[paths]` one that is not in
        the file.
    """
    schemas: dict[str, Any] = {
        "nlp": ConfigSchemaNlp, "training": ConfigSchemaTraining, "initialize": ConfigSchemaInit
    }  # fmt: skip
    known = {"paths": [*written.get("paths", {})], **{name: [*schemas[name].model_fields] for name in schemas}}
    for name in known:
        if unknown := sorted({*config.get(name, {})} - {*known[name]}):
            raise ValueError(
                f"{path}: [{name}] {', '.join(unknown)}: no such setting, in the file or in an option. Known: "
                f"{', '.join(known[name])}"
            )


def check_updates(training: Mapping[str, Any]) -> None:
    """Check that a training has enough updates, and patience, to be scored after some of them, at its full rate.

    training (Mapping[str, Any]): `[training]` of an interpolated config. If max_steps is 0, nothing is checked.
    RAISES (ValueError): If one of these is no whole number, there are fewer updates than lie between two scorings on
        dev, patience ends before the first of them, or the learning rate rises for more than half of the updates.
    """
    found = {**SPACY_UPDATES, **{name: training[name] for name in SPACY_UPDATES if name in training}}
    for name, value in found.items():
        least = 1 if name == "eval_frequency" else 0
        if type(value) is not int or value < least:
            raise ValueError(f"[training] {name} must be a whole number, {least} or more. Found: {value!r}")
    total, every, patience = found["max_steps"], found["eval_frequency"], found["patience"]
    if not total:
        return
    if total < every:
        raise ValueError(
            f"[training] max_steps = {total} is less than eval_frequency = {every}: no trained model would be scored "
            f"on dev. Set --training.eval_frequency {max(1, total // 3)}, or train longer"
        )
    if 0 < patience < every:
        raise ValueError(
            f"[training] patience = {patience} is less than eval_frequency = {every}: training would "
            "stop before a trained model is scored on dev. Set --training.patience 0 (never stop early), or more"
        )
    rate = training.get("optimizer", {}).get("learn_rate")
    warmup = rate.get("warmup_steps", 0) if isinstance(rate, Mapping) else 0
    if warmup > MOST_WARMUP * total:
        raise ValueError(
            f"[training] the learning rate rises for {warmup} of max_steps = {total} updates. "
            f"Set --training.optimizer.learn_rate.warmup_steps {max(1, total // 10)}, or train longer"
        )


@spacy.registry.callbacks("distill.check_updates.v1")
def create_check_updates() -> Callable[[Language, Mapping[str, Any]], None]:
    """Create a `[training.before_update]` callback that stops a training which `check_updates` refuses.

    RETURNS (Callable): The callback. It takes the pipeline, and a mapping with "step", the number of the update.
    """

    def check(nlp: Language, state: Mapping[str, Any]) -> None:
        if state["step"] == 0:
            check_updates(nlp.config.interpolate()["training"])

    return check


def updates_per_epoch(config: Config) -> float:
    """Return in how many updates a training sees each text once, or as often as `repeats` of the config's reader says.

    config (Config): A training config with interpolated paths. Its batcher must count texts
        (distill.batch_by_length.v1) or words (spacy.batch_by_words.v1).
    RAISES (ValueError): If there are no texts, `repeats` leaves none of them or lacks an origin, or the batcher is
        neither of these two.
    """
    path = Path(config["paths"]["train"])
    shards = sorted(path.glob("*.spacy")) if path.is_dir() else [path]
    # Origin and number of tokens of each doc. A doc that does not say its origin counts as gold.
    docs = [(find_origin(doc) if ORIGIN in doc.user_data else ORIGINS[0], len(doc))
            for shard in shards if shard.exists() for doc in read_docs(shard)]  # fmt: skip
    if not docs:
        raise ValueError(f"{path}: no texts to train on. Make them with the commands before this one, see project.yml")
    repeats = config["corpora"]["train"].get("repeats") or dict.fromkeys(ORIGINS, 1.0)
    check_by_origin("[corpora.train.repeats]", repeats)
    check_some_left(path, repeats, (kind for kind, _ in docs))
    batcher = config["training"]["batcher"]
    if batcher["@batchers"] == "distill.batch_by_length.v1":
        return math.ceil(sum(repeats[kind] for kind, _ in docs) / batcher["size"])
    # A number, or a schedule: only that of constant.v1 has a rate.
    size = batcher.get("size")
    size = size.get("rate") if isinstance(size, dict) else size
    if batcher["@batchers"] == "spacy.batch_by_words.v1" and size:
        return sum(length * repeats[kind] for kind, length in docs) / size
    raise ValueError(
        f"[training.batcher] is {batcher['@batchers']}; to plan a training by [{SCHEDULE}] it must be "
        "distill.batch_by_length.v1, or spacy.batch_by_words.v1 with a constant size"
    )
