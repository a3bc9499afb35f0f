"""Synthetic raw datasets from procedural faces."""
