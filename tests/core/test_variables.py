import os
import shlex
import subprocess
import sys
from pathlib import Path

import pytest

from scripts.distill.core.lock import writes
from scripts.distill.core.variables import (
    SettingsError,
    check_characters,
    check_known,
    check_package,
    full_command,
    given_overrides,
    parse_overrides,
    read_defaults,
)
from tests.helpers import ROOT

DEFAULTS = {"lang": "xx", "data": "assets/sample", "seed": 0, "teacher": "train"}


def test_variables_read_defaults(tmp_path: Path) -> None:
    path = tmp_path / "project.yml"
    path.write_text('title: "x"\nvars:\n  # a comment\n  lang: "xx"\n  seed: 0\n  gpu_id: -1\n', encoding="utf-8")
    assert read_defaults(path) == {"lang": "xx", "seed": 0, "gpu_id": -1}


@pytest.mark.parametrize(
    ("arguments", "expected"),
    [
        ("--vars.lang nl", {"lang": "nl"}),
        ("--vars.lang=nl", {"lang": "nl"}),
        ("--vars.lang nl --vars.seed=1 --vars.data x", {"lang": "nl", "seed": "1", "data": "x"}),
        ("python -m spacy project run all . --vars.lang nl --force", {"lang": "nl"}),
        ("python -m spacy project run all .", {}),
        ("", {}),
        ("--vars.data 'my data'", {"data": "my data"}),
        ("'--vars.data=my data'", {"data": "my data"}),
        ("--vars.teacher=jsonl:a=b.jsonl", {"teacher": "jsonl:a=b.jsonl"}),
        ("--vars.gpu_id -1", {"gpu_id": "-1"}),
        ("--vars.name=", {"name": ""}),
        ("--vars.name ''", {"name": ""}),
        ("--vars.name=--odd", {"name": "--odd"}),
        # A name without a value is a flag, as for weasel.
        ("--vars.lang --vars.seed 1", {"lang": "true", "seed": "1"}),
        ("--vars.lang", {"lang": "true"}),
        # The last one counts.
        ("--vars.seed 1 --vars.seed 2", {"seed": "2"}),
        ("--training.max_steps 1 --variables.x 2 --vars 3", {}),
    ],
)
def test_variables_parse_overrides(arguments: str, expected: dict[str, str]) -> None:
    assert parse_overrides(shlex.split(arguments)) == expected


def test_variables_given_overrides_stand_in_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("WEASEL_CONFIG_OVERRIDES", "--vars.lang nl --vars.data='my data'")
    found = given_overrides()
    assert found["lang"] == "nl"
    assert found["data"] == "my data"


def test_variables_a_misspelt_one_stops_any_command_before_it_writes(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    ran = []

    @writes
    def command() -> None:
        ran.append(1)

    (tmp_path / "project.yml").write_text("vars: {lang: xx}", encoding="utf-8")
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("WEASEL_CONFIG_OVERRIDES", "--vars.lnag nl")
    with pytest.raises(SystemExit):
        command()
    assert ran == []
    monkeypatch.setenv("WEASEL_CONFIG_OVERRIDES", "--vars.lang nl")
    command()
    assert ran == [1]


def test_variables_given_overrides_stand_on_the_command_line_of_the_parent() -> None:
    code = "from scripts.distill.core.variables import given_overrides; print(sorted(given_overrides().items()))"
    parent = f"import subprocess, sys; subprocess.run([sys.executable, '-c', {code!r}], check=True)"
    # The environment wins, as for weasel.
    environment = {**os.environ, "WEASEL_CONFIG_OVERRIDES": "--vars.seed 2"}
    done = subprocess.run(
        [sys.executable, "-c", parent, "--vars.lang", "nl", "--vars.seed=1", "--vars.name=één"],
        check=True, capture_output=True, encoding="utf-8", cwd=ROOT, env={**environment, "PYTHONUTF8": "1"},
    )  # fmt: skip
    assert done.stdout.strip() == "[('lang', 'nl'), ('name', 'één'), ('seed', '2')]"


def test_variables_known_variables_are_accepted() -> None:
    check_known({}, DEFAULTS)
    check_known({"lang": "nl", "seed": "1"}, DEFAULTS)


@pytest.mark.parametrize(
    ("overrides", "unknown"),
    [
        ({"langs": "nl"}, "--vars.langs"),
        ({"zz": "1", "lang": "nl", "aa": "2"}, "--vars.aa, --vars.zz"),
        ({"Lang": "nl"}, "--vars.Lang"),
        ({"lang.x": "nl"}, "--vars.lang.x"),
    ],
    ids=["misspelt", "two", "case", "nested"],
)
def test_variables_unknown_variable_is_an_error(overrides: dict[str, str], unknown: str) -> None:
    with pytest.raises(SettingsError) as raised:
        check_known(overrides, DEFAULTS)
    known = "--vars.lang, --vars.data, --vars.seed, --vars.teacher"
    assert str(raised.value) == f"Unknown variable: {unknown}. Known: {known}"


@pytest.mark.parametrize("value", ['my "data"', "my$data", "C:\\data"])
def test_variables_with_characters_that_weasel_reads_as_something_else_are_an_error(value: str) -> None:
    with pytest.raises(SettingsError) as raised:
        check_characters({"lang": "xx", "data": value, "seed": 0})
    assert str(raised.value).startswith(f"data = {value}: has ")
    assert str(raised.value).endswith("ln -s <path> plain, and --vars.data plain")
    check_characters({"data": "it's my dåta, 100%", "seed": 0})


def test_variables_with_a_backslash_stop_a_workflow_with_our_message() -> None:
    """weasel turns a\\b into another string; scripts.check looks at what was given."""
    command = [sys.executable, "-m", "weasel", "run", "check-all", ".", "--vars.data", "a\\b"]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True)
    assert done.returncode != 0
    assert "data = a\\b: has \\, which spaCy's project commands read as something else" in done.stdout
    assert "Traceback" not in done.stdout + done.stderr


@pytest.mark.parametrize(
    "values",
    [
        {},
        {"data": "my data"},
        {"data": 'it\'s "here" $HOME; rm *', "lang": "nl"},
        {"name": "", "seed": "1"},
        {"teacher": "spacy:a=b"},
    ],
    ids=["none", "space", "special", "empty", "equals"],
)
def test_variables_full_command_gives_the_same_variables_again(values: dict[str, str]) -> None:
    arguments = shlex.split(full_command("score", values, DEFAULTS))
    assert arguments[:7] == ["python", "-m", "spacy", "project", "run", "score", "."]
    assert parse_overrides(arguments) == values


def test_variables_full_command_leaves_defaults_out() -> None:
    values = {"lang": "xx", "seed": "0", "data": "other"}
    assert full_command("all", values, DEFAULTS) == "python -m spacy project run all . --vars.data other"


@pytest.mark.parametrize(
    ("name", "version"),
    [
        ("my-name", "0.1.0"),
        ("My_name", "0.1.0"),
        ("my__name", "0.1.0"),
        ("nl_name", "0.1.0"),
        ("../up", "0.1.0"),
        ("/abs", "0.1.0"),
        ("name", "../0.1.0"),
        ("name", "2024.01.05"),
        ("name", "1.0-rc1"),
        ("name", "not a version"),
    ],
)
def test_variables_refuse_what_packaging_would_write_otherwise(name: str, version: str) -> None:
    with pytest.raises(SettingsError, match="name = " if version == "0.1.0" else "version = "):
        check_package("nl", name, version)


@pytest.mark.parametrize(("name", "version"), [("sentiment_distilled", "0.1.0"), ("a1", "2024.1.5"), ("x", "1.0rc1")])
def test_variables_accept_names_and_versions(name: str, version: str) -> None:
    check_package("nl", name, version)
