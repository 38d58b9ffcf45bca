from pathlib import Path

import pytest

from scripts.distill.core.messages import name_missing, quote


def test_messages_quote_cuts_long_texts_alone() -> None:
    assert quote("Één «boek»") == "'Één «boek»'"
    assert quote("x" * 60) == repr("x" * 60)
    assert quote("x" * 61) == repr("x" * 59 + "…")
    assert quote("two\nlines", 5) == r"'two\n…'"


def test_messages_say_where_a_relative_path_was_looked_for(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    assert name_missing(Path("my_data/en")) == f"my_data/en (looked for at {tmp_path}/my_data/en)"
    assert name_missing(tmp_path / "my_data") == f"{tmp_path}/my_data"
