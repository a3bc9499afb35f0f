"""The description of a database, and the fields of a raw file's name."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import NamedTuple

from gemax_cli.datasets.published import Published

EXPRESSIONS = ("NE", "AN", "DI", "FE", "HA", "SA", "SU")  # neutral, then the six of the field
SIX_EXPRESSIONS = frozenset(EXPRESSIONS) - {"NE"}
EXPRESSION_WORDS = {
    "NEUTRAL": "NE",
    "ANGER": "AN",
    "ANGRY": "AN",
    "DISGUST": "DI",
    "FEAR": "FE",
    "HAPPY": "HA",
    "SAD": "SA",
    "SADNESS": "SA",
    "SURPRISE": "SU",
}


def expression_code(word: str) -> str:
    """The two capitals of an expression given by code or English word, in any case; "" if it is none."""
    word = word.upper()
    return word if word in EXPRESSIONS else EXPRESSION_WORDS.get(word, "")


@dataclass(frozen=True, slots=True)
class ScanName:
    """The fields of a file's name and folders; nested in ``ScanRef`` and in records, flat in tables.

    Attributes:
        dataset: a name in ``registry.DATASETS``: "BU-3DFE", "Bosphorus", "other" ...
        subject: "F0001", "bs000"; "" if unknown.
        sex: "F" or "M"; "" if unknown.
        expression: two capitals NE AN DI FE HA SA SU; "" if it is a pose, an action unit or unknown.
        level: intensity of the expression, 1 to 4, and 0 of neutral; None if unknown.
        code: what a Bosphorus name says: "E_ANGER", "YR_R45", "LFAU_10", "O_EYE"; "" elsewhere.
        race: BU-3DFE's two letters ("WH"); "" elsewhere.
        kind: mesh of BU-3DFE, "F3D" or "RAW"; "" elsewhere.
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
class SequenceFrame:
    """The place of a scan in a 4D sequence.

    Attributes:
        sequence: the folder of its scan id: "BU-4DFE/F001/Angry".
        number: of the frame, as the file's name says.
    """

    sequence: str
    number: int


@dataclass(frozen=True, slots=True)
class ScanRef:
    """A scan that was found but not read.

    Attributes:
        scan_id: identity and place in the output folder, with "/" between parts: "BU-3DFE/F0001/F0001_AN01WH".
        path: the raw file.
        source: the path relative to the SRC it was found under, with "/" between parts.
        name: the fields of the names of file and folders.
        frame: its place in a sequence; None where it belongs to none.
    """

    scan_id: str
    path: Path
    source: str
    name: ScanName = field(default_factory=ScanName)
    frame: SequenceFrame | None = None


class ParsedName(NamedTuple):
    """The fields of a file's name and folders, and the scan's id that follows from them.

    Attributes:
        name: the fields.
        place: parts of the scan's id; of dataset "other" only the last, the folders are put before it.
    """

    name: ScanName
    place: tuple[str, ...]


class PaperProtocol(NamedTuple):
    """The scans that the paper trains and tests on, section 4.1.

    Attributes:
        expressions: only scans of these; the empty set for a database that the paper does not use.
        levels: only these; () for any, unknown ones included.
        complete: only of subjects who show all ``expressions``.
        first: only the first scan of a subject and expression.
        pick: subjects drawn in each round.
        of: subjects that they are drawn from, in the whole database.
    """

    expressions: frozenset[str] = frozenset()
    levels: tuple[int, ...] = ()
    complete: bool = False
    first: bool = False
    pick: int = 60
    of: int = 0

    def takes(self, name: ScanName) -> bool:
        """Whether a scan is of an expression and a level of the protocol."""
        return name.expression in self.expressions and (not self.levels or name.level in self.levels)


NOT_USED = PaperProtocol()


@dataclass(frozen=True)
class Dataset:
    """The description of a database; a row of ``registry.DATASETS``.

    Attributes:
        name: as tables and folders spell it.
        example: a file of it with the folders that its name needs.
        parse: the fields and the place of a scan from its file's stem, its lower-case suffix and the names of the
            folders above it, outermost first; None where the name is not of this database.
        kinds: of the meshes of one scan, the one taken by default first; () where there is one mesh.
        companions: endings of names, beside the kinds, of files that belong to its scans: "F2D".
        nose_tip: name of the landmark that is the nose tip; "" where there is none.
        nose_outline: names of the landmarks about the nose, where none is its tip.
        paper: the scans that the paper uses.
        published: entropies that the paper reports for it.
        depth_accuracies: the paper's Table 4, recognition rate in per cent at each of ``published.PAPER_DEPTHS``.
        scale_accuracies: its Table 6, recognition rate in per cent by stream ("texture", "depth") and image ("whole",
            "part").
        citation: of the publication that its users are asked to cite; "" where there is none.
    """

    name: str
    example: str
    parse: Callable[[str, str, Sequence[str]], ParsedName | None]
    kinds: tuple[str, ...] = ()
    companions: tuple[str, ...] = ()
    nose_tip: str = ""
    nose_outline: tuple[str, ...] = ()
    paper: PaperProtocol = NOT_USED
    published: tuple[Published, ...] = ()
    depth_accuracies: tuple[float, ...] = ()
    scale_accuracies: Mapping[tuple[str, str], float] = field(default_factory=dict, hash=False)
    citation: str = ""
