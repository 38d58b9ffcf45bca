import re
from pathlib import Path

import pytest
from click import UsageError

from scripts.distill.core.messages import name_missing, quote, stopping_with


def test_messages_quote_cuts_long_texts_alone() -> None:
    assert quote("Één «boek»") == "'Één «boek»'"
    assert quote("x" * 60) == repr("x" * 60)
    assert quote("x" * 61) == repr("x" * 59 + "…")
    assert quote("two\nlines", 5) == r"'two\n…'"


def test_messages_say_where_a_relative_path_was_looked_for(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    assert name_missing(Path("my_data/en")) == f"my_data/en (looked for at {tmp_path}/my_data/en)"
    assert name_missing(tmp_path / "my_data") == f"{tmp_path}/my_data"


@pytest.mark.parametrize("error", [OSError("no room"), ValueError("no room"), UsageError("no room")], ids=repr)
def test_messages_end_a_command_that_fails(error: Exception, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as stopped, stopping_with("Can't train"):
        raise error
    assert stopped.value.code == 1
    assert re.fullmatch(r"\s*\S* *✘ Can't train\S*\nno room\s*", capsys.readouterr().out)


def test_messages_leave_errors_of_the_code_as_they_are() -> None:
    with pytest.raises(TypeError), stopping_with("Can't train"):
        raise TypeError
