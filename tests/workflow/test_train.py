"""The command that trains for as long as [schedule] says."""

import json
from pathlib import Path
from typing import Any

import pytest
import spacy
from spacy.util import load_config
from typer.testing import CliRunner, Result

from scripts import train
from scripts.distill.core.files import write_json
from scripts.distill.data.corpus import PREPARE_SHA256, TRANSFER_SHA256, Corpus
from scripts.distill.data.docbins import write_docs
from scripts.distill.data.prepare import write_gold
from scripts.distill.data.records import Record
from scripts.distill.data.teacher_scores import set_teacher_scores
from scripts.distill.data.tokenizer import write_tokenizer

STUDENT = Path("configs/student_bow.cfg")
LABELS = ["NEG", "POS"]
WARMUP = "training.optimizer.learn_rate.warmup_steps"
TEXTS = [("goed boek", [0.1, 0.9]), ("slecht boek", [0.9, 0.1])] * 20


@pytest.fixture
def corpus(tmp_path: Path) -> Path:
    """40 texts of 2 words."""
    nlp = spacy.blank("xx")
    docs = []
    for text, scores in TEXTS:
        docs.append(nlp.make_doc(text))
        docs[-1].user_data = {"lang": "nl", "origin": "unlabelled"}
        set_teacher_scores(docs[-1], LABELS, scores)
    (tmp_path / "transfer").mkdir()
    write_docs(docs, tmp_path / "transfer" / "00000.spacy")
    reviews = [Record(text, LABELS[scores[1] > 0.5], "nl", "dev", i) for i, (text, scores) in enumerate(TEXTS[:2])]
    write_gold(tmp_path / "dev.spacy", reviews, LABELS, lang="xx")
    (tmp_path / "labels.json").write_text(json.dumps(LABELS), encoding="utf-8")
    write_tokenizer(tmp_path / "tokenizer", "xx", "[MASK]")
    write_json(tmp_path / "prepare.json", {"lang": "xx"})
    write_json(
        tmp_path / "score.json",
        {PREPARE_SHA256: Corpus(tmp_path).fingerprint, TRANSFER_SHA256: "abc", "teacher": "train"},
    )
    return tmp_path


@pytest.fixture
def given(monkeypatch: pytest.MonkeyPatch) -> list[tuple[Any, ...]]:
    """Replace spaCy's training, and note what it would have got."""
    calls: list[tuple[Any, ...]] = []

    def note(config_path: Path, output: Path, *, use_gpu: int, overrides: dict[str, Any]) -> None:
        calls.append((config_path, output, use_gpu, overrides))

    monkeypatch.setattr("spacy.cli.train.train", note)
    return calls


def run(corpus: Path, *arguments: str, config: Path = STUDENT) -> Result:
    paths = {"train": "transfer", "dev": "dev.spacy", "labels": "labels.json", "tokenizer": "tokenizer"}
    has = load_config(config).get("paths", {})
    options = [part for name, path in paths.items() if name in has for part in (f"--paths.{name}", str(corpus / path))]
    return CliRunner().invoke(
        train.app, [str(config), "--output", str(corpus / "out"), "--corpus", str(corpus), *options, *arguments]
    )


# An epoch of 80 words, 20 at a time, is 4 updates.
PLAN = [
    "--schedule.epochs", "25", "--schedule.min_updates", "10", "--schedule.evaluations", "4",
    "--schedule.warmup", "0.05", "--training.batcher.size.rate", "20",
]  # fmt: skip


def test_train_gives_spacy_what_follows_from_the_schedule(corpus: Path, given: list[tuple[Any, ...]]) -> None:
    result = run(corpus, *PLAN)
    assert result.exit_code == 0, result.output
    [(config_path, output, gpu_id, overrides)] = given
    assert (config_path, output.parent, gpu_id) == (STUDENT, corpus, -1)
    assert overrides["training.max_steps"] == 100
    assert overrides["training.eval_frequency"] == 25
    assert overrides[WARMUP] == 5
    assert overrides["paths.train"] == str(corpus / "transfer")
    assert "100 updates, 25.0 epochs; scored on dev every 25" in result.output


def test_train_leaves_the_old_model_until_it_has_ended(corpus: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def stop_at(moment: int) -> None:
        def train_until(config_path: Path, output: Path, **_: Any) -> None:
            for name in ("model-best", "model-last"):
                write_json(output / name / "meta.json", moment)
            if moment == 1:
                raise KeyboardInterrupt

        monkeypatch.setattr("spacy.cli.train.train", train_until)
        run(corpus, *PLAN)

    best = corpus / "out" / "model-best" / "meta.json"
    stop_at(1)
    # No teacher at all: `score` says how to train one, see `check_trained_here`.
    assert not best.exists()
    stop_at(0)
    assert best.read_text() == "0\n"
    (corpus / "out" / "model-best" / "old").touch()
    stop_at(1)
    assert best.read_text() == "0\n"
    stop_at(2)
    assert best.read_text() == "2\n"
    assert not best.with_name("old").exists()
    assert not list(corpus.glob(".*"))


@pytest.mark.parametrize(
    ("missing", "command"), [("tokenizer", "augment"), ("labels.json", "prepare"), ("transfer", "score")]
)
def test_train_names_the_command_that_makes_what_is_missing(
    corpus: Path, given: list[tuple[Any, ...]], missing: str, command: str
) -> None:
    (corpus / missing).rename(corpus / "elsewhere")
    result = run(corpus, *PLAN)
    assert result.exit_code == 1
    assert f"{missing}: no such file. Run, with the same --vars: python -m spacy project run {command} ." in " ".join(
        result.output.split()
    )
    assert given == []


def test_train_settings_that_are_given_win(corpus: Path, given: list[tuple[Any, ...]]) -> None:
    result = run(corpus, *PLAN, "--training.max_steps", "7", "--gpu-id", "2")
    assert result.exit_code == 0, result.output
    [(_, _, gpu_id, overrides)] = given
    assert gpu_id == 2
    assert overrides["training.max_steps"] == 7
    # What is not given follows from what is.
    assert (overrides["training.eval_frequency"], overrides[WARMUP]) == (2, 1)


def test_train_without_schedule_plans_nothing(corpus: Path, given: list[tuple[Any, ...]]) -> None:
    result = run(corpus, config=Path("configs/student_ensemble.cfg"))
    assert result.exit_code == 0, result.output
    [(_, _, _, overrides)] = given
    assert {name.split(".")[0] for name in overrides} == {"paths", "nlp", "training"}
    assert overrides["nlp.lang"] == "xx"
    assert overrides["training.before_to_disk.corpus"] == str(corpus)
    assert "training.max_steps" not in overrides


@pytest.mark.parametrize("encoder,warns", [("minilm", True), ("e5", False)])
def test_train_warns_of_languages_that_the_encoder_does_not_know(
    corpus: Path, given: list[tuple[Any, ...]], encoder: str, warns: bool
) -> None:
    write_json(corpus / "prepare.json", {"lang": "xx", "languages": ["en", "nl"]})
    write_json(corpus / "encoder" / "encoder.json", {"encoder": encoder})
    result = run(corpus, "--paths.encoder", str(corpus / "encoder"), config=Path("configs/teacher.cfg"))
    assert result.exit_code == 0, result.output
    assert len(given) == 1
    assert ("does not know these languages of the data: nl" in " ".join(result.output.split())) == warns


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--schedule.warmup", "1"], "warmup: must be less than 1. Found: 1"),
        (["--schedule.epochs", "-1"], "epochs: must be greater than or equal to 0. Found: -1"),
        (["--training.batcher.@batchers", "spacy.batch_by_sequence.v1"], "[training.batcher] is spacy.batch_by_seq"),
        (["--paths.train", "nowhere"], "nowhere: no texts to train on"),
        (["--trainings.max_steps", "1"], "trainings"),
        (["--training.max_steps", "60", "--training.eval_frequency", "200"], "max_steps = 60 is less than eval_frequ"),
        (
            ["--training.max_stesp", "30"],
            "student_bow.cfg: [training] max_stesp: no such setting, in the file or in an ",
        ),
        (["--nlp.batch_sise", "30"], "[nlp] batch_sise: no such setting"),
        (
            ["--paths.vectros", "nowhere"],
            "[paths] vectros: no such setting, in the file or in an option. Known: train,",
        ),
        (["--training.patience", "abc"], "patience must be a whole number, 0 or more. Found: 'abc'"),
        (["--output", __file__], "test_train.py: a file. Give a folder"),
    ],
    ids=[
        "warmup",
        "epochs",
        "batcher",
        "no texts",
        "misspelt section",
        "never scored",
        "misspelt setting",
        "misspelt setting of nlp",
        "misspelt path",
        "word for a number",
        "file for a folder",
    ],
)
def test_train_says_what_is_wrong_and_trains_nothing(
    corpus: Path, given: list[tuple[Any, ...]], arguments: list[str], message: str
) -> None:
    result = run(corpus, *arguments)
    assert result.exit_code == 1
    assert "Can't train" in result.output
    assert message in " ".join(result.output.split())
    assert given == []


def test_train_trains_a_student_that_spacy_loads(corpus: Path) -> None:
    result = run(corpus, *PLAN)
    assert result.exit_code == 0, result.output
    nlp = spacy.load(corpus / "out" / "model-best")
    assert nlp("goed").cats["POS"] > 0.6 > 0.4 > nlp("slecht").cats["POS"]
    assert nlp.meta["performance"]["cats_micro_f"] == 1
    assert "schedule" not in nlp.config
    assert nlp.meta[TRANSFER_SHA256] == "abc"
    assert (corpus / "out" / "model-last").exists()


def test_train_refuses_a_config_that_trains_nothing(corpus: Path) -> None:
    result = run(corpus, config=Path("configs/augment.cfg"))
    assert result.exit_code == 1
    assert "configs/augment.cfg: no training config. Give one, such as configs/student.cfg" in result.output


def test_train_checks_updates_of_a_config_without_schedule(corpus: Path, given: list[tuple[Any, ...]]) -> None:
    result = run(corpus, "--training.max_steps", "1", config=Path("configs/bow.cfg"))
    assert result.exit_code == 1
    assert "max_steps = 1 is less than eval_frequency" in result.output
    assert given == []


def test_train_that_fails_says_why_and_shows_no_traceback(corpus: Path) -> None:
    result = run(corpus, *PLAN, "--training.optimizer.learn_rate", "abc")
    assert result.exit_code == 1
    assert "Can't train" in result.output
    assert "Invalid schedule for 'learn_rate'" in result.output
    assert isinstance(result.exception, SystemExit)


def test_train_works_where_a_link_leads(corpus: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def train(config_path: Path, output: Path, **_: Any) -> None:
        assert output.parent == corpus / "disk"
        write_json(output / "model-best" / "meta.json", 1)

    (corpus / "disk" / "student").mkdir(parents=True)
    (corpus / "out").symlink_to(corpus / "disk" / "student")
    monkeypatch.setattr("spacy.cli.train.train", train)
    run(corpus, *PLAN)
    assert (corpus / "out").is_symlink()
    assert [path.name for path in (corpus / "disk" / "student").iterdir()] == ["model-best"]


def test_train_puts_back_a_model_that_a_kill_had_moved_away(corpus: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def stop(*_: Any, **__: Any) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr("spacy.cli.train.train", stop)
    (corpus / "out" / ".model-best.999999999-0a.old").mkdir(parents=True)
    run(corpus, *PLAN)
    assert [path.name for path in (corpus / "out").iterdir()] == ["model-best"]
