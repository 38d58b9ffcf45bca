import pytest

from scripts.distill.data.labels import find_lookalikes, normalize_label


@pytest.mark.parametrize(
    "written",
    [
        "tr\xe8s bon", " tr\xe8s  bon\n", "tre\u0300s bon", "tr\xe8s\xa0bon", "tr\xe8s\u200b bon", "\ufefftr\xe8s bon",
        "tr\xe8s b\xadon", "tr\xe8s bon\u200d", "tr\xe8s bon\0", "tr\xe8s bon\ufe0f", "tre\u200b\u0300s\tbon",
    ],
    ids=[
        "same", "space", "nfd", "no-break", "zero-width", "bom", "soft-hyphen", "joiner", "nul", "variation", "both",
    ],
)  # fmt: skip
def test_labels_are_written_in_one_way(written: str) -> None:
    assert normalize_label(written) == "tr\xe8s bon"


@pytest.mark.parametrize("label", ["POS", "pos", "tres bon", "1.0", "😀", "très-bon", "好", "می\u200cخواهم"])
def test_labels_stay_as_they_are(label: str) -> None:
    assert normalize_label(label) == label


def test_labels_of_invisible_characters_are_empty() -> None:
    assert normalize_label(" \u200b\ufeff ") == ""


def test_labels_that_differ_by_case_are_found() -> None:
    labels = ["1", "1.0", "2", "Mixed", "NEG", "POS", "Pos", "mixed", "NaN", "nan", "pos"]
    assert find_lookalikes(labels) == [["1", "1.0"], ["Mixed", "mixed"], ["POS", "Pos", "pos"], ["NaN", "nan"]]
    assert find_lookalikes(["NEG", "POS", "1", "2"]) == []
