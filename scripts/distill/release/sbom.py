"""The software bill of materials in the wheel: CycloneDX 1.6, where PEP 770 says that it goes."""

import json
import zipfile
from base64 import urlsafe_b64encode
from collections.abc import Mapping
from hashlib import sha256
from pathlib import Path
from typing import Any

# What comes after the name of the wheel's folder of metadata.
PLACE = "sboms/distill.cdx.json"


def make_sbom(meta: Mapping[str, Any]) -> dict[str, Any]:
    """Return what the package is made of: spaCy, and, not shipped, the teacher, the encoder and the data.

    Where a licence is not known, none is named. Nothing depends on the time, so the same package has the same list.

    meta (Mapping[str, Any]): The contents of meta.json.
    RETURNS (dict[str, Any]): CycloneDX 1.6 as JSON.
    """
    about = meta.get("distillation", {})
    name = f"{meta['lang']}_{meta['name']}"
    purl = f"pkg:pypi/{name.replace('_', '-')}@{meta['version']}"
    licence = [{"license": {"name": meta["license"]}}] if meta.get("license") else []
    package = {"type": "machine-learning-model", "bom-ref": purl, "name": name, "version": meta["version"],
               "description": meta.get("description", ""), "purl": purl, "licenses": licence}  # fmt: skip
    spacy = {"type": "library", "bom-ref": "spacy", "name": "spacy", "purl": "pkg:pypi/spacy", "scope": "required",
             "licenses": [_spdx("MIT")], "properties": [_property("version range", meta["spacy_version"])]}  # fmt: skip
    return {
        "bomFormat": "CycloneDX",
        "specVersion": "1.6",
        "version": 1,
        "metadata": {"component": package},
        "components": [spacy, *_teacher(about), *_encoder(about), *_data(about)],
        "dependencies": [{"ref": purl, "dependsOn": ["spacy"]}, {"ref": "spacy"}],
    }


def _teacher(about: Mapping[str, Any]) -> list[dict[str, Any]]:
    if "teacher" not in about:
        return []
    fingerprint = [_property("fingerprint", about["teacher_fingerprint"])]
    return [_excluded("teacher", "machine-learning-model", about["teacher"]) | {"properties": fingerprint}]


def _encoder(about: Mapping[str, Any]) -> list[dict[str, Any]]:
    encoder = about.get("encoder")
    if not encoder:
        return []
    licence = [_spdx(encoder["licence"])] if encoder["licence"] else []
    return [_excluded("encoder of the word vectors", "machine-learning-model", encoder["name"]) | {"licenses": licence}]


def _data(about: Mapping[str, Any]) -> list[dict[str, Any]]:
    return [
        _excluded(f"data {file}", "data", file)
        | {"data": [{"type": "dataset", "name": file}], "hashes": [{"alg": "SHA-256", "content": digest}]}
        for file, digest in sorted(about.get("data", {}).items())
    ]


def _excluded(ref: str, kind: str, name: str) -> dict[str, Any]:
    """Return a component that the package was made with, and does not need."""
    return {"type": kind, "bom-ref": ref, "name": name, "scope": "excluded"}


def _spdx(licence: str) -> dict[str, Any]:
    return {"license": {"id": licence}}


def _property(name: str, value: str) -> dict[str, str]:
    return {"name": f"distill:{name}", "value": value}


def add_sbom(wheel: Path, sbom: Mapping[str, Any]) -> None:
    """Put a bill of materials into a wheel, and its hash into the wheel's RECORD.

    wheel (Path): The wheel, which has none so far. It is replaced.
    sbom (Mapping[str, Any]): What `make_sbom` returned.
    """
    content = (json.dumps(sbom, ensure_ascii=False, indent=2) + "\n").encode()
    new = wheel.with_suffix(".tmp")
    with zipfile.ZipFile(wheel) as old, zipfile.ZipFile(new, "w", zipfile.ZIP_DEFLATED) as archive:
        [record] = [one for one in old.infolist() if one.filename.endswith(".dist-info/RECORD")]
        place = record.filename.removesuffix("RECORD") + PLACE
        digest = urlsafe_b64encode(sha256(content).digest()).decode().rstrip("=")
        line = f"{place},sha256={digest},{len(content)}\n"
        for one in old.infolist():
            if one is not record:
                archive.writestr(one, old.read(one))
        entry = zipfile.ZipInfo(place, record.date_time)
        entry.external_attr, entry.compress_type = record.external_attr, zipfile.ZIP_DEFLATED
        archive.writestr(entry, content)
        # PEP 427 wants the metadata at the end of the archive, RECORD the last of it.
        archive.writestr(record, line.encode() + old.read(record))
    new.replace(wheel)
