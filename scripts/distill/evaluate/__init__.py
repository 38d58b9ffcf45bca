"""In: trained systems and gold texts. Out: how good they are, and how they compare."""
