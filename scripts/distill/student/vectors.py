"""Static word vectors for the student, made by the teacher's encoder."""

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Annotated, Any

import numpy
import spacy
from pydantic import Field
from pydantic.dataclasses import dataclass as section
from sklearn.decomposition import PCA
from spacy.strings import get_string_id
from spacy.tokens import Doc
from spacy.vectors import Vectors

from ..core.files import replacing_folder, write_json
from ..core.rounding import MANTISSA_BITS, Floats, round_mantissa
from ..core.sections import STRICT, Count, Number, read_sections
from ..data.corpus import PREPARE_SHA256, TRANSFER_SHA256, Corpus
from ..data.docbins import read_docs
from ..data.frequent_words import frequent_words, take_turns
from ..data.origins import AUGMENTED, find_origin
from ..teacher.word_encoder import WordEncoder


@section(frozen=True, config=STRICT)
class VectorSettings:
    """What configs/vectors.cfg says.

    words (int): How many words have a vector, at most.
    pca_dims (int): Their length.
    mantissa_bits (int): Bits of the mantissa that are kept, 0 to 23.
    dtype (str): What the encoder computes in, see `choose_dtype`.
    sif_coefficient (float): Smooth inverse frequency (Arora et al. 2017, section 3): a vector is scaled by
        sif_coefficient / (sif_coefficient + share of its word in the texts); 0 for no scaling.
    batch_tokens (int): Word pieces that are computed at a time.
    """

    words: Annotated[int, Field(strict=True, ge=2)] = 60000
    pca_dims: Count = 48
    mantissa_bits: Annotated[int, Field(strict=True, ge=0, le=MANTISSA_BITS)] = 3
    sif_coefficient: Number = 0.001
    dtype: str = "auto"
    batch_tokens: Count = 4096


@dataclass(frozen=True)
class Word:
    """A word that has a vector.

    forms (tuple[str, ...]): How it is written in the texts, the most frequent first, and in lower case.
    count (int): How often it occurs in the texts.
    """

    forms: tuple[str, ...]
    count: int


@section(frozen=True, config=STRICT)
class _File:
    vectors: VectorSettings


def load_vector_settings(path: Path, overrides: Mapping[str, Any] | None = None) -> VectorSettings:
    """Read the settings.

    overrides (Mapping[str, Any] | None): Settings that replace those of the file: {"vectors.words": 5000}.
    RAISES (ValueError): See `read_sections`.
    """
    return read_sections(path, _File, overrides).vectors


def make_vectors(
    corpus: Corpus, output: Path, encoder: WordEncoder, settings: VectorSettings, *, spec: str
) -> dict[str, Any]:
    """Write word vectors for the words of the train and unlabelled texts; case makes no difference.

    corpus (Corpus): Holds transfer/, the scored texts.
    output (Path): The folder where to write vectors/, a pipeline that has nothing but vectors, and vectors.json.
    encoder (WordEncoder): Makes them.
    settings (VectorSettings): How many, how long, how exact.
    spec (str): Names the teacher, for vectors.json.
    RETURNS (dict[str, Any]): The contents of vectors.json. "coverage": the share of running words that have a vector.
    RAISES (ValueError): If there is no transfer set, or it was made from other data or scored by another teacher.
    """
    scored = corpus.scored_by(spec)
    shards = sorted((corpus.folder / "transfer").glob("*.spacy"))
    counts = count_forms(doc for shard in shards for doc in read_docs(shard) if find_origin(doc) != AUGMENTED)
    frequent = take_turns(frequent_words(corpus.prepared["languages"], settings.words))
    words = choose_words(counts, frequent, settings.words)
    # Each in the form that is most frequent: an encoder may know Buch, but not buch.
    encoded = encoder.encode([word.forms[0] for word in words], settings.batch_tokens)
    total = counts.total()
    shares = numpy.asarray([word.count / total for word in words], dtype="float32")
    vectors = reduce_vectors(encoded, shares, settings)
    write_vectors(output / "vectors", corpus.lang, words, vectors)
    summary = {
        PREPARE_SHA256: scored[PREPARE_SHA256], TRANSFER_SHA256: scored[TRANSFER_SHA256], "teacher": spec,
        **asdict(settings),
        "words": len(words),
        "dimensions": vectors.shape[1],
        "forms": sum(len(word.forms) for word in words), "coverage": sum(word.count for word in words) / total,
    }  # fmt: skip
    write_json(output / "vectors.json", summary)
    return summary


def count_forms(docs: Iterable[Doc]) -> Counter[str]:
    """Count the words of docs as they are written, white space left out."""
    counts: Counter[str] = Counter()
    for doc in docs:
        counts.update(token.text for token in doc if token.text.strip())
    return counts


def choose_words(counts: Counter[str], frequent: Iterable[str], size: int) -> list[Word]:
    """Return the words that have vectors: those of the texts, by frequency, then frequent ones that no text has.

    counts (Counter[str]): How often each form occurs in the texts.
    frequent (Iterable[str]): Frequent words of the languages, see `frequent_words`; a sentence may begin with them.
    size (int): How many words, at most.
    """
    forms: dict[str, Counter[str]] = {}
    for form, count in counts.items():
        forms.setdefault(form.lower(), Counter())[form] = count
    words = [
        Word(tuple(dict.fromkeys([*sorted(found, key=lambda form: (-found[form], form)), word])), found.total())
        for word, found in forms.items()
    ]
    others = [Word((word, word.capitalize()), 0) for word in frequent if word not in forms]
    return [*sorted(words, key=lambda word: (-word.count, word.forms)), *others][:size]


def reduce_vectors(encoded: Floats, shares: Floats, settings: VectorSettings) -> Floats:
    """Return the principal components of vectors, weighted by the words' frequency.

    encoded (NDArray[float32]): Shape (n_words, width of the encoder).
    shares (NDArray[float32]): Which share of the running words each is, shape (n_words,).
    RETURNS (NDArray[float32]): Shape (n_words, dimensions), with a root mean square of 1 before the weighting.
        Fewer dimensions if there are fewer words or the encoder is narrower.
    """
    dimensions = min(settings.pca_dims, *encoded.shape)
    reduced = PCA(dimensions, svd_solver="full").fit_transform(encoded)
    reduced /= numpy.sqrt((reduced**2).mean())
    if settings.sif_coefficient:
        reduced *= (settings.sif_coefficient / (settings.sif_coefficient + shares))[:, None]
    return round_mantissa(reduced.astype("float32"), settings.mantissa_bits)


def write_vectors(path: Path, lang: str, words: Sequence[Word], vectors: Floats) -> None:
    """Write a pipeline that has nothing but vectors, found by the hashes of all forms of the words.

    The words themselves are left out. (spaCy has vectors for lower-case words, `Vectors.attr`, but does not save it.)

    path (Path): The folder to write; `[initialize] vectors` of a config.
    lang (str): The language of the student.
    vectors (NDArray[float32]): Shape (n_words, dimensions).
    """
    nlp = spacy.blank(lang)
    nlp.vocab.vectors = Vectors(data=vectors, name="teacher")
    for row, word in enumerate(words):
        for form in word.forms:
            nlp.vocab.vectors.add(get_string_id(form), row=row)
    with replacing_folder(path) as folder:
        nlp.to_disk(folder)
