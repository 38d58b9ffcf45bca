"""In: a trained student. Out: a calibrated pipeline in a wheel that needs nothing but spaCy."""
