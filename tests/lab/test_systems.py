from pathlib import Path
from typing import Any

import numpy
import pytest

from scripts.distill.core.files import folder_size, zipped_size
from scripts.distill.core.messages import run_again
from scripts.distill.evaluate.comparison import GoldSplit
from scripts.lab.system_speed import TimedSystem
from scripts.lab.systems import (
    TABLE_HEADER,
    choose_lang,
    find_pipelines,
    find_systems,
    summarize,
    table_rows,
)

SPLIT = GoldSplit(["goed", "good", "bad", "slecht"], ["nl", "en", "en", "nl"], numpy.asarray([1, 1, 0, 0]))


@pytest.fixture
def folders(tmp_path: Path) -> dict[str, Path]:
    """Folders of 1000, 2000 … bytes."""
    names = ("student", "baseline", "bow", "teacher", "other", "control")
    for i, name in enumerate(names, start=1):
        (tmp_path / name).mkdir()
        (tmp_path / name / "model").write_bytes(bytes(1000 * i))
    return {name: tmp_path / name for name in names}


def defaults(folders: dict[str, Path], **changed: Path) -> dict[str, Path]:
    return {**{name: folders[name] for name in ("student", "baseline", "bow")}, **changed}


def test_frontier_finds_the_defaults_and_more(folders: dict[str, Path]) -> None:
    found, missing = find_pipelines(defaults(folders), [f"other={folders['other']}"])
    assert found == {name: folders[name] for name in ("student", "baseline", "bow", "other")}
    assert missing == {}


def test_frontier_leaves_out_a_missing_bow_and_names_its_command(folders: dict[str, Path]) -> None:
    found, missing = find_pipelines(defaults(folders, bow=Path("nowhere")), [])
    assert list(found) == ["student", "baseline"]
    assert missing == {"bow": f"nowhere: no such pipeline. {run_again('train-bow')}"}


@pytest.mark.parametrize("name,command", [("student", "export"), ("baseline", "train-baseline")])
def test_frontier_needs_student_and_baseline(folders: dict[str, Path], name: str, command: str) -> None:
    with pytest.raises(ValueError, match=f"nowhere: no such pipeline. .* project run {command} "):
        find_pipelines(defaults(folders, **{name: Path("nowhere")}), [])


@pytest.mark.parametrize(
    "system,message",
    [
        ("other", "expected NAME=PATH"), ("=x", "expected NAME=PATH"), ("x=", "expected NAME=PATH"),
        ("student=x", "'student' is taken"), ("teacher=x", "'teacher' is taken"), ("tokenizer=x", "is taken"),
        ("tokenizer_in_wheel=x", "is taken"),
        ("tfidf_logreg=x", "is taken"), ("x=nowhere", "nowhere is no folder"),
    ],
)  # fmt: skip
def test_frontier_refuses_a_system(folders: dict[str, Path], system: str, message: str) -> None:
    with pytest.raises(ValueError, match=f"--system {system}: .*{message}"):
        find_pipelines(defaults(folders), [system])


def test_frontier_refuses_a_name_twice(folders: dict[str, Path]) -> None:
    with pytest.raises(ValueError, match="'a' is taken"):
        find_pipelines(defaults(folders), [f"a={folders['other']}"] * 2)


def test_frontier_chooses_the_texts_of_a_language() -> None:
    chosen = choose_lang(SPLIT, "nl")
    assert (chosen.texts, chosen.langs, chosen.labels.tolist()) == (["goed", "slecht"], ["nl", "nl"], [1, 0])
    assert choose_lang(SPLIT, None) is SPLIT
    with pytest.raises(ValueError, match=r"--lang fr: no such texts.* en, nl$"):
        choose_lang(SPLIT, "fr")


@pytest.mark.parametrize(
    "teacher,expected",
    [
        ("train", ("transformer", "trained", {})), ("spacy:other", ("transformer", "other", {})),
        ("hf:other", ("hugging_face", "other", {"labels": ["A"]})), ("jsonl:scores.jsonl", None),
        ("mean:train,hf:other", None),
    ],
)  # fmt: skip
def test_frontier_systems_by_teacher(
    folders: dict[str, Path], monkeypatch: pytest.MonkeyPatch, teacher: str, expected: tuple[str, str, Any] | None
) -> None:
    monkeypatch.chdir(folders["other"].parent)
    pipelines = {"student": Path("student"), "x": Path("x")}
    systems = find_systems(pipelines, Path("control"), teacher, Path("trained"), {"labels": ["A"]})
    stock = {name: systems.pop(name) for name in list(systems) if name != "teacher"}
    assert stock == {
        "tokenizer": TimedSystem("tokenizer", Path("student")),
        "tokenizer_in_wheel": TimedSystem("served_tokenizer", Path("student")),
        "student": TimedSystem("pipeline", Path("student")),
        "x": TimedSystem("pipeline", Path("x")),
        "tfidf_logreg": TimedSystem("control", Path("control")),
    }
    assert systems == ({"teacher": TimedSystem(expected[0], Path(expected[1]), expected[2])} if expected else {})


@pytest.fixture
def result(folders: dict[str, Path]) -> dict[str, Any]:
    systems = {
        "tokenizer": TimedSystem("tokenizer", folders["student"]),
        "tokenizer_in_wheel": TimedSystem("served_tokenizer", folders["student"]),
        "student": TimedSystem("pipeline", folders["student"]),
        "teacher": TimedSystem("transformer", folders["teacher"]),
    }
    predicted = {"student": numpy.asarray([1, 1, 0, 1]), "teacher": SPLIT.labels}
    times = {
        name: {"docs_per_second": speed, "startup_s": 0.25, "peak_rss_bytes": 5_000_000}
        for name, speed in (
            ("tokenizer", 4000.0),
            ("tokenizer_in_wheel", 6000.0),
            ("student", 1000.0),
            ("teacher", 20.0),
        )
    }
    return summarize(predicted, SPLIT.labels, systems, times)


def test_frontier_summary(result: dict[str, Any], folders: dict[str, Path]) -> None:
    assert (result["n"], result["tokenizer_docs_per_second"]) == (4, 4000.0)
    assert result["tokenizer_in_wheel_docs_per_second"] == 6000.0
    assert set(result["systems"]) == {"student", "teacher"}
    assert result["systems"]["student"] == {
        "accuracy": 0.75,
        "docs_per_second": 1000.0,
        "size_bytes": folder_size(folders["student"]),
        "wheel_bytes": zipped_size(folders["student"]),
        "startup_s": 0.25,
        "peak_rss_bytes": 5_000_000,
    }
    assert result["systems"]["teacher"]["accuracy"] == 1.0
    assert result["systems"]["teacher"]["size_bytes"] == 4000


def test_frontier_summary_of_a_teacher_that_is_a_file() -> None:
    systems = {name: TimedSystem("tokenizer", Path("x")) for name in ("tokenizer", "tokenizer_in_wheel")}
    times = {name: {"docs_per_second": 4000.0} for name in systems}
    for predicted, accuracy in (({"teacher": SPLIT.labels}, 1.0), ({"student": SPLIT.labels}, None)):
        row = summarize(predicted, SPLIT.labels, systems, times)["systems"]["teacher"]
        assert row.pop("accuracy") == accuracy
        assert set(row.values()) == {None}


def test_frontier_table_has_the_ratios(result: dict[str, Any]) -> None:
    rows = list(table_rows(result))
    assert rows[0][:5] == ("teacher", "100.0", "20", "0.01", "1.0")
    assert rows[1] == ("student", "75.0", "1,000", "0.25", "50.0", "0.0", "0.0", "0.25", "5")
    assert rows[2] == ("tokenizer_in_wheel", "–", "6,000", "1.50", "300.0", "–", "–", "–", "–")
    assert rows[3] == ("tokenizer", "–", "4,000", "1.00", "200.0", "–", "–", "–", "–")
    assert all(len(row) == len(TABLE_HEADER) for row in rows)
    result["systems"]["teacher"].update(docs_per_second=None)
    assert [row[4] for row in table_rows(result)] == ["–"] * 4
