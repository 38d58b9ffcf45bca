"""Which processor cores this process runs on."""

import os


def use_one_core() -> None:
    """Stay on one core from now on, for timings; where the system can't be told, nothing changes."""
    if hasattr(os, "sched_setaffinity"):
        os.sched_setaffinity(0, {min(os.sched_getaffinity(0))})
