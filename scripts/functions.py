"""Register the project's functions; the single ``--code`` target of ``spacy train``."""

import scripts.distil.architectures
import scripts.distil.component
import scripts.distil.corpus
import scripts.distil.fine_tuning
import scripts.distil.losses
import scripts.distil.norm_sketch
import scripts.distil.scorer
import scripts.distil.stock
import scripts.distil.trained_on  # noqa: F401
