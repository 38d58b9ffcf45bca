"""Save a distilled student as a stock spaCy pipeline that needs none of our code."""

import copy
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import spacy
from spacy.attrs import LOWER
from spacy.language import Language
from spacy.strings import StringStore
from spacy.vectors import Mode, Vectors
from spacy.vocab import Vocab

from ..core.textcat_scorer import LIKELIHOOD
from ..data.corpus import TRANSFER_SHA256
from ..data.schedule import SCHEDULE
from .component import FACTORY
from .words_once import compute_words_once

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

    The copy predicts the same. Its config names stock functions only, and no path. Where it can, it computes each
    distinct word of a batch once, and has its word vectors in the classifier, see `compute_words_once`. Otherwise its
    vocabulary has the vectors, without their words: that is smaller, and enough to predict.

    The optimizer is spaCy's default, as the one of the training belongs to its schedule: its rate begins and ends at 0.

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
    config["training"]["optimizer"] = {"@optimizers": "Adam.v1"}
    config["training"]["score_weights"].pop(LIKELIHOOD, None)
    config.pop(SCHEDULE, None)
    config["initialize"]["after_init"] = None
    config["initialize"]["components"] = {}
    stock = type(nlp).from_config(config)
    stock.vocab.vectors = _copy_vectors(nlp.vocab.vectors, stock.vocab.strings)
    parts: list[tuple[Any, Any]] = [(stock.tokenizer, nlp.tokenizer)]
    parts += [(stock.get_pipe(name), pipe) for name, pipe in nlp.pipeline]
    for new, old in parts:
        new.from_bytes(old.to_bytes(exclude=["vocab"]), exclude=["vocab"])
    stock.meta.update(copy.deepcopy(nlp.meta))
    compute_words_once(stock)
    if stock.vocab.vectors.attr == LOWER:
        stock.vocab.vectors = _find_by_form(stock.vocab.vectors, nlp.vocab)
    return stock


def _copy_vectors(vectors: Vectors, strings: StringStore) -> Vectors:
    """Return a copy without the words."""
    if vectors.mode == Mode.floret:
        # Made of a word's n-grams, so it needs the spelling of each word that it is asked for.
        return Vectors(strings=strings).from_bytes(vectors.to_bytes(exclude=["strings"]), exclude=["strings"])
    # `to_bytes` would leave out by which attribute words are looked up.
    copied = Vectors(data=vectors.data, name=vectors.name, attr=vectors.attr)
    for key, row in vectors.key2row.items():
        copied.add(key, row=row)
    return copied


def _find_by_form(vectors: Vectors, vocab: Vocab) -> Vectors:
    """Return word vectors that are found by a word as it is written, which is all that spaCy can save.

    vectors (Vectors): Vectors that are found by a word's lower case.
    vocab (Vocab): Knows the words: those of the training.
    """
    spelt = Vectors(data=vectors.data, name=vectors.name)
    for word in list(vocab.strings):
        lexeme = vocab[word]
        row = vectors.key2row.get(lexeme.lower)
        if row is not None:
            spelt.add(lexeme.orth, row=row)
    return spelt
