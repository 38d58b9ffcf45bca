"""--help of each command: at once, and with what goes in, what comes out and an example."""

import re
import shlex
import subprocess
import sys

import click
import pytest
from typer.core import TyperGroup

from tests.helpers import ROOT
from tests.workflow.test_docs import check_module, find_command

MODULES = [
    ".".join(path.relative_to(ROOT).with_suffix("").parts).removesuffix(".__main__")
    for path in sorted((ROOT / "scripts").rglob("*.py"))
    if "import typer" in (text := path.read_text(encoding="utf-8")) and '__name__ == "__main__"' in text
]
# What takes seconds to import.
SLOW = {"spacy", "torch", "transformers", "sklearn", "scipy", "pandas", "thinc", "ray", "matplotlib", "jinja2"}


def commands() -> list[object]:
    """Return each command, groups resolved: the words after `python -m`, and the command."""
    found: list[tuple[str, click.Command]] = []
    for module in sorted(MODULES):
        command = find_command(module)
        subcommands = command.commands if isinstance(command, TyperGroup) else {}
        found += [(f"{module} {name}", sub) for name, sub in subcommands.items()] or [(module, command)]
    return [pytest.param(words, command, id=words) for words, command in found]


def test_help_knows_the_commands() -> None:
    assert {"scripts.score", "scripts.train", "scripts.tagger", "scripts.lab.benchmark"} <= set(MODULES)


@pytest.mark.parametrize("module", sorted(MODULES))
def test_help_loads_no_large_library(module: str) -> None:
    # Python says on stderr what it imports.
    command = [sys.executable, "-X", "importtime", "-m", module, "--help"]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr[-2000:]
    assert "Usage" in done.stdout
    imported = set(re.findall(r"\| +(\w+)$", done.stderr, re.MULTILINE))
    assert "typer" in imported
    assert imported & SLOW == set()


@pytest.mark.parametrize("module", MODULES)
def test_help_of_a_group_says_what_it_is_for(module: str) -> None:
    assert find_command(module).help


@pytest.mark.parametrize(("words", "command"), commands())
def test_help_has_in_out_and_an_example_that_works(words: str, command: click.Command) -> None:
    text = " ".join((command.help or "").split())
    assert re.search(r"In: .*Out: ", text)
    _, _, example = text.partition("Example: python -m ")
    check_module(shlex.split(example))
    if not example.startswith("spacy project run "):
        assert example.startswith(words)
        command.make_context(words, shlex.split(example.removeprefix(words)), resilient_parsing=True)
        required = [p for p in command.params if p.required and isinstance(p, click.Argument)]
        options = [p.opts[0] for p in command.params if p.required and isinstance(p, click.Option)]
        assert len(re.sub(r" --\S+ \S+", "", f" {example.removeprefix(words)} ").split()) >= len(required)
        assert all(option in example for option in options)


@pytest.mark.parametrize(("words", "command"), commands())
def test_help_names_each_config_and_loses_no_word(words: str, command: click.Command) -> None:
    texts = [command.help or "", *(getattr(parameter, "help", "") or "" for parameter in command.params)]
    assert not [text for text in texts if text.endswith(": a config")]
    # typer takes a word in square brackets for a style, and does not print it.
    assert not [text for text in texts if re.search(r"\[[a-z]+\]", text)]


def test_make_help_lists_every_target() -> None:
    makefile = (ROOT / "Makefile").read_text(encoding="utf-8")
    [targets] = re.findall(r"^\.PHONY: (.+)$", makefile, re.MULTILINE)
    command = ["make", "--no-print-directory", "help"]  # the tests may run within make
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True)
    assert [line.split()[0] for line in done.stdout.splitlines()] == targets.split()
    assert all(len(line.split()) > 2 for line in done.stdout.splitlines())
