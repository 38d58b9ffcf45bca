"""In: the name of a teacher. Out: something that turns texts into probabilities, and words into vectors."""
