"""In: a spec, which names a teacher. Out: a Teacher, which turns texts into probabilities, and an encoder of words."""
