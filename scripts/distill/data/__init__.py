"""In: folders of labelled and unlabelled texts. Out: gold corpora, and what docs carry from step to step."""
