"""BU-4DFE: sequences of frames, a folder for each subject and in it one for each expression."""

from __future__ import annotations

import re
from collections.abc import Sequence

from gemax_cli.datasets.model import EXPRESSION_WORDS, Dataset, ParsedName, ScanName

NAME = "BU-4DFE"
_SUBJECT = re.compile(r"[FM]\d{3}", re.ASCII | re.IGNORECASE)
_FRAME = re.compile(r"\d{3}", re.ASCII)


def parse(stem: str, _suffix: str, parents: Sequence[str]) -> ParsedName | None:
    """Read "F001/Angry/000": subject, English word of the expression, number of the frame."""
    if len(parents) < 2 or not _FRAME.fullmatch(stem) or not _SUBJECT.fullmatch(parents[-2]):
        return None
    expression = EXPRESSION_WORDS.get(parents[-1].upper())
    if expression is None:
        return None
    subject = parents[-2].upper()
    name = ScanName(NAME, subject, subject[0], expression, 0 if expression == "NE" else None)
    return ParsedName(name, (NAME, subject, parents[-1].capitalize(), stem))


BU4DFE = Dataset(
    NAME,
    "F001/Angry/000.wrl",
    parse,
    citation=(
        "L. Yin, X. Chen, Y. Sun, T. Worm, M. Reale, A high-resolution 3D dynamic facial expression database, "
        "Automatic Face and Gesture Recognition (FG), 2008."
    ),
)
