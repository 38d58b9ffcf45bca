"""What this machine says of a process: its command line, and when it began."""

import os
import subprocess
from pathlib import Path


def arguments_of(pid: int) -> list[str]:
    """Return the command line of a process, split into arguments; empty if it is not to be found."""
    process = Path(f"/proc/{pid}/cmdline")
    if process.exists():
        return process.read_text(encoding="utf-8", errors="replace").split("\0")[:-1]
    return _ask_ps("args=", pid).split()


def start_of(pid: int) -> str:
    """Return when a process began, as a text that no later process with the same id has; "" if it has ended."""
    try:
        # The name in parentheses may have blanks. A zombie has ended, but its parent has not asked about it.
        fields = Path(f"/proc/{pid}/stat").read_text(encoding="utf-8", errors="replace").rpartition(")")[2].split()
        return "" if fields[0] in "ZX" else fields[19]
    except OSError:
        return _ask_ps("lstart=", pid).strip()


def _ask_ps(column: str, pid: int) -> str:
    # Where there is /proc, it knows all that may be known: a parent outside of a container is in no list.
    if os.name != "posix" or Path("/proc/self/stat").exists():
        return ""
    return subprocess.run(["ps", "-ww", "-o", column, "-p", str(pid)], capture_output=True, text=True).stdout  # noqa: S607
