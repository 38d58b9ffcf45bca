"""Models in Hugging Face format: a folder or a model of the Hub, safetensors only, never code of their own."""

import json
import re
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from huggingface_hub import snapshot_download
from transformers import AutoConfig, AutoTokenizer

from ..core.files import hash_file

# One of these makes a tokenizer; without any, transformers fails with an error about something else.
TOKENIZER_FILES = ("tokenizer.json", "vocab.txt", "vocab.json", "*.model")
# The files of a model that are read: weights in safetensors, and what tokenizers need. Never pickles, never code.
FILES = ("*.safetensors", "*.safetensors.index.json", "config.json", *TOKENIZER_FILES, "tokenizer_config.json",
         "special_tokens_map.json", "added_tokens.json", "merges.txt")  # fmt: skip
# Module → the package that it comes with: what makes a fast tokenizer of a sentencepiece model.
SENTENCEPIECE = {"sentencepiece": "sentencepiece", "google.protobuf": "protobuf"}


def find_model(name: str) -> tuple[Path, dict[str, str]]:
    """Find a model. A model of the Hub is downloaded.

    name (str): A folder, which may begin with ~, or a model id of the Hub, optionally with a revision:
        "bert-base-multilingual-cased@<commit>".
    RETURNS (tuple[Path, dict[str, str]]): The model's folder, and where the model comes from: "folder", or "model_id"
        and "revision".
    RAISES (ValueError): If there is no such folder, and the Hub gives no such model.
    """
    folder = Path(name).expanduser()
    if name and folder.is_dir():
        return folder, {"folder": str(folder)}
    model_id, _, revision = name.partition("@")
    if not re.fullmatch(r"[\w-][\w.-]*(/[\w.-]+)?", model_id, re.ASCII):
        raise ValueError(f"{name!r}: there is no such folder, and no model of the Hugging Face Hub has such a name")
    try:
        path = snapshot_download(model_id, revision=revision or None, allow_patterns=list(FILES))
    except (OSError, ValueError) as err:  # the hub's own errors are all one of these
        raise ValueError(f"{name!r} is neither a folder nor a model that the Hugging Face Hub gives: {err}") from err
    return Path(path), {"model_id": model_id, "revision": Path(path).name}


def model_files(folder: Path) -> list[Path]:
    """Return the files in a model's folder that are read, sorted; other files there are left alone."""
    return sorted({path for pattern in FILES for path in folder.glob(pattern) if path.is_file()})


def check_model(folder: Path) -> Any:
    """Check that a model can be loaded safely.

    folder (Path): The model's folder.
    RETURNS (PretrainedConfig): The model's configuration.
    RAISES (ValueError): If the folder has no model in Hugging Face format, or the model is not in safetensors, needs
        code of its own, is an adapter, has no fast tokenizer, or a package is missing that makes one.
    """
    _check_adapter(folder)
    if not any(path.suffix == ".safetensors" for path in model_files(folder)):
        raise ValueError(
            f"{folder}: no *.safetensors weights. Pickled weights (*.bin) are not loaded: save the model with "
            "model.save_pretrained(folder, safe_serialization=True) and name that folder"
        )
    if not any(any(folder.glob(pattern)) for pattern in TOKENIZER_FILES):
        raise ValueError(
            f"{folder}: no tokenizer ({', '.join(TOKENIZER_FILES)}). Add it with tokenizer.save_pretrained(folder)"
        )
    _check_sentencepiece(folder)
    try:
        config = AutoConfig.from_pretrained(folder, trust_remote_code=False)
        tokenizer = AutoTokenizer.from_pretrained(folder, trust_remote_code=False)
    except (OSError, ValueError, KeyError, ImportError) as err:
        raise ValueError(f"{folder}: not a model in Hugging Face format: {err}") from err
    if getattr(config, "auto_map", None):
        raise ValueError(
            f"{folder}: its config.json names code of its own (auto_map: {config.auto_map}), which is never run. "
            "Choose a model that transformers supports itself"
        )
    if not tokenizer.is_fast:
        raise ValueError(f"{folder}: no fast tokenizer (tokenizer.json), which is needed")
    return config


def _check_adapter(folder: Path) -> None:
    """Check that a model is no PEFT adapter, which is a part of a model."""
    settings = folder / "adapter_config.json"
    if not settings.exists() and not (folder / "adapter_model.safetensors").exists():
        return
    base = json.loads(settings.read_text(encoding="utf-8")) if settings.exists() else {}
    raise ValueError(
        f"{folder}: a PEFT adapter of {base.get('base_model_name_or_path', 'another model')}, not a whole model. Merge "
        "it and save the whole model: model.merge_and_unload().save_pretrained(folder), and "
        "tokenizer.save_pretrained(folder)"
    )


def _check_sentencepiece(folder: Path) -> None:
    """Check that what makes a fast tokenizer of a sentencepiece model is installed, if it is needed."""
    found = sorted(path.name for path in folder.glob("*.model"))
    if not found or any((folder / name).exists() for name in ("tokenizer.json", "vocab.txt", "vocab.json")):
        return
    missing = [package for module, package in SENTENCEPIECE.items() if not _is_installed(module)]
    if missing:
        raise ValueError(
            f"{folder}: its tokenizer is the sentencepiece model {found[0]} without a tokenizer.json, which needs the "
            f"packages {', '.join(SENTENCEPIECE.values())}. Run: pip install {' '.join(missing)}"
        )


def _is_installed(module: str) -> bool:
    try:
        return find_spec(module) is not None
    except ModuleNotFoundError:  # the package around it is missing
        return False


def hash_model(folder: Path) -> dict[str, str]:
    """Return file name → sha256 of each file of a model that is read."""
    return {path.name: hash_file(path) for path in model_files(folder)}
