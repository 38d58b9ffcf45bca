"""When two texts count as the same, and short keys where the texts themselves would fill the memory."""

import unicodedata
from hashlib import blake2b

# So many that no two texts have the same key, as far as matters in practice.
KEY_BYTES = 16


def normalize(text: str) -> str:
    """Return the form by which two texts count as the same text.

    Case makes no difference, nor do the kind and amount of white space, nor variants of a character that Unicode's NFKC
    makes equal.
    """
    return " ".join(unicodedata.normalize("NFKC", text).casefold().split())


def normalize_but_case(text: str) -> str:
    """Return what `normalize` does, but with the text's case."""
    return " ".join(unicodedata.normalize("NFKC", text).split())


def text_key(text: str) -> bytes:
    """Return a text's key: its blake2b hash of `KEY_BYTES` bytes."""
    return blake2b(text.encode(), digest_size=KEY_BYTES).digest()
