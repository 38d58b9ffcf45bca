from scripts.distill.core.messages import quote


def test_messages_quote_cuts_long_texts_alone() -> None:
    assert quote("Één «boek»") == "'Één «boek»'"
    assert quote("x" * 60) == repr("x" * 60)
    assert quote("x" * 61) == repr("x" * 59 + "…")
    assert quote("two\nlines", 5) == r"'two\n…'"
