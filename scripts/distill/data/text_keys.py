"""Short keys that stand for texts where the texts themselves would fill the memory."""

from hashlib import blake2b

KEY_BYTES = 16


def text_key(text: str) -> bytes:
    """Return 16 bytes of a text's blake2b."""
    return blake2b(text.encode(), digest_size=KEY_BYTES).digest()
