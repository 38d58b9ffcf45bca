"""Short keys that stand for texts where the texts themselves would fill the memory."""

from hashlib import blake2b

# So many that no two texts have the same key, as far as matters in practice.
KEY_BYTES = 16


def text_key(text: str) -> bytes:
    """Return a text's key: its blake2b hash of `KEY_BYTES` bytes."""
    return blake2b(text.encode(), digest_size=KEY_BYTES).digest()
