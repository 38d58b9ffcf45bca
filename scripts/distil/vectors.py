"""Static word vectors for the student, made by the teacher's encoder."""

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy
import spacy
from sklearn.decomposition import PCA
from spacy.attrs import LOWER
from spacy.strings import get_string_id
from spacy.tokens import Doc
from spacy.vectors import Vectors

from .docbins import read_docs
from .files import replacing_folder, write_json
from .progress import MakeBar
from .provenance import PREPARED, read_summary
from .sections import read_sections
from .sources import AUGMENTED, source_kind
from .word_encoder import Floats, WordEncoder

MANTISSA_BITS = 23


@dataclass(frozen=True)
class VectorSettings:
    """What configs/vectors.cfg says.

    words (int): How many words have a vector, at most.
    dimensions (int): Their length.
    mantissa_bits (int): Bits of the mantissa that are kept, 0 to 23.
    sif (float): Smooth inverse frequency (Arora et al. 2017, section 3): a vector is scaled by
        sif / (sif + share of its word in the texts); 0 for no scaling.
    batch_tokens (int): Word pieces that are computed at a time.
    """

    words: int = 20000
    dimensions: int = 64
    mantissa_bits: int = 7
    sif: float = 0.001
    batch_tokens: int = 4096


def load_vector_settings(path: Path, overrides: Mapping[str, Any] | None = None) -> VectorSettings:
    """Read the settings.

    overrides (Mapping[str, Any] | None): Settings that replace those of the file: {"vectors.words": 5000}.
    RAISES (ValueError): If a setting is missing, misspelt, of the wrong type or impossible, or the file is no config.
    """
    settings: VectorSettings = read_sections(path, {"vectors": VectorSettings}, overrides)["vectors"]
    for name in ("words", "dimensions", "batch_tokens"):
        if getattr(settings, name) < 1:
            raise ValueError(f"{path}: [vectors] {name} must be 1 or more, found 0")
    if settings.mantissa_bits > MANTISSA_BITS:
        raise ValueError(
            f"{path}: [vectors] mantissa_bits must be {MANTISSA_BITS} or less, found {settings.mantissa_bits}"
        )
    return settings


def make_vectors(
    corpus: Path, encoder: WordEncoder, settings: VectorSettings, *, teacher: str, bar: MakeBar
) -> dict[str, Any]:
    """Write word vectors for the words of the train and unlabelled texts.

    corpus (Path): Holds transfer/, the scored texts. Written: vectors/, a pipeline that has nothing but vectors, and
        vectors.json.
    encoder (WordEncoder): Makes them.
    settings (VectorSettings): How many, how long, how exact.
    teacher (str): How the teacher was named, for vectors.json.
    bar (Callable): Shows progress.
    RETURNS (dict[str, Any]): The contents of vectors.json. "coverage": the share of running words that have a vector.
    RAISES (ValueError): If there is no transfer set, or it was made from other data.
    """
    prepared = read_summary(corpus, "score")[PREPARED]
    shards = sorted((corpus / "transfer").glob("*.spacy"))
    counts = count_words(doc for shard in shards for doc in read_docs(shard) if source_kind(doc) != AUGMENTED)
    words = choose_words(counts, encoder.whole_words(), settings.words)
    progress = bar(len(words))
    encoded = encoder.encode(words, settings.batch_tokens, progress.update)
    progress.close()
    total = counts.total()
    shares = numpy.asarray([counts[word] / total for word in words], dtype="float32")
    write_vectors(corpus / "vectors", words, reduce_vectors(encoded, shares, settings))
    summary = {
        PREPARED: prepared, "teacher": teacher, **asdict(settings), "words": len(words),
        "words_in_texts": len(counts), "coverage": sum(counts[word] for word in words) / total,
    }  # fmt: skip
    write_json(corpus / "vectors.json", summary)
    return summary


def count_words(docs: Iterable[Doc]) -> Counter[str]:
    """Count the words of docs in lower case, white space left out."""
    counts: Counter[str] = Counter()
    for doc in docs:
        counts.update(token.text.lower() for token in doc if not token.is_space)
    return counts


def choose_words(counts: Counter[str], whole_words: Iterable[str], size: int) -> list[str]:
    """Return the words that have vectors: the frequent ones of the texts, the encoder's own, those that occur once.

    counts (Counter[str]): How often each word occurs.
    whole_words (Iterable[str]): The encoder's own words.
    size (int): How many words, at most.
    """
    ordered = sorted(counts, key=lambda word: (-counts[word], word))
    often, once = [w for w in ordered if counts[w] > 1], [w for w in ordered if counts[w] == 1]
    return list(dict.fromkeys([*often, *(word.lower() for word in whole_words), *once]))[:size]


def reduce_vectors(encoded: Floats, shares: Floats, settings: VectorSettings) -> Floats:
    """Return the principal components of vectors, weighted by the words' frequency.

    encoded (NDArray[float32]): Shape (n_words, width of the encoder).
    shares (NDArray[float32]): Which share of the running words each is, shape (n_words,).
    RETURNS (NDArray[float32]): Shape (n_words, dimensions), with a root mean square of 1 before the weighting.
        Fewer dimensions if there are fewer words or the encoder is narrower.
    """
    dimensions = min(settings.dimensions, *encoded.shape)
    reduced = PCA(dimensions, svd_solver="full").fit_transform(encoded)
    reduced /= numpy.sqrt((reduced**2).mean()) or 1
    if settings.sif:
        reduced *= (settings.sif / (settings.sif + shares))[:, None]
    return round_mantissa(reduced.astype("float32"), settings.mantissa_bits)


def round_mantissa(values: Floats, bits: int) -> Floats:
    """Round to the nearest numbers whose mantissa has so many bits; the bits after them are zero.

    values (NDArray[float32]): Any shape, finite.
    bits (int): 0 to 23; 23 changes nothing.
    RETURNS (NDArray[float32]): Same shape.
    """
    dropped = MANTISSA_BITS - bits
    if not dropped:
        return values
    half, mask = numpy.uint32(1 << (dropped - 1)), numpy.uint32(0x1_0000_0000 - (1 << dropped))
    return ((values.view("uint32") + half) & mask).view("float32")


def write_vectors(path: Path, words: Sequence[str], vectors: Floats) -> None:
    """Write a pipeline that has nothing but vectors, found by the hashes of lower-case words; not the words themselves.

    path (Path): The folder to write; `[initialize] vectors` of a config.
    vectors (NDArray[float32]): Shape (n_words, dimensions).
    """
    nlp = spacy.blank("xx")
    keys = numpy.asarray([get_string_id(word) for word in words], dtype="uint64")
    nlp.vocab.vectors = Vectors(data=vectors, keys=keys, attr=LOWER, name="teacher")
    with replacing_folder(path) as folder:
        nlp.to_disk(folder)
