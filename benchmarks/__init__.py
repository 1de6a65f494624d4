"""Measures the reporter beside its peers and beside the limit: ``python -m benchmarks``."""
