import pytest

from scripts.distill.data.text_keys import KEY_BYTES, text_key


@pytest.mark.parametrize(
    "text,key",
    [
        pytest.param("", "cae66941d9efbd404e4d88758ea67670", id="empty"),
        pytest.param("é 😀", "677bc8749d1665854338cb65ed7afbe0", id="unicode"),
        pytest.param("text 7", "80bdb77302744a366a7c6bc9cf1b3e00", id="ends-in-zero"),
    ],
)
def test_text_keys_stay_the_same_as_scores_are_kept_under_them(text: str, key: str) -> None:
    assert len(text_key(text)) == KEY_BYTES
    assert text_key(text).hex() == key


def test_text_keys_differ_where_texts_do() -> None:
    texts = ["a", "A", "a ", " a", "a\n", "á", "a\u0301"]
    assert len({text_key(text) for text in texts}) == len(texts)
