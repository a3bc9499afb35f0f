"""FRGC v2: range images named by subject and recording."""

from __future__ import annotations

import re
from collections.abc import Sequence

from gemax_cli.datasets.model import Dataset, ParsedName, ScanName

NAME = "FRGC"
_STEM = re.compile(r"(\d{5})d\d{1,5}", re.ASCII | re.IGNORECASE)


def parse(stem: str, suffix: str, _parents: Sequence[str]) -> ParsedName | None:
    """Read "02463d546" of an .abs or .abs.gz: subject and number of the recording."""
    match = _STEM.fullmatch(stem) if suffix.startswith(".abs") else None
    return ParsedName(ScanName(NAME, match[1]), (NAME, match[1], stem.lower())) if match else None


FRGC = Dataset(NAME, "02463d546.abs.gz", parse)
