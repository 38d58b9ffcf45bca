"""The bill of materials in the wheel: valid CycloneDX, and a wheel that is still valid."""

import csv
import io
import json
import subprocess
import sys
import zipfile
from base64 import urlsafe_b64encode
from hashlib import sha256
from pathlib import Path
from typing import Any

import pytest

from scripts.distill.release.sbom import PLACE, add_sbom, make_sbom

INFO = "en_tiny_mood-0.0.1.dist-info"
META: dict[str, Any] = {
    "lang": "en", "name": "tiny_mood", "version": "0.0.1", "spacy_version": ">=3.8.2,<3.9.0", "description": "Moods.",
    "license": "MIT", "distillation": {
        "teacher": "spacy:some_package", "teacher_fingerprint": "f" * 64,
        "encoder": {"name": "intfloat/multilingual-e5-small", "licence": "MIT"},
        "data": {"nl/train.jsonl": "e" * 64, "en/train.jsonl": "d" * 64},
    },
}  # fmt: skip
# What a student has that knows of no teacher, no encoder, no data and no licence.
BARE = {key: value for key, value in META.items() if key != "distillation"} | {"license": ""}


def record_line(name: str, content: bytes) -> str:
    return f"{name},sha256={urlsafe_b64encode(sha256(content).digest()).decode().rstrip('=')},{len(content)}\n"


@pytest.fixture
def wheel(tmp_path: Path) -> Path:
    path = tmp_path / "en_tiny_mood-0.0.1-py3-none-any.whl"
    files = {
        "en_tiny_mood/__init__.py": b"",
        f"{INFO}/METADATA": b"Metadata-Version: 2.1\nName: en_tiny_mood\nVersion: 0.0.1\n",
        f"{INFO}/WHEEL": b"Wheel-Version: 1.0\nRoot-Is-Purelib: true\nTag: py3-none-any\n",
    }
    record = "".join(record_line(name, content) for name, content in files.items()) + f"{INFO}/RECORD,,\n"
    with zipfile.ZipFile(path, "w") as archive:
        for name, content in {**files, f"{INFO}/RECORD": record.encode()}.items():
            archive.writestr(name, content)
    return path


def test_sbom_names_what_the_package_is_made_of() -> None:
    sbom = make_sbom(META)
    [spacy, teacher, encoder, *data] = sbom["components"]
    assert sbom["metadata"]["component"]["purl"] == "pkg:pypi/en-tiny-mood@0.0.1"
    assert sbom["metadata"]["component"]["licenses"] == [{"license": {"name": "MIT"}}]
    assert spacy["properties"] == [{"name": "distill:version range", "value": ">=3.8.2,<3.9.0"}]
    assert (teacher["name"], teacher["scope"]) == ("spacy:some_package", "excluded")
    assert (encoder["name"], encoder["licenses"]) == ("intfloat/multilingual-e5-small", [{"license": {"id": "MIT"}}])
    assert [file["name"] for file in data] == ["en/train.jsonl", "nl/train.jsonl"]
    assert sbom["dependencies"][0] == {"ref": "pkg:pypi/en-tiny-mood@0.0.1", "dependsOn": ["spacy"]}
    assert json.dumps(make_sbom(META)) == json.dumps(sbom)


def test_sbom_names_no_licence_that_is_not_known() -> None:
    about = {**META["distillation"], "encoder": {"name": "my_encoder", "licence": None}}
    [encoder] = [c for c in make_sbom({**META, "distillation": about})["components"] if c["name"] == "my_encoder"]
    assert encoder["licenses"] == []
    sbom = make_sbom(BARE)
    assert sbom["metadata"]["component"]["licenses"] == []
    assert [component["name"] for component in sbom["components"]] == ["spacy"]


@pytest.mark.parametrize("meta", [META, BARE], ids=["all", "bare"])
def test_sbom_is_valid_cyclonedx(meta: dict[str, Any]) -> None:
    pytest.importorskip("cyclonedx", reason="needs requirements-test.txt")
    from cyclonedx.schema import SchemaVersion
    from cyclonedx.validation.json import JsonStrictValidator

    assert JsonStrictValidator(SchemaVersion.V1_6).validate_str(json.dumps(make_sbom(meta))) is None


def test_sbom_is_in_the_wheel_and_the_wheel_stays_valid(wheel: Path, tmp_path: Path) -> None:
    add_sbom(wheel, make_sbom(META))
    with zipfile.ZipFile(wheel) as archive:
        contents = {name: archive.read(name) for name in archive.namelist()}
    assert list(contents)[-1] == f"{INFO}/RECORD"
    assert json.loads(contents[f"{INFO}/{PLACE}"]) == make_sbom(META)
    rows = {name: rest for name, *rest in csv.reader(io.StringIO(contents[f"{INFO}/RECORD"].decode()))}
    assert set(rows) == set(contents)
    for name, content in contents.items():
        expected = next(csv.reader([record_line(name, content)]))[1:]
        assert rows[name] == (expected if not name.endswith("RECORD") else ["", ""])
    command = [sys.executable, "-m", "pip", "install", "--quiet", "--isolated", "--no-index", "--target"]
    subprocess.run([*command, str(tmp_path / "to"), str(wheel)], check=True)
    assert (tmp_path / "to" / INFO / PLACE).exists()
    assert [path.name for path in tmp_path.iterdir() if path.is_file()] == [wheel.name]
