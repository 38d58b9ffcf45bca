import json
import re
import shutil
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from scripts.distill.core.files import hash_file
from scripts.distill.teacher import hub
from scripts.distill.teacher.hub import FILES, check_model, find_model, hash_model, model_files
from scripts.distill.teacher.spec import find_local_path
from tests.teacher.test_hugging_face import save_classifier


@pytest.fixture(scope="module")
def saved(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return save_classifier(tmp_path_factory.mktemp("hub") / "model")


@pytest.fixture
def folder(saved: Path, tmp_path: Path) -> Path:
    """A copy that a test may change."""
    return Path(shutil.copytree(saved, tmp_path / "model"))


def test_hub_finds_a_folder_without_asking_the_hub(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(hub, "snapshot_download", None)
    assert find_model(str(folder)) == (folder, {"folder": str(folder)})
    odd = folder.rename(folder.with_name("model@main"))
    assert find_model(str(odd)) == (odd, {"folder": str(odd)})


@pytest.mark.parametrize(
    "name,model_id,revision",
    [
        ("bert-base-multilingual-cased", "bert-base-multilingual-cased", None),
        ("owner/model", "owner/model", None),
        ("owner/model@abc123", "owner/model", "abc123"),
        ("owner/model@refs/pr/1", "owner/model", "refs/pr/1"),
        ("owner/model@", "owner/model", None),
    ],
)
def test_hub_asks_for_the_safe_files_of_a_revision(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str, model_id: str, revision: str | None
) -> None:
    calls: list[tuple[str, dict[str, Any]]] = []

    def download(model_id: str, **settings: Any) -> str:
        calls.append((model_id, settings))
        return str(tmp_path / "snapshots" / "0123abc")

    monkeypatch.setattr(hub, "snapshot_download", download)
    origin = {"model_id": model_id, "revision": "0123abc"}
    assert find_model(name) == (tmp_path / "snapshots" / "0123abc", origin)
    assert calls == [(model_id, {"revision": revision, "allow_patterns": list(FILES)})]


@pytest.mark.parametrize("name", ["pytorch_model.bin", "model.pt", "modeling.py", "training_args.bin", "model.pkl"])
def test_hub_never_asks_for_pickles_or_code(name: str) -> None:
    assert not any(Path(name).match(pattern) for pattern in FILES)


@pytest.mark.usefixtures("offline")
@pytest.mark.parametrize("name", ["no-such-owner/no-such-model", "no-such-model@main"])
def test_hub_unknown_name_says_what_is_possible(name: str) -> None:
    with pytest.raises(ValueError, match=f"'{name}' is neither a folder nor a model that the Hugging Face Hub gives"):
        find_model(name)


@pytest.mark.parametrize("name", ["", "not/a/folder/here", "no name", "./here", "/not/here"])
def test_hub_is_not_asked_for_what_can_only_be_a_folder(monkeypatch: pytest.MonkeyPatch, name: str) -> None:
    monkeypatch.setattr(hub, "snapshot_download", None)
    with pytest.raises(ValueError, match=f"'{re.escape(name)}': there is no such folder, and no model of the Hugging"):
        find_model(name)


@pytest.mark.parametrize("error", [OSError("no route"), ValueError("wrong id")], ids=["network", "id"])
def test_hub_says_why_a_model_is_not_given(monkeypatch: pytest.MonkeyPatch, error: Exception) -> None:
    def download(*_: Any, **__: Any) -> str:
        raise error

    monkeypatch.setattr(hub, "snapshot_download", download)
    with pytest.raises(ValueError, match=f"'owner/model@1' is neither .*: {error}"):
        find_model("owner/model@1")


def test_hub_lists_and_hashes_the_files_that_are_read(folder: Path) -> None:
    for name in ("pytorch_model.bin", "modeling.py", "README.md"):
        (folder / name).write_text("no", encoding="utf-8")
    (folder / "tokenizer_folder").mkdir()
    names = ["config.json", "model.safetensors", "special_tokens_map.json", "tokenizer.json", "tokenizer_config.json",
             "vocab.txt"]  # fmt: skip
    assert model_files(folder) == [folder / name for name in names]
    assert hash_model(folder) == {name: hash_file(folder / name) for name in names}


def test_hub_check_gives_the_configuration(folder: Path) -> None:
    config = check_model(folder)
    assert config.architectures == ["BertForSequenceClassification"]
    assert config.id2label == {0: "NEG", 1: "POS"}


def pickle_weights(folder: Path) -> None:
    (folder / "model.safetensors").rename(folder / "pytorch_model.bin")


def remove_tokenizer(folder: Path) -> None:
    for name in ("vocab.txt", "tokenizer.json", "tokenizer_config.json", "special_tokens_map.json"):
        (folder / name).unlink()


def make_tokenizer_slow(folder: Path) -> None:
    remove_tokenizer(folder)
    (folder / "vocab.json").write_text('{"<unk>": 0}', encoding="utf-8")
    (folder / "merges.txt").write_text("#version: 0.2\n", encoding="utf-8")
    (folder / "tokenizer_config.json").write_text('{"tokenizer_class": "CTRLTokenizer"}', encoding="utf-8")


def leave_adapter(folder: Path) -> None:
    for path in folder.iterdir():
        path.unlink()
    (folder / "adapter_config.json").write_text('{"base_model_name_or_path": "owner/base"}', encoding="utf-8")
    (folder / "adapter_model.safetensors").touch()


def break_config(folder: Path) -> None:
    (folder / "config.json").write_text("{", encoding="utf-8")


def name_code(folder: Path, file: str, model_type: str) -> None:
    settings = json.loads((folder / file).read_text(encoding="utf-8"))
    names = {"AutoConfig": "code.Config", "AutoTokenizer": ["code.Tokenizer", None], "AutoModel": "code.Model"}
    settings |= {"model_type": model_type, "auto_map": names}
    (folder / file).write_text(json.dumps(settings), encoding="utf-8")
    code = f"from pathlib import Path\nPath({str(folder / 'was_run')!r}).touch()\n"
    (folder / "code.py").write_text(f"{code}class Config: pass\nclass Tokenizer: pass\n", encoding="utf-8")


@pytest.mark.parametrize(
    "change,message",
    [
        pytest.param(pickle_weights, r"no \*\.safetensors weights.*safe_serialization=True", id="pickled"),
        pytest.param(remove_tokenizer, r"no tokenizer .*tokenizer\.save_pretrained", id="no-tokenizer"),
        pytest.param(make_tokenizer_slow, r"no fast tokenizer \(tokenizer\.json\)", id="slow-tokenizer"),
        pytest.param(leave_adapter, r"a PEFT adapter of owner/base, not a whole .*merge_and_unload", id="peft"),
        pytest.param(break_config, "not a model in Hugging Face format", id="broken-config"),
        pytest.param(partial(name_code, file="config.json", model_type="special"),
                     "not a model in Hugging Face format.*trust_remote_code", id="code"),
        pytest.param(partial(name_code, file="config.json", model_type="bert"), r"its config\.json names code",
                     id="code-of-known-type"),
    ],
)  # fmt: skip
def test_hub_check_refuses(folder: Path, change: Callable[[Path], None], message: str) -> None:
    change(folder)
    with pytest.raises(ValueError, match=f"(?s){folder}: {message}"):
        check_model(folder)
    assert not (folder / "was_run").exists()


def test_hub_check_runs_no_code_of_a_tokenizer(folder: Path) -> None:
    name_code(folder, file="tokenizer_config.json", model_type="bert")
    check_model(folder)
    assert not (folder / "was_run").exists()


def test_hub_reads_neither_code_nor_pickles(folder: Path) -> None:
    before = model_files(folder)
    for name in (
        "tokenizer.py",
        "tokenization_own.py",
        "vocab.pkl",
        "tokenizer_config.py",
        "vocab.bin",
        "tokenizer.pkl",
    ):
        (folder / name).write_bytes(b"import os")
    assert model_files(folder) == before
    assert set(hash_model(folder)) == {path.name for path in before}


def test_hub_finds_a_folder_of_the_user(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HOME", str(folder.parent))
    assert find_model(f"~/{folder.name}")[0] == folder
    assert find_local_path(f"hf:~/{folder.name}") == folder


@pytest.mark.parametrize(
    "installed,command",
    [
        ([], "pip install sentencepiece protobuf"),
        (["google.protobuf"], "pip install sentencepiece"),
        (["sentencepiece", "google.protobuf"], None),
    ],
    ids=["neither", "protobuf", "both"],
)
def test_hub_names_the_packages_that_a_sentencepiece_tokenizer_needs(
    folder: Path, monkeypatch: pytest.MonkeyPatch, installed: list[str], command: str | None
) -> None:
    monkeypatch.setattr(hub, "_is_installed", installed.__contains__)
    (folder / "spm.model").write_bytes(b"")
    # A tokenizer.json is all that is needed.
    hub._check_sentencepiece(folder)
    for name in ("tokenizer.json", "vocab.txt"):
        (folder / name).unlink()
    if command is None:
        hub._check_sentencepiece(folder)
        return
    with pytest.raises(ValueError) as error:
        check_model(folder)
    assert str(error.value).startswith(f"{folder}: its tokenizer is the sentencepiece model spm.model")
    assert str(error.value).endswith(f"packages sentencepiece, protobuf. Run: {command}")


@pytest.mark.parametrize("module,found", [("json", True), ("no_such.module", False), ("no_such", False)])
def test_hub_finds_modules(module: str, found: bool) -> None:
    assert hub._is_installed(module) == found
