"""Skip what can't run here, with the reason; fixtures that several modules share."""

import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

import huggingface_hub
import pytest

from scripts.distill.core.lock import NESTED


def _index_answers() -> bool:
    with tempfile.TemporaryDirectory() as folder:
        command = [sys.executable, "-m", "pip", "--timeout", "10", "--retries", "0", "download", "--quiet", "--no-deps"]
        done = subprocess.run([*command, "--no-cache-dir", "--dest", folder, "setuptools"], capture_output=True)
    return done.returncode == 0


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Let tests marked `long` start first, so that the workers end together; skip `network` without a package index."""
    items.sort(key=lambda item: item.get_closest_marker("long") is None)
    marked = [item for item in items if item.get_closest_marker("network")]
    if marked and not _index_answers():
        for item in marked:
            item.add_marker(pytest.mark.skip(reason="the package index does not answer"))


@pytest.fixture
def offline(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[None]:
    """Keep the Hugging Face Hub from being asked, and its cache empty."""
    monkeypatch.setattr(huggingface_hub.constants, "HF_HUB_OFFLINE", True)
    monkeypatch.setattr(huggingface_hub.constants, "HF_HUB_CACHE", str(tmp_path / "hub"))
    huggingface_hub.utils.reset_sessions()
    yield
    huggingface_hub.utils.reset_sessions()


@pytest.fixture(autouse=True)
def unlocked(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let tests that run beside each other call commands in one folder; `test_lock.py` and whole runs lock theirs."""
    monkeypatch.setenv(NESTED, "tests")
