"""Measurements beside the road: benchmarks and tables of experiments, with their own commands."""
