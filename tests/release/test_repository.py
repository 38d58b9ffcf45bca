"""A repository of the Hugging Face Hub: its card, its files, and what is said if it can't be uploaded."""

import json
import zipfile
from pathlib import Path
from typing import Any

import pytest
import typer
from huggingface_hub import ModelCard
from typer.testing import CliRunner

from scripts.distill.release.card import write_card
from scripts.distill.release.repository import write_repository
from scripts.push import main
from tests.release.test_card import ABOUT, META, SUMMARY

PACKED = {**META, "license": "Apache 2.0", "components": ["textcat"], "evaluation": SUMMARY, "distillation": ABOUT}
INSIDE = "en_tiny_mood/en_tiny_mood-0.0.1"


def make_wheel(path: Path, files: dict[str, str]) -> Path:
    with zipfile.ZipFile(path, "w") as archive:
        for name, content in files.items():
            archive.writestr(name, content)
    return path


@pytest.fixture
def wheel(tmp_path: Path) -> Path:
    files = {
        "en_tiny_mood/__init__.py": "", "en_tiny_mood/meta.json": json.dumps(PACKED),
        f"{INSIDE}/meta.json": json.dumps(PACKED), f"{INSIDE}/textcat/model": "weights",
        f"{INSIDE}/README.md": write_card(PACKED), "en_tiny_mood-0.0.1.dist-info/RECORD": "",
    }  # fmt: skip
    return make_wheel(tmp_path / "en_tiny_mood-0.0.1-py3-none-any.whl", files)


def test_repository_has_pipeline_wheel_and_card(wheel: Path, tmp_path: Path) -> None:
    write_repository(wheel, tmp_path / "hub")
    found = {str(path.relative_to(tmp_path / "hub")) for path in (tmp_path / "hub").rglob("*") if path.is_file()}
    assert found == {"README.md", "meta.json", "textcat/model", wheel.name}
    assert (tmp_path / "hub" / wheel.name).read_bytes() == wheel.read_bytes()


def test_repository_card_shows_the_results(wheel: Path, tmp_path: Path) -> None:
    write_repository(wheel, tmp_path / "hub")
    card = ModelCard.load(tmp_path / "hub" / "README.md")
    assert card.text.strip() == write_card(PACKED).strip()
    about = card.data.to_dict()
    assert [about[key] for key in ("language", "license", "library_name", "pipeline_tag", "tags")] == [
        ["en", "nl"], "apache-2.0", "spacy", "text-classification", ["spacy", "text-classification"],
    ]  # fmt: skip
    assert {(result.dataset_config, result.metric_type, result.metric_value) for result in card.data.eval_results} == {
        ("en", "accuracy", 0.875), ("nl", "accuracy", 0.75), ("all", "accuracy", 0.8125),
        ("en", "f1", 0.5), ("nl", "f1", 0.5), ("all", "f1", 0.75),
    }  # fmt: skip
    [index] = about["model-index"]
    assert index["name"] == "en_tiny_mood"
    assert len(index["results"]) == 3


@pytest.mark.parametrize(
    "files", [None, {}, {f"{INSIDE}/meta.json": json.dumps(PACKED)}], ids=["no zip", "empty", "no card"]
)
def test_repository_of_what_is_no_wheel_is_an_error(files: dict[str, str] | None, tmp_path: Path) -> None:
    path = tmp_path / "en_tiny_mood-0.0.1-py3-none-any.whl"
    path.write_bytes(b"") if files is None else make_wheel(path, files)
    with pytest.raises(ValueError, match=f"{path}: no wheel of a spaCy pipeline"):
        write_repository(path, tmp_path / "hub")
    assert not (tmp_path / "hub").exists()


def run_push(*arguments: object) -> tuple[int, str]:
    app = typer.Typer()
    app.command()(main)
    result = CliRunner().invoke(app, [str(argument) for argument in arguments])
    return result.exit_code, " ".join(result.output.split())


def test_push_without_a_name_uploads_nothing(wheel: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("huggingface_hub.HfApi.create_repo", None)
    code, said = run_push(wheel, tmp_path / "hub")
    assert code == 0
    assert "Nothing was uploaded." in said
    assert (tmp_path / "hub" / "README.md").exists()


@pytest.mark.usefixtures("offline")
@pytest.mark.parametrize("name", ["me/mood", "no name of the Hub"])
def test_push_that_can_not_upload_says_why_and_keeps_the_folder(wheel: Path, tmp_path: Path, name: str) -> None:
    code, said = run_push(wheel, tmp_path / "hub", "--repository", name)
    assert code == 1
    assert "Can't upload" in said
    assert (tmp_path / "hub" / "README.md").exists()


def test_push_uploads_the_folder(wheel: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    calls: list[dict[str, Any]] = []

    def record(api: object, *arguments: Any, **options: Any) -> str:
        calls.append({"arguments": arguments, **options})
        return "https://huggingface.co/me/mood"

    monkeypatch.setattr("huggingface_hub.HfApi.create_repo", record)
    monkeypatch.setattr("huggingface_hub.HfApi.upload_folder", record)
    code, said = run_push(wheel, tmp_path / "hub", "--repository", "me/mood")
    assert code == 0, said
    assert "Uploaded to https://huggingface.co/me/mood" in said
    assert calls[0] == {"arguments": ("me/mood",), "private": True, "exist_ok": True}
    assert (calls[1]["repo_id"], calls[1]["folder_path"]) == ("me/mood", tmp_path / "hub")


def test_repository_that_spacy_huggingface_hub_makes(wheel: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """spaCy's own package takes the wheel, too. Of text classifiers, it lists no results beside the card."""
    push = pytest.importorskip("spacy_huggingface_hub.push", reason="needs requirements-hub.txt")
    cards: list[str] = []

    def upload_folder(*, folder_path: Path, **options: Any) -> str:
        cards.append((folder_path / "README.md").read_text(encoding="utf-8"))
        return "https://huggingface.co/me/en_tiny_mood/tree/main/"

    monkeypatch.setattr("huggingface_hub.HfApi.create_repo", lambda api, **options: None)
    monkeypatch.setattr(push, "upload_folder", upload_folder)
    assert push.push(wheel, "me", silent=True)["url"] == "https://huggingface.co/me/en_tiny_mood"
    [card] = cards
    assert "- text-classification" in card
    assert "license: apache-2.0" in card
    assert card.endswith(write_card(PACKED))
