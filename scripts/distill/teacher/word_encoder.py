"""The teacher's encoder, reading one word at a time."""

from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy
import spacy
import torch
from numpy.typing import NDArray
from transformers import AutoModel, AutoTokenizer, DataCollatorWithPadding

from ..core.batches import group_by_length
from ..core.messages import run_again
from ..core.progress import track
from ..core.rounding import Floats
from .dtype import FLOAT32, choose_dtype, compute_in
from .hub import check_model, find_model
from .pooling import find_transformer  # registers the trained teacher's own layer, too
from .spec import HF, JSONL, TRAIN, check_spec, check_trained_here, spec_members

# Word pieces of a word that are read at most, the special ones included.
MAX_LENGTH = 64
# How a byte-level BPE tokenizer writes the space before a word, which is part of the word's first piece.
_SPACE = "Ġ"


class WordEncoder:
    """A transformer that turns words, each by itself, into vectors."""

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
            return_special_tokens_mask=True,
        )  # fmt: skip
        lengths = numpy.asarray([len(ids) for ids in encoded["input_ids"]])
        vectors = numpy.zeros((len(words), self._model.config.hidden_size), dtype="float32")
        batches = list(group_by_length(lengths, batch_tokens))

        def encode_batch(rows: NDArray[numpy.int64]) -> Floats:
            return self._encode([{key: values[i] for key, values in encoded.items()} for i in rows])

        with _threads_of_their_own() as threads, ThreadPoolExecutor(threads) as pool:
            tracked = track(batches, "encoding words", unit="batches")
            for rows, found in zip(tracked, pool.map(encode_batch, batches), strict=True):
                vectors[rows] = found
        return vectors

    def _encode(self, words: list[dict[str, list[int]]]) -> Floats:
        """Return the vectors of one batch of tokenised words, shape (n_words, width of the encoder)."""
        padded: Any = self._collate(words)
        special = padded.pop("special_tokens_mask").bool() | (padded["attention_mask"] == 0)
        with torch.inference_mode():
            states = self._model(**padded.to(self._model.device)).last_hidden_state.float().cpu()
        # 1 for a piece that counts, 0 for special pieces and padding: shape (n_words, n_pieces, 1).
        kept = (~special).float().unsqueeze(2)
        pooled: Floats = ((states * kept).sum(1) / kept.sum(1).clamp(min=1)).numpy()
        return pooled


@contextmanager
def _threads_of_their_own() -> Iterator[int]:
    """Keep torch from sharing out the work of a thread among several; yield how many it would have taken."""
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        yield threads
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
