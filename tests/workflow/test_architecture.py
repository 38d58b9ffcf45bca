"""The rooms of scripts/distill: imports go one way, and docs/architecture.md draws them as they are."""

import ast
import re
from collections.abc import Iterator

import pytest

from tests.helpers import ROOT

LIBRARY = ROOT / "scripts/distill"
# Package → how far along the road it stands: it may import what comes before.
RANKS = {"core": 0, "data": 1, "augment": 2, "teacher": 2, "score": 3, "student": 3, "evaluate": 4, "release": 5}


def imports(package: str) -> Iterator[str]:
    """Yield the other packages that a package imports."""
    for path in (LIBRARY / package).glob("*.py"):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.ImportFrom) and node.level == 2 and node.module:
                yield node.module.split(".")[0]
            elif isinstance(node, ast.ImportFrom | ast.Import):
                names = [node.module or ""] if isinstance(node, ast.ImportFrom) else [a.name for a in node.names]
                assert not any(name.startswith("scripts") for name in names), f"{path}: import it as ..package.module"


EDGES = {(package, other) for package in RANKS for other in imports(package)}


def test_architecture_has_these_packages() -> None:
    assert {path.parent.name for path in LIBRARY.glob("*/__init__.py")} == set(RANKS)


@pytest.mark.parametrize("package", RANKS)
def test_architecture_imports_go_one_way(package: str) -> None:
    assert all(RANKS[other] < RANKS[package] for other in imports(package))


def reachable(package: str) -> set[str]:
    direct = {other for start, other in EDGES if start == package}
    return direct.union(*(reachable(other) for other in direct))


def test_architecture_is_drawn_as_it_is() -> None:
    """The drawing leaves out what follows from its other arrows."""
    text = (ROOT / "docs/architecture.md").read_text(encoding="utf-8")
    [drawing] = re.findall(r"```mermaid\n(.*?)```", text, re.DOTALL)
    drawn = set(re.findall(r"^ +(\w+) --> (\w+)$", drawing, re.MULTILINE))
    needed = {
        (other, package)
        for package, other in EDGES
        if not any(other in reachable(between) for start, between in EDGES if start == package)
    }
    assert drawn == needed


@pytest.mark.parametrize("package", RANKS)
def test_architecture_modules_are_named_in_the_document(package: str) -> None:
    text = (ROOT / "docs/architecture.md").read_text(encoding="utf-8")
    section = text.split(f"### `{package}`", 1)[1].split("\n### ")[0].split("\n## ")[0]
    named = set(re.findall(r"^\| `(\w+)\.py` \|", section, re.MULTILINE))
    assert named == {path.stem for path in (LIBRARY / package).glob("*.py")} - {"__init__"}
