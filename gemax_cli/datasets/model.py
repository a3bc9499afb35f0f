"""What a raw file's name says, before it is opened."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path


@dataclass(frozen=True, slots=True)
class ScanName:
    """What a file's name and folders say; nested in ``ScanRef`` and in records, flat in tables.

    Attributes:
        dataset: "BU-3DFE", "BU-4DFE", "Bosphorus", "FRGC", or "other".
        subject: "F0001", "bs000"; "" if unknown.
        sex: "F", "M" or "".
        expression: two capitals NE AN DI FE HA SA SU, or "" (a pose, an action unit, unknown).
        level: 0 for neutral, 1 to 4; None if unknown.
        code: what a Bosphorus name says: "E_ANGER", "YR_R45", "LFAU_10", "O_EYE"; "" elsewhere.
        race: BU-3DFE's two letters ("WH"), or "".
        kind: "F3D", "RAW" or "".
    """

    dataset: str = "other"
    subject: str = ""
    sex: str = ""
    expression: str = ""
    level: int | None = None
    code: str = ""
    race: str = ""
    kind: str = ""


@dataclass(frozen=True, slots=True)
class ScanRef:
    """A scan that was found but not read.

    Attributes:
        scan_id: identity and place in the output folder, with "/" between parts: "BU-3DFE/F0001/F0001_AN01WH".
        path: the raw file.
        source: the path relative to the SRC it was found under, with "/" between parts.
        name: what the names of file and folders say.
    """

    scan_id: str
    path: Path
    source: str
    name: ScanName = field(default_factory=ScanName)
