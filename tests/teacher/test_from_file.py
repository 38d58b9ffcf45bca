import gzip
import json
from pathlib import Path
from typing import Any

import numpy
import pytest

from scripts.distill.data.text_keys import text_key
from scripts.distill.teacher.from_file import JsonlTeacher

LABELS = ["NEG", "POS"]
GOOD = {"text": "good", "cats": {"NEG": 0.25, "POS": 0.75}}
BAD = {"text": "bad", "cats": {"POS": 0.125, "NEG": 0.875}}


def write(path: Path, *rows: Any) -> Path:
    lines = (row if isinstance(row, str) else json.dumps(row) for row in rows)
    path.write_text("".join(line + "\n" for line in lines), encoding="utf-8")
    return path


def test_jsonl_teacher_gives_rows_in_order_of_the_texts(tmp_path: Path) -> None:
    teacher = JsonlTeacher(write(tmp_path / "scores.jsonl", GOOD, BAD, {**GOOD, "text": "not asked for"}), LABELS)
    scores = teacher.predict(["bad", "good", "bad"])
    assert scores.dtype == numpy.float32
    assert scores.tolist() == [[0.875, 0.125], [0.25, 0.75], [0.875, 0.125]]
    assert teacher.labels == LABELS
    assert teacher.name == f"jsonl:{tmp_path / 'scores.jsonl'}"


def test_jsonl_teacher_aligns_labels_by_name(tmp_path: Path) -> None:
    teacher = JsonlTeacher(write(tmp_path / "scores.jsonl", GOOD, BAD), ["POS", "NEG"])
    assert teacher.predict(["good", "bad"]).tolist() == [[0.75, 0.25], [0.125, 0.875]]


@pytest.mark.parametrize("text", ["other", "", "Good", "goo", "zzz"])
def test_jsonl_teacher_has_no_answer_for_other_texts(tmp_path: Path, text: str) -> None:
    teacher = JsonlTeacher(write(tmp_path / "scores.jsonl", GOOD, BAD), LABELS)
    scores = teacher.predict([text, "good", text])
    assert numpy.isnan(scores).tolist() == [[True, True], [False, False], [True, True]]
    assert scores[1].tolist() == [0.25, 0.75]
    # What was given away is no view of what is kept.
    assert teacher.predict(["good", "bad"]).tolist() == [[0.25, 0.75], [0.875, 0.125]]


def test_jsonl_teacher_reads_a_gzipped_file(tmp_path: Path) -> None:
    plain = write(tmp_path / "scores.jsonl", GOOD, BAD)
    zipped = tmp_path / "scores.jsonl.gz"
    zipped.write_bytes(gzip.compress(plain.read_bytes()))
    teacher = JsonlTeacher(zipped, LABELS)
    assert teacher.predict(["bad", "good"]).tolist() == [[0.875, 0.125], [0.25, 0.75]]
    assert teacher.fingerprint == JsonlTeacher(plain, LABELS).fingerprint
    content = zipped.read_bytes()
    for broken in (b"", b"plain", content[:-9], content[:12] + b"\xff" * 20):
        zipped.write_bytes(broken)
        with pytest.raises(ValueError, match=r"scores\.jsonl\.gz: (can't read the teacher's|no) probabilities"):
            JsonlTeacher(zipped, LABELS)


def test_jsonl_teacher_of_no_texts_is_empty(tmp_path: Path) -> None:
    assert JsonlTeacher(write(tmp_path / "scores.jsonl", GOOD), LABELS).predict([]).shape == (0, 2)


def test_jsonl_teacher_takes_the_first_of_the_same_texts(tmp_path: Path) -> None:
    later = [{"text": row["text"], "cats": {"NEG": 1, "POS": 0}} for row in (GOOD, BAD)] * 100
    teacher = JsonlTeacher(write(tmp_path / "scores.jsonl", BAD, GOOD, *later), LABELS)
    assert teacher.predict(["good", "bad"]).tolist() == [[0.25, 0.75], [0.875, 0.125]]


def test_jsonl_teacher_reads_texts_stripped_and_skips_blank_lines_and_a_byte_order_mark(tmp_path: Path) -> None:
    path = tmp_path / "scores.jsonl"
    row = {"text": " een goed\nboek 😀\t", "cats": {"NEG": 0, "POS": 1}}
    path.write_text(f"\ufeff{json.dumps(GOOD)}\n\n  \n{json.dumps(row, ensure_ascii=False)}", encoding="utf-8")
    scores = JsonlTeacher(path, LABELS).predict(["good", "een goed\nboek 😀"])
    assert scores.tolist() == [[0.25, 0.75], [0, 1]]


def test_jsonl_teacher_finds_keys_with_zeros_anywhere(tmp_path: Path) -> None:
    texts = [f"text {i}" for i in range(3000)]
    keys = [text_key(text) for text in texts]
    assert sum(key.endswith(b"\0") for key in keys) > 3
    assert sum(b"\0" in key for key in keys) > 100
    rows = [{"text": text, "cats": {"NEG": i / 3000, "POS": 1 - i / 3000}} for i, text in enumerate(texts)]
    teacher = JsonlTeacher(write(tmp_path / "scores.jsonl", *rows), LABELS)
    expected = numpy.arange(3000) / 3000
    assert abs(teacher.predict(texts)[:, 0] - expected).max() < 1e-6
    assert abs(teacher.predict(texts[::-1])[:, 0] - expected[::-1]).max() < 1e-6
    ending = [text for text, key in zip(texts, keys, strict=True) if key.endswith(b"\0")]
    others = write(tmp_path / "others.jsonl", *(row for row in rows if row["text"] not in ending))
    assert numpy.isnan(JsonlTeacher(others, LABELS).predict(ending)).all()


@pytest.mark.parametrize(
    "line",
    [
        '{"text": "a", "cats": {"NEG": 0.5, "POS": 0.5}',
        "null",
        "[]",
        '["text", "cats"]',
        '"text"',
        {"cats": {"NEG": 0.5, "POS": 0.5}},
        {"text": None, "cats": {"NEG": 0.5, "POS": 0.5}},
        {"text": ["a"], "cats": {"NEG": 0.5, "POS": 0.5}},
        '{"text": "\\ud83d", "cats": {"NEG": 0.5, "POS": 0.5}}',
        {"text": "a"},
        {"text": "a", "cats": None},
        {"text": "a", "cats": [0.5, 0.5]},
        {"text": "a", "cats": "NEG"},
        {"text": "a", "cats": {}},
        {"text": "a", "cats": {"NEG": 1.0}},
        {"text": "a", "cats": {"neg": 0.5, "pos": 0.5}},
        {"text": "a", "cats": {"NEG": 0.5, "POS": 0.5, "NEU": 0.0}},
        {"text": "a", "cats": {"NEG": 1.5, "POS": -0.5}},
        {"text": "a", "cats": {"NEG": -0.5, "POS": 1.5}},
        {"text": "a", "cats": {"NEG": True, "POS": False}},
        {"text": "a", "cats": {"NEG": "0.5", "POS": "0.5"}},
        {"text": "a", "cats": {"NEG": None, "POS": 1.0}},
        '{"text": "a", "cats": {"NEG": NaN, "POS": 0.5}}',
        '{"text": "a", "cats": {"NEG": Infinity, "POS": 0.5}}',
    ],
    ids=lambda line: line if isinstance(line, str) else json.dumps(line),
)
def test_jsonl_teacher_names_a_broken_line(tmp_path: Path, line: Any) -> None:
    path = write(tmp_path / "scores.jsonl", GOOD, "", line, BAD)
    with pytest.raises(ValueError) as error:
        JsonlTeacher(path, LABELS)
    message = str(error.value)
    assert message.startswith(f"{path}:3: found b'")
    assert "expected an object with a string 'text' and under 'cats' a probability" in message
    assert "each of the labels NEG, POS, and no others" in message


def test_jsonl_teacher_names_a_line_that_is_not_utf_8(tmp_path: Path) -> None:
    path = tmp_path / "scores.jsonl"
    path.write_bytes(json.dumps(GOOD).encode() + b'\n{"text": "caf\xe9", "cats": {"NEG": 0.5, "POS": 0.5}}\n')
    with pytest.raises(ValueError, match=r"scores\.jsonl:2: found b'.*caf\\xe9"):
        JsonlTeacher(path, LABELS)


@pytest.mark.parametrize("probabilities,total", [((0.5, 0.25), "0.7500"), ((0.75, 0.75), "1.5000"), ((0, 0), "0.0000")])
def test_jsonl_teacher_names_a_line_that_does_not_sum_to_one(
    tmp_path: Path, probabilities: tuple[float, float], total: str
) -> None:
    cats = dict(zip(LABELS, probabilities, strict=True))
    path = write(tmp_path / "scores.jsonl", GOOD, {"text": "a", "cats": cats})
    with pytest.raises(ValueError) as error:
        JsonlTeacher(path, LABELS)
    assert str(error.value) == f"{path}:2: the probabilities sum to {total}, not to 1: {cats}"


@pytest.mark.parametrize("neg", [0.2501, 0.2499, 0.2509, 0.2491, 0.251])
def test_jsonl_teacher_makes_rounded_probabilities_sum_to_one(tmp_path: Path, neg: float) -> None:
    path = write(tmp_path / "scores.jsonl", {"text": "a", "cats": {"NEG": neg, "POS": 0.75}})
    [row] = JsonlTeacher(path, LABELS).predict(["a"])
    assert row.sum() == pytest.approx(1, abs=1e-6)
    assert row.tolist() == pytest.approx([neg, 0.75], abs=1e-3)


@pytest.mark.parametrize("content", ["", "\n  \n"], ids=["empty", "blank"])
def test_jsonl_teacher_refuses_an_empty_file(tmp_path: Path, content: str) -> None:
    (tmp_path / "scores.jsonl").write_text(content, encoding="utf-8")
    with pytest.raises(ValueError, match=r"scores\.jsonl: no probabilities\. Expected lines such as"):
        JsonlTeacher(tmp_path / "scores.jsonl", LABELS)


@pytest.mark.parametrize("name", ["missing.jsonl", "."], ids=["missing", "folder"])
def test_jsonl_teacher_names_a_file_that_cannot_be_read(tmp_path: Path, name: str) -> None:
    with pytest.raises(ValueError) as error:
        JsonlTeacher(tmp_path / name, LABELS)
    assert str(error.value).startswith(f"{tmp_path / name}: can't read the teacher's probabilities: ")


def test_jsonl_teacher_fingerprint_sees_file_and_label_order_only(tmp_path: Path) -> None:
    path = write(tmp_path / "scores.jsonl", GOOD, BAD)
    same = [JsonlTeacher(path, LABELS), JsonlTeacher(write(tmp_path / "copy.jsonl", GOOD, BAD), LABELS)]
    assert len({teacher.fingerprint for teacher in same}) == 1
    others = [
        same[0],
        JsonlTeacher(path, ["POS", "NEG"]),
        JsonlTeacher(write(tmp_path / "less.jsonl", GOOD), LABELS),
        JsonlTeacher(write(tmp_path / "other.jsonl", GOOD, {**BAD, "text": "worse"}), LABELS),
        JsonlTeacher(write(tmp_path / "scores2.jsonl", GOOD, {**BAD, "cats": {"NEG": 0.5, "POS": 0.5}}), LABELS),
    ]
    assert len({teacher.fingerprint for teacher in others}) == len(others)
