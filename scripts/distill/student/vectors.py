"""Static word vectors for the student, made by the teacher's encoder."""

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from itertools import islice
from pathlib import Path
from typing import Annotated, Any

import numpy
import spacy
import srsly
from pydantic import Field
from pydantic.dataclasses import dataclass as section
from sklearn.decomposition import PCA
from spacy.attrs import LOWER
from spacy.strings import get_string_id
from spacy.tokens import Doc
from spacy.util import minibatch
from spacy.vectors import Vectors
from threadpoolctl import threadpool_limits

from ..core.files import replacing_folder, require_file, write_json
from ..core.progress import track
from ..core.rounding import MANTISSA_BITS, Floats, round_mantissa
from ..core.sections import STRICT, Count, Number, Whole, read_sections
from ..data.corpus import PREPARE_SHA256, TRANSFER_SHA256, Corpus
from ..data.docbins import read_docs
from ..data.frequent_words import frequent_words, take_turns
from ..data.origins import AUGMENTED, find_origin
from ..teacher.word_encoder import WordEncoder

# Texts that are in memory at once.
_TEXTS_AT_A_TIME = 256
# By how much vectors in texts are scaled at most; 1.2 to 1.3 were seen.
_MOST_SCALE = 5


@section(frozen=True, config=STRICT)
class VectorSettings:
    """What configs/vectors.cfg says.

    words (int): How many words have a vector at most, 2 or more. 5,000 to 50,000 are good values.
    context_texts (int): Train and unlabelled texts that words are read in at most; if there are more, they are spread
        evenly. 20,000 is a good value; with 0, each word is read by itself alone.
    isolated_count (float): How many times in a text a word by itself counts as. 3 to 10 are good values: with less, the
        vectors of rare words say what the teacher thinks of the few texts that have them.
    pca_dims (int): Dimensions of a vector at most, 1 or more. 32 to 64 are good values.
    mantissa_bits (int): Bits of the mantissa that are kept, 0 to 23. 1 to 3 are good values: more make a wheel larger.
    sif_coefficient (float): a of smooth inverse frequency (Arora et al. 2017, section 3): a vector is scaled by
        a / (a + share of its word in the texts). 0.001 is a good value; 0 is for no scaling.
    dtype (str): What the encoder computes in, see `choose_dtype`.
    batch_tokens (int): Word pieces that a thread computes at a time, padding included.
    """

    words: Annotated[int, Field(strict=True, ge=2)] = 50000
    context_texts: Whole = 20000
    isolated_count: Annotated[Number, Field(gt=0)] = 3.0
    pca_dims: Count = 48
    mantissa_bits: Annotated[int, Field(strict=True, ge=0, le=MANTISSA_BITS)] = 1
    sif_coefficient: Number = 0.001
    dtype: str = "auto"
    batch_tokens: Count = 2048


@dataclass(frozen=True)
class Word:
    """A word that has a vector.

    form (str): How the word is written most often: as in the texts, or in lower case if no text has it.
    count (int): How often the word occurs in the texts, in any form.
    """

    form: str
    count: int


@section(frozen=True, config=STRICT)
class _File:
    vectors: VectorSettings


def load_vector_settings(path: Path, overrides: Mapping[str, Any] | None = None) -> VectorSettings:
    """Read the settings.

    path (Path): The config, configs/vectors.cfg.
    overrides (Mapping[str, Any] | None): Settings that replace those of the file: {"vectors.words": 5000}.
    RAISES (ValueError): See `read_sections`.
    """
    return read_sections(path, _File, overrides).vectors


def make_vectors(
    corpus: Corpus, output: Path, encoder: WordEncoder, settings: VectorSettings, *, spec: str
) -> dict[str, Any]:
    """Write word vectors for the words of the train and unlabelled texts, and for frequent words of their languages.

    Case and the kind of apostrophe make no difference.

    corpus (Corpus): Holds prepare.json, score.json and transfer/, the scored texts.
    output (Path): The folder where to write vectors/, a pipeline that has nothing but vectors, and vectors.json.
    encoder (WordEncoder): Makes the vectors.
    settings (VectorSettings): How many vectors, how long, how exact.
    spec (str): The teacher's spec, see `check_spec`.
    RETURNS (dict[str, Any]): The contents of vectors.json. "coverage" there is the share of running words that have a
        vector, from 0 to 1.
    RAISES (ValueError): If there is no transfer set, it was made from other data, or another teacher scored it.
    """
    scored = corpus.scored_by(spec)
    shards = sorted(require_file(corpus.folder / "transfer", "score").glob("*.spacy"))
    counts, n_texts = count_forms(_read_originals(shards))
    frequent = take_turns(frequent_words(corpus.prepared["languages"], settings.words))
    words = choose_words(counts, frequent, settings.words)
    texts = spread_evenly(_read_originals(shards), n_texts, settings.context_texts)
    encoded = encode_words(encoder, words, texts, settings)
    total = counts.total()
    shares = numpy.asarray([word.count / total for word in words], dtype="float32")
    vectors = reduce_vectors(encoded, shares, settings)
    write_vectors(output / "vectors", corpus.lang, words, vectors)
    summary = {
        PREPARE_SHA256: scored[PREPARE_SHA256], TRANSFER_SHA256: scored[TRANSFER_SHA256], "teacher": spec,
        **asdict(settings),
        "words": len(words), "dimensions": vectors.shape[1], "coverage": sum(word.count for word in words) / total,
    }  # fmt: skip
    write_json(output / "vectors.json", summary)
    return summary


def _read_originals(shards: Iterable[Path]) -> Iterator[Doc]:
    """Yield the train and unlabelled texts of a transfer set."""
    return (doc for shard in shards for doc in read_docs(shard) if find_origin(doc) != AUGMENTED)


def count_forms(docs: Iterable[Doc]) -> tuple[Counter[str], int]:
    """Return how often each form of a word occurs in docs, and how many docs there are.

    Words are counted as they are written. White space is left out.
    """
    counts: Counter[str] = Counter()
    n_docs = 0
    for doc in docs:
        n_docs += 1
        counts.update(token.text for token in doc if token.text.strip())
    return counts, n_docs


def spread_evenly(docs: Iterable[Doc], n_docs: int, size: int) -> Iterator[Doc]:
    """Yield `size` of docs, evenly spread, or all if there are not more; show how many are done.

    n_docs (int): How many docs there are.
    size (int): How many to yield; 0: none is read.
    """
    n_kept = min(n_docs, size)
    kept = (doc for i, doc in enumerate(docs) if (i + 1) * size // n_docs > i * size // n_docs)
    return track(islice(kept, n_kept), "reading words in texts", n_kept)


def choose_words(counts: Counter[str], frequent: Iterable[str], size: int) -> list[Word]:
    """Return the words that get vectors: the words of the texts, by frequency, then frequent words that no text has.

    counts (Counter[str]): How often each form occurs in the texts, see `count_forms`.
    frequent (Iterable[str]): Frequent words of the languages in lower case, see `frequent_words`.
    size (int): How many words at most.
    RETURNS (list[Word]): The words, in that order.
    """
    # Word → how often each of its forms occurs.
    forms: dict[str, Counter[str]] = {}
    for form, count in counts.items():
        forms.setdefault(_fold(form), Counter())[form] = count
    words = [Word(min(found, key=lambda form: (-found[form], form)), found.total()) for found in forms.values()]
    others = [Word(word, 0) for word in frequent if word not in forms]
    return [*sorted(words, key=lambda word: (-word.count, word.form)), *others][:size]


def encode_words(encoder: WordEncoder, words: Sequence[Word], docs: Iterable[Doc], settings: VectorSettings) -> Floats:
    """Return what an encoder makes of words: by themselves, and on average where they stand in texts.

    A static vector that is the mean of a word's vectors in texts is better than one of the word alone (Bommasani et al.
    2020, section 3). The encoder of a fine-tuned teacher makes the tokens of a text alike, so a word of a single text
    would tell the student that text's label. Therefore a word by itself counts as several times in a text.

    encoder (WordEncoder): Makes the vectors.
    words (Sequence[Word]): The words.
    docs (Iterable[Doc]): The texts.
    settings (VectorSettings): `isolated_count` and `batch_tokens` are used.
    RETURNS (NDArray[float32]): Shape (n_words, width of the encoder).
    """
    # Each in the form that is most frequent: an encoder may know Buch, but not buch.
    isolated = encoder.encode([word.form for word in words], settings.batch_tokens)
    rows = {_fold(word.form): row for row, word in enumerate(words)}
    sums, counts = numpy.zeros_like(isolated), numpy.zeros(len(words), dtype="float32")
    for batch in minibatch(docs, _TEXTS_AT_A_TIME):
        for doc, tokens, vectors in encoder.encode_tokens(batch, settings.batch_tokens):
            found = numpy.asarray([rows.get(_fold(doc[int(token)].text), -1) for token in tokens], dtype="int64")
            known = found >= 0
            numpy.add.at(sums, found[known], vectors[known])
            numpy.add.at(counts, found[known], 1)
    return mix_with_contexts(isolated, sums, counts, settings.isolated_count)


def mix_with_contexts(isolated: Floats, sums: Floats, counts: Floats, isolated_count: float) -> Floats:
    """Return the weighted mean of each word's vector by itself and its vectors in texts.

    Before that, the mean of all words is taken from vectors by themselves, and the mean of the words that texts have
    from vectors in texts. The latter are scaled, so that words that occur more often than `isolated_count` differ from
    each other as much as words by themselves do. A frequent word's vector comes out shorter than a rare one's. This
    form was the best of several on dev: docs/experiments.md. If no word occurs so often, the vectors by themselves are
    returned.

    isolated (NDArray[float32]): The vectors of words by themselves, shape (n_words, width).
    sums (NDArray[float32]): The sum of each word's vectors in texts, shape (n_words, width).
    counts (NDArray[float32]): How many these are, shape (n_words,).
    isolated_count (float): How many of them the vector of the word by itself counts as.
    RETURNS (NDArray[float32]): Shape (n_words, width).
    """
    seen, often = counts > 0, counts > isolated_count
    if not often.any():
        return isolated
    contexts = sums[seen] / counts[seen, None]
    # Inside texts all vectors are shifted to one side, and means of many differ less from each other.
    mixed, contexts = isolated - isolated.mean(axis=0), contexts - contexts.mean(axis=0)
    # Bounded, since a few frequent words may be very much alike.
    contexts *= min(mixed[seen].std() / max(contexts[often[seen]].std(), 1e-9), _MOST_SCALE)
    counts = counts[seen, None]
    mixed[seen] = (isolated_count * mixed[seen] + counts * contexts) / (isolated_count + counts)
    return mixed


def reduce_vectors(encoded: Floats, shares: Floats, settings: VectorSettings) -> Floats:
    """Return the principal components of vectors, weighted by the words' frequency and rounded.

    encoded (NDArray[float32]): The encoder's vectors, shape (n_words, width of the encoder).
    shares (NDArray[float32]): Each word's share of the running words, shape (n_words,).
    settings (VectorSettings): How many dimensions, how weighted, how exact.
    RETURNS (NDArray[float32]): Shape (n_words, dimensions), with a root mean square of 1 before the weighting. There
        are fewer dimensions than `pca_dims` if there are fewer words, or the encoder is narrower.
    """
    dimensions = min(settings.pca_dims, *encoded.shape)
    # In one thread: the last bits of a decomposition depend on how many there are.
    with threadpool_limits(1):
        reduced = PCA(dimensions, svd_solver="full").fit_transform(encoded)
    # A root mean square of 1, whatever the scale of the encoder's vectors.
    reduced /= numpy.sqrt((reduced**2).mean())
    if settings.sif_coefficient:
        # Smooth inverse frequency: near 1 for a rare word, near 0 for a very frequent one.
        reduced *= (settings.sif_coefficient / (settings.sif_coefficient + shares))[:, None]
    return round_mantissa(reduced.astype("float32"), settings.mantissa_bits)


def write_vectors(path: Path, lang: str, words: Sequence[Word], vectors: Floats) -> None:
    """Write a pipeline that has nothing but vectors, which are found by a word's lower case, with either apostrophe.

    The words themselves are left out: their hashes are enough.

    path (Path): The folder to write, which `[initialize] vectors` of a config names.
    lang (str): The language of the student, or "xx".
    words (Sequence[Word]): The words, in the order of the rows.
    vectors (NDArray[float32]): Shape (n_words, dimensions).
    """
    nlp = spacy.blank(lang)
    nlp.vocab.vectors = Vectors(data=vectors, name="teacher")
    for row, word in enumerate(words):
        # In a fixed order, as the same seed makes the same bytes.
        folded = _fold(word.form)
        for key in (folded, folded.replace("'", "’")):
            nlp.vocab.vectors.add(get_string_id(key), row=row)
    with replacing_folder(path, marker="meta.json") as folder:
        nlp.to_disk(folder)
        # spaCy reads by which attribute vectors are found, but does not write it.
        settings = folder / "vocab" / "vectors.cfg"
        srsly.write_json(settings, {**srsly.read_json(settings), "attr": LOWER})


def _fold(form: str) -> str:
    """Return a word in lower case, with the apostrophe of typewriters."""
    return form.lower().replace("’", "'")
