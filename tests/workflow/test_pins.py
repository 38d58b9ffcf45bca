"""constraints.txt: what `make lock` makes of requirements*.txt, with the hash of each file."""

import hashlib
import importlib.metadata
import re
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name
from packaging.version import Version

from tests.helpers import ROOT

LOCK = ROOT / "constraints.txt"
# These have hashes of their own, and are installed without what they ask for.
ALONE = {"requirements-cpu.txt", "requirements-hub.txt"}
LISTS = sorted(path.name for path in ROOT.glob("requirements*.txt") if path.name not in ALONE)
# One pin: its requirement, its hashes and, in comments, what it is there for.
PINS = re.split(r"\n(?=[A-Za-z0-9])", LOCK.read_text(encoding="utf-8").split("\n", 2)[2].strip())


def read_requirements(name: str) -> list[Requirement]:
    """Return the requirements of a list; what it takes from other lists is left out."""
    lines = (ROOT / name).read_text(encoding="utf-8").splitlines()
    return [Requirement(line) for line in lines if line and not line.startswith(("#", "-r "))]


def requirement_of(pin: str) -> Requirement:
    return Requirement(pin.split(" \\\n", 1)[0])


def pinned() -> dict[str, str]:
    """Return name → version of what is pinned for this machine."""
    requirements = [requirement_of(pin) for pin in PINS]
    here = [found for found in requirements if not found.marker or found.marker.evaluate()]
    return {canonicalize_name(found.name): str(found.specifier).removeprefix("==") for found in here}


def test_pins_each_have_a_version_and_hashes() -> None:
    assert len(PINS) > 100
    for pin in PINS:
        assert re.fullmatch(r"==[\w.]+", str(requirement_of(pin).specifier)), pin
        assert re.search(r" --hash=sha256:[0-9a-f]{64}\b", pin), pin


@pytest.mark.parametrize("name", LISTS)
def test_pins_are_those_of_the_requirements(name: str) -> None:
    """Pins say in a comment which list wants them; a list that has changed since `make lock` says something else."""
    because = re.compile(rf"# +(?:via )?-r {re.escape(name)}$", re.MULTILINE)
    found = {requirement_of(pin).name: str(requirement_of(pin).specifier) for pin in PINS if because.search(pin)}
    wanted = {canonicalize_name(one.name): str(one.specifier) for one in read_requirements(name)}
    assert found == wanted, "Run: make lock"


def needs_of(one: Requirement) -> list[Requirement]:
    """Return what an installed package needs, with the extras that are asked for; nothing if it is not installed."""
    try:
        needs = map(Requirement, importlib.metadata.requires(one.name) or [])
    except importlib.metadata.PackageNotFoundError:
        return []
    return [need for need in needs if is_wanted(need, one.extras)]


def is_wanted(need: Requirement, extras: set[str]) -> bool:
    return not need.marker or any(need.marker.evaluate({"extra": extra}) for extra in extras or {""})


def test_pins_hold_what_the_installed_packages_need() -> None:
    waiting = [one for name in LISTS for one in read_requirements(name) if is_wanted(one, set())]
    pins, seen = pinned(), set()
    while waiting:
        one = waiting.pop()
        name = canonicalize_name(one.name)
        assert one.specifier.contains(pins[name]), one
        if (name, *one.extras) not in seen:
            seen.add((name, *one.extras))
            waiting += needs_of(one)
    assert len(seen) > 60


def test_pins_of_torch_for_cpus_alone_are_of_the_same_version() -> None:
    text = (ROOT / "requirements-cpu.txt").read_text(encoding="utf-8")
    [(version, digest)] = re.findall(r"^torch==(\S+)\+cpu \\\n    --hash=sha256:([0-9a-f]{64})$", text, re.MULTILINE)
    assert version == pinned()["torch"]
    assert digest not in LOCK.read_text(encoding="utf-8")


def make_wheel(folder: Path, name: str, *needs: str) -> Path:
    path = folder / f"{name}-1.0-py3-none-any.whl"
    lines = ["Metadata-Version: 2.1", f"Name: {name}", "Version: 1.0", *(f"Requires-Dist: {need}" for need in needs)]
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr(f"{name}-1.0.dist-info/METADATA", "\n".join(lines))
        archive.writestr(f"{name}-1.0.dist-info/WHEEL", "Wheel-Version: 1.0\nTag: py3-none-any\n")
        archive.writestr(f"{name}-1.0.dist-info/RECORD", "")
    return path


@pytest.mark.skipif(
    Version(importlib.metadata.version("pip")) < Version(pinned()["pip"]), reason="needs the pip of requirements.txt"
)
def test_pins_refuse_a_dependency_that_was_changed(tmp_path: Path) -> None:
    wheels = [make_wheel(tmp_path, "needy", "needed"), make_wheel(tmp_path, "needed")]
    hashes = [hashlib.sha256(wheel.read_bytes()).hexdigest() for wheel in wheels]
    lines = [f"{w.name.split('-')[0]}==1.0 --hash=sha256:{h}\n" for w, h in zip(wheels, hashes, strict=True)]
    (tmp_path / "constraints.txt").write_text("".join(lines), encoding="utf-8")
    command = [sys.executable, "-m", "pip", "install", "--isolated", "--no-index", "--find-links", ".", "--dry-run",
               "--require-hashes", "-c", "constraints.txt", "needy==1.0"]  # fmt: skip
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    make_wheel(tmp_path, "needed", "pip")
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True)
    assert done.returncode == 1
    assert "HASHES" in done.stderr
    assert hashes[1] in done.stderr
