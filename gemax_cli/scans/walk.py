"""Finding the scans in folders of any layout and giving each its place in the output folder."""

from __future__ import annotations

import os
import re
import sys
import unicodedata
from collections import deque
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field, fields, replace
from pathlib import Path
from typing import Any, NamedTuple

from gemax_cli.errors import ScanError
from gemax_cli.scans.grey16 import is_grey16
from gemax_cli.scans.model import ScanRef
from gemax_cli.scans.names import NameFields, digest, natural_key, parse_name, scan_id, split_suffix
from gemax_cli.scans.read import IMAGE_SUFFIXES, SEARCHED_SUFFIXES
from gemax_cli.scans.selection import Kind, Selection, select

_OWN_IMAGE = re.compile(r"(?:depth16|gemax_.*)\.(?:png|tiff?)", re.IGNORECASE)
_OUTPUT_MARK = "run.json"
_MOST_COLLISIONS_SAID = 10
_SCAN_FIELDS = [f.name for f in fields(NameFields) if f.name != "place"]


class Unlisted(NamedTuple):
    """A folder that could not be searched.

    Attributes:
        source: its path relative to the SRC it was found under, with "/" at the end; "./" for SRC itself.
        message: a sentence.
    """

    source: str
    message: str


@dataclass(frozen=True)
class Found:
    """What a walk found.

    Attributes:
        scans: in natural order of their ids, whatever the order of the file system; every id is unique, even
            where case does not count, and no id is a folder above another.
        notes: sentences on what was skipped or renamed.
        unlisted: folders that could not be searched; what they hold is missing.
    """

    scans: tuple[ScanRef, ...]
    notes: tuple[str, ...]
    unlisted: tuple[Unlisted, ...] = ()


class _Candidate(NamedTuple):
    path: str
    source: str  # relative to its SRC, "/" between parts
    real: str  # the path without symbolic links
    number: int  # of its SRC
    named: bool  # given as a file, so taken whatever it is
    linked: bool = False  # the file itself is a symbolic link


class _Folder(NamedTuple):
    path: str
    relative: str  # to its SRC, "" for SRC itself, else with a "/" at the end
    real: str
    number: int


def find_scans(sources: Sequence[Path], selection: Selection | None = None) -> Found:
    """Find the scans in files and folders.

    Folders are searched to any depth. Symbolic links are followed, every real folder is entered once, and a scan
    reached on several ways counts once. Hidden folders, gemax's own output (folders with a run.json, depth16 and
    gemax images) and pictures are passed over: a PNG or TIFF is a scan if it is 16-bit grey and no mesh of its stem
    lies beside it. A file given by name is always a candidate, readable or not, so that its error gets recorded.

    Ids follow from the names and the paths alone: filters do not change them. Where two scans would share an
    id, the first in natural order of their sources keeps it, the others get "~" and 8 hexadecimal digits of
    the SHA-256 of their source.

    Args:
        sources: files and folders; those that do not exist count as files.
        selection: filters; None keeps everything.
    """
    selection = selection or Selection()
    walk = _Walk()
    walk.run(sources)
    named = {candidate.path for candidate in walk.candidates if candidate.named}
    candidates = _once(walk.candidates)
    walk.candidates.clear()
    scans, plain = _identified(candidates)
    scans = _of_kind(scans, selection.kind, named, walk.notes)
    scans = select(scans, selection)
    walk.notes += _collision_notes(scans, plain)
    return Found(tuple(scans), tuple(walk.notes), tuple(walk.unlisted))


@dataclass
class _Walk:
    """One search; ``candidates``, ``notes`` and ``unlisted`` are its results."""

    candidates: list[_Candidate] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)
    unlisted: list[Unlisted] = field(default_factory=list)
    entered: set[str] = field(default_factory=set)
    folders: deque[_Folder] = field(default_factory=deque)
    links: deque[_Folder] = field(default_factory=deque)

    def run(self, sources: Sequence[Path]) -> None:
        """Search every source, in their order."""
        for number, source in enumerate(sources):
            path = os.fspath(source)
            real = os.path.realpath(path)
            if os.path.isdir(path):  # noqa: PTH112 - names of any bytes, and no objects for 20,000 files
                self.folders.append(_Folder(path, "", real, number))
                self.search(self.folders)
            else:
                self.candidates.append(_Candidate(path, source.name, real, number, named=True))
        # Linked folders come last, so that what is reachable without a link is named by its real place.
        self.search(self.links)

    def search(self, line: deque[_Folder]) -> None:
        """Enter the folders in line, each with all below it."""
        while line:
            self.enter(line.popleft())
            while self.folders:
                self.enter(self.folders.popleft())

    def enter(self, folder: _Folder) -> None:
        """List one folder, unless it was listed before or is gemax's own."""
        if folder.real in self.entered:
            return
        self.entered.add(folder.real)
        try:
            with os.scandir(folder.path) as listing:
                entries = sorted(listing, key=lambda entry: entry.name)
        except OSError as error:
            reason = f"this folder cannot be listed ({error.strerror or error}): check its permissions and the disk."
            self.unlisted.append(Unlisted(folder.relative or "./", f"{folder.path}: {reason}"))
            return
        if folder.relative and any(entry.name == _OUTPUT_MARK for entry in entries):
            self.notes.append(f"{folder.path}: skipped, it is an output folder of gemax.")
            return
        self.take(folder, [entry for entry in entries if not self.is_folder(folder, entry)])

    def is_folder(self, parent: _Folder, entry: os.DirEntry[str]) -> bool:
        """Whether an entry is a folder; if so, and not to be passed over, it is put in line."""
        link = entry.is_symlink()
        if not (os.path.isdir(entry.path) if link else entry.is_dir(follow_symlinks=False)):  # noqa: PTH112
            return False
        if not entry.name.startswith(".") and entry.name != "__MACOSX":
            # Resolved even where it is no link: junctions of Windows do not call themselves links.
            real = os.path.realpath(entry.path)
            folder = _Folder(entry.path, f"{parent.relative}{entry.name}/", real, parent.number)
            (self.links if link else self.folders).append(folder)
        return True

    def take(self, folder: _Folder, entries: Sequence[os.DirEntry[str]]) -> None:
        """Collect the scans among a folder's files."""
        parts = [(entry, *split_suffix(entry.name)) for entry in entries if not entry.name.startswith(".")]
        parts = [part for part in parts if part[2] in SEARCHED_SUFFIXES]
        meshes = {stem.casefold() for _, stem, suffix in parts if suffix not in IMAGE_SUFFIXES}
        for entry, stem, suffix in parts:
            if suffix in IMAGE_SUFFIXES and (stem.casefold() in meshes or not self.is_depth_image(entry)):
                continue
            link = entry.is_symlink()
            if link or entry.is_file(follow_symlinks=False):
                real = os.path.realpath(entry.path) if link else os.path.join(folder.real, entry.name)  # noqa: PTH118
                source = folder.relative + entry.name
                self.candidates.append(_Candidate(entry.path, source, real, folder.number, named=False, linked=link))

    def is_depth_image(self, entry: os.DirEntry[str]) -> bool:
        """Whether a picture is 16-bit grey and not one that gemax wrote."""
        if _OWN_IMAGE.fullmatch(entry.name):
            return False
        try:
            return is_grey16(Path(entry.path))
        except ScanError as error:
            self.notes.append(f"{entry.path}: not looked at as a depth image: {error.message}")
            return False


def _once(candidates: Iterable[_Candidate]) -> list[_Candidate]:
    """One candidate per real file: named files go before real places, and those before links."""
    first: dict[str, _Candidate] = {}
    for candidate in sorted(candidates, key=lambda c: (not c.named, c.linked, c.number)):
        first.setdefault(candidate.real, candidate)
    return list(first.values())


def _identified(candidates: list[_Candidate]) -> tuple[list[ScanRef], dict[str, str]]:
    """Scans in natural order, with unique ids, and for each changed id the one it would have had."""
    refs = []
    while candidates:  # taken from, for a folder may hold very many
        candidate = candidates.pop()
        refs.append((_reference(candidate), candidate.number, candidate.real))
    refs.sort(key=lambda item: (natural_key(item[0].scan), natural_key(item[0].source), item[0].source, *item[1:]))
    scans = [item[0] for item in refs]
    taken = {parent for scan in scans for parent in _parents(_fold(scan.scan))}
    plain: dict[str, str] = {}
    for place, scan in enumerate(scans):
        unique = _free_id(scan, taken)
        taken.add(_fold(unique))
        if unique != scan.scan:
            plain[unique] = scan.scan
            scans[place] = replace(scan, scan=unique)
    return scans, plain


def _reference(candidate: _Candidate) -> ScanRef:
    parts = Path(candidate.path).absolute().parts  # of a path of its own: one that is kept would keep them, too
    names = parse_name(parts[-1], parts[-3:-1])
    folders = candidate.source.split("/")[:-1]
    said = {name: _once_in_memory(getattr(names, name)) for name in _SCAN_FIELDS}
    return ScanRef(scan=scan_id(names, folders), path=Path(candidate.path), source=candidate.source, **said)


def _once_in_memory(value: str | int | None) -> Any:
    return sys.intern(value) if isinstance(value, str) else value


def _free_id(scan: ScanRef, taken: set[str]) -> str:
    unique, attempt = scan.scan, 0
    while _fold(unique) in taken:
        # The same source under several SRC: counted, because its digest is the same each time.
        unique = f"{scan.scan}~{digest(scan.source + '/' * attempt, 8)}"
        attempt += 1
    return unique


def _fold(text: str) -> str:
    """Equal for ids that are one folder on file systems where case does not count."""
    return unicodedata.normalize("NFC", text.casefold())


def _parents(scan: str) -> list[str]:
    parts = scan.split("/")
    return ["/".join(parts[:end]) for end in range(1, len(parts))]


def _of_kind(scans: Sequence[ScanRef], kind: Kind, named: set[str], notes: list[str]) -> list[ScanRef]:
    """Choose between BU-3DFE's two meshes of one scan; files given by name stay."""
    if kind == "RAW":
        drop = {scan.path for scan in scans if scan.kind == "F3D"}
    else:
        cropped = {_label(scan) for scan in scans if scan.kind == "F3D"}
        drop = {scan.path for scan in scans if scan.kind == "RAW" and _label(scan) in cropped}
        alone = sum(scan.kind == "RAW" and scan.path not in drop for scan in scans)
        if alone:
            notes.append(f"BU-3DFE scans without an F3D mesh, of which the RAW mesh is taken: {alone}.")
    return [scan for scan in scans if scan.path not in drop or os.fspath(scan.path) in named]


def _label(scan: ScanRef) -> tuple[str, str, int | None, str]:
    return scan.subject, scan.expression, scan.level, scan.race


def _collision_notes(scans: Iterable[ScanRef], plain: dict[str, str]) -> list[str]:
    changed = [scan for scan in scans if scan.scan in plain]
    notes = [
        f"{scan.source}: goes to {scan.scan}, because {plain[scan.scan]} is taken by another scan."
        for scan in changed[:_MOST_COLLISIONS_SAID]
    ]
    if len(changed) > len(notes):
        notes.append(
            f"Further scans that share their id with another and go to one with '~': {len(changed) - len(notes)}."
        )
    return notes
