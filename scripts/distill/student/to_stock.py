"""Save a distilled student as a stock spaCy pipeline that needs none of our code."""

import copy
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import spacy
from spacy.language import Language

from ..core.textcat_scorer import LIKELIHOOD
from ..data.corpus import TRANSFER_SHA256
from ..data.schedule import SCHEDULE
from .component import FACTORY

_STOCK_FACTORY = "textcat"
_STOCK_SCORER = "spacy.textcat_scorer.v2"
_STOCK_READER = {"@readers": "spacy.Corpus.v1", "path": None}


@spacy.registry.callbacks("distill.to_stock.v1")
def create_to_stock(corpus: str) -> Callable[[Language], Language]:
    """Create a `[training.before_to_disk]` callback that calls `to_stock`, so that even checkpoints are stock.

    The sha256 of the transfer set goes into meta.json, see `check_trained_on_transfer`.

    corpus (str): The folder with score.json. If it has none, nothing goes into meta.json.
    RETURNS (Callable): The callback.
    """

    def note_and_convert(nlp: Language) -> Language:
        stock = to_stock(nlp)
        scored = Path(corpus) / "score.json"
        if scored.exists():
            stock.meta[TRANSFER_SHA256] = json.loads(scored.read_text(encoding="utf-8"))[TRANSFER_SHA256]
        return stock

    return note_and_convert


def to_stock(nlp: Language) -> Language:
    """Return a copy of a pipeline in which each `distilled_textcat` is a stock `textcat`.

    The copy predicts the same. Its config names stock functions only, and no path. Of the vocabulary, the copy has the
    word vectors alone, without their words: that is smaller, and enough to predict.

    nlp (Language): The pipeline; it is not changed.
    RETURNS (Language): The stock pipeline.
    """
    config = copy.deepcopy(nlp.config)
    for pipe_config in config["components"].values():
        if pipe_config["factory"] == FACTORY:
            pipe_config["factory"] = _STOCK_FACTORY
            for setting in ("loss", "origin_weights", "gold_weight"):
                pipe_config.pop(setting, None)
            pipe_config["scorer"] = {"@scorers": _STOCK_SCORER}
    config["corpora"] = {name: _STOCK_READER for name in config.get("corpora", {})}
    config["training"]["before_to_disk"] = config["training"]["before_update"] = None
    # These are paths of the machine where the student was trained.
    config["paths"] = dict.fromkeys(config.get("paths", {}))
    config["training"]["score_weights"].pop(LIKELIHOOD, None)
    config.pop(SCHEDULE, None)
    config["initialize"]["after_init"] = None
    config["initialize"]["components"] = {}
    stock = type(nlp).from_config(config)
    stock.vocab.vectors.from_bytes(nlp.vocab.vectors.to_bytes(exclude=["strings"]), exclude=["strings"])
    parts: list[tuple[Any, Any]] = [(stock.tokenizer, nlp.tokenizer)]
    parts += [(stock.get_pipe(name), pipe) for name, pipe in nlp.pipeline]
    for new, old in parts:
        new.from_bytes(old.to_bytes(exclude=["vocab"]), exclude=["vocab"])
    stock.meta.update(copy.deepcopy(nlp.meta))
    return stock
