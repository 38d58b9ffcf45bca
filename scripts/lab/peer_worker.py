"""Let a file of `recipes` train, or predict labels, in a process and an environment of its own.

It reads a job and prints a result, both as JSON.
"""

import json
import runpy
import sys
import time
from typing import Any


def main(job: dict[str, Any]) -> Any:
    """Do a job.

    job (dict[str, Any]): "recipe": the file; "folder": where the trained system lies, or is to lie; "task": "train" or
        "predict"; "texts"; and what else the recipe's `train` wants, see `recipes`.
    RETURNS (Any): The seconds that training took, or the label index of each text.
    """
    recipe = runpy.run_path(job["recipe"])
    if job["task"] == "predict":
        return [int(label) for label in recipe["load"](job["folder"])(job["texts"])]
    start = time.perf_counter()
    recipe["train"](job)
    return time.perf_counter() - start


if __name__ == "__main__":
    sys.stdout.write(f"\n{json.dumps(main(json.load(sys.stdin)))}\n")
