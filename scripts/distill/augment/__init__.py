"""In: gold corpora and unlabelled texts. Out: new texts made from them, and the student's tokenizer."""
