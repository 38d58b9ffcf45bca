"""Distil a large text classifier into a small spaCy pipeline."""
