"""The teacher's encoder, reading words: each by itself, and each where it stands in a text."""

from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy
import spacy
import torch
from numpy.typing import NDArray
from spacy.tokens import Doc
from transformers import AutoModel, AutoTokenizer, DataCollatorWithPadding

from ..core.batches import group_by_length
from ..core.messages import run_again
from ..core.progress import track
from ..core.rounding import Floats
from .dtype import FLOAT32, choose_dtype, compute_in
from .hub import check_model, find_model
from .hugging_face import longest_input
from .pooling import find_transformer  # registers the trained teacher's own layer, too
from .spec import HF, JSONL, TRAIN, check_spec, check_trained_here, spec_members

# Word pieces of a word that are read at most, the special ones included.
MAX_LENGTH = 64
# Word pieces of a text that are read at most. More would cost much memory, and show few more words.
MAX_TEXT_LENGTH = 256
# How a byte-level BPE tokenizer writes the space before a word, which is part of the word's first piece.
_SPACE = "Ġ"
# What a tokenizer says of its pieces that the transformer does not read.
_NO_INPUT = {"special_tokens_mask", "offset_mapping"}


class WordEncoder:
    """A transformer that turns words into vectors."""

    def __init__(self, model: Any, tokenizer: Any, dtype: str = FLOAT32) -> None:
        """Wrap a transformer.

        model (PreTrainedModel): The encoder, without a classifier.
        tokenizer (PreTrainedTokenizerFast): The encoder's tokenizer.
        dtype (str): What the transformer computes in: "float32" or "bfloat16".
        """
        self._model, self._tokenizer = model.eval(), tokenizer
        compute_in(model, dtype)
        self._collate = DataCollatorWithPadding(tokenizer)
        # A word is encoded as it stands inside a text.
        self._before = " " if any(piece.startswith(_SPACE) for piece in tokenizer.get_vocab()) else ""

    def encode(self, words: Sequence[str], batch_tokens: int) -> Floats:
        """Return the mean of the last layer over each word's pieces, the special ones left out.

        A thread computes a batch by itself, so the number of threads changes no bit of the result.

        words (Sequence[str]): The words.
        batch_tokens (int): Word pieces that a thread computes at a time, padding included. 2,048 is a good value.
        RETURNS (NDArray[float32]): Shape (n_words, width of the encoder).
        """
        encoded = self._tokenizer(
            [self._before + word for word in words], truncation=True, max_length=MAX_LENGTH,
            return_special_tokens_mask=True, return_attention_mask=True,
        )  # fmt: skip
        lengths = numpy.asarray([len(ids) for ids in encoded["input_ids"]])
        vectors = numpy.zeros((len(words), self._model.config.hidden_size), dtype="float32")
        batches = list(group_by_length(lengths, batch_tokens))

        def encode_batch(rows: NDArray[numpy.int64]) -> Floats:
            batch = _take(encoded, rows)
            found = numpy.zeros((len(rows), vectors.shape[1]), dtype="float32")
            for row, (word, states) in enumerate(zip(batch, self._encode(batch), strict=True)):
                own = states[numpy.asarray(word["special_tokens_mask"]) == 0]
                if len(own):
                    found[row] = own.mean(axis=0)
            return found

        with _single_threads() as pool:
            tracked = track(batches, "encoding words", unit="batches")
            for rows, found in zip(tracked, pool.map(encode_batch, batches), strict=True):
                vectors[rows] = found
        return vectors

    def encode_tokens(
        self, docs: Sequence[Doc], batch_tokens: int
    ) -> Iterator[tuple[Doc, NDArray[numpy.int64], Floats]]:
        """Yield each doc with the tokens that the encoder reads, and the mean of the last layer over their pieces.

        White space may have no pieces. Neither has what comes after the 256th piece of a text, the special ones
        included, nor a token inside a piece that ends in the next token: of "don't", all is "n't" if a piece is "don".

        docs (Sequence[Doc]): The texts. All are in memory at once.
        batch_tokens (int): Word pieces that a thread computes at a time, padding included.
        RAISES (ValueError): If the tokenizer does not say where its pieces stand, as slow ones don't.
        YIELDS (tuple[Doc, NDArray[int64], NDArray[float32]]): A doc, the indices of its tokens, shape (n_tokens,), and
            the tokens' vectors, shape (n_tokens, width of the encoder). Long docs come first.
        """
        if not self._tokenizer.is_fast:
            raise ValueError(
                "The teacher's tokenizer is a slow one, which does not say where a word stands in a text. Set "
                "context_texts = 0 in configs/vectors.cfg"
            )
        encoded = self._tokenizer(
            [doc.text for doc in docs], truncation=True, return_offsets_mapping=True, return_attention_mask=True,
            max_length=min(MAX_TEXT_LENGTH, longest_input(self._tokenizer, self._model.config)),
        )  # fmt: skip
        lengths = numpy.asarray([len(ids) for ids in encoded["input_ids"]])

        def encode_batch(rows: NDArray[numpy.int64]) -> list[tuple[Doc, NDArray[numpy.int64], Floats]]:
            batch = _take(encoded, rows)
            texts = [docs[row] for row in rows]
            pieces = [_find_tokens(doc, text["offset_mapping"]) for doc, text in zip(texts, batch, strict=True)]
            found = zip(texts, self._encode(batch), pieces, strict=True)
            return [(doc, *_pool(states, tokens)) for doc, states, tokens in found]

        with _single_threads() as pool:
            for found in pool.map(encode_batch, group_by_length(lengths, batch_tokens)):
                yield from found

    def _encode(self, batch: list[dict[str, Any]]) -> list[Floats]:
        """Return the last layer of each of some tokenised texts, shape (n_pieces, width of the encoder)."""
        padded: Any = self._collate([{key: text[key] for key in text if key not in _NO_INPUT} for text in batch])
        kept = padded["attention_mask"].bool()
        with torch.inference_mode():
            states = self._model(**padded.to(self._model.device)).last_hidden_state.float().cpu()
        return [text[pieces].numpy() for text, pieces in zip(states, kept.cpu(), strict=True)]


def _take(encoded: Any, rows: NDArray[numpy.int64]) -> list[dict[str, Any]]:
    """Return some of the texts that a tokenizer has read."""
    return [{key: values[i] for key, values in encoded.items()} for i in rows]


def _find_tokens(doc: Doc, offsets: Sequence[tuple[int, int]]) -> NDArray[numpy.int64]:
    """Return which token each word piece ends in, or −1: shape (n_pieces,).

    offsets (Sequence[tuple[int, int]]): Where each piece starts and ends in the text; special pieces are empty.
    """
    if not len(doc):
        return numpy.full(len(offsets), -1)
    starts, ends = numpy.asarray(offsets).reshape(-1, 2).T
    tokens: NDArray[numpy.int64] = numpy.searchsorted([token.idx for token in doc], ends - 1, side="right") - 1
    token_ends = numpy.asarray([token.idx + len(token) for token in doc])
    tokens[(starts == ends) | (ends > token_ends[tokens])] = -1
    return tokens


def _pool(states: Floats, tokens: NDArray[numpy.int64]) -> tuple[NDArray[numpy.int64], Floats]:
    """Return the tokens that have pieces, and the mean of each one's pieces.

    states (NDArray[float32]): The last layer, shape (n_pieces, width).
    tokens (NDArray[int64]): The token of each piece, or −1, shape (n_pieces,).
    """
    pieces = numpy.flatnonzero(tokens >= 0)
    found, groups, counts = numpy.unique(tokens[pieces], return_inverse=True, return_counts=True)
    vectors = numpy.zeros((len(found), states.shape[1]), dtype="float32")
    numpy.add.at(vectors, groups, states[pieces])
    return found, vectors / counts[:, None].astype("float32")


@contextmanager
def _single_threads() -> Iterator[ThreadPoolExecutor]:
    """Yield a pool whose threads compute a batch each: torch uses one thread for each batch."""
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        with ThreadPoolExecutor(threads) as pool:
            yield pool
    finally:
        torch.set_num_threads(threads)


def load_word_encoder(spec: str, teacher_model: Path, encoder: Path, dtype: str = FLOAT32) -> WordEncoder:
    """Load a teacher's encoder, or the project's encoder if it has none.

    spec (str): Names the teacher, see `check_spec`; of several, the first one's encoder is taken.
    teacher_model (Path): Where the teacher trained here lies.
    encoder (Path): The project's encoder, assets/encoder.
    dtype (str): What it computes in, see `choose_dtype`.
    RAISES (ValueError): If there is none, or it can't be loaded.
    """
    check_spec(spec)
    dtype = choose_dtype(dtype)
    kind, _, name = spec_members(spec)[0].partition(":")
    if kind not in (HF, JSONL):
        if kind == TRAIN:
            check_trained_here(teacher_model)
        place = teacher_model if kind == TRAIN else name
        try:
            nlp = spacy.load(place)
        except OSError as err:
            raise ValueError(f"Can't load the teacher {place}: {err}") from err
        if transformer := find_transformer(nlp):
            return WordEncoder(transformer.transformer, transformer.tokenizer, dtype)
    if kind != HF and not encoder.exists():
        raise ValueError(
            f"The teacher {spec} has no encoder to make word vectors with, and there is no {encoder}. "
            + run_again("encoder")
        )
    folder = find_model(name)[0] if kind == HF else encoder
    check_model(folder)
    try:
        model = AutoModel.from_pretrained(
            folder, trust_remote_code=False, use_safetensors=True, torch_dtype=torch.float32
        )  # fmt: skip
    except (OSError, RuntimeError, ValueError) as err:
        raise ValueError(f"{folder}: its weights can't be loaded: {err}") from err
    return WordEncoder(model, AutoTokenizer.from_pretrained(folder, trust_remote_code=False), dtype)
