"""Bosphorus: 105 subjects; expressions, action units, poses and occlusions, with named landmarks."""

from __future__ import annotations

import re
from collections.abc import Sequence

from gemax_cli.datasets.model import EXPRESSION_WORDS, SIX_EXPRESSIONS, Dataset, PaperProtocol, ParsedName, ScanName
from gemax_cli.datasets.published import per_map, per_tau

NAME = "Bosphorus"
# behind the number of the take may stand how it was saved: "bs000_E_DISGUST_0_Fall2003"
_EXPRESSION = re.compile(
    r"(bs\d{3})_(N_N|E_[A-Z]{1,32})(?:_\d{1,3})?(?:_[A-Z0-9+-]{1,32}){0,3}", re.ASCII | re.IGNORECASE
)
_STEM = re.compile(
    r"(bs\d{3})_(N_N|(?:E|LFAU|UFAU|CAU|YR|PR|CR|O|IGN)(?:_[A-Z0-9+-]{1,32}){1,4}?)(?:_\d{1,3})?",
    re.ASCII | re.IGNORECASE,
)


def parse(stem: str, _suffix: str, _parents: Sequence[str]) -> ParsedName | None:
    """Read "bs000_E_ANGER_0": subject, family and detail of what is shown, number of the take."""
    match = _EXPRESSION.fullmatch(stem) or _STEM.fullmatch(stem)
    if match is None:
        return None
    subject = match[1].lower()
    family, _, detail = match[2].partition("_")
    family = family.upper()
    if family in ("E", "N"):
        detail = detail.upper()
    expression = EXPRESSION_WORDS.get(detail, "") if family == "E" else "NE" if family == "N" else ""
    code = f"{family}_{detail}"
    name = ScanName(NAME, subject, expression=expression, level=0 if expression == "NE" else None, code=code)
    return ParsedName(name, (NAME, subject, f"{subject}_{code}{stem[match.end(2) :]}"))


BOSPHORUS = Dataset(
    NAME,
    "bs000/bs000_E_ANGER_0.bnt",
    parse,
    nose_tip="Nose tip",
    citation=(
        "A. Savran, N. Alyüz, H. Dibeklioğlu, O. Çeliktutan, B. Gökberk, B. Sankur, L. Akarun, Bosphorus database for "
        "3D face analysis, Biometrics and Identity Management (BIOID), 2008."
    ),
    paper=PaperProtocol(SIX_EXPRESSIONS, complete=True, first=True, of=65),
    published=(
        *per_map(NAME, 2, [
            ("ri-minmax", "RI", 7.13, None), ("normals", "NoM", 7.52, None), ("shape-index", "SIM", 7.65, None),
            ("GeM", "GeM", 7.48, 83.05), ("mean over tau", "GEMax", 7.92, 83.63),
        ]),
        *per_tau(NAME, 5, (7.55, 7.77, 7.91, 7.95, 7.97, 7.98), (79.47, 80.12, 80.09, 79.83, 79.64, 79.64)),
    ),
    depth_accuracies=(79.31, 79.47, 79.13, 78.92, 78.64, 78.64, 78.39, 78.22, 78.17, 78.10),
    scale_accuracies={
        ("texture", "whole"): 79.64, ("depth", "whole"): 81.42, ("texture", "part"): 68.17, ("depth", "part"): 73.21,
    },
)  # fmt: skip
