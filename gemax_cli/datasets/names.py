"""What a scan's file name says, in the grammar of each database, and the scan's place in the output folder."""

from __future__ import annotations

import hashlib
import re
import unicodedata
from collections.abc import Sequence
from typing import NamedTuple

from gemax_cli.datasets.model import ScanName

DATASETS = ("BU-3DFE", "BU-4DFE", "Bosphorus", "FRGC", "other")
EXPRESSIONS = ("NE", "AN", "DI", "FE", "HA", "SA", "SU")  # neutral, then the six of the field
LONGEST_PART = 100  # bytes of UTF-8 of one folder's name; file systems allow 143 to 255
LONGEST_ID = 400  # bytes of a whole scan id

_WORDS = {
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
_COMPOUND_SUFFIXES = (".abs.gz", ".wrl.gz")
_FLAGS = re.ASCII | re.IGNORECASE
_BU3DFE = re.compile(r"([FM]\d{4})_(NE00|(?:AN|DI|FE|HA|SA|SU)0[1-4])([A-Z]{2})(?:_(F3D|RAW))?", _FLAGS)
_BU4DFE_SUBJECT = re.compile(r"[FM]\d{3}", _FLAGS)
_BU4DFE_FRAME = re.compile(r"\d{3}", _FLAGS)
_BOSPHORUS = re.compile(
    r"(bs\d{3})_(N_N|(?:E|LFAU|UFAU|CAU|YR|PR|CR|O|IGN)(?:_[A-Z0-9+-]{1,32}){1,4}?)(?:_\d{1,3})?", _FLAGS
)
_FRGC = re.compile(r"(\d{5})d\d{1,5}", _FLAGS)
_PLAIN_PART = re.compile(r"[A-Za-z0-9_-](?:[A-Za-z0-9_.-]{0,98}[A-Za-z0-9_-])?")
_RESERVED = re.compile(r"(?:CON|PRN|AUX|NUL|COM[0-9¹²³]|LPT[0-9¹²³]|CONIN\$|CONOUT\$)(?:\..*)?", re.IGNORECASE)
_NUMBER = re.compile(r"[0-9]+")
_SEPARATORS = frozenset('/\\:*?"<>|')
_UNPRINTABLE = frozenset(("Cc", "Cf", "Cs", "Zl", "Zp"))


class ParsedName(NamedTuple):
    """What a file's name and folders say, and where that puts the scan.

    Attributes:
        name: the fields.
        place: parts of the scan's id; of dataset "other" only the last, the folders are put before it.
    """

    name: ScanName
    place: tuple[str, ...]


def split_suffix(name: str) -> tuple[str, str]:
    """Split a file name into stem and lower-case suffix; ".abs.gz" is one suffix, ".hidden" is none."""
    low = name.lower()
    for suffix in _COMPOUND_SUFFIXES:
        if low.endswith(suffix) and len(name) > len(suffix):
            return name[: -len(suffix)], suffix
    stem, dot, suffix = name.rpartition(".")
    return (stem, dot + suffix.lower()) if stem.strip(".") else (name, "")


def expression_code(word: str) -> str:
    """The two capitals of an expression given by code or English word, in any case; "" if it is none."""
    word = word.upper()
    return word if word in EXPRESSIONS else _WORDS.get(word, "")


def parse_name(name: str, parents: Sequence[str] = ()) -> ParsedName:
    """Read a scan's file name.

    Args:
        name: file name with suffix, in any case.
        parents: names of the folders above it, outermost first; BU-4DFE's names stand there.

    Returns:
        The fields of the first grammar that fits: BU-3DFE, Bosphorus, BU-4DFE, FRGC, else dataset "other".
    """
    stem, suffix = split_suffix(name)
    return (
        _parse_bu3dfe(stem)
        or _parse_bosphorus(stem)
        or _parse_bu4dfe(stem, parents)
        or (_parse_frgc(stem) if suffix.startswith(".abs") else None)
        or ParsedName(ScanName(), (stem,))
    )


def _parse_bu3dfe(stem: str) -> ParsedName | None:
    match = _BU3DFE.fullmatch(stem)
    if match is None:
        return None
    subject, label, race, kind = (part.upper() for part in match.groups(""))
    name = ScanName(
        dataset="BU-3DFE",
        subject=subject,
        sex=subject[0],
        expression=label[:2],
        level=int(label[2:]),
        race=race,
        kind=kind,
    )
    return ParsedName(name, ("BU-3DFE", subject, f"{subject}_{label}{race}" + ("_RAW" if kind == "RAW" else "")))


def _parse_bosphorus(stem: str) -> ParsedName | None:
    match = _BOSPHORUS.fullmatch(stem)
    if match is None:
        return None
    subject, code = match[1].lower(), match[2]
    family, _, detail = code.partition("_")
    family = family.upper()
    if family in ("E", "N"):
        detail = detail.upper()
    expression = _WORDS.get(detail, "") if family == "E" else "NE" if family == "N" else ""
    code = f"{family}_{detail}"
    name = ScanName(
        dataset="Bosphorus",
        subject=subject,
        expression=expression,
        level=0 if expression == "NE" else None,
        code=code,
    )
    return ParsedName(name, ("Bosphorus", subject, f"{subject}_{code}{stem[match.end(2) :]}"))


def _parse_bu4dfe(stem: str, parents: Sequence[str]) -> ParsedName | None:
    if len(parents) < 2 or not _BU4DFE_FRAME.fullmatch(stem) or not _BU4DFE_SUBJECT.fullmatch(parents[-2]):
        return None
    expression = _WORDS.get(parents[-1].upper())
    if expression is None:
        return None
    subject = parents[-2].upper()
    name = ScanName(
        dataset="BU-4DFE",
        subject=subject,
        sex=subject[0],
        expression=expression,
        level=0 if expression == "NE" else None,
    )
    return ParsedName(name, ("BU-4DFE", subject, parents[-1].capitalize(), stem))


def _parse_frgc(stem: str) -> ParsedName | None:
    match = _FRGC.fullmatch(stem)
    if match is None:
        return None
    return ParsedName(ScanName("FRGC", match[1]), ("FRGC", match[1], stem.lower()))


def scan_id(parsed: ParsedName, folders: Sequence[str] = ()) -> str:
    """The scan's place in the output folder, "/" between parts that are safe as folder names everywhere.

    Args:
        parsed: of the scan's name.
        folders: those between SRC and the file; they keep scans of dataset "other" apart.
    """
    if parsed.name.dataset != "other":
        return "/".join(parsed.place)
    parts = [safe_part(part) for part in (*folders, *parsed.place)]
    whole = "/".join(("other", *parts))
    if len(whole.encode()) > LONGEST_ID:
        return f"other/~{digest('/'.join(parts[:-1]), 16)}/{parts[-1]}"
    return whole


def safe_part(text: str) -> str:
    """``text`` as one folder's name that every file system takes and that leads nowhere else.

    NFC; separators, control and unpaired characters become "_"; no dots or spaces at the ends, no reserved
    name of Windows; names over ``LONGEST_PART`` bytes are cut and end in "~" and 8 digits of their SHA-256.
    """
    if _PLAIN_PART.fullmatch(text) and not _RESERVED.fullmatch(text):
        return text
    part = "".join(_safe_character(c) for c in unicodedata.normalize("NFC", text)).strip()
    if part.startswith("."):
        part = "_" + part[1:]
    part = part.rstrip(". ") or "_"
    if _RESERVED.fullmatch(part):
        part = "_" + part
    if len(part.encode()) > LONGEST_PART:
        part = f"{_cut(part, LONGEST_PART - 9)}~{digest(text, 8)}"
    return part


def bare_name(text: str) -> str:
    """The last part of a path that a scan file names, or "" where it is no plain file name.

    Both "/" and a backslash separate: the file may have been written on any system.
    """
    name = text.replace("\\", "/").rpartition("/")[2].strip()
    odd = any(c == ":" or unicodedata.category(c) in _UNPRINTABLE or c == "\N{REPLACEMENT CHARACTER}" for c in name)
    return "" if odd or not name.strip(".") else name


def digest(text: str, digits: int) -> str:
    """The first hexadecimal digits of the SHA-256 of ``text``, the same for composed and decomposed accents."""
    data = unicodedata.normalize("NFC", text).encode("utf-8", "surrogatepass")
    return hashlib.sha256(data).hexdigest()[:digits]


def natural_key(text: str) -> str:
    """Sorts "bs2" before "bs10", without regard to case. A string, for it is kept for every scan of a folder.

    A number is preceded by a character of its length, and that by one that sorts before all that names hold.
    """
    return _NUMBER.sub(_sortable, unicodedata.normalize("NFC", text).casefold())


def _sortable(number: re.Match[str]) -> str:
    digits = number[0].lstrip("0") or "0"
    return f"\0{chr(len(digits))}{digits}"


def _safe_character(character: str) -> str:
    unsafe = character in _SEPARATORS or unicodedata.category(character) in _UNPRINTABLE
    return "_" if unsafe else character


def _cut(text: str, size: int) -> str:
    """The longest start of ``text`` of at most ``size`` bytes; characters stay whole."""
    return text.encode()[:size].decode("utf-8", "ignore").rstrip(". ")
