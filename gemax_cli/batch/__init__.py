"""Batches: plan the work, convert one scan, run many in parallel."""
