"""A large language model as the teacher, by spacy-llm; a fake one answers."""

import re
from collections.abc import Callable
from pathlib import Path
from typing import Iterable  # noqa: UP035  # spacy-llm takes no other

import numpy
import pytest
from spacy_llm.registry import registry
from spacy_llm.util import assemble

from scripts.distill.teacher.teachers import Teacher, load_teacher
from tests.helpers import ROOT

ANSWERS = {"good": "POS", "bad": "NEG"}


@pytest.fixture
def prompts() -> list[str]:
    """What the model was asked."""
    return []


@pytest.fixture
def teacher(tmp_path: Path, prompts: list[str]) -> Teacher:
    @registry.llm_models("test.answers.v1")
    def create_model(name: str) -> Callable[[Iterable[Iterable[str]]], Iterable[Iterable[str]]]:
        def answer(batch: Iterable[Iterable[str]]) -> Iterable[Iterable[str]]:
            for shards in batch:
                asked = list(shards)
                prompts.extend(asked)
                texts = [prompt.split("'''")[1] for prompt in asked]
                yield [next((said for word, said in ANSWERS.items() if word in text), "Hard to say") for text in texts]

        return answer

    page = (ROOT / "docs/teachers.md").read_text(encoding="utf-8")
    [config] = re.findall(r"```ini\n(\[nlp\].*?)```", page, re.DOTALL)
    path = tmp_path / "llm.cfg"
    path.write_text(re.sub(r'"spacy\.GPT[^"]*"', '"test.answers.v1"', config), encoding="utf-8")
    assemble(path).to_disk(tmp_path / "llm_teacher")
    return load_teacher(f"spacy:{tmp_path / 'llm_teacher'}", ["NEG", "POS"], teacher_model=tmp_path)


def test_language_model_is_asked_once_about_each_text(teacher: Teacher, prompts: list[str]) -> None:
    scores = teacher.predict(["a good film", "a bad film", "a film"])
    numpy.testing.assert_equal(scores, [[0, 1], [1, 0], [numpy.nan, numpy.nan]])
    assert len(prompts) == 3


def test_language_model_in_the_docs_is_one_that_spacy_llm_knows() -> None:
    page = (ROOT / "docs/teachers.md").read_text(encoding="utf-8")
    [name] = re.findall(r'@llm_models = "(.*)"', page)
    assert callable(registry.llm_models.get(name))
