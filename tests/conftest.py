"""Skip what can't run here, with the reason."""

import subprocess
import sys
import tempfile

import pytest


def _index_answers() -> bool:
    with tempfile.TemporaryDirectory() as folder:
        command = [sys.executable, "-m", "pip", "--timeout", "10", "--retries", "0", "download", "--quiet", "--no-deps"]
        done = subprocess.run([*command, "--no-cache-dir", "--dest", folder, "setuptools"], capture_output=True)
    return done.returncode == 0


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Skip tests marked `network` unless the package index answers."""
    marked = [item for item in items if item.get_closest_marker("network")]
    if marked and not _index_answers():
        for item in marked:
            item.add_marker(pytest.mark.skip(reason="the package index does not answer"))
