import json
import os
import re
import sys
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import spacy
from spacy.language import Language

from scripts.distill.core.files import hash_file
from scripts.distill.core.variables import SettingsError
from scripts.distill.release import wheel as wheel_module
from scripts.distill.release.export import SPACY_RANGE
from scripts.distill.release.sbom import PLACE, make_sbom
from scripts.distill.release.wheel import (
    HARD,
    WheelError,
    build_wheel,
    check_evaluation,
    check_name,
    spacy_environment,
    verify_wheel,
)
from scripts.distill.teacher.teachers import load_pipeline
from tests.release.test_card import EVALUATION, NOTES, SUMMARY
from tests.teacher.test_teachers import textcat_pipeline

TEXTS = ["good", "bad", "a good text"]
Change = Callable[[dict[str, Any]], None]


def save_model(folder: Path, nlp: Language) -> Path:
    nlp.meta.update(name="tiny_mood", version="0.0.1", tokenizer_cache=500, label_shares={"POS": 0.75, "NEG": 0.25})
    nlp.to_disk(folder)
    return folder


@pytest.fixture
def model(tmp_path: Path) -> Path:
    nlp = textcat_pipeline()
    nlp.meta["performance"] = {"cats_micro_f": 0.9444}
    nlp.meta["spacy_version"] = SPACY_RANGE
    return save_model(tmp_path / "model", nlp)


@pytest.fixture
def wheel(tmp_path: Path) -> Path:
    path = tmp_path / "en_tiny_mood-0.0.1-py3-none-any.whl"
    path.write_bytes(b"wheel")
    return path


@pytest.fixture
def environment(monkeypatch: pytest.MonkeyPatch, model: Path) -> dict[str, Any]:
    """Replace the clean environment, which needs the network, by what it would print. A test may change that."""
    cats = [doc.cats for doc in spacy.load(model).pipe(TEXTS)]
    found = {
        "spacy": "3.8.18", "torch_importable": False, "load_seconds": 0.25, "cats": cats, "hard": [1.0, 0.9999999],
        "tokenizer_cache": 500,
    }  # fmt: skip

    def run(command: list[str], folder: str, stdin: str = "") -> str:
        assert wheel_module._TRY not in command or json.loads(stdin) == [TEXTS, HARD]
        return json.dumps(found) if wheel_module._TRY in command else ""

    monkeypatch.setattr(wheel_module, "run_command", run)
    return found


def change_score(by: float) -> Change:
    def change(found: dict[str, Any]) -> None:
        found["cats"][-1]["POS"] += by

    return change


def import_torch(found: dict[str, Any]) -> None:
    found["torch_importable"] = True


def lose_label(found: dict[str, Any]) -> None:
    del found["cats"][0]["POS"]


def add_label(found: dict[str, Any]) -> None:
    found["cats"][0]["MIX"] = 0.0


def answer_no_empty_text(found: dict[str, Any]) -> None:
    found["hard"][0] = 0.0


def forget_cache(found: dict[str, Any]) -> None:
    found["tokenizer_cache"] = 10_000


def test_wheels_run_returns_output_of_command_in_folder(tmp_path: Path) -> None:
    code = "import os, sys; print(os.getcwd(), sys.stdin.read())"
    output = wheel_module.run_command([sys.executable, "-c", code], str(tmp_path), stdin="from stdin")
    assert output == f"{tmp_path.resolve()} from stdin{os.linesep}"


def test_wheels_run_hides_the_projects_pythonpath(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("PYTHONPATH", str(tmp_path / "mine"))
    monkeypatch.setenv("WHEELS_TEST", "kept")
    code = "import os; print(os.environ.get('PYTHONPATH'), os.environ['WHEELS_TEST'])"
    assert wheel_module.run_command([sys.executable, "-c", code], str(tmp_path)).split() == ["None", "kept"]


def test_wheels_run_failure_shows_command_code_and_end_of_stderr(tmp_path: Path) -> None:
    code = "import sys; sys.stderr.write('start' + 'x' * 5000 + 'what went wrong'); sys.exit(3)"
    with pytest.raises(WheelError) as error:
        wheel_module.run_command([sys.executable, "-c", code], str(tmp_path))
    assert str(error.value).startswith(f"{sys.executable} -c import sys;")
    assert "failed with exit code 3" in str(error.value)
    assert str(error.value).endswith("what went wrong")
    assert "startxxx" not in str(error.value)


def test_wheels_try_prints_what_the_package_predicts(model: Path, tmp_path: Path) -> None:
    command = [sys.executable, "-I", "-c", wheel_module._TRY, str(model)]
    found = json.loads(wheel_module.run_command(command, str(tmp_path), stdin=json.dumps([TEXTS, []])))
    expected = [doc.cats for doc in spacy.load(model).pipe(TEXTS)]
    for cats, other in zip(found["cats"], expected, strict=True):
        assert cats == pytest.approx(other, abs=1e-6)
    assert found["spacy"] == spacy.__version__
    assert found["torch_importable"] is True  # the project's own environment has it
    assert found["load_seconds"] > 0


def test_wheels_verify_reports_what_was_found(
    environment: dict[str, Any], wheel: Path, model: Path, tmp_path: Path
) -> None:
    change_score(5e-7)(environment)
    result = verify_wheel(wheel, model, TEXTS, Path("constraints.txt"), tmp_path)
    assert result == {
        "wheel": wheel.name,
        "sha256": hash_file(wheel),
        "size_bytes": 5,
        "spacy": "3.8.18",
        "torch_importable": False,
        "load_seconds": 0.25,
        "largest_difference": pytest.approx(5e-7, rel=1e-3),
        "samples": [{"text": text, "cats": cats} for text, cats in zip(TEXTS, environment["cats"], strict=True)],
    }


@pytest.mark.parametrize(
    "change,message",
    [
        pytest.param(change_score(2e-6), "scores differ .* by up to 2", id="score"),
        pytest.param(change_score(-0.25), "scores differ .* by up to 0.25", id="lower-score"),
        pytest.param(change_score(float("nan")), "scores differ .* by up to nan", id="nan"),
        pytest.param(lose_label, "labels", id="label-missing"),
        pytest.param(add_label, "labels", id="label-extra"),
        pytest.param(import_torch, "torch is importable", id="torch"),
        pytest.param(answer_no_empty_text, r"sum to \[0\.0, ", id="empty-text"),
        pytest.param(forget_cache, "has room for 10000", id="cache"),
    ],
)
def test_wheels_verify_refuses(
    environment: dict[str, Any], wheel: Path, model: Path, tmp_path: Path, change: Change, message: str
) -> None:
    change(environment)
    with pytest.raises(WheelError, match=f"{wheel}: .*{message}"):
        verify_wheel(wheel, model, TEXTS, Path("constraints.txt"), tmp_path)


def test_wheels_spacy_environment_is_kept_until_the_constraints_change(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    commands: list[list[str]] = []
    monkeypatch.setattr(wheel_module, "run_command", lambda command, folder: commands.append(command))
    constraints, folder = tmp_path / "constraints.txt", tmp_path / "env of spacy"
    constraints.write_text("spacy==3.8.18\n", encoding="utf-8")
    python = spacy_environment(folder, constraints)
    assert Path(python).is_relative_to(folder)
    assert [command[1:3] for command in commands] == [["-m", "venv"], ["-m", "pip"]]
    assert commands[1][3] == "--python"
    assert commands[1][5:] == ["install", "--quiet", "-c", str(constraints), "spacy"]
    assert spacy_environment(folder, constraints) == python
    assert len(commands) == 2
    constraints.write_text("spacy==3.8.19\n", encoding="utf-8")
    spacy_environment(folder, constraints)
    assert len(commands) == 4


def test_wheels_spacy_environment_that_fails_is_not_kept(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    def fail(command: list[str], folder: str) -> str:
        raise WheelError("no index")

    monkeypatch.setattr(wheel_module, "run_command", fail)
    (tmp_path / "constraints.txt").touch()
    with pytest.raises(WheelError, match="no index"):
        spacy_environment(tmp_path / "env", tmp_path / "constraints.txt")
    assert [path.name for path in tmp_path.iterdir()] == ["constraints.txt"]


@pytest.mark.long
@pytest.mark.network
def test_wheels_build_and_verify(model: Path, tmp_path: Path) -> None:
    old = tmp_path / "packages" / "en_tiny_mood-0.0.1" / "dist" / "en_tiny_mood-0.0.1-py2-none-any.whl"
    old.parent.mkdir(parents=True)
    old.touch()
    wheel = build_wheel(model, tmp_path / "packages", EVALUATION)
    assert wheel == old.with_name("en_tiny_mood-0.0.1-py3-none-any.whl")
    assert not old.exists()
    with zipfile.ZipFile(wheel) as archive:
        meta = json.loads(archive.read("en_tiny_mood/meta.json"))
        metadata = archive.read("en_tiny_mood-0.0.1.dist-info/METADATA").decode("utf-8")
        assert json.loads(archive.read(f"en_tiny_mood-0.0.1.dist-info/{PLACE}")) == make_sbom(meta)
        contents = b"".join(archive.read(name) for name in archive.namelist())
    assert str(tmp_path).encode() not in contents
    assert (meta["evaluation"], meta["notes"]) == (SUMMARY, NOTES)
    assert "\nRequires-Dist: spacy" in metadata
    assert f"## Results\n\n{NOTES}\n\n" in metadata
    assert not re.search("n/a|CATS_MICRO_F", metadata)
    assert "Requires-Dist: torch" not in metadata

    result = verify_wheel(wheel, model, TEXTS, Path("constraints.txt"), tmp_path)
    assert result["sha256"] == hash_file(wheel)
    assert result["spacy"] == spacy.__version__
    assert result["torch_importable"] is False
    assert result["largest_difference"] <= 1e-6
    assert [max(sample["cats"], key=sample["cats"].get) for sample in result["samples"]] == ["POS", "NEG", "POS"]

    other = save_model(tmp_path / "other", textcat_pipeline(updates=1))
    with pytest.raises(WheelError, match=f"scores differ from those of {other}"):
        verify_wheel(wheel, other, TEXTS, Path("constraints.txt"), tmp_path)


def test_wheel_of_another_name_than_the_variables_say_is_an_error(model: Path) -> None:
    check_name(model, "en_tiny_mood-0.0.1")
    with pytest.raises(WheelError, match=r"is en_tiny_mood-0\.0\.1, .* given xx_tiny_mood-0\.0\.1 .* --vars\.lang en "):
        check_name(model, "xx_tiny_mood-0.0.1")


def test_wheel_says_what_was_measured_of_this_student(model: Path, tmp_path: Path) -> None:
    labels = ["NEG", "POS"]
    measured = load_pipeline(str(model), labels).fingerprint
    evaluation = {"split": "test", "labels": labels, "fingerprints": {"student": measured}}
    check_evaluation(model, evaluation)
    with pytest.raises(WheelError, match=r"of the train texts\. .* run evaluate"):
        check_evaluation(model, {**evaluation, "split": "train"})
    other = save_model(tmp_path / "other", textcat_pipeline(updates=1))
    with pytest.raises(WheelError, match=f"of another student than {other}.* run evaluate"):
        check_evaluation(other, evaluation)


@pytest.mark.parametrize("key", ["name", "version"])
def test_wheel_whose_name_is_a_path_is_not_built(model: Path, tmp_path: Path, key: str) -> None:
    meta = json.loads((model / "meta.json").read_text(encoding="utf-8"))
    (model / "meta.json").write_text(json.dumps({**meta, key: "../../up"}), encoding="utf-8")
    with pytest.raises(SettingsError, match=f"{key} = "):
        build_wheel(model, tmp_path / "packages", EVALUATION)
    assert [path.name for path in tmp_path.iterdir()] == ["model"]


@pytest.mark.network
def test_wheels_score_the_same_with_the_oldest_spacy(model: Path, tmp_path: Path) -> None:
    [oldest] = re.findall(r">=([\d.]+),", SPACY_RANGE)
    # Newer versions of typer do without click, which old ones of spaCy need without saying so.
    constraints = tmp_path / "constraints.txt"
    constraints.write_text(f"spacy=={oldest}\ntyper<0.20\n", encoding="utf-8")
    wheel = build_wheel(model, tmp_path / "packages", EVALUATION)
    result = verify_wheel(wheel, model, TEXTS, constraints, tmp_path)
    assert result["spacy"] == oldest
    assert result["largest_difference"] <= 1e-6
