"""Comparison maps of a depth block."""
