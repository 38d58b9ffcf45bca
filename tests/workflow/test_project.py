"""project.yml: complete dependencies, quoted variables, the README's tables, and a whole run."""

import ast
import json
import os
import re
import shlex
import shutil
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import asdict
from pathlib import Path
from typing import Any

import pytest
import srsly
from transformers import AutoTokenizer, BertConfig, BertForSequenceClassification
from typer.testing import CliRunner
from weasel.util.config import substitute_project_variables

from scripts.distill.core.files import write_json
from scripts.distill.core.lock import HOLDER, NESTED, Run
from scripts.distill.core.processes import start_of
from scripts.distill.data.docbins import read_docs
from scripts.distill.data.prepare import CODE
from tests.helpers import ROOT
from tests.workflow.test_docs import find_app

PROJECT = srsly.read_yaml(ROOT / "project.yml")
COMMANDS: dict[str, dict[str, Any]] = {command["name"]: command for command in PROJECT["commands"]}
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


def test_project_nothing_compiled_lies_below_a_dependency(finished: Path) -> None:
    """weasel hashes all that lies in a folder: what Python compiles would look like a change."""
    for root in (ROOT, finished):
        for folder in ("scripts/distill", "scripts/tagger", "scripts/lab"):
            assert not list((root / folder).rglob("*.pyc"))


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


# --- A whole run, in a copy of the project, on a few of the sample's reviews ---

SMALL = {
    "teacher.cfg": {"min_updates": "4", "max_updates": "4", "evaluations": "2"},
    "baseline.cfg": {"max_steps": "20", "eval_frequency": "10"},
    "student.cfg": {"min_updates": "20", "max_updates": "20", "evaluations": "2"},
    "augment.cfg": {"variants": "3"},
    "vectors.cfg": {"words": "500"},
    # In bfloat16 the probabilities of untrained teachers are all alike.
    "score.cfg": {"dtype": '"float32"'},
}
MADE = ["corpus/prepare.json", "corpus/augmented.jsonl", "corpus/score.json", "training/teacher/model-best",
        "training/student/export", "metrics/evaluation.json"]  # fmt: skip
WITHOUT_INDEX = ("package", "verify", "summary")


def run_project(folder: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    environment = {name: value for name, value in os.environ.items() if name != NESTED} | {"OMP_NUM_THREADS": "2"}
    # weasel is what `python -m spacy project` calls, and starts ten times faster.
    command = [sys.executable, "-m", "weasel", "run", *arguments]
    return subprocess.run(command, cwd=folder, env=environment, capture_output=True, text=True)


@pytest.fixture(scope="session")
def copy(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Copy the project, with short trainings and half of two languages' labelled reviews."""
    folder = tmp_path_factory.mktemp("project with blanks")
    for name in ("project.yml", "constraints.txt", "README.md"):
        shutil.copy(ROOT / name, folder)
    shutil.copytree(ROOT / "scripts", folder / "scripts", ignore=shutil.ignore_patterns("__pycache__"))
    shutil.copytree(ROOT / "configs", folder / "configs")
    shutil.copytree(ROOT / "assets/tagger", folder / "assets/tagger")
    for name, values in SMALL.items():
        path = folder / "configs" / name
        text = path.read_text(encoding="utf-8")
        for key, value in values.items():
            text, count = re.subn(rf"(?m)^{key} = .*$", f"{key} = {value}", text)
            assert count == (2 if key == "variants" else 1)
        path.write_text(text, encoding="utf-8")
    for lang in ("en", "nl"):
        for path in (ROOT / "assets/sample" / lang).glob("*.jsonl"):
            lines = path.read_text(encoding="utf-8").splitlines(keepends=True)
            (folder / "my data" / lang).mkdir(parents=True, exist_ok=True)
            kept = 60 if path.stem == "unlabelled" else len(lines) // 2
            (folder / "my data" / lang / path.name).write_text("".join(lines[:kept]), encoding="utf-8")
    project = (folder / "project.yml").read_text(encoding="utf-8")
    # The smaller encoder is quicker to train and to write.
    for default, other in (('data: "assets/sample"', 'data: "my data"'), ('encoder: "e5"', 'encoder: "minilm"')):
        assert default in project
        project = project.replace(default, other)
    (folder / "project.yml").write_text(project, encoding="utf-8")
    return folder


@pytest.fixture(scope="session")
def finished(copy: Path) -> Path:
    """Run the workflow but for the steps that need a package index."""
    for step in PROJECT["workflows"]["all"]:
        if step not in WITHOUT_INDEX:
            done = run_project(copy, step, ".")
            assert done.returncode == 0, f"{step}\n{done.stdout}\n{done.stderr}"
    return copy


def test_project_run_makes_a_student_from_reviews(finished: Path) -> None:
    for name in MADE:
        assert (finished / name).exists(), name
    evaluation = json.loads((finished / "metrics/evaluation.json").read_text())
    assert set(evaluation["languages"]) == {"en", "nl"}
    assert evaluation["overall"]["n"] == sum(row["n"] for row in evaluation["languages"].values())
    for system in ("baseline", "teacher", "student", "tfidf_logreg"):
        assert 0 <= evaluation["overall"]["systems"][system]["accuracy"] <= 1
        assert 0 <= evaluation["overall"]["systems"][system]["ece"] <= 1
    meta = json.loads((finished / "training/student/export/meta.json").read_text())
    before, after = (evaluation["overall"]["systems"]["student"][key] for key in ("ece_before_calibration", "ece"))
    # Trained so shortly, the student is hardly better than a guess: any temperature within the bounds may come out.
    temperature = meta["distillation"]["calibration"]["temperature"]
    assert 0.05 <= temperature <= 20
    assert temperature != 1 or before == after
    scored = json.loads((finished / "corpus/score.json").read_text())
    prepared = json.loads((finished / "corpus/prepare.json").read_text())
    for lang, kept in prepared["kept"].items():
        assert scored["texts"][lang]["gold"] == kept["train"]
        assert scored["texts"][lang]["unlabelled"] == kept["unlabelled"]
        assert set(scored["texts"][lang]) > {"gold", "unlabelled", "pos_swap", "ngram"}


def test_project_student_needs_no_code_of_ours(finished: Path, tmp_path: Path) -> None:
    code = "import spacy, sys; nlp = spacy.load(sys.argv[1]); print(sorted(nlp('Prima boek!').cats), nlp.meta['name'])"
    command = [sys.executable, "-c", code, str(finished / "training/student/export")]
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True)
    assert done.stdout.strip() == "['NEG', 'POS'] sentiment_distilled", done.stderr


def test_project_student_holds_no_path_of_this_machine(finished: Path) -> None:
    for path in (finished / "training/student/export").rglob("*"):
        content = path.read_bytes() if path.is_file() else b""
        assert not [place for place in (finished, ROOT) if str(place).encode() in content], path


def test_project_second_run_skips_every_step(finished: Path) -> None:
    for step in PROJECT["workflows"]["all"]:
        if COMMANDS[step].get("outputs") and step not in WITHOUT_INDEX:
            done = run_project(finished, step, ".")
            said = "Nothing changed: corpus was made" if step == "prepare" else f"Skipping '{step}': nothing changed"
            assert said in " ".join(done.stdout.split()), done.stdout + done.stderr


def test_project_second_workflow_at_once_stops(finished: Path, tmp_path: Path) -> None:
    """The first one is between two of its commands."""
    folder = tmp_path / "project"
    copy_without(finished, folder, "training", "assets/encoder")
    pid = os.getpid()
    me = Run(pid, start_of(pid), "spacy project run all .", "2026-01-01 00:00:00", worker=pid)
    write_json(folder / HOLDER, asdict(me))
    done = run_project(folder, "all", ".", "--vars.lang", "nl")
    assert done.returncode == 1
    said = " ".join((done.stdout + done.stderr).split())
    assert f"process {os.getpid()} (since {me.since}: {me.command}) is at work here" in said
    assert "prepare" not in done.stdout


def test_project_broken_lock_file_is_named(finished: Path, tmp_path: Path) -> None:
    folder = tmp_path / "project"
    copy_without(finished, folder, "training", "assets/encoder")
    for content in ("", "a: ["):
        (folder / "project.lock").write_text(content, encoding="utf-8")
        done = run_project(folder, "all", ".")
        assert done.returncode == 1
        assert "project.lock: empty or broken. Remove it" in done.stdout + done.stderr


def test_project_same_seed_makes_the_same_bytes(finished: Path, tmp_path: Path) -> None:
    made = [
        "corpus/augmented.jsonl",
        "corpus/transfer/00000.spacy",
        "corpus/vectors/vocab/vectors",
        "training/student/model-best/textcat/model",
    ]
    before = [(finished / name).read_bytes() for name in made]
    (finished / "corpus/scores.sqlite").unlink()
    for step in ("prepare", "augment", "score", "vectors", "train-student"):
        done = run_project(finished, step, ".", "--force")
        assert done.returncode == 0, done.stdout + done.stderr
    assert [(finished / name).read_bytes() for name in made] == before


@pytest.mark.parametrize("workflow", ["all", "distill"])
def test_project_unknown_variable_is_an_error(finished: Path, workflow: str) -> None:
    done = run_project(finished, workflow, ".", "--force", "--vars.nmae", "x")
    assert done.returncode != 0
    assert "Unknown variable: --vars.nmae" in done.stdout + done.stderr


@pytest.mark.parametrize(
    ("variables", "message"),
    [
        (("--vars.teacher", "hf:./none"), "teacher = hf:./none: there is no ./none"),
        (("--vars.data", "nowhere"), "data = nowhere (looked for at /"),
        (("--vars.engine", "raay"), "'raay' is not one of"),
        (("--vars.seed", "one"), "Invalid value for '--seed'"),
    ],
)
def test_project_variables_that_cannot_work_stop_a_workflow_at_once(
    finished: Path, variables: tuple[str, ...], message: str
) -> None:
    teacher = () if "--vars.teacher" in variables else ("--vars.teacher", "spacy:training/baseline/model-best")
    done = run_project(finished, "distill", ".", *teacher, *variables)
    assert done.returncode != 0
    assert message in " ".join((done.stdout + done.stderr).split())
    assert "prepare" not in done.stdout


def copy_without(project: Path, to: Path, *folders: str) -> None:
    """Copy a project, but for some of its folders."""
    without = {project / folder for folder in folders}
    shutil.copytree(project, to, ignore=lambda parent, names: [n for n in names if Path(parent, n) in without])


def test_project_outputs_of_other_data_are_not_mixed(finished: Path, tmp_path: Path) -> None:
    folder = tmp_path / "project"
    copy_without(finished, folder, "training/teacher", "assets/encoder")
    assert run_project(folder, "prepare", ".", "--vars.lang", "nl").returncode == 0
    for command in ("score", "train-student", "export", "evaluate"):
        done = run_project(folder, command, ".")
        assert done.returncode != 0
        assert "made from other data" in " ".join((done.stdout + done.stderr).split())


def test_project_misspelt_option_is_a_message() -> None:
    """With typer 0.26 to 0.29, which brings a click of its own, weasel's error is a traceback."""
    done = run_project(ROOT, "all", ".", "--data", "my_data")
    assert done.returncode == 2
    assert "No such option '--data'" in done.stderr
    assert "Traceback" not in done.stderr


def test_project_all_with_an_external_teacher_names_distill(finished: Path) -> None:
    done = run_project(finished, "all", ".", "--vars.teacher", "spacy:x")
    assert done.returncode != 0
    assert "python -m spacy project run distill . --vars.teacher spacy:x" in " ".join(
        (done.stdout + done.stderr).split()
    )


def run_distill(folder: Path, teacher: str, *steps: str) -> None:
    for step in steps or PROJECT["workflows"]["distill"]:
        if step not in WITHOUT_INDEX:
            done = run_project(folder, step, ".", "--vars.teacher", teacher)
            assert done.returncode == 0, f"{step}\n{done.stdout}\n{done.stderr}"


@pytest.fixture
def without_teacher(finished: Path, tmp_path: Path) -> Path:
    folder = tmp_path / "project"
    copy_without(finished, folder, "training/teacher", "assets/encoder", "training/student", "metrics")
    return folder


def test_project_distil_uses_a_teacher_from_elsewhere(without_teacher: Path) -> None:
    teacher = "spacy:training/baseline/model-best"
    run_distill(without_teacher, teacher)
    evaluation = json.loads((without_teacher / "metrics/evaluation.json").read_text())
    assert evaluation["teacher"] == teacher
    systems = evaluation["overall"]["systems"]
    assert systems["teacher"] == systems["baseline"]
    meta = json.loads((without_teacher / "training/student/export/meta.json").read_text())
    # Nothing of this machine's folders goes into a package.
    assert meta["distillation"]["teacher"] == "spacy:model-best"


def test_project_distil_from_a_file_of_probabilities(without_teacher: Path) -> None:
    rows = [json.loads(line) for line in (without_teacher / "corpus/unlabelled.jsonl").open(encoding="utf-8")]
    teacher = without_teacher / "probabilities.jsonl"
    lines = [json.dumps({"text": row["text"], "cats": {"NEG": 0.25, "POS": 0.75}}) + "\n" for row in rows]
    teacher.write_text("".join(lines[1:]), encoding="utf-8")
    run_distill(
        without_teacher,
        "jsonl:probabilities.jsonl",
        "check-distill",
        "encoder",
        "score",
        "vectors",
        "train-student",
        "export",
        "evaluate",
    )
    scored = json.loads((without_teacher / "corpus/score.json").read_text())
    assert scored["total"] == len(rows) - 1
    unscored = [json.loads(line) for line in (without_teacher / "corpus/unscored.jsonl").open(encoding="utf-8")]
    assert {"text": rows[0]["text"], "lang": rows[0]["lang"], "origin": "unlabelled"} in unscored
    assert len(unscored) == scored["unscored"]
    evaluation = json.loads((without_teacher / "metrics/evaluation.json").read_text())
    assert evaluation["teacher"] is None
    n = evaluation["overall"]["n"]
    assert evaluation["why_no_teacher"] == f"it has no answer for {n} of {n} texts"
    # weasel knows nothing of the file; the check that is never skipped tells it.
    teacher.write_text("".join(lines), encoding="utf-8")
    run_distill(without_teacher, "jsonl:probabilities.jsonl", "check-distill", "score")
    assert json.loads((without_teacher / "corpus/score.json").read_text())["total"] == len(rows)


@pytest.mark.parametrize("engine", ["local", "ray"])
def test_project_scores_with_a_hugging_face_teacher(finished: Path, without_teacher: Path, engine: str) -> None:
    sizes = {"hidden_size": 16, "num_hidden_layers": 1, "num_attention_heads": 2, "intermediate_size": 16}
    config = BertConfig(id2label={0: "POS", 1: "NEG"}, **sizes)
    BertForSequenceClassification(config).save_pretrained(without_teacher / "classifier")
    AutoTokenizer.from_pretrained(finished / "assets/encoder").save_pretrained(without_teacher / "classifier")
    scores = run_project(
        without_teacher, "score", ".", "--vars.teacher", "hf:classifier", "--vars.engine", engine, "--force"
    )
    assert scores.returncode == 0, scores.stdout + scores.stderr
    scored = json.loads((without_teacher / "corpus/score.json").read_text())
    assert scored["teacher"] == "hf:classifier"
    assert scored["unscored"] == 0
    docs = [doc for path in (without_teacher / "corpus/transfer").glob("*.spacy") for doc in read_docs(path)]
    assert len(docs) == scored["total"]
    assert len({doc.user_data["teacher_cats"]["POS"] for doc in docs}) > 50


@pytest.mark.network
def test_project_packages_and_verifies(finished: Path) -> None:
    for step in WITHOUT_INDEX:
        done = run_project(finished, step, ".")
        assert done.returncode == 0, f"{step}\n{done.stdout}\n{done.stderr}"
    verified = json.loads((finished / "metrics/verify.json").read_text())
    assert verified["torch_importable"] is False
    assert verified["largest_difference"] <= 1e-6
    assert {tuple(sorted(sample["cats"])) for sample in verified["samples"]} == {("NEG", "POS")}
    assert {sample["gold"] for sample in verified["samples"]} == {"NEG", "POS"}
    assert verified["size_bytes"] <= 10_000_000
    for step in ("package", "verify"):
        done = run_project(finished, step, ".")
        assert f"Skipping '{step}': nothing changed" in done.stdout, done.stdout + done.stderr
    # The summary comes each time.
    done = run_project(finished, "summary", ".")
    assert re.search(r"all +40 .*pip install packages/xx_sentiment_distilled", done.stdout, re.DOTALL), done.stdout
