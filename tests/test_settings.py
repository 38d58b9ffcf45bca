import json
import os
import shlex
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from scripts.distil.files import hash_file, hash_folder
from scripts.distil.settings import (
    SettingsError,
    check_known,
    check_package,
    check_same,
    check_teacher_exists,
    check_teacher_trained,
    find_teacher,
    full_command,
    given_overrides,
    note_teacher,
    parse_overrides,
    read_defaults,
)

ROOT = Path(__file__).parent.parent
DEFAULTS = {"lang": "xx", "data": "assets/sample", "seed": 0, "teacher": "train"}


def write_record(corpus: Path, **settings: Any) -> Path:
    corpus.mkdir(exist_ok=True)
    recorded = {"lang": "xx", "data": "assets/sample", "seed": 0, **settings}
    (corpus / "prepare.json").write_text(json.dumps(recorded), encoding="utf-8")
    return corpus


def test_settings_read_defaults(tmp_path: Path) -> None:
    path = tmp_path / "project.yml"
    path.write_text('title: "x"\nvars:\n  # a comment\n  lang: "xx"\n  seed: 0\n  gpu_id: -1\n', encoding="utf-8")
    assert read_defaults(path) == {"lang": "xx", "seed": 0, "gpu_id": -1}


def test_settings_recorded_ones_are_variables_of_the_project() -> None:
    assert {"lang", "data", "seed"} <= set(read_defaults(ROOT / "project.yml"))


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
def test_settings_parse_overrides(arguments: str, expected: dict[str, str]) -> None:
    assert parse_overrides(shlex.split(arguments)) == expected


def test_settings_given_overrides_stand_in_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("WEASEL_CONFIG_OVERRIDES", "--vars.lang nl --vars.data='my data'")
    found = given_overrides()
    assert found["lang"] == "nl"
    assert found["data"] == "my data"


def test_settings_given_overrides_stand_on_the_command_line_of_the_parent() -> None:
    code = "from scripts.distil.settings import given_overrides; print(sorted(given_overrides().items()))"
    parent = f"import subprocess, sys; subprocess.run([sys.executable, '-c', {code!r}], check=True)"
    # The environment wins, as for weasel.
    environment = {**os.environ, "WEASEL_CONFIG_OVERRIDES": "--vars.seed 2"}
    done = subprocess.run(
        [sys.executable, "-c", parent, "--vars.lang", "nl", "--vars.seed=1", "--vars.name=één"],
        check=True, capture_output=True, encoding="utf-8", cwd=ROOT, env={**environment, "PYTHONUTF8": "1"},
    )  # fmt: skip
    assert done.stdout.strip() == "[('lang', 'nl'), ('name', 'één'), ('seed', '2')]"


def test_settings_known_variables_are_accepted() -> None:
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
def test_settings_unknown_variable_is_an_error(overrides: dict[str, str], unknown: str) -> None:
    with pytest.raises(SettingsError) as raised:
        check_known(overrides, DEFAULTS)
    known = "--vars.lang, --vars.data, --vars.seed, --vars.teacher"
    assert str(raised.value) == f"Unknown variable: {unknown}. Known: {known}"


@pytest.mark.parametrize(
    ("recorded", "settings"),
    [
        ({}, {}),
        ({"seed": "0"}, {"seed": 0}),
        ({"seed": 0}, {"seed": "0"}),
        # The shell completes the name of a folder with a slash; prepare.json has none.
        ({"data": "my data"}, {"data": "my data/"}),
        ({"data": "my data"}, {"data": "./my data"}),
    ],
    ids=["equal", "string", "number", "slash", "dot"],
)
def test_settings_same_values_are_accepted(tmp_path: Path, recorded: dict[str, Any], settings: dict[str, Any]) -> None:
    corpus = write_record(tmp_path / "corpus", **recorded)
    given = {"lang": "xx", "data": "assets/sample", "seed": 0, **settings}
    check_same(corpus, given, "augment", {"teacher": "x"}, DEFAULTS)


@pytest.mark.parametrize(
    ("recorded", "overrides", "message"),
    [
        # Made with --vars.lang nl; then a command without it.
        (
            {"lang": "nl"},
            {},
            "lang = nl, but 'augment' was given lang = xx (variables are not remembered between calls). To go on with "
            "these corpora, run:\n"
            "python -m spacy project run augment . --vars.lang nl\n"
            "To make new ones, run:\n"
            "python -m spacy project run prepare .",
        ),
        # The other way round. What was given beside it stays.
        (
            {},
            {"teacher": "spacy:a b", "lang": "nl"},
            "lang = xx, but 'augment' was given lang = nl (variables are not remembered between calls). To go on with "
            "these corpora, run:\n"
            "python -m spacy project run augment . --vars.teacher 'spacy:a b'\n"
            "To make new ones, run:\n"
            "python -m spacy project run prepare . --vars.teacher 'spacy:a b' --vars.lang nl",
        ),
        # All three differ, with a path that the shell would take apart.
        (
            {"lang": "de", "data": "my data/it's $HOME", "seed": 7},
            {"seed": "1"},
            "lang = de, data = my data/it's $HOME, seed = 7, but 'augment' was given lang = xx, data = assets/sample, "
            "seed = 1 (variables are not remembered between calls). To go on with these corpora, run:\n"
            "python -m spacy project run augment . --vars.seed 7 --vars.lang de "
            "--vars.data 'my data/it'\"'\"'s $HOME'\n"
            "To make new ones, run:\n"
            "python -m spacy project run prepare . --vars.seed 1",
        ),
    ],
    ids=["forgotten", "changed", "all"],
)
def test_settings_other_values_are_an_error(
    tmp_path: Path, recorded: dict[str, Any], overrides: dict[str, str], message: str
) -> None:
    corpus = write_record(tmp_path / "corpus", **recorded)
    given = {name: overrides.get(name, DEFAULTS[name]) for name in ("lang", "data", "seed")}
    with pytest.raises(SettingsError) as raised:
        check_same(corpus, given, "augment", overrides, DEFAULTS)
    assert str(raised.value) == f"{corpus} was made with {message}"


def test_settings_missing_corpora_name_the_command_that_makes_them(tmp_path: Path) -> None:
    with pytest.raises(SettingsError) as raised:
        check_same(tmp_path, DEFAULTS, "augment", {"data": "my data", "lang": "xx"}, DEFAULTS)
    command = "python -m spacy project run prepare . --vars.data 'my data'"
    assert str(raised.value) == f"{tmp_path}/prepare.json: no such file. Make it with: {command}"


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
def test_settings_full_command_gives_the_same_variables_again(values: dict[str, str]) -> None:
    arguments = shlex.split(full_command("score", values, DEFAULTS))
    assert arguments[:7] == ["python", "-m", "spacy", "project", "run", "score", "."]
    assert parse_overrides(arguments) == values


def test_settings_full_command_leaves_defaults_out() -> None:
    values = {"lang": "xx", "seed": "0", "data": "other"}
    assert full_command("all", values, DEFAULTS) == "python -m spacy project run all . --vars.data other"


@pytest.mark.parametrize(
    ("name", "version"),
    [
        ("my-name", "0.1.0"),
        ("My_name", "0.1.0"),
        ("my__name", "0.1.0"),
        ("nl_name", "0.1.0"),
        ("name", "2024.01.05"),
        ("name", "1.0-rc1"),
        ("name", "not a version"),
    ],
)
def test_settings_refuse_what_packaging_would_write_otherwise(name: str, version: str) -> None:
    with pytest.raises(SettingsError, match="name = " if version == "0.1.0" else "version = "):
        check_package("nl", name, version)


@pytest.mark.parametrize(("name", "version"), [("sentiment_distilled", "0.1.0"), ("a1", "2024.1.5"), ("x", "1.0rc1")])
def test_settings_accept_names_and_versions(name: str, version: str) -> None:
    check_package("nl", name, version)


@pytest.fixture
def package(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A package that can be imported, laid out as spaCy does."""
    folder = tmp_path / "site" / "xx_tiny_teacher"
    (folder / "xx_tiny_teacher-0.1.0").mkdir(parents=True)
    (folder / "__init__.py").write_text("", encoding="utf-8")
    (folder / "meta.json").write_text("{}", encoding="utf-8")
    (folder / "xx_tiny_teacher-0.1.0" / "meta.json").write_text("{}", encoding="utf-8")
    monkeypatch.syspath_prepend(folder.parent)
    return folder


def read_note(folder: Path) -> dict[str, Any]:
    return json.loads((folder / "external.json").read_text(encoding="utf-8"))


@pytest.mark.parametrize("kind", ["spacy", "hf", "jsonl"])
def test_settings_find_and_note_a_teacher_in_a_folder_or_file(tmp_path: Path, kind: str) -> None:
    folder, file = tmp_path / "model", tmp_path / "a:b.jsonl"
    folder.mkdir()
    (folder / "weights").write_text("1", encoding="utf-8")
    file.write_text("{}", encoding="utf-8")
    for place, digest in ((folder, hash_folder(folder)), (file, hash_file(file))):
        assert find_teacher(f"{kind}:{place}") == place
        note_teacher(f"{kind}:{place}", tmp_path / "teacher")
        assert read_note(tmp_path / "teacher") == {"teacher": f"{kind}:{place}", "sha256": [digest]}


def test_settings_find_and_note_a_teacher_in_a_package(tmp_path: Path, package: Path) -> None:
    pipeline = package / "xx_tiny_teacher-0.1.0"
    expected = {"teacher": "spacy:xx_tiny_teacher", "sha256": [hash_folder(pipeline)]}
    assert find_teacher("spacy:xx_tiny_teacher") == pipeline
    note_teacher("spacy:xx_tiny_teacher", tmp_path / "teacher")
    assert read_note(tmp_path / "teacher") == expected
    # As Python does when it is first imported.
    (package / "__pycache__").mkdir()
    (package / "__pycache__" / "__init__.cpython-311.pyc").write_bytes(b"compiled")
    note_teacher("spacy:xx_tiny_teacher", tmp_path / "teacher")
    assert read_note(tmp_path / "teacher") == expected


def test_settings_find_a_package_without_a_folder_of_its_version(package: Path) -> None:
    (package / "xx_tiny_teacher-0.1.0").rename(package / "model")
    assert find_teacher("spacy:xx_tiny_teacher") == package


@pytest.mark.usefixtures("package")
@pytest.mark.parametrize(
    "teacher",
    ["hf:owner/model@main", "hf:xx_tiny_teacher", "spacy:no_such_package", "spacy:./no/path", "jsonl:none.jsonl"],
)
def test_settings_note_a_teacher_that_is_not_on_this_machine(tmp_path: Path, teacher: str) -> None:
    assert find_teacher(teacher) is None
    note_teacher(teacher, tmp_path / "teacher")
    assert read_note(tmp_path / "teacher") == {"teacher": teacher, "sha256": [None]}


def test_settings_note_several_teachers(tmp_path: Path) -> None:
    paths = [tmp_path / "a.jsonl", tmp_path / "b.jsonl"]
    for path in paths:
        path.write_text(path.name, encoding="utf-8")
    teacher = f"mean:jsonl:{paths[0]},hf:owner/model,jsonl:{paths[1]}"
    note_teacher(teacher, tmp_path / "teacher")
    expected = [hash_file(paths[0]), None, hash_file(paths[1])]
    assert read_note(tmp_path / "teacher") == {"teacher": teacher, "sha256": expected}


def test_settings_note_changes_with_the_teachers_files_only(tmp_path: Path) -> None:
    path = tmp_path / "scores.jsonl"
    notes = []
    for content in ("1", "1", "2"):
        path.write_text(content, encoding="utf-8")
        note_teacher(f"jsonl:{path}", tmp_path / "teacher")
        notes.append((tmp_path / "teacher" / "external.json").read_bytes())
    assert notes[0] == notes[1] != notes[2]


@pytest.mark.parametrize("exists", [True, False], ids=["noted", "not-noted"])
def test_settings_the_teacher_trained_here_removes_the_note_alone(tmp_path: Path, exists: bool) -> None:
    folder = tmp_path / "teacher"
    (folder / "model-best").mkdir(parents=True)
    if exists:
        note_teacher("hf:owner/model", folder)
    note_teacher("train", folder)
    assert [path.name for path in folder.iterdir()] == ["model-best"]


def test_settings_note_needs_no_folder_for_the_teacher_trained_here(tmp_path: Path) -> None:
    note_teacher("train", tmp_path / "teacher")
    assert not (tmp_path / "teacher").exists()


def test_settings_teachers_that_are_nowhere_are_an_error(tmp_path: Path, package: Path) -> None:
    (tmp_path / "scores.jsonl").touch()
    here = f"hf:{tmp_path}"
    for teacher in ("train", "hf:owner/model@main", here, "spacy:xx_tiny_teacher", f"mean:train,{here}"):
        check_teacher_exists(teacher)
    check_teacher_exists(f"jsonl:{tmp_path / 'scores.jsonl'}")
    for teacher in ("hf:./none", "hf:/no/such", "jsonl:none.jsonl", "mean:train,hf:./none"):
        with pytest.raises(SettingsError, match=r"^teacher = (hf|jsonl):\S+: there is no \S+$"):
            check_teacher_exists(teacher)
    with pytest.raises(SettingsError, match="there is no xx_missing, and no package of this name is installed"):
        check_teacher_exists("spacy:xx_missing")


def test_settings_no_trained_teacher_names_the_commands_that_train_one(tmp_path: Path) -> None:
    check_teacher_trained(tmp_path)
    with pytest.raises(SettingsError) as error:
        check_teacher_trained(tmp_path / "none", {"data": "my data"}, DEFAULTS)
    assert str(error.value).splitlines()[1:] == [
        f"python -m spacy project run {step} . --vars.data 'my data'"
        for step in ("prepare", "encoder", "train-teacher")
    ]
    with pytest.raises(SettingsError, match=r"none: no trained teacher\. Train it, with the --vars of your data:\n"):
        check_teacher_trained(tmp_path / "none")
