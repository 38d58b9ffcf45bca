from scripts.distill.data.frequent_words import frequent_words, take_turns


def test_frequent_words_are_of_letters_and_in_order() -> None:
    found = frequent_words(["nl", "en"], 50)
    assert list(found) == ["nl", "en"]
    assert found["en"][:2] == ["the", "to"]
    assert "de" in found["nl"][:3]
    assert all(word.isalpha() and word == word.lower() for words in found.values() for word in words)
    assert all(len(words) <= 50 for words in found.values())


def test_frequent_words_leave_out_languages_without_a_list() -> None:
    assert list(frequent_words(["af", "en", "tn"], 5)) == ["en"]


def test_frequent_words_take_turns() -> None:
    assert take_turns({"nl": ["de", "in", "het"], "en": ["the", "in"], "fr": []}) == ["de", "the", "in", "het"]
