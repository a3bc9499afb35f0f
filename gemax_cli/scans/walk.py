"""Finding the scans in folders of any layout and giving each its place in the output folder."""

from __future__ import annotations

import os
import re
import unicodedata
from collections import Counter, deque
from collections.abc import Container, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import NamedTuple

from gemax_cli.datasets.ids import digest, natural_key, scan_id, split_suffix
from gemax_cli.datasets.model import Dataset, ScanName, ScanRef
from gemax_cli.datasets.registry import DATASETS, ENDINGS, parse_name
from gemax_cli.datasets.selection import Selection, left_out, none_left, unmatched, wanted
from gemax_cli.datasets.sequences import with_frames
from gemax_cli.errors import ScanError, SettingsError
from gemax_cli.paths import AnyPaths, as_paths
from gemax_cli.scans.grey16 import is_depth_picture
from gemax_cli.scans.read import IMAGE_SUFFIXES, SEARCHED_SUFFIXES

_OWN_IMAGE = re.compile(r"(?:depth16|gemax_.*)\.(?:png|tiff?)", re.IGNORECASE)
_ENDING = re.compile(f"_(?:{'|'.join(ENDINGS)})$", re.IGNORECASE)
_OUTPUT_MARK = "run.json"
_MOST_COLLISIONS_SAID = 10
MOST_KINDS_SAID = 10  # of files that are skipped
_UNPACK, _NO_DEPTHS, _NO_READER = " (unpack them)", " (8-bit or colour)", " (no reader: save them as PLY or OBJ)"
WHY_SKIPPED = {
    **dict.fromkeys((".zip", ".gz", ".tgz", ".tar", ".7z", ".rar", ".bz2", ".xz"), _UNPACK),
    **dict.fromkeys((".png", ".tif", ".tiff"), _NO_DEPTHS),
    **dict.fromkeys((".npy", ".exr"), " (no depths)"),
    **dict.fromkeys((".fbx", ".e57", ".mat", ".dae", ".3ds", ".las", ".laz", ".ptx", ".x3d"), _NO_READER),
    ".pts": " (landmarks as often as points: name them to convert them)",
}
"""What is said of the kinds of files that are skipped."""


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


def find_scans(sources: AnyPaths, selection: Selection | None = None) -> Found:
    """Find the scans in files and folders.

    Folders are searched to any depth. Symbolic links are followed, every real folder is entered once, and a scan
    reached on several ways counts once. Hidden folders, gemax's own output (folders with a run.json, depth16 and
    gemax images) and pictures are skipped: a picture is a scan if it may be one of depths and no mesh of its stem
    lies beside it. A note counts by kind what is skipped and belongs to no scan.
    A file given by name is always a candidate, readable or not, so that its error gets recorded.

    Ids follow from the names and the paths alone: filters do not change them. Where two scans would share an
    id, the first in natural order of their sources keeps it, the others get "~" and 8 hexadecimal digits of
    the SHA-256 of their source.

    Args:
        sources: files and folders; those that do not exist count as files.
        selection: filters; None keeps everything.

    Raises:
        SettingsError: a source is empty or no path at all.
    """
    selection = selection or Selection()
    walk = _Walk()
    walk.run(as_paths(sources))
    scans, old_ids = _with_own_ids(_in_order(_once_each(walk.files)))
    named = {Path(file.path) for file in walk.files if file.rank == _NAMED}
    for dataset in DATASETS.values():
        if dataset.kinds:
            scans = _of_kind(scans, dataset, selection.kind, named, walk.notes)
    scans = with_frames(scans)
    kept = tuple(filter(wanted(scans, selection), scans))
    if none := "" if kept else none_left(scans, selection):
        walk.notes.append(none)
    else:
        walk.notes += unmatched(scans, selection)
    notes = (*walk.notes, *_collision_notes(kept, old_ids), *left_out(scans, selection), *_skipped_notes(walk.skipped))
    return Found(kept, notes, tuple(walk.unlisted))


def check_sources(sources: Iterable[Path], out: Path | None = None) -> None:
    """Refuse to search a whole disk, which an empty variable or a broken list asks for more often than a user.

    Args:
        sources: files and folders.
        out: the output folder, which may not exist yet.

    Raises:
        SettingsError: a source is the root of a file system, or holds the whole file system that ``out`` lies on.
    """
    disk = _mount_of(out) if out else None
    for source in sources:
        real = Path(os.path.realpath(source))
        if real == Path(real.anchor) or (disk and disk.is_relative_to(real)):
            more = ", or add --whole-disk" if out else ""
            raise SettingsError(f"{source}: is a whole disk: give the folders that hold scans{more}.")


def _mount_of(path: Path) -> Path:
    """The folder where the file system of a path, or of what exists of it, begins."""
    place = Path(os.path.realpath(path))
    while not os.path.ismount(place):
        place = place.parent
    return place


_NAMED, _REAL, _LINKED = range(3)  # of one real file found on several ways, the first of these counts


class _Place(NamedTuple):
    """A candidate, or a folder to enter.

    Attributes:
        path: as given or found.
        source: relative to its SRC, "/" between parts; of a folder with "/" at its end, and "" for SRC itself.
        real: the path without symbolic links.
        number: of its SRC.
        rank: given by name, found in its real place, or a symbolic link.
    """

    path: str
    source: str
    real: str
    number: int
    rank: int

    def inside(self, name: str, linked: bool, is_folder: bool) -> _Place:
        """A file or folder in this folder."""
        path = os.path.join(self.path, name)  # noqa: PTH118 - a Path of each of 20,000 files would take longer
        # Folders are resolved even where they are no links: junctions of Windows do not call themselves links.
        real = os.path.realpath(path) if linked or is_folder else os.path.join(self.real, name)  # noqa: PTH118
        source = self.source + name + "/" * is_folder
        return _Place(path, source, real, self.number, _LINKED if linked else _REAL)

    def scan(self) -> ScanRef:
        """The scan that the names of file and folders say it is, its id as if there were no other."""
        path = Path(self.path)
        *above, name = path.parts[-3:] if len(path.parts) > 2 else path.absolute().parts[-3:]
        parsed = parse_name(name, above)
        return ScanRef(scan_id(parsed, self.source.split("/")[:-1]), path, self.source, parsed.name)


def _list_folder(path: str) -> Iterator[tuple[str, bool, bool]]:
    """Name of each file and folder in a folder, whether it is a link, and whether it is a folder; raises OSError."""
    with os.scandir(path) as entries:
        for entry in entries:
            link = entry.is_symlink()
            is_folder = os.path.isdir(entry.path) if link else entry.is_dir(follow_symlinks=False)  # noqa: PTH112
            if is_folder or link or entry.is_file(follow_symlinks=False):
                yield entry.name, link, is_folder


_Listed = tuple[str, str, _Place]
"""Stem, lower-case suffix and place of a file."""


@dataclass
class _Walk:
    """One search; ``files``, ``notes``, ``unlisted`` and ``skipped`` (files by suffix) are its results."""

    files: list[_Place] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)
    unlisted: list[Unlisted] = field(default_factory=list)
    skipped: Counter[str] = field(default_factory=Counter)
    entered: set[str] = field(default_factory=set)
    folders: deque[_Place] = field(default_factory=deque)
    links: deque[_Place] = field(default_factory=deque)

    def run(self, sources: Sequence[Path]) -> None:
        """Search every source, in their order."""
        for number, source in enumerate(sources):
            path, real = os.fspath(source), os.path.realpath(source)
            if os.path.isdir(path):  # noqa: PTH112 - names of any bytes
                self.search(_Place(path, "", real, number, _NAMED))
            else:
                self.files.append(_Place(path, source.name, real, number, _NAMED))
        # Linked folders come last, so that what is reachable without a link is named by its real place.
        while self.links:
            self.search(self.links.popleft())

    def search(self, folder: _Place) -> None:
        """Enter a folder and all below it, links aside."""
        self.folders.append(folder)
        while self.folders:
            self.enter(self.folders.popleft())

    def enter(self, folder: _Place) -> None:
        """List one folder, unless it was listed before or is gemax's own."""
        if folder.real in self.entered:
            return
        self.entered.add(folder.real)
        try:
            listed = sorted(_list_folder(folder.path))
        except OSError as error:
            reason = f"this folder cannot be listed ({error.strerror or error}): check its permissions and the disk."
            self.unlisted.append(Unlisted(folder.source or "./", f"{folder.path}: {reason}"))
            return
        is_output = any(name == _OUTPUT_MARK for name, *_ in listed)
        if folder.source and is_output:
            self.notes.append(f"{folder.path}: skipped, it is an output folder of gemax.")
            return
        files, others = self.sort(folder, listed)
        scans = list(self.candidates(files))
        self.files += scans
        if not is_output:
            self.count_skipped(files, others, {file.path for file in scans})

    def sort(self, folder: _Place, listed: list[tuple[str, bool, bool]]) -> tuple[list[_Listed], list[tuple[str, str]]]:
        """The files in a folder that have a reader, and names of the others; folders are put off."""
        files, others = list[_Listed](), list[tuple[str, str]]()
        for name, link, is_folder in listed:
            if name.startswith(".") or name == "__MACOSX":
                continue
            if is_folder:
                (self.links if link else self.folders).append(folder.inside(name, link, True))
            elif (parts := split_suffix(name))[1] in SEARCHED_SUFFIXES:
                files.append((*parts, folder.inside(name, link, False)))
            else:
                others.append(parts)
        return files, others

    def candidates(self, files: list[_Listed]) -> Iterator[_Place]:
        """Those of a folder's files that may be scans."""
        meshes = {stem.casefold() for stem, suffix, _ in files if suffix not in IMAGE_SUFFIXES}
        for stem, suffix, file in files:
            if suffix not in IMAGE_SUFFIXES or (stem.casefold() not in meshes and self.is_depth_image(Path(file.path))):
                yield file

    def count_skipped(self, files: list[_Listed], others: list[tuple[str, str]], scans: Container[str]) -> None:
        """Count by kind what is no scan of a folder and belongs to none: not what shares the stem of one."""
        stems = {_bare_stem(stem) for stem, _, file in files if file.path in scans}
        pictures = [(stem, suffix) for stem, suffix, file in files if file.path not in scans]
        for stem, suffix in (*others, *pictures):
            if _bare_stem(stem) not in stems and not _OWN_IMAGE.fullmatch(stem + suffix):
                self.skipped[suffix or "(no suffix)"] += 1

    def is_depth_image(self, path: Path) -> bool:
        """Whether a picture may be one of depths, and is not one that gemax wrote."""
        try:
            return not _OWN_IMAGE.fullmatch(path.name) and is_depth_picture(path)
        except ScanError as error:
            self.notes.append(f"{path}: not looked at as a depth image: {error.message}")
            return False


def _once_each(files: Iterable[_Place]) -> Iterable[_Place]:
    """One of the candidates that are the same real file."""
    first: dict[str, _Place] = {}
    for file in sorted(files, key=lambda file: (file.rank, file.number)):
        first.setdefault(file.real, file)
    return first.values()


def _in_order(files: Iterable[_Place]) -> list[ScanRef]:
    """The scans of files, in natural order of their ids, then of their sources."""

    def key(found: tuple[ScanRef, _Place]) -> tuple[str, str, str, int, str]:
        """What a scan is sorted by."""
        scan, file = found
        return natural_key(scan.scan_id), natural_key(file.source), file.source, file.number, file.real

    return [scan for scan, _ in sorted(((file.scan(), file) for file in files), key=key)]


def _with_own_ids(scans: Sequence[ScanRef]) -> tuple[list[ScanRef], dict[str, str]]:
    """Scans whose ids are unique and no folders of others, in their order; and the ids that changed, with the old."""
    claimed = {_folded(scan.scan_id) for scan in scans}
    taken = {_folded(folder) for folder in {above for scan in scans for above in _folders_above(scan.scan_id)}}
    unique, old_ids = [], {}
    for scan in scans:
        new_id, attempt = scan.scan_id, 0
        while (key := _folded(new_id)) in taken or (attempt and key in claimed):
            # The same source under several SRC: counted, because its digest is the same each time.
            new_id, attempt = f"{scan.scan_id}~{digest(scan.source + '/' * attempt, 8)}", attempt + 1
        taken.add(key)
        if attempt:
            old_ids[new_id] = scan.scan_id
        unique.append(replace(scan, scan_id=new_id) if attempt else scan)
    return unique, old_ids


def _folded(place: str) -> str:
    """Equal for ids that are one folder on file systems where case does not count."""
    return unicodedata.normalize("NFC", place.casefold())


def _folders_above(place: str) -> Iterator[str]:
    while place := place.rpartition("/")[0]:
        yield place


def _of_kind(
    scans: list[ScanRef], dataset: Dataset, asked: str, named: Container[Path], notes: list[str]
) -> list[ScanRef]:
    """Choose among a database's meshes of one scan; files given by name stay.

    Where the kind is the one that it is known by, another one fills in for a scan that lacks it.
    """
    kind = asked if asked in dataset.kinds else dataset.kinds[0]
    own = [scan for scan in scans if scan.name.dataset == dataset.name and scan.name.kind]
    others = [scan for scan in own if scan.name.kind != kind]
    there = {_shown(scan.name) for scan in own if scan.name.kind == kind} if others else set()
    alone = [scan for scan in others if kind == dataset.kinds[0] and _shown(scan.name) not in there]
    if alone:
        other = alone[0].name.kind
        notes.append(f"{dataset.name} scans without an {kind} mesh, of which the {other} mesh is taken: {len(alone)}.")
    left_out = {scan.scan_id for scan in others if scan.path not in named} - {scan.scan_id for scan in alone}
    return [scan for scan in scans if scan.scan_id not in left_out]


def _shown(name: ScanName) -> ScanName:
    """What a mesh shows, whatever its kind."""
    return replace(name, kind="")


def _bare_stem(stem: str) -> str:
    """What the files of one scan share: the stem without case and without the kind of the mesh or picture."""
    return _ENDING.sub("", stem).casefold()


def _skipped_notes(skipped: Mapping[str, int]) -> Iterator[str]:
    """A sentence on the files that are no scans, by kind and count: most first."""
    if skipped:
        order = sorted(skipped, key=lambda suffix: (-skipped[suffix], suffix))
        parts = [f"{skipped[suffix]} {suffix}{WHY_SKIPPED.get(suffix, '')}" for suffix in order[:MOST_KINDS_SAID]]
        if rest := sum(skipped[suffix] for suffix in order[MOST_KINDS_SAID:]):
            parts.append(f"{rest} others")
        yield f"Skipped: {', '.join(parts)}."


def _collision_notes(scans: Iterable[ScanRef], old_ids: dict[str, str]) -> list[str]:
    changed = [scan for scan in scans if scan.scan_id in old_ids]
    notes = [
        f"{scan.source}: goes to {scan.scan_id}, because {old_ids[scan.scan_id]} is taken by another scan."
        for scan in changed[:_MOST_COLLISIONS_SAID]
    ]
    if len(changed) > len(notes):
        notes.append(
            f"Further scans that share their id with another and go to one with '~': {len(changed) - len(notes)}."
        )
    return notes
