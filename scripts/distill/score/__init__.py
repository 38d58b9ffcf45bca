"""In: all texts and a Teacher. Out: the transfer set, texts with the teacher's probabilities. Scores are kept."""
