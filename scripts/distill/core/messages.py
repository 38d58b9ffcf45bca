"""How messages name texts."""


def quote(text: str, length: int = 60) -> str:
    """Return a text in quotes, cut to a number of characters, so that a person can find it.

    text (str): The text.
    length (int): Characters that are kept at most, without the quotes. A text that is cut ends in "…".
    """
    return repr(text if len(text) <= length else text[: length - 1] + "…")
