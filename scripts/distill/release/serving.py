"""Shipped in the wheel, whose `load` calls `make_ready`: every text gets an answer, and known words are looked up.

This file needs nothing but spaCy: `build_wheel` copies it as it is.
"""

from collections.abc import Callable, Iterable
from threading import Lock
from typing import Any

import numpy
from spacy.language import Language
from spacy.pipeline import TextCategorizer
from spacy.tokenizer import Tokenizer
from spacy.tokens import Doc
from thinc.api import Model

# The keys of meta.json with how many words are remembered, and with what a text without words gets.
TOKENIZER_CACHE, LABEL_SHARES = "tokenizer_cache", "label_shares"
# What a thinc layer is: it returns its output, and a function for training.
Forward = Callable[[Model[Any, Any], Any, bool], tuple[Any, Callable[[Any], Any]]]


def make_ready(nlp: Language) -> Language:
    """Set what spaCy does not save: what is remembered of words, and what happens to texts that spaCy can't take.

    nlp (Language): The pipeline; it is changed. Its meta has "tokenizer_cache", how many distinct strings between
        blanks the tokenizer remembers at most, and how many distinct words the classifier does, see `WordMemory`; and
        "label_shares", a number for each label; they sum to 1.
    RETURNS (Language): The same pipeline.
    """
    old: Any = nlp.tokenizer
    # Some languages, such as Japanese, have a tokenizer of another kind: it stays.
    if type(old) is Tokenizer:
        nlp.tokenizer = AnyTextTokenizer(nlp.vocab).from_bytes(old.to_bytes())
        nlp.tokenizer.max_cache_size = nlp.meta[TOKENIZER_CACHE]
    # Those that are disabled, too: they may be enabled later.
    for _, pipe in nlp.components:
        if type(pipe) is TextCategorizer:
            # The same object with one method more: a new one would have to copy weights and settings.
            pipe.__class__ = AnyTextCategorizer
            pipe.label_shares = [nlp.meta[LABEL_SHARES][label] for label in pipe.labels]
            remember_words(pipe.model, nlp.meta[TOKENIZER_CACHE])
    return nlp


class AnyTextTokenizer(Tokenizer):
    """spaCy's tokenizer, for strings with lone surrogates as well: halves of characters, which broken JSON can have."""

    def __call__(self, string: str) -> Doc:
        """Tokenise a text; in place of each lone surrogate the doc has the replacement character, U+FFFD.

        string (str): The text.
        """
        try:
            return super().__call__(string)
        except UnicodeEncodeError:
            return super().__call__(string.encode("utf-16", "surrogatepass").decode("utf-16", "replace"))

    def __reduce__(self) -> tuple[Any, ...]:
        """Tell pickle how to make this tokenizer again; spaCy's own way forgets the size of the cache."""
        _, settings, *_ = super().__reduce__()
        return _restore, (settings, self.max_cache_size)


def _restore(settings: tuple[Any, ...], max_cache_size: int) -> AnyTextTokenizer:
    tokenizer = AnyTextTokenizer(*settings)
    tokenizer.max_cache_size = max_cache_size
    return tokenizer


class AnyTextCategorizer(TextCategorizer):
    """spaCy's text classifier, for docs without tokens as well.

    label_shares (list[float]): What such a doc gets, in the order of the labels.
    """

    label_shares: list[float]

    def predict(self, docs: Iterable[Doc]) -> Any:
        """Return the probabilities of docs.

        docs (Iterable[Doc]): The docs.
        RETURNS (NDArray[float32]): Shape (n_docs, n_labels); rows sum to 1.
        """
        docs = list(docs)
        full = [index for index, doc in enumerate(docs) if len(doc)]
        ops = self.model.ops
        scores = ops.xp.tile(ops.asarray2f([self.label_shares]), (len(docs), 1))
        if full:
            scores[full] = super().predict([docs[index] for index in full])
        return scores


def remember_words(model: Model[Any, Any], room: int) -> None:
    """Let a classifier keep what it makes of a word, if there is a layer that computes it once for a batch.

    model (Model): The classifier; it is changed. Its layers, and what it saves, stay the same.
    room (int): How many distinct words are kept at most.
    """
    for layer in model.walk():
        if layer.name.startswith("uniqued("):
            layer._func = WordMemory(layer._func, room)
            # Those inside of it are asked for new words alone.
            return


class WordMemory:
    """What a `uniqued` layer does, but words of earlier batches are looked up. Several threads may call it at once.

    What is kept is forgotten when there is no room for the new words of a batch, and when a bias of the layer has
    changed, as it does in training.
    """

    def __init__(self, forward: Forward, room: int) -> None:
        """Start without words.

        forward (Forward): What the layer does, for an array of shape (n, n_columns). One column has what tells words
            apart, and all else depends on it.
        room (int): How many distinct words are kept at most.
        """
        self._forward, self._room = forward, room
        self._lock = Lock()
        # Whose words are kept, its layers with a bias, and these biases at the last call.
        self._model: Model[Any, Any] | None = None
        self._layers: list[Model[Any, Any]] = []
        self._biases = b""
        self._forget()

    def __reduce__(self) -> tuple[Any, ...]:
        """Tell pickle to leave out what is kept, and the lock, which has no copy."""
        return WordMemory, (self._forward, self._room)

    def _forget(self) -> None:
        self._rows: dict[int, int] = {}
        self._table: Any = None

    def __call__(self, model: Model[Any, Any], X: Any, is_train: bool) -> tuple[Any, Callable[[Any], Any]]:
        """Return what the layer makes of words.

        model (Model): The layer.
        X (NDArray[uint64]): Shape (n, n_columns).
        is_train (bool): Whether this is training, in which nothing is kept.
        RETURNS (tuple[NDArray[float32], Callable]): Shape (n, width), and the function for training.
        """
        if is_train or not isinstance(X, numpy.ndarray):
            return self._forward(model, X, is_train)
        words = X[:, model.attrs["column"]].tolist()
        with self._lock:
            if self._have_changed(model):
                self._forget()
            new = self._find_new(words)
            if len(self._rows) + len(new) > self._room:
                self._forget()
                new = self._find_new(words)
            if not words or len(new) > self._room:
                return self._forward(model, X, is_train)
            if new:
                self._keep(new, self._forward(model, X[list(new.values())], is_train)[0])
            return self._table[[self._rows[word] for word in words]], _no_gradient

    def _have_changed(self, model: Model[Any, Any]) -> bool:
        """Return whether this is another layer than at the last call, such as a copy, or its biases are others."""
        if another := model is not self._model:
            self._model, self._layers = model, [layer for layer in model.walk() if layer.has_param("b")]
        before, self._biases = self._biases, b"".join(layer.get_param("b").tobytes() for layer in self._layers)
        return another or before != self._biases

    def _find_new(self, words: list[int]) -> dict[int, int]:
        """Return each word that is not kept, with one of its places in the list."""
        return {word: place for place, word in enumerate(words) if word not in self._rows}

    def _keep(self, words: Iterable[int], made: Any) -> None:
        if self._table is None:
            # Memory that nothing was written to yet is not taken from the machine.
            self._table = numpy.empty((self._room, made.shape[1]), dtype=made.dtype)
        first = len(self._rows)
        self._table[first : first + len(made)] = made
        self._rows.update(zip(words, range(first, first + len(made)), strict=True))


def _no_gradient(_: Any) -> Any:
    raise ValueError("A gradient was asked for outside of training")
