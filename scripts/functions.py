"""Register the project's functions; the single ``--code`` target of ``spacy train``."""

import scripts.distill.core.textcat_scorer
import scripts.distill.data.provenance
import scripts.distill.data.schedule
import scripts.distill.student.component
import scripts.distill.student.losses
import scripts.distill.student.norm_sketch
import scripts.distill.student.reader
import scripts.distill.student.to_stock
import scripts.distill.teacher.fine_tuning
import scripts.distill.teacher.pooling  # noqa: F401
