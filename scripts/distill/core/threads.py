"""Which processor cores this process runs on, and how many threads the processes that it starts have."""

import os

# Environment variables that keep the libraries of a new process to one thread.
ONE_THREAD = {"OMP_NUM_THREADS": "1", "OPENBLAS_NUM_THREADS": "1", "MKL_NUM_THREADS": "1",
              "TOKENIZERS_PARALLELISM": "false"}  # fmt: skip


def use_one_core() -> None:
    """Stay on one core from now on, for timings. Where the system has no such setting, nothing changes."""
    if hasattr(os, "sched_setaffinity"):
        os.sched_setaffinity(0, {min(os.sched_getaffinity(0))})
