"""README and docs: plain, short, and their code blocks work."""

import importlib
import re
import shlex
from pathlib import Path
from typing import Any, cast

import pytest
import spacy
import srsly
import typer
from thinc.api import get_current_ops, set_current_ops
from typer.core import TyperCommand, TyperGroup

from scripts.distill.augment.plan import load_plan
from scripts.distill.score.settings import load_score_settings
from scripts.lab.tables import load_experiment
from tests.helpers import ROOT
from tests.teacher.test_teachers import textcat_pipeline

PROJECT = srsly.read_yaml(ROOT / "project.yml")
GENERATED = re.compile(r"<!-- WEASEL: AUTO-GENERATED DOCS START.*?DOCS END[^>]*>", re.DOTALL)
# results.md and experiments.md are records; tagger.md is made by a command.
RECORDS = {"results.md", "experiments.md", "tagger.md"}
PAGES = [ROOT / "README.md", *sorted(p for p in (ROOT / "docs").glob("*.md") if p.name not in RECORDS)]
BLOCK = re.compile(r"^```(\w*)\n(.*?)^```$", re.DOTALL | re.MULTILINE)
BLOCKS = [
    pytest.param(language, code, id=f"{path.stem}-{language}-{number}")
    for path in (*PAGES, ROOT / "docs/results.md", ROOT / "docs/experiments.md")
    for number, (language, code) in enumerate(BLOCK.findall(GENERATED.sub("", path.read_text(encoding="utf-8"))))
    if language
]


def of(language: str) -> list[object]:
    return [block for block in BLOCKS if block.values[0] == language]


def read(path: Path) -> str:
    return GENERATED.sub("", path.read_text(encoding="utf-8"))


@pytest.mark.parametrize("path", PAGES, ids=lambda path: path.stem)
def test_docs_lines_and_sentences_are_short(path: Path) -> None:
    text = read(path)
    assert [line for line in text.splitlines() if len(line) > 120] == []
    prose = "\n".join(line for line in BLOCK.sub("", text).splitlines() if not line.startswith(("|", "#", "!")))
    prose = re.sub(r"\[([^\]]*)\]\([^)]*\)", r"\1", prose)
    for paragraph in re.split(r"\n\s*\n|\n(?=\s*(?:- |\d\. ))", prose):
        for sentence in re.split(r"(?<=[.:;?])\s", paragraph):
            assert len(sentence.split()) <= 30, " ".join(sentence.split())


def test_docs_readme_is_short() -> None:
    assert len(read(ROOT / "README.md").splitlines()) <= 150


@pytest.mark.parametrize("path", [*PAGES, ROOT / "docs/results.md", ROOT / "docs/experiments.md"], ids=lambda p: p.stem)
def test_docs_links_lead_somewhere(path: Path) -> None:
    for link in re.findall(r"\]\(([^)\s]+)\)", read(path)):
        if link.startswith("http"):
            continue
        file, _, anchor = link.partition("#")
        target = (path.parent / file) if file else path
        assert target.exists(), link
        if anchor:
            titles = re.findall(r"^#+ (.+)$", target.read_text(encoding="utf-8"), re.MULTILINE)
            made = {re.sub(r"[^\w -]", "", title.lower()).replace(" ", "-") for title in titles}
            assert anchor in made, link


def test_docs_every_page_is_in_the_readme() -> None:
    text = read(ROOT / "README.md")
    for path in (ROOT / "docs").glob("*.md"):
        if path.name != "tagger.md":
            assert f"(docs/{path.name})" in text


@pytest.mark.parametrize(("language", "code"), of("bash"))
def test_docs_commands_exist(language: str, code: str) -> None:
    for line in code.replace("\\\n", " ").splitlines():
        words = shlex.split(line, comments=True)
        words = [word for word in words if not re.fullmatch(r"[A-Z_]+=\S*", word)]
        if not words or words[0] in ("source", "cd"):
            continue
        if words[0] == "make":
            assert f"\n{words[1]}:" in (ROOT / "Makefile").read_text(encoding="utf-8")
        elif words[0] in ("python3.11", ".venv/bin/pip"):
            assert "venv" in line
        elif words[0] == "pip":
            files = [words[i + 1] for i, word in enumerate(words) if word in ("-r", "-c")]
            assert all((ROOT / file).exists() for file in files)
            wheel = f"{PROJECT['vars']['lang']}_{PROJECT['vars']['name']}-{PROJECT['vars']['version']}"
            assert files or words[2].startswith(f"packages/{wheel}/dist/{wheel}-")
        else:
            assert words[:2] == ["python", "-m"], line
            check_module(words[2:])


def check_module(words: list[str]) -> None:
    options = [word for word in words if word.startswith("--")]
    if words[:3] == ["spacy", "project", "run"]:
        assert words[3] in {*PROJECT["workflows"], *(command["name"] for command in PROJECT["commands"])}
        assert words[4] == "."
        assert {option.removeprefix("--vars.") for option in options} <= set(PROJECT["vars"])
        return
    command = find_command(words[0])
    # A word that is no option may be the name of a subcommand.
    if isinstance(command, TyperGroup) and len(words) > 1:
        command = command.commands[words[1]]
    known = {name for parameter in command.params for name in (*parameter.opts, *parameter.secondary_opts)}
    assert {option for option in options if "." not in option} <= known


def find_command(name: str) -> TyperCommand | TyperGroup:
    """Return the command that `python -m name` runs."""
    return typer.main.get_command(find_app(name))


def find_app(name: str) -> typer.Typer:
    """Return the app that `python -m name` runs."""
    module = importlib.import_module(f"{name}.__main__" if (ROOT / name.replace(".", "/")).is_dir() else name)
    if hasattr(module, "app"):
        return module.app
    app = typer.Typer()
    app.command()(module.main)
    return app


@pytest.mark.parametrize(("language", "code"), of("python"))
def test_docs_python_runs(
    language: str, code: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    if "FastAPI" in code:
        return  # tests/release/test_service.py starts and asks it
    nlp = textcat_pipeline()
    nlp.meta["thresholds"] = {"0.95": {"POS": {"threshold": 0.5}, "NEG": None}}
    monkeypatch.setattr(spacy, "load", lambda name: nlp)
    names: dict[str, Any] = {}
    ops = get_current_ops()
    exec(compile(code, "docs", "exec"), names)  # noqa: S102  # our own pages
    if "set_current_ops" in code:
        assert cast(Any, get_current_ops()).use_blis is False
        set_current_ops(ops)
    elif "thresholds" in code:
        assert [names["answer"](text) for text in ("good", "bad")] == ["POS", None]
    elif "resume_training" in code:
        assert re.fullmatch(r"\{'textcat': \d+\.\d+\}\n", capsys.readouterr().out)
    elif "print(" in code:
        found = re.findall(r"'POS': (0\.\d+)", capsys.readouterr().out)
        assert len(found) == 2
        assert (found[0] == found[1]) == ("the same twice" in code)
    else:
        method = spacy.registry.get("distill_augmenters", "last_words.v1")
        assert callable(method(n=2))


@pytest.mark.parametrize(("language", "code"), of("ini"))
def test_docs_configs_can_be_read(language: str, code: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(ROOT)
    if "[experiment]" in code:
        (tmp_path / "table.cfg").write_text(code, encoding="utf-8")
        assert len(load_experiment(tmp_path / "table.cfg")) == 4
        return
    if "[components.llm]" in code:
        return  # tests/teacher/test_language_model.py asks it
    if "[methods." in code:
        plan = (ROOT / "configs/augment.cfg").read_text(encoding="utf-8")
        shares = plan.replace("tang = 0.0", "tang = 0.0\nlast_words = 1.0")
        (tmp_path / "augment.cfg").write_text(f"{shares}\n{code}", encoding="utf-8")
        page = (ROOT / "docs/augmentation.md").read_text(encoding="utf-8")
        [function] = re.findall(r"```python\n(.*?)```", page, re.DOTALL)
        (tmp_path / "mine.py").write_text(function, encoding="utf-8")
        assert "last_words" in load_plan(tmp_path / "augment.cfg", code=tmp_path / "mine.py").methods
        return
    text = (ROOT / "configs/score.cfg").read_text(encoding="utf-8")
    (tmp_path / "score.cfg").write_text(text.replace("[hugging_face.label_map]\n", code), encoding="utf-8")
    found = load_score_settings(tmp_path / "score.cfg").hugging_face.label_map
    assert found == {"1 star": "NEG", "2 stars": "NEG", "3 stars": None, "4 stars": "POS", "5 stars": "POS"}


@pytest.mark.parametrize("page", ["robustness", "security"])
def test_docs_robustness_names_tests_that_exist(page: str) -> None:
    names = set(re.findall(r"`(test_\w+)`", read(ROOT / f"docs/{page}.md")))
    tests = "".join(path.read_text(encoding="utf-8") for path in (ROOT / "tests").rglob("test_*.py"))
    assert names
    assert {name for name in names if f"def {name}(" not in tests} == set()
