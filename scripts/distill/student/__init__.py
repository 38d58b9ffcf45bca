"""In: the transfer set. Out: a small text classifier and its word vectors, saved as stock spaCy."""
