"""The service of docs/production.md, started and asked."""

import re
from pathlib import Path
from typing import Any

import pytest
import spacy
from fastapi.testclient import TestClient

from scripts.distill.release.serving import make_ready
from tests.release.test_serving import SHARES, STUDENTS, create_student


@pytest.fixture
def client(monkeypatch: pytest.MonkeyPatch) -> TestClient:
    page = Path("docs/production.md").read_text(encoding="utf-8")
    [code] = [code for code in re.findall(r"```python\n(.*?)```", page, re.DOTALL) if "FastAPI" in code]
    nlp = make_ready(create_student(STUDENTS[0]))
    monkeypatch.setattr(spacy, "load", lambda name: nlp)
    # FastAPI looks names of types up in the function's globals.
    names: dict[str, Any] = {"__name__": "service"}
    exec(compile(code, "service", "exec"), names)  # noqa: S102  # our own page
    return TestClient(names["app"], raise_server_exceptions=False)


def test_service_answers_each_text(client: TestClient) -> None:
    texts = ["a good film", "", " ", "\x00", "a bad film"]
    for _ in range(3):
        answer = client.post("/classify", json={"texts": texts})
        assert answer.status_code == 200
        assert [sum(cats.values()) for cats in answer.json()] == pytest.approx([1] * len(texts), abs=1e-6)
        assert answer.json()[1] == pytest.approx(SHARES)
    assert client.post("/classify", json={"texts": []}).json() == []


@pytest.mark.parametrize(
    "body",
    [
        b"", b"{", b"[]", b'{"texts": "one"}', b'{"texts": [1]}', b'{"texts": [null]}', b'{"text": ["one"]}',
        b'{"texts": ["' + b"x" * 100_001 + b'"]}', b'{"texts": [' + b'"x",' * 256 + b'"x"]}', b"\xff\xfe",
        b'{"texts": ["\\ud800"]}',
    ],
)  # fmt: skip
def test_service_refuses_broken_requests_and_goes_on(client: TestClient, body: bytes) -> None:
    answer = client.post("/classify", content=body, headers={"content-type": "application/json"})
    assert 400 <= answer.status_code < 500, answer.text
    assert client.post("/classify", json={"texts": ["a good film"]}).status_code == 200
