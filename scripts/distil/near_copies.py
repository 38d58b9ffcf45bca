"""Find texts that nearly equal others: MinHash and locality-sensitive hashing, then an exact comparison."""

import zlib
from collections.abc import Iterator, Sequence

from datasketch import MinHash, MinHashLSH

# Two texts nearly equal each other if the Jaccard similarity of their sets of n-grams of characters is
# at least this: of a text of 100 characters, about two words may be others.
THRESHOLD = 0.7
NGRAM = 5
# What the hashes let through to the exact comparison; lower, so that hardly a pair just above the threshold is missed.
_CANDIDATES = 0.4
_PERMUTATIONS = 64


def find_near_copies(texts: Sequence[str], others: Sequence[str]) -> Iterator[tuple[int, int]]:
    """Find texts that nearly equal one of some other texts.

    texts, others (Sequence[str]): Normalised texts.
    YIELDS (tuple[int, int]): The index of a text, and of the other text that is the most similar to it.
    """
    lsh = MinHashLSH(threshold=_CANDIDATES, num_perm=_PERMUTATIONS)
    for i, minhash in enumerate(_hash(others)):
        lsh.insert(i, minhash)
    for i, minhash in enumerate(_hash(texts)):
        similar = [(similarity(texts[i], others[j]), -j) for j in lsh.query(minhash)]
        best, other = max(similar, default=(0.0, 0))
        if best >= THRESHOLD:
            yield i, -other


def similarity(text: str, other: str) -> float:
    """Return the Jaccard similarity of the sets of two texts' n-grams of characters."""
    a, b = _ngrams(text), _ngrams(other)
    return len(a & b) / len(a | b)


def _hash(texts: Sequence[str]) -> Iterator[MinHash]:
    encoded = ([ngram.encode() for ngram in _ngrams(text)] for text in texts)
    return MinHash.generator(encoded, num_perm=_PERMUTATIONS, hashfunc=zlib.crc32)


def _ngrams(text: str) -> set[str]:
    return {text[i : i + NGRAM] for i in range(max(1, len(text) - NGRAM + 1))}
