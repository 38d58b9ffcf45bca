from pathlib import Path
from typing import Any

import numpy
import pytest

from scripts.distill.data.text_keys import text_key
from scripts.distill.data.text_spool import TextSpool, spool_texts

TEXTS = ["", "a", "two\nlines\r\n", "line\u2028separator\x85", 'quo"te\\', "naïve 😀", "a"]
# Their keys end in one and in two zero bytes.
ZEROS = ["text 7", "text 52", "text 61700"]


@pytest.mark.parametrize("indices", [[], [0], [6, 0, 3, 3, 5, 1, 2, 4], range(7)], ids=repr)
def test_text_spool_gives_texts_in_the_order_of_the_indices(indices: list[int]) -> None:
    assert spool_texts(TEXTS).texts(indices) == [TEXTS[i] for i in indices]


def test_text_spool_keeps_whole_rows() -> None:
    rows: list[dict[str, Any]] = [
        {"text": "a", "lang": "nl", "origin": "gold", "cats": {"NEG": 0.0, "POS": 1 / 3}},
        {"text": "b", "lang": "é"},
    ]
    spool = TextSpool()
    for row in rows:
        spool.append(row)
    assert list(spool.rows([1, 0])) == rows[::-1]


def test_text_spool_counts_rows_and_characters() -> None:
    spool = spool_texts(TEXTS)
    assert len(spool) == 7
    assert spool.lengths.tolist() == [len(text) for text in TEXTS]
    assert spool.lengths.dtype == numpy.dtype("int32")


def test_text_spool_has_the_key_of_each_text() -> None:
    texts = [*TEXTS, *ZEROS]
    spool = spool_texts(texts)
    assert [text_key(text)[-1] for text in ZEROS] == [0, 0, 0]
    assert [spool.key(i) for i in range(len(texts))] == [text_key(text) for text in texts]
    assert spool.keys.tobytes() == b"".join(text_key(text) for text in texts)
    assert (spool.keys[1], spool.keys[1] != spool.keys[0]) == (spool.keys[6], True)


def test_text_spool_may_be_empty() -> None:
    spool = TextSpool()
    assert (len(spool), spool.keys.shape, spool.lengths.shape, spool.texts([])) == (0, (0,), (0,), [])


def test_text_spool_takes_more_rows_after_reading() -> None:
    spool = spool_texts(["a", "b"])
    assert spool.texts([0]) == ["a"]
    spool.append({"text": "c"})
    assert spool.texts([2, 0, 1]) == ["c", "a", "b"]


def test_text_spool_may_be_read_at_two_places_at_once() -> None:
    spool = spool_texts(TEXTS)
    pairs = list(zip(spool.rows(range(7)), spool.rows(range(6, -1, -1)), strict=True))
    assert [(a["text"], b["text"]) for a, b in pairs] == list(zip(TEXTS, TEXTS[::-1], strict=True))


def test_text_spool_leaves_no_file(tmp_path: Path) -> None:
    spool = TextSpool(tmp_path)
    spool.append({"text": "a"})
    assert spool.texts([0]) == ["a"]
    del spool
    assert list(tmp_path.iterdir()) == []


def test_text_spool_lies_in_the_folder_it_is_given(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError):
        TextSpool(tmp_path / "missing")
