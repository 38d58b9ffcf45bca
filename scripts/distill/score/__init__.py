"""In: all texts and a teacher. Out: the transfer set, texts with the teacher's probabilities; scores are kept."""
