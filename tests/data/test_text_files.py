import gzip
import subprocess
from pathlib import Path

import pytest

from scripts.distill.data.records import read_records
from scripts.distill.data.text_files import is_unquoted, split_name, unquoted_name

CONTENT = {
    "a.jsonl": '{"text": "Één “quoted” – €.", "label": "POS"}\n',
    "a.csv": "text,label\nÉén “quoted” – €.,POS\n",
    "a.tsv": "text\tlabel\nÉén “quoted” – €.\tPOS\n",
    "a.txt": "Één “quoted” – €.\n",
}


def write(path: Path, content: bytes) -> Path:
    path.write_bytes(gzip.compress(content) if path.suffix == ".gz" else content)
    return path


def read_text(path: Path) -> list[str]:
    return [record.text for record in read_records(path, lang="nl", labelled=False)[0]]


@pytest.mark.parametrize("gz", ["", ".gz"])
@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16-le", "utf-16-be", "utf-32-le", "utf-32-be"])
@pytest.mark.parametrize("name", CONTENT)
def test_text_files_byte_order_mark_says_the_encoding(tmp_path: Path, name: str, encoding: str, gz: str) -> None:
    mark = "" if encoding.startswith("utf-8") else "\ufeff"
    for end in ("\n", "\r\n"):
        content = (mark + CONTENT[name].replace("\n", end)).encode(encoding)
        assert read_text(write(tmp_path / (name + gz), content)) == ["Één “quoted” – €."]


@pytest.mark.parametrize("encoding", ["utf-16-le", "utf-16-be"])
@pytest.mark.parametrize("name", CONTENT)
def test_text_files_utf_16_without_mark_is_an_error(tmp_path: Path, name: str, encoding: str) -> None:
    path = write(tmp_path / name, CONTENT[name].replace("É", "e").encode(encoding))
    with pytest.raises(ValueError) as raised:
        read_text(path)
    message = str(raised.value)
    assert message.startswith(f"{path}:1: begins with the bytes b'")
    assert message.endswith(": UTF-16 without a byte order mark, or no text at all. Save it as UTF-8")


def test_text_files_cut_utf_16_is_an_error(tmp_path: Path) -> None:
    path = write(tmp_path / "a.txt", "\ufeffText".encode("utf-16-le")[:-1])
    with pytest.raises(ValueError) as raised:
        read_text(path)
    assert str(raised.value) == f"{path}: begins as UTF-16-LE, but is not (truncated data). Save it anew, as UTF-8"


@pytest.mark.parametrize("gz", ["", ".gz"])
@pytest.mark.parametrize("name", CONTENT)
def test_text_files_advice_for_cp1252_works(tmp_path: Path, name: str, gz: str) -> None:
    folder = tmp_path / "my data"
    folder.mkdir()
    path = write(folder / (name + gz), b"\n" * 9 * (name == "a.txt") + CONTENT[name].encode("cp1252"))
    with pytest.raises(ValueError) as raised:
        read_text(path)
    message = str(raised.value)
    line = {"a.jsonl": 1, "a.txt": 10}.get(name, 2)
    assert message.startswith(
        f"{path}:{line}: not UTF-8 (invalid continuation byte, bytes b'\\xc9'). Convert it. If it "
    )
    command = message.split("CP1252: ")[1]
    subprocess.run(["sh", "-c", command], check=True, cwd=tmp_path)  # noqa: S607
    assert read_text(tmp_path / f"new{path.suffixes[0]}{gz}") == ["Één “quoted” – €."]


@pytest.mark.parametrize(
    "content",
    [b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR", b"PK\x03\x04\x14\0\x06\0\x08\0\xe9\xe9", bytes(200), bytes(range(256)) * 9],
    ids=["png", "xlsx", "zeros", "bytes"],
)
@pytest.mark.parametrize("name", CONTENT)
def test_text_files_binary_file_is_an_error(tmp_path: Path, name: str, content: bytes) -> None:
    path = write(tmp_path / name, content)
    with pytest.raises(ValueError) as raised:
        read_text(path)
    assert str(raised.value).startswith(str(path))
    assert "not text: it has bytes of zero" in str(raised.value) or "no text at all" in str(raised.value)


@pytest.mark.parametrize(
    ("name", "unquoted"),
    [("train.tsv", "train.unquoted.tsv"), ("a.b.csv.gz", "a.b.unquoted.csv.gz"), ("en.csv", "en.unquoted.csv")],
)
def test_text_files_name_may_say_that_a_table_is_unquoted(name: str, unquoted: str) -> None:
    assert unquoted_name(Path("data") / name) == unquoted
    assert not is_unquoted(Path("data") / name)
    assert is_unquoted(Path("data") / unquoted)
    assert split_name(Path(unquoted)) == split_name(Path(name))


@pytest.mark.parametrize("name", ["train.unquoted.jsonl", "unquoted.tsv", "train.unquoted.txt.gz"])
def test_text_files_other_names_say_nothing_of_quotes(name: str) -> None:
    assert not is_unquoted(Path(name))
