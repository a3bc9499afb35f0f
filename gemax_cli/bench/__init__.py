"""Benchmarks: the solver against other quantisers, whole conversions against the least they could take."""
