import json
import os
import re
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

from scripts.distill.core.lock import NESTED
from scripts.distill.data.corpus import Corpus, GoldSplit
from scripts.lab import results, tables
from scripts.lab.results import DEV, TEST, Cell, Place, add_test, check_trained, read_result, table, teacher_labels
from scripts.lab.tables import (
    ExperimentError,
    ask_teacher,
    find_places,
    load_experiment,
    make_corpora,
    run_cell,
    train_teacher,
)
from tests.helpers import ROOT

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
STUDENT = """
[paths]
train = "corpus/transfer"
vectors = null

[training]
max_steps = 1

[components]

[components.textcat]

[components.textcat.model]

[components.textcat.model.tok2vec]

[components.textcat.model.tok2vec.embed]
rows = [1]
"""
CELL = Cell("plain", "nl", 0, "reviews", "nl", "jsonl:scores.jsonl", "student.cfg", {}, {}, {})
HOME = Path("ex")
PLACE = Place(HOME / "plain.nl.0", HOME / "corpora/nl", HOME / "corpora/nl/vectors-1", HOME / "teachers/nl")


@pytest.fixture(autouse=True)
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder with what cells are made of."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "reviews").mkdir()
    (tmp_path / "reviews" / "nl.jsonl").write_text("{}", encoding="utf-8")
    (tmp_path / "scores.jsonl").write_text("{}", encoding="utf-8")
    (tmp_path / "configs").mkdir()
    teacher = '[paths]\ntrain = "corpus/gold/train.spacy"\n'
    (tmp_path / "configs/teacher.cfg").write_text(teacher, encoding="utf-8")
    for folder in ("assets/tagger", "assets/encoder"):
        (tmp_path / folder).mkdir(parents=True)
    for path in ("configs/score.cfg", "configs/vectors.cfg", "assets/tagger/model", "assets/encoder/model"):
        (tmp_path / path).write_text("[section]\n", encoding="utf-8")
    augment = '[augment]\nvariants = 20\n\n[taggers]\nxx = "assets/tagger"\nfr = null\n'
    (tmp_path / "configs/augment.cfg").write_text(augment, encoding="utf-8")
    (tmp_path / "student.cfg").write_text(STUDENT, encoding="utf-8")
    return tmp_path


def test_experiments_columns_can_have_variants_of_their_own() -> None:
    column = '[data.xx]\naugment = {"augment.variants": 3, "taggers.nl": null}'
    cells = load_experiment(write_experiment(CONFIG.replace("[data.xx]", column)))
    plain, swaps = [cell.augment for cell in cells if cell.data == "xx" and cell.seed == 0]
    assert plain == {"augment.variants": 3, "taggers.nl": None}
    assert swaps == {"augment.variants": 2, "taggers.nl": None}
    assert cells[0].augment == {}


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
        ("seeds = [0, 1]", "seeds = [0]\nname = 1", r"\[experiment\] name: unknown\. Known: seeds"),
        ('teacher = "train"', "", r"\[data.nl\] teacher: missing"),
        (
            'config = "student.cfg"',
            'cfg = "student.cfg"',
            r"\[settings.plain\] config: missing; \[settings.plain\] cfg: unknown\. Known: config, train",
        ),
        ('config = "student.cfg"', 'config = "other.cfg"', r"\[settings.plain\] config: there is no other\.cfg"),
        ("[experiment]", "experiment]", "can't be read as a config"),
        (
            "training.max_steps",
            "training.max_stpes",
            r"\[settings.swaps.train\]: student.cfg has no .* training.max_stpes",
        ),
        (
            "augment.variants",
            "augment.varients",
            r"\[settings.swaps.augment\]: configs/augment.cfg has no setting augment.varients",
        ),
        (
            "[settings.swaps]",
            "[settings.plain.vectors]\ntaggers.nl = 1\n\n[settings.swaps]",
            r"\[settings.plain.vectors\]: configs/vectors.cfg has no setting taggers.nl",
        ),
        ("training.max_steps", "paths.train.more", r"\[settings.swaps.train\]: student.cfg has no .* paths.train.more"),
        ("seeds = [0, 1]", "seeds = 3", r"\[experiment\] seeds: must be a valid list\. Found: 3"),
        ('teacher = "train"', "teacher = 5", r"\[data.nl\] teacher: must be a valid string\. Found: 5"),
        (
            "[data.xx]",
            '[data.xx]\naugment = {"augment.varients": 2}',
            r"\[data.xx.augment\]: configs/augment.cfg has no setting augment.varients",
        ),
        (
            '[settings.swaps]\nconfig = "student.cfg"',
            '[settings.swaps]\nconfig = "tfidf"',
            r"\[settings.swaps\] config: the control tfidf has no settings",
        ),
        ("[settings.plain]", "[data]\n\n[settings.plain]", "can't be read as a config"),
        ('teacher = "train"', 'teacher = "trian"', r"\[data.nl\] teacher: Unknown teacher 'trian'"),
    ],
)
def test_experiments_that_are_wrong_are_an_error(old: str, new: str, message: str) -> None:
    with pytest.raises(ValueError, match=rf"table\.cfg: {message}"):
        load_experiment(write_experiment(CONFIG.replace(old, new, 1)))


def find_place(cell: Cell) -> Place:
    return find_places([cell], HOME)[0]


def test_experiments_share_corpora_unless_something_that_makes_them_differs(project: Path) -> None:
    same = find_place(CELL)
    assert same.corpus.parent == HOME / "corpora"
    assert same.folder.name.startswith("plain.nl.0-")
    (project / "other.cfg").write_text("[paths]\n", encoding="utf-8")
    folders = {same.folder}
    for change in ({"seed": 1}, {"setting": "other"}, {"train": {"training.dropout": 0.2}}, {"config": "other.cfg"}):
        place = find_place(replace(CELL, **change))  # type: ignore[arg-type]
        assert place.corpus == same.corpus
        folders.add(place.folder)
    (project / "student.cfg").write_text("[paths]\n", encoding="utf-8")
    folders.add(find_place(CELL).folder)
    assert len(folders) == 6
    others = {same.corpus}
    for change in ({"lang": "xx"}, {"teacher": "hf:nobody/nothing"}, {"augment": {"a": 1}}):
        others.add(find_place(replace(CELL, **change)).corpus)  # type: ignore[arg-type]
    for file in ("reviews/nl.jsonl", "scores.jsonl", "configs/score.cfg", "assets/tagger/model"):
        (project / file).write_text("[changed]\n", encoding="utf-8")
        others.add(find_place(CELL).corpus)
    (project / "configs/augment.cfg").write_text("[taggers]\n", encoding="utf-8")
    others.add(find_place(CELL).corpus)
    assert len(others) == 9
    (project / "configs/score.cfg").write_text("# A comment changes nothing.\n[changed]\n", encoding="utf-8")
    assert find_place(CELL).corpus in others


def test_experiments_share_vectors_unless_something_that_makes_them_differs(project: Path) -> None:
    with_vectors = replace(CELL, train={"paths.vectors": "corpus/vectors"})
    without, same = find_place(CELL), find_place(with_vectors)
    assert same.vectors.parent == same.corpus
    places = [find_place(replace(with_vectors, vectors={"a": 1}))]
    for file in ("configs/vectors.cfg", "assets/encoder/model"):
        (project / file).write_text("[changed]\n", encoding="utf-8")
        places.append(find_place(with_vectors))
    assert {place.corpus for place in places} == {same.corpus}
    assert len({place.vectors for place in (same, *places)}) == 4
    assert len({place.folder for place in (same, *places)}) == 4
    assert find_place(CELL).folder == without.folder
    other_data = find_place(replace(CELL, lang="xx"))
    assert other_data.vectors.parent == other_data.corpus


def test_experiments_corpora_see_each_of_several_teachers(project: Path) -> None:
    cell = replace(CELL, teacher="mean:hf:nobody/nothing,jsonl:scores.jsonl")
    before = find_place(cell)
    (project / "scores.jsonl").write_text("changed", encoding="utf-8")
    assert find_place(cell).corpus != before.corpus


def test_experiments_another_tagger_makes_other_corpora(project: Path) -> None:
    cell = replace(CELL, augment={"taggers.fr": "tagger"})
    before = find_place(cell)
    (project / "tagger").write_text("changed", encoding="utf-8")
    assert find_place(cell).corpus != before.corpus


def test_experiments_another_version_of_a_package_makes_other_corpora(
    project: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    package = project / "installed" / "some_tagger"
    package.mkdir(parents=True)
    (package / "__init__.py").write_text("version = 1", encoding="utf-8")
    monkeypatch.syspath_prepend(package.parent)
    cell = replace(CELL, augment={"taggers.fr": "some_tagger"})
    before = find_place(cell)
    (package / "__init__.py").write_text("version = 2", encoding="utf-8")
    assert find_place(cell).corpus != before.corpus


def test_experiments_without_data_are_an_error() -> None:
    with pytest.raises(ValueError, match=r"\[data\.nl\] folder: there is no nowhere"):
        find_place(replace(CELL, folder="nowhere"))


def test_experiments_share_a_trained_teacher_unless_something_that_makes_it_differs(project: Path) -> None:
    cell = replace(CELL, teacher="train")
    same = find_place(cell)
    assert same.teacher_folder.parent == HOME / "teachers"
    for change in (
        {"seed": 1}, {"data": "other"}, {"train": {"a": 1}}, {"augment": {"a": 1}}, {"max_unlabelled": 0},
    ):  # fmt: skip
        assert find_place(replace(cell, **change)).teacher_folder == same.teacher_folder  # type: ignore[arg-type]
    places = [same, find_place(replace(cell, lang="xx")), find_place(replace(cell, max_gold=50))]
    for file in ("configs/teacher.cfg", "assets/encoder/model", "reviews/nl.jsonl"):
        (project / file).write_text("[changed]\n", encoding="utf-8")
        places.append(find_place(cell))
    for paths in ({place.teacher_folder for place in places}, {place.corpus for place in places}):
        assert len(paths) == len(places)


def test_experiments_a_teacher_is_trained_once_on_its_own_corpora(commands: list[list[str]]) -> None:
    cell = replace(CELL, teacher="train", max_gold=50, max_unlabelled=40)
    train_teacher(CELL, PLACE)
    assert not commands
    train_teacher(cell, PLACE)
    corpus = "ex/teachers/nl/corpus"
    limits = ["--max-gold", "50", "--max-unlabelled", "0"]
    assert commands[0] == ["scripts.prepare", "reviews", corpus, "--lang", "nl", *limits]
    options = dict(zip(commands[1][2::2], commands[1][3::2], strict=True))
    assert commands[1][:2] == ["scripts.train", "configs/teacher.cfg"]
    assert options["--output"] == "ex/teachers/nl"
    assert options["--paths.train"] == f"{corpus}/gold/train.spacy"
    assert options["--corpus"] == corpus
    assert PLACE.teacher_model.exists()
    train_teacher(cell, PLACE)
    assert len(commands) == 2


@pytest.fixture
def commands(monkeypatch: pytest.MonkeyPatch) -> list[list[str]]:
    """Let a training do nothing but write a model of ten bytes, and note what was asked."""
    asked: list[list[str]] = []

    def run(command: list[str], log: Path, *, one_thread: bool = False) -> None:
        asked.append(command)
        if command[0] != "scripts.train":
            return
        for name in ("model-best", "model-last"):
            (log.parent / name).mkdir()
            (log.parent / name / "model").write_bytes(b"0123456789")

    scores = {"overall": {"accuracy": 0.8, "teacher": 0.9, "agreement": 0.85}}
    monkeypatch.setattr(tables, "run_logged", run)
    monkeypatch.setattr(tables, "score_cell", lambda cell, place, split: scores)
    monkeypatch.setattr(tables, "exported_size", lambda model: 1_234_567)
    return asked


def test_experiments_a_cell_is_trained_on_its_own_corpora(commands: list[list[str]]) -> None:
    train = {"training.max_steps": 7, "paths.vectors": "corpus/vectors", "training.batcher.size": {"a": [1]}}
    result = run_cell(replace(CELL, train=train), PLACE)
    options = dict(zip(commands[0][2::2], commands[0][3::2], strict=True))
    assert commands[0][:2] == ["scripts.train", "student.cfg"]
    assert options["--output"] == "ex/plain.nl.0"
    assert options["--paths.train"] == "ex/corpora/nl/transfer"
    assert options["--paths.vectors"] == "ex/corpora/nl/vectors-1/vectors"
    assert options["--corpus"] == "ex/corpora/nl"
    assert options["--system.seed"] == "0"
    assert options["--training.max_steps"] == "7"
    assert options["--training.batcher.size"] == '{"a": [1]}'
    assert (result["bytes"], result["wheel_bytes"]) == (10, 1_234_567)
    assert read_result(Path("ex/plain.nl.0")) == json.loads(json.dumps(result))
    assert not Path("ex/plain.nl.0/model-last").exists()


def test_experiments_a_cell_is_trained_once_even_if_the_first_try_was_killed(commands: list[list[str]]) -> None:
    run_cell(CELL, PLACE)
    run_cell(CELL, PLACE)
    assert len(commands) == 1
    (PLACE.folder / "result.json").unlink()
    shutil.rmtree(PLACE.folder / "model-best")
    run_cell(CELL, PLACE)
    assert len(commands) == 2


def test_experiments_a_failed_command_is_an_error_with_its_output() -> None:
    with pytest.raises(
        ExperimentError, match=r"scripts\.train student\.cfg(.|\n)*train\.log ends with:\n(.|\n)*No module named"
    ):
        run_cell(CELL, PLACE)
    assert read_result(Path("ex/plain.nl.0")) is None


def test_experiments_an_orphaned_training_is_not_disturbed(project: Path) -> None:
    """The runner was killed, what it had started lives on."""
    log = project / "train.log"
    code = "import time; print('training', flush=True); time.sleep(60)"
    runner = (
        "import sys; from pathlib import Path; from scripts.lab.tables import run_logged;"
        f"run_logged(['timeit', '-n', '1', '-r', '1', {code!r}], Path({str(log)!r}))"
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
            tables.run_logged(["timeit", "1"], log)
        assert "training" in log.read_text(encoding="utf-8")
    finally:
        os.killpg(process.pid, signal.SIGKILL)


def test_experiments_table_has_all_seeds_and_gaps(commands: list[list[str]], monkeypatch: pytest.MonkeyPatch) -> None:
    cells = [replace(CELL, setting=setting, seed=seed) for seed in (0, 1) for setting in ("plain", "swaps")]
    accuracies = iter([0.8, 0.85, 0.825])
    give = lambda *_: {"overall": {"accuracy": next(accuracies), "teacher": 0.9, "agreement": 0.75}}  # noqa: E731
    monkeypatch.setattr(tables, "score_cell", give)
    for cell in cells[:3]:
        run_cell(cell, replace(PLACE, folder=HOME / cell.name))
    header, plain, swaps = table(cells, [read_result(HOME / cell.name) for cell in cells])
    assert header == ("setting", "nl acc", "nl gap", "nl agree", "results", "s", "MB", "in a wheel")
    assert plain == ("plain", "80.0/82.5", "8.8", "75.0", "2", "0", "0.0", "1.2")
    assert swaps == ("swaps", "85.0", "5.0", "75.0", "1", "0", "0.0", "1.2")


def test_experiments_test_texts_are_scored_once(commands: list[list[str]], monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(ValueError, match=r"no trained cell\. Train the table first: .*scripts\.lab\.experiments run"):
        check_trained([PLACE])
    run_cell(CELL, PLACE)
    check_trained([PLACE])
    assert table([CELL], [read_result(PLACE.folder)], TEST)[1] == ("plain", "–", "–", "–", "0", "–", "–", "–")
    asked: list[tuple[Any, ...]] = []
    scores = {"overall": {"accuracy": 0.7, "teacher": 0.8, "agreement": 0.9}}
    monkeypatch.setattr(results, "score_cell", lambda *given: asked.append(given) or scores)
    add_test(CELL, PLACE)
    add_test(CELL, PLACE)
    assert asked == [(CELL, PLACE, TEST)]
    result = read_result(PLACE.folder)
    assert table([CELL], [result], TEST)[1][:4] == ("plain", "70.0", "10.0", "90.0")
    assert table([CELL], [result], DEV)[1][:4] == ("plain", "80.0", "10.0", "85.0")


def test_experiments_controls_need_no_training(commands: list[list[str]]) -> None:
    result = run_cell(replace(CELL, config="tfidf"), PLACE)
    assert not commands
    assert (result["bytes"], result["wheel_bytes"]) == (None, None)
    row = table([CELL], [result])[1]
    assert row == ("plain", "80.0", "10.0", "85.0", "1", "0", "–", "–")


def test_experiments_predictions_are_kept(project: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A pipeline predicts once; later its answers are read from the cell's folder."""
    gold = GoldSplit(["good", "bad", "good"], ["nl"] * 3, numpy.asarray([1, 0, 0]))
    monkeypatch.setattr(Corpus, "gold", lambda self, split: gold)
    monkeypatch.setattr(Corpus, "labels", ["NEG", "POS"])
    answers = numpy.asarray([[0.2, 0.8], [0.9, 0.1], [0.3, 0.7]])
    asked: list[str] = []
    pipeline = SimpleNamespace(pipe=lambda texts: iter(answers))
    monkeypatch.setattr(results, "load_pipeline", lambda path, labels: asked.append(path) or pipeline)
    for folder in (PLACE.folder, PLACE.corpus):
        folder.mkdir(parents=True)
    teacher_labels(PLACE.corpus, DEV).write_text("[1, 0, 0]", encoding="utf-8")
    for _ in range(2):
        assert results.predict_labels(CELL, PLACE, DEV).tolist() == [1, 0, 1]
    assert asked == [str(PLACE.model)]
    scores = results.score_cell(CELL, PLACE, DEV)
    assert scores["nl"] == scores["overall"] == {"accuracy": 2 / 3, "teacher": 1.0, "agreement": 2 / 3}
    control = replace(PLACE, folder=HOME / "control")
    control.folder.mkdir()
    assert results.predict_labels(replace(CELL, config="majority"), control, DEV).tolist() == [0, 0, 0]


REAL = """
[experiment]
seeds = [0]

[data]

[data.nl]
folder = "assets/sample"
lang = "nl"
teacher = "jsonl:{folder}/scores.jsonl"
max_unlabelled = 40

[settings]

[settings.one]
config = "configs/student_bow.cfg"

[settings.two]
config = "configs/student_bow.cfg"

[settings.one.augment]
augment.variants = 0

[settings.two.augment]
augment.variants = 0

[settings.control]
config = "tfidf"

[settings.control.augment]
augment.variants = 0

[settings.one.train]
training.max_steps = 2
training.eval_frequency = 1

[settings.two.train]
training.max_steps = 4
training.eval_frequency = 1
"""


BROKEN = """
[settings.broken]
config = "configs/student_bow.cfg"

[settings.broken.augment]
augment.variants = 0

[settings.broken.train]
training.dropout = "much"
"""
CATS = {"NEG": {"NEG": 0.8, "POS": 0.2}, "POS": {"NEG": 0.1, "POS": 0.9}}


@pytest.mark.long
def test_experiments_run_from_the_command_line(project: Path) -> None:
    sample = ROOT / "assets/sample"
    rows = [json.loads(line) for path in (sample / "nl").iterdir() for line in path.open(encoding="utf-8")]
    scores = [{"text": row["text"], "cats": CATS["NEG" if row.get("stars", 5) < 3 else "POS"]} for row in rows]
    (project / "scores.jsonl").write_text("".join(json.dumps(row) + "\n" for row in scores), encoding="utf-8")
    path, home = write_experiment((REAL + BROKEN).format(folder=project)).absolute(), project / "ex"

    def call(command: str, *options: str) -> subprocess.CompletedProcess[str]:
        words = [sys.executable, "-m", "scripts.lab.experiments", command, str(path), "--home", str(home)]
        environment = {name: value for name, value in os.environ.items() if name != NESTED}
        return subprocess.run([*words, *options], cwd=ROOT, capture_output=True, text=True, env=environment)

    cache = ("--cache", str(project / "scores.sqlite"))
    done = call("run", *cache, "--processes", "2")
    assert done.returncode == 1
    assert "A cell has failed" in done.stdout
    assert "broken.nl.0: scripts.train" in done.stdout
    results = {name: read_result(next(home.glob(f"{name}.nl.0-*"))) for name in ("one", "two", "control", "broken")}
    assert results.pop("broken") is None
    for name, result in results.items():
        assert result and result["dev"]["overall"] == result["dev"]["nl"]
        assert result["dev"]["overall"]["teacher"] == 1
        assert f"\n{name} " in done.stdout
    assert len(list((home / "corpora").iterdir())) == 1
    path.write_text(REAL.format(folder=project), encoding="utf-8")
    assert call("test", *cache).returncode == 0
    for name in ("one", "two", "control"):
        result = read_result(next(home.glob(f"{name}.nl.0-*")))
        assert result and result["test"]["nl"]["teacher"] == 1
    assert len(list((home / "corpora").glob("*/teacher_test.json"))) == 1
    compared = call("compare", "--split", "test").stdout
    assert all(re.search(rf"\n{pair} +-?\d+\.\d \[", compared) for pair in ("one +two", "one +control", "two +control"))


def test_experiments_vectors_are_made_if_a_cell_uses_them(monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[list[str]] = []
    monkeypatch.setattr(tables, "run_logged", lambda command, log: asked.append(command))
    monkeypatch.setattr(tables, "ask_teacher", lambda *given: None)
    cell = replace(CELL, train={"paths.vectors": "corpus/vectors"}, vectors={"vectors.words": 5})
    for made in (CELL, cell):
        make_corpora(made, PLACE, Path("scores.sqlite"))
    corpus = str(PLACE.corpus)
    assert [command[0] for command in asked] == ["scripts.prepare", "scripts.augment", "scripts.score"] * 2 + [
        "scripts.vectors"
    ]
    assert asked[-1] == [
        "scripts.vectors", corpus, "configs/vectors.cfg", f"{corpus}/vectors-1", "--teacher", CELL.teacher,
        "--teacher-model", "ex/teachers/nl/model-best", "--vectors.words", "5",
    ]  # fmt: skip


@pytest.mark.parametrize("one_thread", [True, False])
def test_experiments_beside_others_a_training_has_one_thread(
    project: Path, monkeypatch: pytest.MonkeyPatch, one_thread: bool
) -> None:
    monkeypatch.setenv("OMP_NUM_THREADS", "7")
    log = project / "train.log"
    code = "import os; print('threads', os.environ['OMP_NUM_THREADS'])"
    tables.run_logged(["timeit", "-n", "1", "-r", "1", code], log, one_thread=one_thread)
    assert f"threads {1 if one_thread else 7}\n" in log.read_text(encoding="utf-8")


def test_experiments_a_teacher_without_all_answers_is_an_error(project: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    rows = numpy.asarray([[0.1, 0.9], [numpy.nan, numpy.nan]], dtype="float32")
    eval_set = SimpleNamespace(ask_teacher=lambda cache: rows)
    monkeypatch.setattr("scripts.lab.tables.load_eval_set", lambda *args, **kwargs: eval_set)
    with pytest.raises(ValueError, match=r"jsonl:scores\.jsonl has no answer for 1 of 2 dev texts of reviews"):
        ask_teacher(CELL, replace(PLACE, corpus=project), project / "scores.sqlite", "dev")
    assert not list(project.glob("teacher_*.json"))
