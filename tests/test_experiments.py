import json
import os
import shutil
import signal
import subprocess
import sys
import time
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy
import pytest
from tqdm import tqdm

from scripts.distil import experiment_results, experiments
from scripts.distil.experiment_results import DEV, TEST, Cell, add_test, read_result, table
from scripts.distil.experiments import ExperimentError, ask_teacher, find_corpora, load_experiment, run_cell

ROOT = Path(__file__).parent.parent
CONFIG = """
[experiment]
seeds = [0, 1]

[data]

[data.nl]
folder = "reviews"
lang = "nl"
teacher = "train"

[data.xx]
folder = "reviews"
lang = "xx"
teacher = "hf:model"

[settings]

[settings.plain]
config = "student.cfg"

[settings.swaps]
config = "student.cfg"
augment = {"augment.variants": 2}

[settings.swaps.train]
training.max_steps = 7
components.textcat.model.tok2vec.embed.rows = [100, 50]
paths.vectors = "corpus/vectors"
"""
CELL = Cell("plain", "nl", 0, "reviews", "nl", "jsonl:scores.jsonl", "student.cfg", {}, {}, {})


@pytest.fixture(autouse=True)
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder with what cells are made of."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "reviews").mkdir()
    (tmp_path / "reviews" / "nl.jsonl").write_text("{}", encoding="utf-8")
    (tmp_path / "scores.jsonl").write_text("{}", encoding="utf-8")
    (tmp_path / "configs").mkdir()
    for name in ("augment", "score", "vectors"):
        (tmp_path / f"configs/{name}.cfg").write_text(f"[{name}]\n", encoding="utf-8")
    (tmp_path / "student.cfg").write_text('[paths]\ntrain = "corpus/transfer"\nvectors = null\n', encoding="utf-8")
    return tmp_path


def write_experiment(text: str = CONFIG) -> Path:
    Path("table.cfg").write_text(text, encoding="utf-8")
    return Path("table.cfg")


def test_experiments_are_settings_by_data_by_seeds() -> None:
    cells = load_experiment(write_experiment())
    names = [f"{s}.{d}.{n}" for n in (0, 1) for d in ("nl", "xx") for s in ("plain", "swaps")]
    assert [cell.name for cell in cells] == names
    assert cells[0] == replace(CELL, teacher="train")
    assert cells[3].augment == {"augment.variants": 2}
    assert cells[3].train["components.textcat.model.tok2vec.embed.rows"] == [100, 50]
    assert cells[3].teacher == "hf:model"


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ("seeds = [0, 1]", "seeds = [0]\nname = 1", r"expected the sections \[experiment\], with seeds"),
        ('teacher = "train"', "", r"\[data.nl\] has folder, lang\. Required: folder, lang, teacher"),
        (
            'config = "student.cfg"',
            'cfg = "student.cfg"',
            r"\[settings.plain\] has cfg\. Required: config; known: config, ",
        ),
        ('config = "student.cfg"', 'config = "other.cfg"', r"\[settings.plain\] config: there is no other\.cfg"),
        ("[experiment]", "experiment]", "can't be read as a config"),
        ('teacher = "train"', 'teacher = "trian"', r"\[data.nl\] teacher: Unknown teacher 'trian'"),
    ],
)
def test_experiments_that_are_wrong_are_an_error(old: str, new: str, message: str) -> None:
    with pytest.raises(ValueError, match=rf"table\.cfg: {message}"):
        load_experiment(write_experiment(CONFIG.replace(old, new, 1)))


def test_experiments_share_corpora_unless_something_that_makes_them_differs(project: Path) -> None:
    home = Path("experiments")
    same = find_corpora(CELL, home)
    assert same.parent == home / "corpora"
    for change in ({"seed": 1}, {"setting": "other"}, {"train": {"training.dropout": 0.2}}, {"config": "other.cfg"}):
        assert find_corpora(replace(CELL, **change), home) == same  # type: ignore[arg-type]
    others = {same}
    for change in ({"lang": "xx"}, {"teacher": "hf:nobody/nothing"}, {"augment": {"a": 1}}, {"vectors": {"a": 1}}):
        others.add(find_corpora(replace(CELL, **change), home))  # type: ignore[arg-type]
    for file in ("reviews/nl.jsonl", "scores.jsonl", "configs/augment.cfg", "configs/score.cfg", "configs/vectors.cfg"):
        (project / file).write_text("changed", encoding="utf-8")
        others.add(find_corpora(CELL, home))
    assert len(others) == 10


def test_experiments_without_the_trained_teacher_are_an_error() -> None:
    with pytest.raises(ValueError, match=r"no trained teacher\. Train it with: .* run train-teacher \."):
        find_corpora(replace(CELL, teacher="train"), Path("experiments"))


@pytest.fixture
def commands(monkeypatch: pytest.MonkeyPatch) -> list[list[str]]:
    """Let `spacy train` do nothing but write a model of ten bytes, and note what was asked."""
    asked: list[list[str]] = []

    def run(command: list[str], log: Path, *, one_thread: bool = False) -> None:
        asked.append(command)
        for name in ("model-best", "model-last"):
            (log.parent / name).mkdir()
            (log.parent / name / "model").write_bytes(b"0123456789")

    scores = {"overall": {"accuracy": 0.8, "teacher": 0.9, "agreement": 0.85}}
    monkeypatch.setattr(experiments, "_run", run)
    monkeypatch.setattr(experiments, "score_model", lambda model, corpus, split: scores)
    return asked


def test_experiments_a_cell_is_trained_on_its_own_corpora(commands: list[list[str]]) -> None:
    train = {"training.max_steps": 7, "paths.vectors": "corpus/vectors", "training.batcher.size": {"a": [1]}}
    result = run_cell(replace(CELL, train=train), Path("ex"), Path("ex/corpora/nl"))
    options = dict(zip(commands[0][3::2], commands[0][4::2], strict=True))
    assert commands[0][:3] == ["spacy", "train", "student.cfg"]
    assert options["--output"] == "ex/plain.nl.0"
    assert options["--paths.train"] == "ex/corpora/nl/transfer"
    assert options["--paths.vectors"] == "ex/corpora/nl/vectors"
    assert options["--nlp.lang"] == "nl"
    assert options["--system.seed"] == "0"
    assert options["--training.max_steps"] == "7"
    assert options["--training.batcher.size"] == '{"a": [1]}'
    assert result["bytes"] == 10
    assert read_result(Path("ex/plain.nl.0")) == json.loads(json.dumps(result))
    assert not Path("ex/plain.nl.0/model-last").exists()


@pytest.mark.parametrize(
    ("change", "trainings"),
    [({}, 1), ({"train": {"a": 1}}, 2), ({"teacher": "train"}, 2), ("config", 2), ("corpora", 2)],
)
def test_experiments_a_cell_is_trained_again_only_if_something_differs(
    commands: list[list[str]], change: Any, trainings: int
) -> None:
    cell, corpora = CELL, Path("ex/corpora/nl")
    run_cell(cell, Path("ex"), corpora)
    if change == "config":
        Path("student.cfg").write_text("[paths]\ntrain = null\n", encoding="utf-8")
    elif change == "corpora":
        corpora = Path("ex/corpora/nl-2")
    else:
        cell = replace(CELL, **change)
    shutil.rmtree("ex/plain.nl.0/model-best") if trainings == 2 else None
    run_cell(cell, Path("ex"), corpora)
    assert len(commands) == trainings


def test_experiments_a_killed_cell_is_trained_again(commands: list[list[str]]) -> None:
    run_cell(CELL, Path("ex"), Path("ex/corpora/nl"))
    Path("ex/plain.nl.0/result.json").unlink()
    shutil.rmtree("ex/plain.nl.0/model-best")
    run_cell(CELL, Path("ex"), Path("ex/corpora/nl"))
    assert len(commands) == 2


def test_experiments_a_failed_command_is_an_error_with_its_output() -> None:
    with pytest.raises(
        ExperimentError, match=r"spacy train student\.cfg(.|\n)*train\.log ends with:\n(.|\n)*code not found"
    ):
        run_cell(CELL, Path("ex"), Path("ex/corpora/nl"))
    assert read_result(Path("ex/plain.nl.0")) is None


def test_experiments_an_orphaned_training_is_not_disturbed(project: Path) -> None:
    """The runner was killed, what it had started lives on."""
    log = project / "train.log"
    code = "import time; print('training', flush=True); time.sleep(60)"
    runner = (
        "import sys; from pathlib import Path; from scripts.distil.experiments import _run;"
        f"_run(['timeit', '-n', '1', '-r', '1', {code!r}], Path({str(log)!r}))"
    )
    process = subprocess.Popen([sys.executable, "-c", runner], cwd=ROOT, start_new_session=True)
    try:
        for _ in range(600):
            if log.exists() and "training" in log.read_text(encoding="utf-8"):
                break
            time.sleep(0.1)
        process.kill()
        process.wait()
        with pytest.raises(ExperimentError, match=r"train\.log: another process is still at it"):
            experiments._run(["timeit", "1"], log)
        assert "training" in log.read_text(encoding="utf-8")
    finally:
        os.killpg(process.pid, signal.SIGKILL)


def test_experiments_table_has_all_seeds_and_gaps(commands: list[list[str]], monkeypatch: pytest.MonkeyPatch) -> None:
    cells = [replace(CELL, setting=setting, seed=seed) for seed in (0, 1) for setting in ("plain", "swaps")]
    accuracies = iter([0.8, 0.85, 0.825])
    give = lambda *_: {"overall": {"accuracy": next(accuracies), "teacher": 0.9, "agreement": 0.75}}  # noqa: E731
    monkeypatch.setattr(experiments, "score_model", give)
    for cell in cells[:3]:
        run_cell(cell, Path("ex"), Path("ex/corpora/nl"))
    header, plain, swaps = table(cells, Path("ex"))
    assert header == ("setting", "nl acc", "nl gap", "nl agree", "seeds", "s", "MB")
    assert plain == ("plain", "80.0/82.5", "8.8", "75.0", "2", "0", "0.0")
    assert swaps == ("swaps", "85.0", "5.0", "75.0", "1", "0", "0.0")


def test_experiments_test_texts_are_scored_once(commands: list[list[str]], monkeypatch: pytest.MonkeyPatch) -> None:
    run_cell(CELL, Path("ex"), Path("ex/corpora/nl"))
    assert table([CELL], Path("ex"), TEST)[1] == ("plain", "–", "–", "–", "0", "–", "–")
    asked: list[tuple[Any, ...]] = []
    scores = {"overall": {"accuracy": 0.7, "teacher": 0.8, "agreement": 0.9}}
    monkeypatch.setattr(experiment_results, "score_model", lambda *given: asked.append(given) or scores)
    for corpora in ("ex/corpora/other", "ex/corpora/nl", "ex/corpora/nl"):
        add_test(Path("ex/plain.nl.0"), Path(corpora))
    assert asked == [(Path("ex/plain.nl.0/model-best"), Path("ex/corpora/nl"), TEST)]
    assert table([CELL], Path("ex"), TEST)[1][:4] == ("plain", "70.0", "10.0", "90.0")
    assert table([CELL], Path("ex"), DEV)[1][:4] == ("plain", "80.0", "10.0", "85.0")
    add_test(Path("ex/not.trained.0"), Path("ex/corpora/nl"))


REAL = """
[experiment]
seeds = [0]

[data]

[data.nl]
folder = "assets/sample"
lang = "nl"
teacher = "jsonl:{folder}/scores.jsonl"

[settings]

[settings.one]
config = "configs/student_bow.cfg"

[settings.two]
config = "configs/student_bow.cfg"

[settings.one.augment]
augment.variants = 0

[settings.two.augment]
augment.variants = 0

[settings.one.train]
training.max_steps = 2
training.eval_frequency = 1

[settings.two.train]
training.max_steps = 4
training.eval_frequency = 1
"""


CATS = {"NEG": {"NEG": 0.8, "POS": 0.2}, "POS": {"NEG": 0.1, "POS": 0.9}}


def test_experiments_run_from_the_command_line(project: Path) -> None:
    sample = ROOT / "assets/sample"
    rows = [json.loads(line) for path in (sample / "nl").iterdir() for line in path.open(encoding="utf-8")]
    scores = [{"text": row["text"], "cats": CATS["NEG" if row.get("stars", 5) < 3 else "POS"]} for row in rows]
    (project / "scores.jsonl").write_text("".join(json.dumps(row) + "\n" for row in scores), encoding="utf-8")
    path = write_experiment(REAL.format(folder=project)).absolute()
    command = [sys.executable, "-m", "scripts.experiments", "run", str(path), "--home", str(project / "ex")]
    command += ["--cache", str(project / "scores.sqlite"), "--processes", "2"]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True)
    assert done.returncode == 0, done.stdout + done.stderr
    for name in ("one", "two"):
        result = read_result(project / f"ex/{name}.nl.0")
        assert result and result["dev"]["overall"] == result["dev"]["nl"]
        assert result["dev"]["overall"]["teacher"] == 1
        assert f"\n{name} " in done.stdout
    assert len(list((project / "ex/corpora").iterdir())) == 1


def test_experiments_a_teacher_without_all_answers_is_an_error(project: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    rows = numpy.asarray([[0.1, 0.9], [numpy.nan, numpy.nan]], dtype="float32")
    trial = SimpleNamespace(ask_teacher=lambda cache, bar: (rows, None))
    monkeypatch.setattr("scripts.distil.experiments.load_trial", lambda *args, **kwargs: trial)
    with pytest.raises(ValueError, match=r"jsonl:scores\.jsonl has no answer for 1 of 2 dev texts of reviews"):
        ask_teacher(CELL, project, project / "scores.sqlite", tqdm, "dev")
    assert not list(project.glob("teacher_*.json"))
