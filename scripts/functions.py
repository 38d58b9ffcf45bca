"""Register the project's functions; the single ``--code`` target of ``spacy train``."""

import scripts.distil.architectures
import scripts.distil.component
import scripts.distil.corpus
import scripts.distil.losses
import scripts.distil.stock  # noqa: F401
