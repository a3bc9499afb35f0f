"""Finding the images in files and folders and giving each its place in the output folder."""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from gemax_cli.datasets.ids import LONGEST_ID, digest, natural_key, safe_part, split_suffix
from gemax_cli.images.read import SUFFIXES
from gemax_cli.paths import AnyPaths, as_paths
from gemax_cli.stack.naming import OWN_FILE, RUN


@dataclass(frozen=True)
class ImageRef:
    """An image that was found but not read.

    Attributes:
        image_id: its place in the output folder, "/" between parts.
        path: of the file.
        source: path relative to its SRC, "/" between parts.
    """

    image_id: str
    path: Path
    source: str


@dataclass(frozen=True)
class FoundImages:
    """What a search found.

    Attributes:
        images: in natural order of their ids, which are unique even where case does not count.
        notes: sentences on what was skipped.
        unlisted: (source, sentence) of folders that could not be listed.
    """

    images: tuple[ImageRef, ...]
    notes: tuple[str, ...]
    unlisted: tuple[tuple[str, str], ...]


def find_images(sources: AnyPaths) -> FoundImages:
    """Find the images in files and folders.

    Folders are searched to any depth, links to folders aside. Hidden files and folders and output folders of gemax are
    skipped. A file given by name is always taken. A file that is reached on several ways counts once.

    Raises:
        SettingsError: a source is empty or no path at all.
    """
    notes: list[str] = []
    unlisted: list[tuple[str, str]] = []
    found: dict[str, tuple[Path, str]] = {}
    for source in as_paths(sources):
        files = _inside(source, notes, unlisted) if source.is_dir() else iter([(source, source.name)])
        for path, name in files:
            found.setdefault(os.path.realpath(path), (path, name))
    ordered = sorted(found.values(), key=lambda file: (natural_key(file[1]), file[1], str(file[0])))
    return FoundImages(tuple(_with_ids(ordered)), tuple(notes), tuple(unlisted))


def _inside(root: Path, notes: list[str], unlisted: list[tuple[str, str]]) -> Iterator[tuple[Path, str]]:
    def refused(error: OSError) -> None:
        """Note a folder that cannot be listed."""
        place = Path(error.filename)
        reason = f"this folder cannot be listed ({error.strerror}): check its permissions and the disk."
        unlisted.append((f"{_relative(place, root)}/", f"{place}: {reason}"))

    for folder, inner, files in os.walk(root, onerror=refused):
        place = Path(folder)
        if RUN in files and place != root:
            notes.append(f"{place}: skipped, it is an output folder of gemax.")
            inner.clear()
            continue
        inner[:] = [name for name in inner if not name.startswith(".")]
        for name in files:
            if not name.startswith(".") and split_suffix(name)[1] in SUFFIXES:
                yield place / name, _relative(place / name, root)


def _relative(path: Path, root: Path) -> str:
    return path.relative_to(root).as_posix()


def _with_ids(files: Sequence[tuple[Path, str]]) -> Iterator[ImageRef]:
    """Give every file an id; of two that would share one, the later in order gets "~" and digits of its source."""
    taken: set[str] = set()
    for path, source in files:
        first, attempt = _id_of(source), 0
        image_id = first
        while image_id.casefold() in taken:
            image_id, attempt = f"{first}~{digest(source + '/' * attempt, 8)}", attempt + 1
        taken.add(image_id.casefold())
        yield ImageRef(image_id, path, source)


def _id_of(source: str) -> str:
    *folders, name = source.split("/")
    parts = [*map(safe_part, folders), safe_part(split_suffix(name)[0])]
    if OWN_FILE.fullmatch(parts[0].casefold()):
        parts[0] = f"_{parts[0]}"
    whole = "/".join(parts)
    return whole if len(whole.encode()) <= LONGEST_ID else f"~{digest('/'.join(parts[:-1]), 16)}/{parts[-1]}"
