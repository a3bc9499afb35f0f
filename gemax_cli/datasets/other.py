"""Scans of no known database. Their names have no fields; their folders make the ids unique."""

from __future__ import annotations

from collections.abc import Sequence

from gemax_cli.datasets.model import Dataset, ParsedName, ScanName

NAME = "other"


def parse(stem: str, _suffix: str, _parents: Sequence[str]) -> ParsedName:
    """Take any name."""
    return ParsedName(ScanName(NAME), (stem,))


OTHER = Dataset(NAME, "folder/face.ply", parse)
