"""Shipped in the wheel, whose `load` calls `make_ready`: every text gets an answer, and the tokenizer is faster.

This file needs nothing but spaCy: `build_wheel` copies it as it is.
"""

from collections.abc import Iterable
from typing import Any

from spacy.language import Language
from spacy.pipeline import TextCategorizer
from spacy.tokenizer import Tokenizer
from spacy.tokens import Doc

# The keys of meta.json with the size of the tokenizer's cache, and with what a text without words gets.
TOKENIZER_CACHE, LABEL_SHARES = "tokenizer_cache", "label_shares"


def make_ready(nlp: Language) -> Language:
    """Set what spaCy does not save: the tokenizer's cache, and what happens to texts that spaCy can't take.

    nlp (Language): The pipeline; it is changed. Its meta has "tokenizer_cache", how many distinct strings between
        blanks the tokenizer remembers at most, and "label_shares", a number for each label; they sum to 1.
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
