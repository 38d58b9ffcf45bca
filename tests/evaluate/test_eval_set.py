import pytest

from scripts.distill.evaluate.eval_set import check_same_teacher


def test_trials_compare_with_the_same_teacher_only() -> None:
    scored = {"teacher": "hf:owner/model", "teacher_fingerprint": "abc"}
    check_same_teacher("hf:owner/model", "abc", scored)
    with pytest.raises(ValueError, match=r"scored by the teacher 'hf:owner/model'.*--vars\.teacher hf:owner/model"):
        check_same_teacher("train", "abc", scored)
    with pytest.raises(ValueError, match=r"has changed.*python -m spacy project run score \."):
        check_same_teacher("hf:owner/model", "abd", scored)
