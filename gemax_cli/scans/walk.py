"""Finding the scans in folders of any layout and giving each its place in the output folder."""

from __future__ import annotations

import os
import re
from collections import deque
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import NamedTuple

from gemax_cli.compact import Lazy
from gemax_cli.datasets.ids import split_suffix
from gemax_cli.datasets.model import ScanRef
from gemax_cli.datasets.selection import Selection, wanted
from gemax_cli.errors import ScanError
from gemax_cli.scans.catalogue import Catalogue, Root, below
from gemax_cli.scans.grey16 import is_grey16
from gemax_cli.scans.read import IMAGE_SUFFIXES, SEARCHED_SUFFIXES

_OWN_IMAGE = re.compile(r"(?:depth16|gemax_.*)\.(?:png|tiff?)", re.IGNORECASE)
_OUTPUT_MARK = "run.json"
_MOST_COLLISIONS_SAID = 10


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
            where case does not count, and no id is a folder above another. Each is made when it is asked for.
        notes: sentences on what was skipped or renamed.
        unlisted: folders that could not be searched; what they hold is missing.
    """

    scans: Lazy[ScanRef]
    notes: tuple[str, ...]
    unlisted: tuple[Unlisted, ...] = ()


class _Folder(NamedTuple):
    """A folder by its root, a number in the catalogue, and the path from there: "" or with a "/" at the end."""

    root: int
    tail: str


class _Inside(NamedTuple):
    """Names of folders in a folder that wait to be entered."""

    folder: _Folder
    names: list[str]


@dataclass
class _Listing:
    """What a folder holds that a search is interested in, by name; other entries are passed over."""

    folders: list[str] = field(default_factory=list)
    linked_folders: list[str] = field(default_factory=list)
    files: list[str] = field(default_factory=list)
    linked_files: set[str] = field(default_factory=set)
    is_output: bool = False

    def add(self, entry: os.DirEntry[str]) -> None:
        """Note an entry."""
        name, link = entry.name, entry.is_symlink()
        if os.path.isdir(entry.path) if link else entry.is_dir(follow_symlinks=False):  # noqa: PTH112
            if not name.startswith(".") and name != "__MACOSX":
                (self.linked_folders if link else self.folders).append(name)
        elif not name.startswith(".") and split_suffix(name)[1] in SEARCHED_SUFFIXES:
            if link or entry.is_file(follow_symlinks=False):
                self.files.append(name)
            if link:
                self.linked_files.add(name)


def _list_folder(path: str) -> _Listing:
    """List a folder; raises OSError."""
    listing = _Listing()
    with os.scandir(path) as entries:
        for entry in entries:
            listing.add(entry)
            listing.is_output = listing.is_output or entry.name == _OUTPUT_MARK
    return listing


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
    scans = walk.catalogue.scans()
    scans = _of_kind(scans, selection.kind, walk.named(), walk.notes)
    scans = scans.where(wanted(scans, selection))
    walk.notes += _collision_notes(scans, walk.catalogue.moved())
    return Found(scans, tuple(walk.notes), tuple(walk.unlisted))


@dataclass
class _Walk:
    """One search; ``catalogue``, ``notes`` and ``unlisted`` are its results."""

    catalogue: Catalogue = field(default_factory=Catalogue)
    notes: list[str] = field(default_factory=list)
    unlisted: list[Unlisted] = field(default_factory=list)
    entered: set[str] = field(default_factory=set)
    folders: deque[_Inside] = field(default_factory=deque)
    links: deque[_Inside] = field(default_factory=deque)

    def run(self, sources: Sequence[Path]) -> None:
        """Search every source, in their order."""
        for number, source in enumerate(sources):
            path = os.fspath(source)
            real = os.path.realpath(path)
            if os.path.isdir(path):  # noqa: PTH112 - names of any bytes, and no objects for 20,000 files
                self.enter(_Folder(self.catalogue.add_root(Root(path, "", real, number)), ""))
                self.search(self.folders)
            else:
                self.catalogue.add_alone(Root(path, source.name, real, number, named=True))
        # Linked folders come last, so that what is reachable without a link is named by its real place.
        self.search(self.links)
        self.entered.clear()

    def named(self) -> set[str]:
        """The paths of files that were given by name."""
        return {root.path for root in self.catalogue.roots if root.named}

    def search(self, line: deque[_Inside]) -> None:
        """Enter the folders in line, each with all below it."""
        while line:
            for folder in self.children(line.popleft()):
                self.enter(folder)
                if line is self.links:  # what it holds goes before other links
                    self.search(self.folders)

    def children(self, inside: _Inside) -> Iterator[_Folder]:
        """The folders in a folder, each named from the same root unless it is a link."""
        root, real = self.catalogue.roots[inside.folder.root], self.real(inside.folder)
        for name in inside.names:
            tail = inside.folder.tail + name + "/"
            path = below(root.path, inside.folder.tail + name)
            # Resolved even where it is no link: junctions of Windows do not call themselves links.
            own = os.path.realpath(path)
            if own == below(real, name):
                yield _Folder(inside.folder.root, tail)
            else:
                yield _Folder(self.catalogue.add_root(Root(path, root.source + tail, own, root.number)), "")

    def real(self, folder: _Folder) -> str:
        """A folder's path without symbolic links."""
        return below(self.catalogue.roots[folder.root].real, folder.tail.rstrip("/"))

    def enter(self, folder: _Folder) -> None:
        """List one folder, unless it was listed before or is gemax's own."""
        root, real = self.catalogue.roots[folder.root], self.real(folder)
        if real in self.entered:
            return
        self.entered.add(real)
        path, relative = below(root.path, folder.tail.rstrip("/")), root.source + folder.tail
        try:
            listing = _list_folder(path)
        except OSError as error:
            reason = f"this folder cannot be listed ({error.strerror or error}): check its permissions and the disk."
            self.unlisted.append(Unlisted(relative or "./", f"{path}: {reason}"))
            return
        if relative and listing.is_output:
            self.notes.append(f"{path}: skipped, it is an output folder of gemax.")
            return
        for names, line in ((listing.folders, self.folders), (listing.linked_folders, self.links)):
            if names:
                line.append(_Inside(folder, sorted(names)))
        self.take(folder, path, listing)

    def take(self, folder: _Folder, path: str, listing: _Listing) -> None:
        """Collect the scans among a folder's files."""
        meshes = {stem.casefold() for stem, suffix in map(split_suffix, listing.files) if suffix not in IMAGE_SUFFIXES}
        for name in sorted(listing.files):
            stem, suffix = split_suffix(name)
            place = below(path, name)
            if suffix in IMAGE_SUFFIXES and (stem.casefold() in meshes or not self.is_depth_image(name, place)):
                continue
            if name in listing.linked_files:
                root, source = self.catalogue.roots[folder.root], folder.tail + name
                found = Root(place, root.source + source, os.path.realpath(place), root.number, linked=True)
                self.catalogue.add_alone(found)
            else:
                self.catalogue.add(folder.root, folder.tail + name)

    def is_depth_image(self, name: str, path: str) -> bool:
        """Whether a picture is 16-bit grey and not one that gemax wrote."""
        if _OWN_IMAGE.fullmatch(name):
            return False
        try:
            return is_grey16(Path(path))
        except ScanError as error:
            self.notes.append(f"{path}: not looked at as a depth image: {error.message}")
            return False


def _of_kind(scans: Lazy[ScanRef], kind: str, named: set[str], notes: list[str]) -> Lazy[ScanRef]:
    """Choose between BU-3DFE's two meshes of one scan; files given by name stay."""
    if kind == "RAW":
        return scans.where(lambda scan: scan.name.kind != "F3D" or os.fspath(scan.path) in named)
    whole = {_label(scan) for scan in scans if scan.name.kind == "RAW"}
    if not whole:
        return scans
    cropped = {_label(scan) for scan in scans if scan.name.kind == "F3D" and _label(scan) in whole}
    if alone := sum(scan.name.kind == "RAW" and _label(scan) not in cropped for scan in scans):
        notes.append(f"BU-3DFE scans without an F3D mesh, of which the RAW mesh is taken: {alone}.")
    return scans.where(
        lambda scan: scan.name.kind != "RAW" or _label(scan) not in cropped or os.fspath(scan.path) in named
    )


def _label(scan: ScanRef) -> tuple[str, str, int | None, str]:
    return scan.name.subject, scan.name.expression, scan.name.level, scan.name.race


def _collision_notes(scans: Iterable[ScanRef], plain: dict[str, str]) -> list[str]:
    changed = [scan for scan in scans if scan.scan_id in plain] if plain else []
    notes = [
        f"{scan.source}: goes to {scan.scan_id}, because {plain[scan.scan_id]} is taken by another scan."
        for scan in changed[:_MOST_COLLISIONS_SAID]
    ]
    if len(changed) > len(notes):
        notes.append(
            f"Further scans that share their id with another and go to one with '~': {len(changed) - len(notes)}."
        )
    return notes
