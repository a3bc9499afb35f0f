"""BU-3DFE: 100 subjects, the six expressions at four levels, a cropped (F3D) and a whole (RAW) mesh of each."""

from __future__ import annotations

import re
from collections.abc import Sequence

from gemax_cli.datasets.model import SIX_EXPRESSIONS, Dataset, PaperProtocol, ParsedName, ScanName
from gemax_cli.datasets.published import per_map, per_tau

NAME = "BU-3DFE"
_STEM = re.compile(r"([FM]\d{4})_(NE00|(?:AN|DI|FE|HA|SA|SU)0[1-4])([A-Z]{2})(?:_(F3D|RAW))?", re.ASCII | re.IGNORECASE)


def parse(stem: str, _suffix: str, _parents: Sequence[str]) -> ParsedName | None:
    """Read "F0001_AN01WH_F3D": sex and number, expression and level, race, kind; the kind may be missing."""
    match = _STEM.fullmatch(stem)
    if match is None:
        return None
    subject, label, race, kind = (part.upper() for part in match.groups(""))
    name = ScanName(
        dataset=NAME,
        subject=subject,
        sex=subject[0],
        expression=label[:2],
        level=int(label[2:]),
        race=race,
        kind=kind,
    )
    return ParsedName(name, (NAME, subject, f"{subject}_{label}{race}" + ("_RAW" if kind == "RAW" else "")))


BU3DFE = Dataset(
    NAME,
    "F0001/F0001_AN01WH_F3D.wrl",
    parse,
    kinds=("F3D", "RAW"),
    companions=("F2D",),
    nose_outline=tuple(f"bnd_{i}" for i in range(36, 48)),  # of the 83 points of a .bnd; the tip is not among them
    paper=PaperProtocol(SIX_EXPRESSIONS, levels=(3, 4), of=100),  # "the highest 2 intensity levels"
    published=(
        *per_map(NAME, 1, [
            ("ri-minmax", "RI", 7.21, None), ("normals", "NoM", 7.57, None), ("curvature", "CuM", 7.63, None),
            ("GeM", "GeM", 7.47, 89.11), ("mean over tau", "GEMax", 7.94, 89.72),
        ]),
        *per_tau(NAME, 3, (7.606, 7.811, 7.931, 7.964, 7.980, 7.987, 7.993), (), (.21, .22, .23, .25, .29, .30, 33.9)),
        *per_tau(NAME, 5, (7.61, 7.81, 7.93, 7.96, 7.98, 7.99), (84.92, 85.81, 85.74, 85.33, 85.26, 85.25)),
    ),
    depth_accuracies=(84.53, 84.92, 84.37, 83.79, 83.64, 83.13, 82.77, 82.67, 82.62, 82.40),
    scale_accuracies={
        ("texture", "whole"): 86.79, ("depth", "whole"): 86.87, ("texture", "part"): 76.39, ("depth", "part"): 75.43,
    },
    citation=(
        "L. Yin, X. Wei, Y. Sun, J. Wang, M. J. Rosato, A 3D facial expression database for facial behavior "
        "research, Automatic Face and Gesture Recognition (FG), 2006."
    ),
)  # fmt: skip
