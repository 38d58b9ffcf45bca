"""project.yml: complete dependencies, quoted variables, the README's tables."""

import ast
import re
import shlex
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner
from weasel.util.config import substitute_project_variables

from scripts.distill.data.prepare import CODE
from tests.helpers import ROOT
from tests.workflow.small_project import COMMANDS, PROJECT
from tests.workflow.test_docs import find_app

# What a command reads: what ships, and what earlier commands made.
INPUTS = {name: [*c.get("deps", []), *c.get("outputs_no_cache", [])] for name, c in COMMANDS.items()}
# Workflows that begin where another one has ended.
AFTER = dict.fromkeys(("benchmark", "push"), PROJECT["workflows"]["distill"])


def imported_names(path: Path) -> Iterator[str]:
    package = path.parent.relative_to(ROOT).parts
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            parts = [*package[: len(package) - node.level + 1]] if node.level else []
            module = ".".join([*parts, *([node.module] if node.module else [])])
            yield module
            yield from (f"{module}.{alias.name}" for alias in node.names)


def import_closure(path: Path) -> set[Path]:
    """Return a file and all files of scripts/ that it imports, directly or not."""
    found: set[Path] = set()
    waiting = [path, ROOT / "scripts/__init__.py"]
    while waiting:
        path = waiting.pop()
        if path in found:
            continue
        found.add(path)
        for name in imported_names(path):
            parts = name.split(".")
            for i in range(1, len(parts) + 1):
                base = ROOT.joinpath(*parts[:i])
                waiting += [p for p in (base.with_suffix(".py"), base / "__init__.py") if p.exists()]
    return {p for p in found if p.is_relative_to(ROOT / "scripts")}


def scripts_of(command: dict[str, Any]) -> set[Path]:
    """Return the scripts that a command runs."""
    modules = (ROOT.joinpath(*m.split(".")) for m in re.findall(r"-m (scripts[\w.]*)", "\n".join(command["script"])))
    return {path / "__main__.py" if path.is_dir() else path.with_suffix(".py") for path in modules}


def as_dep(path: Path) -> str | None:
    """Return what project.yml names for a file: its package, or the file if it is a command."""
    parts = path.relative_to(ROOT).parts
    if parts[1] == "distill":
        return "/".join(parts[:3]) if len(parts) == 4 else None
    return "/".join(parts[:2]) if parts[1:] != ("__init__.py",) else None


@pytest.mark.parametrize("name", COMMANDS)
def test_project_deps_are_the_import_closure(name: str) -> None:
    closure = {as_dep(p) for script in scripts_of(COMMANDS[name]) for p in import_closure(script)}
    deps = COMMANDS[name].get("deps", [])
    assert {dep for dep in deps if dep.startswith("scripts")} == closure - {None}
    assert len(set(deps)) == len(deps)


@pytest.mark.parametrize("name", COMMANDS)
def test_project_files_named_in_scripts_are_deps_or_outputs(name: str) -> None:
    command = COMMANDS[name]
    listed = set(command["deps"]) | set(command.get("outputs", []))
    configs = re.findall(r"configs/[\w.${}]+\.cfg", "\n".join(command["script"]))
    if not name.startswith("check"):
        assert set(configs) <= listed


def test_project_variables_are_checked_at_the_head_of_the_two_main_workflows() -> None:
    for workflow in ("all", "distill"):
        first, *rest = PROJECT["workflows"][workflow]
        assert COMMANDS[first]["script"][0].startswith(f"python -m scripts.check {workflow} ")
        assert not any("scripts.check" in line for step in rest for line in COMMANDS[step]["script"])


def test_project_deps_of_the_main_workflows_ship() -> None:
    """weasel stops at a missing dep with a message that names no command; our commands name the one to run."""
    for name in ("all", "distill", "benchmark"):
        for step in PROJECT["workflows"][name]:
            for dep in COMMANDS[step]["deps"]:
                assert dep.startswith(("scripts/", "configs/", "assets/tagger")) or dep == "constraints.txt"


def test_project_prepare_decides_for_itself_whether_its_data_has_changed() -> None:
    assert COMMANDS["prepare"]["no_skip"] is True
    assert not any("${vars" in dep for dep in COMMANDS["prepare"]["deps"])
    code = {f"scripts/distill/{folder.name}" for folder in CODE} | {"scripts/prepare.py"}
    assert code == set(COMMANDS["prepare"]["deps"])


# What each command says in a project where nothing has been made: the command to run first.
FIRST = {
    "train-baseline": "prepare", "train-tfidf": "prepare", "train-teacher": "prepare", "augment": "prepare",
    "score": "augment", "vectors": "prepare", "train-student": "prepare", "export": "train-student",
    "evaluate": "train-baseline", "package": "export", "verify": "package", "summary": "package",
    "train-bow": "prepare", "repository": "package",
}  # fmt: skip


@pytest.mark.parametrize("name", FIRST)
def test_project_commands_name_the_one_that_makes_what_is_missing(
    name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for folder in ("configs", "assets/tagger"):
        shutil.copytree(ROOT / folder, tmp_path / folder)
    shutil.copy(ROOT / "constraints.txt", tmp_path)
    monkeypatch.chdir(tmp_path)
    [script] = substitute_project_variables(dict(PROJECT, commands=[COMMANDS[name]]))["commands"][0]["script"]
    _, _, module, *arguments = shlex.split(script)
    result = CliRunner().invoke(find_app(module), arguments)
    assert result.exit_code == 1
    assert f"python -m spacy project run {FIRST[name]} ." in " ".join(result.output.split()), result.output


def test_project_each_dep_ships_or_is_made_before() -> None:
    for name, steps in PROJECT["workflows"].items():
        made = {"${vars.treebanks}", "training/teacher", "constraints.txt"}
        for step in AFTER.get(name, []):
            made |= set(COMMANDS[step].get("outputs", []))
        for step in steps:
            for dep in INPUTS[step]:
                ships = dep.startswith(("scripts/", "configs/", "assets/tagger"))
                assert ships or dep in made, f"{step}: {dep}"
            made |= set(COMMANDS[step].get("outputs", []))


def test_project_every_step_that_makes_something_can_be_skipped() -> None:
    for steps in PROJECT["workflows"].values():
        without = [step for step in steps if not COMMANDS[step].get("outputs")]
        assert all(step.startswith("check-") or step == "summary" for step in without)


def test_project_tagger_is_small() -> None:
    assert sum(path.stat().st_size for path in (ROOT / "assets/tagger").rglob("*")) <= 6_000_000


def test_project_variables_are_quoted_in_scripts() -> None:
    for command in COMMANDS.values():
        for line in command["script"]:
            rest = re.sub(r'"[^"]*"', "", line)
            assert "${vars" not in rest, line


def test_project_variables_are_all_used() -> None:
    text = (ROOT / "project.yml").read_text(encoding="utf-8")
    for name in PROJECT["vars"]:
        assert f"${{vars.{name}}}" in text


def test_project_readme_has_the_current_tables(tmp_path: Path) -> None:
    shutil.copy(ROOT / "README.md", tmp_path)
    command = [sys.executable, "-m", "spacy", "project", "document", ".", "--output", str(tmp_path / "README.md")]
    subprocess.run(command, cwd=ROOT, check=True, capture_output=True)
    assert (tmp_path / "README.md").read_text() == (ROOT / "README.md").read_text()
