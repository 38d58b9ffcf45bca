from pathlib import Path
from typing import Any

import pytest

from scripts.distill.score.scorer import BatchSettings
from scripts.distill.score.settings import load_score_settings
from scripts.distill.teacher.hugging_face import HuggingFaceSettings

COMMITTED = Path("configs/score.cfg")
STARS = """
1 star = "NEG"
2 stars = NEG
3 stars = null
5 stars! = "POS"
"""


def change(tmp_path: Path, old: str, new: str) -> Path:
    """Write the committed settings with a change."""
    text = COMMITTED.read_text(encoding="utf-8")
    assert text.count(old) == 1
    (tmp_path / "score.cfg").write_text(text.replace(old, new), encoding="utf-8")
    return tmp_path / "score.cfg"


def test_score_settings_committed_ones_are_the_defaults_of_the_code_in_the_fastest_dtype() -> None:
    settings = load_score_settings(COMMITTED)
    assert settings.batches == BatchSettings()
    assert settings.hugging_face == HuggingFaceSettings(dtype="auto")
    assert settings.hugging_face.batch_tokens == 1024


@pytest.mark.parametrize(
    "old,new,batches,hugging_face",
    [
        ("texts = 128", "texts = 3", {"texts": 3}, {}),
        ("characters = 40000", "characters = 1", {"characters": 1}, {}),
        ("max_length = 128", "max_length = 64", {}, {"max_length": 64}),
        ("overlap = 32", "overlap = 0", {}, {"overlap": 0}),
        ("batch_tokens = 1024", "batch_tokens = 8192", {}, {"batch_tokens": 8192}),
        ('dtype = "auto"', 'dtype = "bfloat16"', {}, {"dtype": "bfloat16"}),
    ],
)
def test_score_settings_are_read_from_the_file(
    tmp_path: Path, old: str, new: str, batches: dict[str, Any], hugging_face: dict[str, Any]
) -> None:
    settings = load_score_settings(change(tmp_path, old, new))
    assert settings.batches == BatchSettings(**batches)
    assert settings.hugging_face == HuggingFaceSettings(**{"dtype": "auto", **hugging_face})


def test_score_settings_label_map_has_names_with_blanks(tmp_path: Path) -> None:
    path = change(tmp_path, "[hugging_face.label_map]", f"[hugging_face.label_map]{STARS}")
    label_map = {"1 star": "NEG", "2 stars": "NEG", "3 stars": None, "5 stars!": "POS"}
    assert load_score_settings(path).hugging_face.label_map == label_map


@pytest.mark.parametrize(
    "old,new,message",
    [
        pytest.param("overlap = 32", "overlaps = 32", "[hugging_face] overlap: missing; [hugging_face] overlaps: "
                     "unknown. Known: max_length, overlap, batch_tokens, dtype, label_map", id="misspelt"),
        pytest.param("overlap = 32", "overlap = 32\nwindow = 1", "[hugging_face] window: unknown", id="unknown"),
        pytest.param("texts = 128", "", "[batches] texts: missing", id="missing"),
        pytest.param("[hugging_face.label_map]", "", "[hugging_face] label_map: missing", id="no-map"),
        pytest.param("[batches]", "[batch]", "[batches]: missing; [batch]: unknown. Known: batches, hugging_face",
                     id="misspelt-section"),
        pytest.param("[batches]", "[more]\na = 1\n\n[batches]", "[more]: unknown", id="unknown-section"),
        pytest.param("texts = 128", "texts = 0", "[batches] texts: must be greater than or equal to 1. Found: 0",
                     id="no-texts"),
        pytest.param("characters = 40000", "characters = 0",
                     "[batches] characters: must be greater than or equal to 1. Found: 0", id="no-characters"),
        pytest.param("texts = 128", "texts = -1", "[batches] texts: must be greater than or equal to 1. Found: -1",
                     id="negative"),
        pytest.param("texts = 128", 'texts = "128"', "[batches] texts: must be a valid integer. Found: '128'",
                     id="string"),
        pytest.param("texts = 128", "texts = 128.0", "[batches] texts: must be a valid integer. Found: 128.0",
                     id="float"),
        pytest.param("max_length = 128", "max_length = true",
                     "[hugging_face] max_length: must be a valid integer. Found: True", id="bool"),
        pytest.param("texts = 128", 'texts = "many"', "[batches] texts: must be a valid integer. Found: 'many'",
                     id="word"),
        pytest.param('dtype = "auto"', 'dtpye = "bfloat16"', "[hugging_face] dtype: missing; [hugging_face] dtpye: "
                     "unknown", id="misspelt-dtype"),
        pytest.param("[hugging_face]", "[hugging]", "hugging_face -> label_map\tSection 'hugging_face' is not defined",
                     id="misspelt-parent"),
        pytest.param("[hugging_face.label_map]", "[hugging_face.map]", "[hugging_face] label_map: missing; "
                     "[hugging_face] map: unknown", id="misspelt-map"),
        pytest.param("batch_tokens = 1024", "batch_tokens = null",
                     "[hugging_face] batch_tokens: must be a valid integer. Found: None", id="null"),
        pytest.param('dtype = "auto"', "dtype = 32", "[hugging_face] dtype: must be a valid string. Found: 32",
                     id="dtype"),
        pytest.param("[hugging_face.label_map]", '[hugging_face.label_map]\n3 stars = 1',
                     "[hugging_face.label_map] 3 stars: must be a valid string. Found: 1", id="no-label"),
        pytest.param("overlap = 32", "overlap = -1", "[hugging_face] overlap: must be greater than or equal to 0",
                     id="stride"),
        pytest.param("[hugging_face.label_map]", 'label_map = "NEG"',
                     "[hugging_face] label_map: must be a valid dictionary. Found: 'NEG'", id="map"),
    ],
)  # fmt: skip
def test_score_settings_wrong_one_is_an_error_that_names_it(tmp_path: Path, old: str, new: str, message: str) -> None:
    path = change(tmp_path, old, new)
    with pytest.raises(ValueError) as error:
        load_score_settings(path)
    assert str(error.value).startswith(f"{path}: ")
    assert message in str(error.value)


@pytest.mark.parametrize(
    "content", ["no config", "[batches\n", '[batches]\ntexts = 1\ntexts = 2\n', "[batches]\ntexts = ${a.b}\n"],
    ids=["text", "section", "twice", "variable"],
)  # fmt: skip
def test_score_settings_of_a_file_that_is_no_config(tmp_path: Path, content: str) -> None:
    (tmp_path / "score.cfg").write_text(content, encoding="utf-8")
    with pytest.raises(ValueError) as error:
        load_score_settings(tmp_path / "score.cfg")
    assert str(error.value).startswith(f"{tmp_path / 'score.cfg'}: can't be read as a config: ")
