"""Scans to depth blocks."""
