"""4D sequences of an output folder: as strips of some of their frames, and as a film."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from gemax_cli.errors import BadFormat, ScanError, SettingsError
from gemax_cli.paths import AnyPath, as_path
from gemax_cli.reports.entropy_table import no_map
from gemax_cli.reports.tiles import Tile, on_paper, shrink
from gemax_cli.stack.atomic import write_output
from gemax_cli.stack.folder import OutputFolder
from gemax_cli.stack.images import ScanImages, load_codes, split_depth

FRAMES = 8  # of a strip
FRAME_MS = 40  # of a film: BU-4DFE has 25 frames a second
FILMS = (".gif", ".png")


@dataclass(frozen=True)
class Sequence4D:
    """The images of the frames of a sequence, in order of their numbers; of several depths, the first."""

    name: str
    frames: tuple[tuple[int, ScanImages], ...]


@dataclass(frozen=True, eq=False)
class Video:
    """The film of one sequence.

    Attributes:
        sequence: its name.
        frames: (frames, rows, columns) grey values of the first map; the background is 0.
        problems: a sentence per frame that could not be read.
    """

    sequence: str
    frames: NDArray[np.uint8]
    problems: tuple[str, ...]


def sequences_of(folder: OutputFolder, found: Iterable[ScanImages], names: Sequence[str] = ()) -> list[Sequence4D]:
    """The sequences among the images of a folder.

    Args:
        folder: with records.
        found: images that have maps.
        names: of sequences, whole or their last parts; none takes all.

    Raises:
        SettingsError: no sequence has one of the names.
    """
    groups: dict[str, dict[str, ScanImages]] = defaultdict(dict)
    for images in found:
        scan_id = split_depth(images.scan)[0]
        groups[scan_id.rpartition("/")[0]].setdefault(scan_id, images)
    if names:
        missing = [name for name in names if not any(_is_named(place, name) for place in groups)]
        if missing:
            raise SettingsError(f"no sequence is named {missing[0]!r}: give one such as {next(iter(groups), 'none')}.")
        groups = {place: own for place, own in groups.items() if any(_is_named(place, name) for name in names)}
    sequences = (Sequence4D(place, _frames(folder, place, own)) for place, own in groups.items())
    return [sequence for sequence in sequences if sequence.frames]


def _is_named(place: str, name: str) -> bool:
    return f"/{place}".endswith(f"/{name.strip('/')}")


def _frames(folder: OutputFolder, place: str, own: dict[str, ScanImages]) -> tuple[tuple[int, ScanImages], ...]:
    first = folder.record(next(iter(own)))
    if first is None or first.frame is None:
        return ()
    records = {scan_id: folder.record(scan_id) for scan_id in own}
    frames = {scan_id: r.frame.number for scan_id, r in records.items() if r and r.frame and r.frame.sequence == place}
    return tuple((number, own[scan_id]) for scan_id, number in sorted(frames.items(), key=lambda frame: frame[1]))


def grey_of(images: ScanImages) -> tuple[NDArray[np.uint8], NDArray[np.bool_]]:
    """The first map of a frame, and where it has data.

    Raises:
        ScanError: an image cannot be read, or the two differ in size.
    """
    grey = images.maps[0].pixels()
    valid = load_codes(images.depth16) > 0 if images.depth16 else grey > 0
    if grey.shape != valid.shape:
        raise BadFormat(images.folder, "the map has not the size of its depth image: convert the scan again.")
    return np.where(valid, grey, 0).astype(np.uint8), valid


def choose_frames(sequence: Sequence4D, most: int = FRAMES) -> list[tuple[int, ScanImages]]:
    """Up to ``most`` frames with their numbers, spread evenly, the first and the last among them."""
    last = len(sequence.frames) - 1
    places = np.unique(np.linspace(0, last, min(most, last + 1)).round().astype(int))
    return [sequence.frames[place] for place in places]


def strip_of(sequence: Sequence4D, side: int, frames: int = FRAMES) -> list[Tile]:
    """Evenly chosen frames of a sequence with their numbers, at most ``side`` pixels wide and high.

    Raises:
        ScanError: an image cannot be read.
    """
    chosen = choose_frames(sequence, frames)
    tiles = [Tile(shrink(on_paper(*grey_of(images)), side), f"frame {number}") for number, images in chosen]
    name = "/".join(sequence.name.split("/")[-2:])
    return [Tile(tiles[0].pixels, f"{name}\n{tiles[0].caption} of {len(sequence.frames)}"), *tiles[1:]]


def write_video(out: AnyPath, output: AnyPath, *, name: str = "") -> Video:
    """Write the frames of one sequence as an animated GIF or PNG of 25 frames a second.

    The grey values are those of the map of the smallest tau. They mean the same depth in every frame if the folder was
    made with ``--mapping sequence``.

    Args:
        out: a folder that ``gemax convert`` wrote.
        output: a file that ends in .gif or .png.
        name: of the sequence, or its last parts, as "F001/Happy"; "" takes the first one.

    Raises:
        NothingToConvert: there is no map.
        ScanError: none of the frames can be read; the first one's reason.
        SettingsError: there is no such sequence, or ``output`` has another ending.
        OutputError: run.json is damaged, or ``output`` cannot be written.
    """
    path = as_path(output)
    if path.suffix.lower() not in FILMS:
        raise SettingsError(f"{path}: give a name that ends in .gif or .png.")
    folder = OutputFolder.holding(out)
    found = [images for images in folder.images(as_path(out)) if images.maps]
    if not found:
        raise no_map(as_path(out))
    sequences = sequences_of(folder, found, [name] if name else [])
    if not sequences:
        raise SettingsError(f"{out}: holds no sequence: convert folders of numbered frames.")
    video = _video(sequences[0])
    write_output(path, _encoded(video.frames, path.suffix.lower()))
    return video


def _video(sequence: Sequence4D) -> Video:
    frames: list[NDArray[np.uint8]] = []
    errors: list[ScanError] = []
    for _, images in sequence.frames:
        try:
            grey = grey_of(images)[0]
            if frames and grey.shape != frames[0].shape:
                raise BadFormat(images.folder, "has not the size of the first frame: convert it again.")
            frames.append(grey)
        except ScanError as error:
            errors.append(error)
    if not frames:
        raise errors[0]
    return Video(sequence.name, np.stack(frames), tuple(map(str, errors)))


def _encoded(frames: NDArray[np.uint8], suffix: str) -> bytes:
    """Frames of grey values, each as it is: a palette of its own for every frame would flicker."""
    import imageio.v3 as iio

    return iio.imwrite("<bytes>", frames, extension=suffix, plugin="pillow", is_batch=True, duration=FRAME_MS, loop=0)
