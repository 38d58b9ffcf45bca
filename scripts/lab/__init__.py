"""Measurements beside the project's steps: benchmarks and tables of experiments, with commands of their own."""
