"""One fold as folders of images: for trainers that know nothing but DIR/train/CLASS/ and DIR/test/CLASS/."""

from __future__ import annotations

import json
import os
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Literal, get_args

from gemax_cli.datasets.ids import safe_part
from gemax_cli.datasets.model import EXPRESSIONS
from gemax_cli.errors import FileUnreadable, OutputError, OutputUnwritable, SettingsError
from gemax_cli.paths import AnyPath, as_path
from gemax_cli.splits.model import Part
from gemax_cli.splits.rows import split_rows
from gemax_cli.stack.atomic import write_atomically, write_output
from gemax_cli.stack.folder import OutputFolder
from gemax_cli.stack.guard import read_regular

Link = Literal["hard", "sym", "copy"]
Layout = Literal["imagefolder"]
PARTS: tuple[Part, ...] = ("train", "test")
MARK = ".gemax-split.json"
MADE_BY = "gemax split"
_LINKS: Mapping[Link, Callable[[Path, Path], object]] = {
    "hard": lambda source, place: place.hardlink_to(source),
    "sym": lambda source, place: place.symlink_to(source.resolve()),
    "copy": lambda source, place: write_atomically(place, read_regular(source)),
}


def materialise(
    out: AnyPath,
    name: str,
    directory: AnyPath,
    *,
    round_number: int = 0,
    fold: int = 0,
    layout: Layout = "imagefolder",
    map_name: str = "gemax_tau020",
    link: Link = "hard",
) -> int:
    """Link or copy the images of one fold to DIR/train/CLASS/ and DIR/test/CLASS/; returns how many.

    Files that an earlier call put into DIR are removed first. Scans without an expression are left out. A hard link is
    the file itself: who changes it changes OUT.

    Args:
        out: a folder that ``gemax convert`` wrote.
        name: of a split in it.
        directory: missing, empty, or made by this function.
        round_number: number of the round.
        fold: the fold that is tested.
        layout: "imagefolder", the one there is.
        map_name: column of metadata.csv without ``_file_name``: "gemax_tau020", "normals", "texture".
        link: "hard", "sym" or "copy".

    Raises:
        SettingsError: there is no such split, round, fold, map, layout or kind of link.
        OutputError: DIR holds something else, or a table is damaged.
        ScanError: an image is missing, or outside OUT.
        OutputUnwritable: DIR cannot be written to.
    """
    folder, root = OutputFolder(out), as_path(directory)
    _check(layout, link)
    files = {
        f"{part}/{row['expression']}/{_file_name(folder, source)}": source
        for part in PARTS
        for row in split_rows(folder.path, name, round_number, fold, part)
        if row["expression"] in EXPRESSIONS
        for source in [_source(folder, row, map_name)]
    }
    _check_apart(folder.path, root)
    try:
        _claim(root, list(files))
        for file, source in files.items():
            _LINKS[link](source, _place(root, file))
    except OSError as error:
        hint = "give --link copy or another folder"
        raise OutputUnwritable(f"{root}: cannot be written ({error.strerror or error}): {hint}.") from error
    return len(files)


def _check(layout: str, link: str) -> None:
    if layout not in get_args(Layout):
        raise SettingsError(f"layout {layout!r} is not known: give imagefolder.")
    if link not in _LINKS:
        raise SettingsError(f"link {link!r} is not known: give {', '.join(_LINKS)}.")


def _check_apart(out: Path, root: Path) -> None:
    one, other = out.resolve(), root.resolve()
    if one.is_relative_to(other) or other.is_relative_to(one):
        raise SettingsError(f"{root}: lies inside {out} or around it: give a folder elsewhere.")


def _source(folder: OutputFolder, row: Mapping[str, str], map_name: str) -> Path:
    """The image of a row, a regular file of OUT.

    Raises:
        SettingsError: there is no such map.
        ScanError: the file is missing, or is none of OUT.
    """
    column = f"{map_name.replace('-', '_')}_file_name"
    if column not in row:
        known = ", ".join(name.removesuffix("_file_name") for name in row if name.endswith("_file_name"))
        raise SettingsError(f"{folder.path}: has no map {map_name!r}: give one of {known}.")
    source = folder.guard.path(row[column])
    if not folder.guard.has_file(row[column]):
        raise FileUnreadable(source, "is missing, or no file: run gemax convert again.")
    return source


def _file_name(folder: OutputFolder, source: Path) -> str:
    """A file name for an image: the folders that lead to it, joined."""
    return safe_part("-".join(source.parent.relative_to(folder.path).parts)) + source.suffix


def _claim(root: Path, files: list[str]) -> None:
    """Claim DIR: refuse one with other content, remove the files of an earlier call, say what is coming."""
    root.mkdir(parents=True, exist_ok=True)
    if any(root.iterdir()):
        for path in _earlier(root):
            path.unlink(missing_ok=True)
    write_output(root / MARK, (json.dumps({"made_by": MADE_BY, "files": files}, indent=0) + "\n").encode("ascii"))


def _earlier(root: Path) -> Iterator[Path]:
    """What an earlier call put into DIR."""
    try:
        mark = json.loads((root / MARK).read_text(encoding="ascii"))
        if mark["made_by"] != MADE_BY:
            raise ValueError(mark["made_by"])
        files = [str(file) for file in mark["files"]]
    except (OSError, ValueError, KeyError, TypeError, RecursionError):
        message = "holds files that gemax split did not put there: give an empty or a new folder"
        raise OutputError(f"{root}: {message}.") from None
    for file in files:
        part, _, rest = file.partition("/")
        expression, _, last = rest.partition("/")
        if part in PARTS and expression in EXPRESSIONS and last == os.path.basename(last) != "":  # noqa: PTH119 - text
            yield _place(root, file)


def _place(root: Path, file: str) -> Path:
    """The path of a file in DIR, its folder made; OutputError where a link leads it out of DIR."""
    place = root / file
    place.parent.mkdir(parents=True, exist_ok=True)
    if place.parent.resolve() != root.resolve() / Path(file).parent:
        raise OutputError(f"{place.parent}: is a link that leads elsewhere: remove it.")
    return place
