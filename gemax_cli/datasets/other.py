"""Scans of no known database: their names say nothing, their folders keep them apart."""

from __future__ import annotations

from collections.abc import Sequence

from gemax_cli.datasets.model import Dataset, ParsedName, ScanName

NAME = "other"


def parse(stem: str, _suffix: str, _parents: Sequence[str]) -> ParsedName:
    """Take any name."""
    return ParsedName(ScanName(NAME), (stem,))


OTHER = Dataset(NAME, "folder/face.ply", parse)
