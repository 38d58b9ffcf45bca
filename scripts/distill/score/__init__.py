"""In: all texts and a Teacher. Out: the transfer set, texts with the teacher's probabilities. Scores are kept."""

from pathlib import Path

# Where commands keep all scores. It stands here so that `--help` need not load a teacher's libraries.
CACHE_PATH = Path("corpus/scores.sqlite")
