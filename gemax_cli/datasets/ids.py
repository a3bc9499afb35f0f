"""Names made safe: a scan's place in the output folder, parts of paths, natural order."""

from __future__ import annotations

import hashlib
import re
import unicodedata
from collections.abc import Sequence

from gemax_cli.datasets.model import ParsedName
from gemax_cli.datasets.other import NAME as OTHER

LONGEST_PART = 100  # bytes of UTF-8 of one folder's name; file systems allow 143 to 255
LONGEST_ID = 400  # bytes of a whole scan id

_COMPOUND_SUFFIXES = (".abs.gz", ".wrl.gz")
_PLAIN_PART = re.compile(r"[A-Za-z0-9_-](?:[A-Za-z0-9_.-]{0,98}[A-Za-z0-9_-])?")
_RESERVED = re.compile(r"(?:CON|PRN|AUX|NUL|COM[0-9¹²³]|LPT[0-9¹²³]|CONIN\$|CONOUT\$)(?:\..*)?", re.IGNORECASE)
_NUMBER = re.compile(r"[0-9]+")
_SEPARATORS = frozenset('/\\:*?"<>|')
_UNPRINTABLE = frozenset(("Cc", "Cf", "Cs", "Zl", "Zp"))


def split_suffix(name: str) -> tuple[str, str]:
    """Split a file name into stem and lower-case suffix; ".abs.gz" is one suffix, ".hidden" is none."""
    low = name.lower()
    for suffix in _COMPOUND_SUFFIXES:
        if low.endswith(suffix) and len(name) > len(suffix):
            return name[: -len(suffix)], suffix
    stem, dot, suffix = name.rpartition(".")
    return (stem, dot + suffix.lower()) if stem.strip(".") else (name, "")


def scan_id(parsed: ParsedName, folders: Sequence[str] = ()) -> str:
    """The scan's place in the output folder, "/" between parts that are safe as folder names everywhere.

    Args:
        parsed: of the scan's name.
        folders: those between SRC and the file; they keep scans of dataset "other" apart.
    """
    parts = [safe_part(part) for part in parsed.place]
    if parsed.name.dataset != OTHER:
        return "/".join(parts)
    parts = [*map(safe_part, folders), *parts]
    whole = "/".join((OTHER, *parts))
    if len(whole.encode()) > LONGEST_ID:
        return f"{OTHER}/~{digest('/'.join(parts[:-1]), 16)}/{parts[-1]}"
    return whole


def safe_part(text: str) -> str:
    """``text`` as one folder's name that is valid on every file system and has no path separators.

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
