"""Benchmarks: the solver against other quantisers, whole conversions against their floor."""
