"""When two texts count as the same, and short keys where the texts themselves would fill the memory."""

import unicodedata
from hashlib import blake2b

KEY_BYTES = 16


def normalize(text: str) -> str:
    """Return the key by which two texts count as the same: case and white space are ignored."""
    return " ".join(unicodedata.normalize("NFKC", text).casefold().split())


def text_key(text: str) -> bytes:
    """Return 16 bytes of a text's blake2b."""
    return blake2b(text.encode(), digest_size=KEY_BYTES).digest()
