"""Find texts that nearly equal others: MinHash and locality-sensitive hashing, then an exact comparison.

MinHash: Broder 1997, "On the resemblance and containment of documents".
"""

import zlib
from collections.abc import Sequence

from datasketch import MinHash, MinHashLSH

# Two texts nearly equal each other if the Jaccard similarity of their sets of n-grams of characters is at least this.
# So two texts of 100 characters may differ in about two words.
THRESHOLD = 0.7
# Characters of an n-gram.
NGRAM = 5
# The hashes let pairs of about this similarity through to the exact comparison. They only estimate the similarity, so
# this is lower than THRESHOLD: hardly a pair just above THRESHOLD is missed.
_CANDIDATES = 0.4
# Hash functions of a MinHash: more of them estimate the similarity better, and take longer.
_PERMUTATIONS = 64


class NearDuplicates:
    """Finds, for one text at a time, the other text that it nearly equals."""

    def __init__(self, others: Sequence[str]) -> None:
        """Hash the other texts.

        others (Sequence[str]): Normalised texts, see `text_keys.normalize`.
        """
        self._others = others
        self._empty = MinHash(num_perm=_PERMUTATIONS, hashfunc=zlib.crc32)
        self._lsh = MinHashLSH(threshold=_CANDIDATES, num_perm=_PERMUTATIONS)
        for i, other in enumerate(others):
            self._lsh.insert(i, self._hash(other))

    def find(self, text: str) -> int | None:
        """Return the index of the other text that is most similar, or None if no other text is nearly the same.

        text (str): A normalised text, see `text_keys.normalize`.
        """
        # −j: of equally similar texts, the first one is the largest pair.
        similar = [(similarity(text, self._others[j]), -j) for j in self._lsh.query(self._hash(text))]
        best, other = max(similar, default=(0.0, 0))
        return -other if best >= THRESHOLD else None

    def _hash(self, text: str) -> MinHash:
        minhash = self._empty.copy()
        minhash.update_batch([ngram.encode() for ngram in _ngrams(text)])
        return minhash


def similarity(text: str, other: str) -> float:
    """Return the Jaccard similarity of the sets of two texts' n-grams of characters, from 0 to 1."""
    a, b = _ngrams(text), _ngrams(other)
    return len(a & b) / len(a | b)


def _ngrams(text: str) -> set[str]:
    return {text[i : i + NGRAM] for i in range(max(1, len(text) - NGRAM + 1))}
