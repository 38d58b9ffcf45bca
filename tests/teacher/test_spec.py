import json
from pathlib import Path
from typing import Any

import pytest

from scripts.distill.core.files import hash_file, hash_folder
from scripts.distill.core.variables import (
    SettingsError,
)
from scripts.distill.teacher.spec import (
    check_spec_exists,
    check_trained_here,
    find_local_path,
    note_teacher,
    public_name,
)

DEFAULTS = {"lang": "xx", "data": "assets/sample", "seed": 0, "teacher": "train"}


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
def test_spec_find_and_note_a_teacher_in_a_folder_or_file(tmp_path: Path, kind: str) -> None:
    folder, file = tmp_path / "model", tmp_path / "a:b.jsonl"
    folder.mkdir()
    (folder / "weights").write_text("1", encoding="utf-8")
    file.write_text("{}", encoding="utf-8")
    for place, digest in ((folder, hash_folder(folder)), (file, hash_file(file))):
        assert find_local_path(f"{kind}:{place}") == place
        note_teacher(f"{kind}:{place}", tmp_path / "teacher")
        assert read_note(tmp_path / "teacher") == {"teacher": f"{kind}:{place}", "sha256": [digest]}


def test_spec_find_and_note_a_teacher_in_a_package(tmp_path: Path, package: Path) -> None:
    pipeline = package / "xx_tiny_teacher-0.1.0"
    expected = {"teacher": "spacy:xx_tiny_teacher", "sha256": [hash_folder(pipeline)]}
    assert find_local_path("spacy:xx_tiny_teacher") == pipeline
    note_teacher("spacy:xx_tiny_teacher", tmp_path / "teacher")
    assert read_note(tmp_path / "teacher") == expected
    # As Python does when it is first imported.
    (package / "__pycache__").mkdir()
    (package / "__pycache__" / "__init__.cpython-311.pyc").write_bytes(b"compiled")
    note_teacher("spacy:xx_tiny_teacher", tmp_path / "teacher")
    assert read_note(tmp_path / "teacher") == expected


def test_spec_find_a_package_without_a_folder_of_its_version(package: Path) -> None:
    (package / "xx_tiny_teacher-0.1.0").rename(package / "model")
    assert find_local_path("spacy:xx_tiny_teacher") == package


@pytest.mark.usefixtures("package")
@pytest.mark.parametrize(
    "teacher",
    ["hf:owner/model@main", "hf:xx_tiny_teacher", "spacy:no_such_package", "spacy:./no/path", "jsonl:none.jsonl"],
)
def test_spec_note_a_teacher_that_is_not_on_this_machine(tmp_path: Path, teacher: str) -> None:
    assert find_local_path(teacher) is None
    note_teacher(teacher, tmp_path / "teacher")
    assert read_note(tmp_path / "teacher") == {"teacher": teacher, "sha256": [None]}


def test_spec_note_several_teachers(tmp_path: Path) -> None:
    paths = [tmp_path / "a.jsonl", tmp_path / "b.jsonl"]
    for path in paths:
        path.write_text(path.name, encoding="utf-8")
    teacher = f"mean:jsonl:{paths[0]},hf:owner/model,jsonl:{paths[1]}"
    note_teacher(teacher, tmp_path / "teacher")
    expected = [hash_file(paths[0]), None, hash_file(paths[1])]
    assert read_note(tmp_path / "teacher") == {"teacher": teacher, "sha256": expected}


def test_spec_note_changes_with_the_teachers_files_only(tmp_path: Path) -> None:
    path = tmp_path / "scores.jsonl"
    notes = []
    for content in ("1", "1", "2"):
        path.write_text(content, encoding="utf-8")
        note_teacher(f"jsonl:{path}", tmp_path / "teacher")
        notes.append((tmp_path / "teacher" / "external.json").read_bytes())
    assert notes[0] == notes[1] != notes[2]


@pytest.mark.parametrize("exists", [True, False], ids=["noted", "not-noted"])
def test_spec_the_teacher_trained_here_removes_the_note_alone(tmp_path: Path, exists: bool) -> None:
    folder = tmp_path / "teacher"
    (folder / "model-best").mkdir(parents=True)
    if exists:
        note_teacher("hf:owner/model", folder)
    note_teacher("train", folder)
    assert [path.name for path in folder.iterdir()] == ["model-best"]


def test_spec_note_needs_no_folder_for_the_teacher_trained_here(tmp_path: Path) -> None:
    note_teacher("train", tmp_path / "teacher")
    assert not (tmp_path / "teacher").exists()


def test_spec_teachers_that_are_nowhere_are_an_error(tmp_path: Path, package: Path) -> None:
    (tmp_path / "scores.jsonl").touch()
    here = f"hf:{tmp_path}"
    for teacher in ("train", "hf:owner/model@main", here, "spacy:xx_tiny_teacher", f"mean:train,{here}"):
        check_spec_exists(teacher)
    check_spec_exists(f"jsonl:{tmp_path / 'scores.jsonl'}")
    for teacher in ("hf:./none", "hf:/no/such", "jsonl:none.jsonl", "mean:train,hf:./none"):
        with pytest.raises(SettingsError, match=r"^teacher = (hf|jsonl):\S+: there is no \S+$"):
            check_spec_exists(teacher)
    with pytest.raises(SettingsError, match="there is no xx_missing, and no package of this name is installed"):
        check_spec_exists("spacy:xx_missing")


def test_spec_no_trained_teacher_names_the_commands_that_train_one(tmp_path: Path) -> None:
    check_trained_here(tmp_path)
    with pytest.raises(SettingsError) as error:
        check_trained_here(tmp_path / "none", {"data": "my data"}, DEFAULTS)
    assert str(error.value).splitlines()[1:] == [
        f"python -m spacy project run {step} . --vars.data 'my data'"
        for step in ("prepare", "encoder", "train-teacher")
    ]
    with pytest.raises(SettingsError, match=r"none: no trained teacher\. Train it, with the --vars of your data:\n"):
        check_trained_here(tmp_path / "none")


@pytest.mark.parametrize(
    ("teacher", "public"),
    [
        ("train", "train"),
        ("hf:owner/model@main", "hf:owner/model@main"),
        ("spacy:xx_tiny_teacher", "spacy:xx_tiny_teacher"),
        ("jsonl:/home/someone/scores.jsonl", "jsonl:scores.jsonl"),
        ("jsonl:scores/all.jsonl", "jsonl:all.jsonl"),
        ("hf:~/models/big", "hf:big"),
        ("hf:../models/big", "hf:big"),
        ("spacy:{here}/model-best", "spacy:model-best"),
        ("mean:train,hf:/home/x/big,hf:owner/model", "mean:train,hf:big,hf:owner/model"),
    ],
)
def test_spec_public_name_has_no_path_of_this_machine(tmp_path: Path, teacher: str, public: str) -> None:
    (tmp_path / "model-best").mkdir()
    assert public_name(teacher.format(here=tmp_path)) == public
