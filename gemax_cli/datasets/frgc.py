"""FRGC v2: range images named by subject and recording."""

from __future__ import annotations

import re
from collections.abc import Sequence

from gemax_cli.datasets.model import Dataset, ParsedName, ScanName

NAME = "FRGC"
_STEM = re.compile(r"(\d{5})d\d{1,5}", re.ASCII | re.IGNORECASE)


def parse(stem: str, _suffix: str, _parents: Sequence[str]) -> ParsedName | None:
    """Read "02463d546", whatever format it was saved in: subject and number of the recording."""
    match = _STEM.fullmatch(stem)
    return ParsedName(ScanName(NAME, match[1]), (NAME, match[1], stem.lower())) if match else None


FRGC = Dataset(
    NAME,
    "02463d546.abs.gz",
    parse,
    citation=(
        "P. J. Phillips, P. J. Flynn, T. Scruggs, K. W. Bowyer, J. Chang, K. Hoffman, J. Marques, J. Min, W. Worek, "
        "Overview of the face recognition grand challenge, Computer Vision and Pattern Recognition (CVPR), 2005."
    ),
)
