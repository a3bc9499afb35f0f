"""Entropy and distortion of every map in a folder, measured on the PNGs themselves."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import partial
from operator import itemgetter

import numpy as np
from numpy.typing import NDArray

from gemax_cli.codes import depth_of_code, level_of_code
from gemax_cli.datasets.model import ScanName
from gemax_cli.datasets.published import PAPER_DEPTH
from gemax_cli.entropy.figures import entropy_bits
from gemax_cli.entropy.mapping import apply_cuts, bin_depths, uniform_cuts
from gemax_cli.errors import BadFormat, ScanError, SettingsError
from gemax_cli.maps.registry import COMPARISONS
from gemax_cli.parallel import map_unordered
from gemax_cli.paths import AnyPath, as_path
from gemax_cli.settings import QuantisationSettings
from gemax_cli.stack.folder import OutputFolder
from gemax_cli.stack.images import MapImage, ScanImages, load_codes, load_map, split_depth
from gemax_cli.stack.invert import UNIFORM
from gemax_cli.stack.naming import DEPTH16, depth_label
from gemax_cli.stack.records import BlockRecord

BASELINE, GEMAX = "range image", "gemax"
CHUNK = 16  # scans that a worker measures at once
WORTH_WORKERS = 512  # scans; starting processes takes as long as measuring this many
Values = NDArray[np.uint8]


@dataclass(frozen=True, slots=True)
class Measured:
    """Entropy and distortion of one map of one scan.

    Attributes:
        scan: folder of the scan, relative to the output folder.
        map: "gemax", "range image", or the name of another map's file.
        tau: None where it means nothing.
        bits: entropy over the valid pixels; of a colour picture the mean of its channels.
        max_bin: levels from the nearest to the farthest pixel of the widest grey value; None without a depth image, and
            of maps that show no depths (normals, curvature).
        distortion: ``max_bin`` / N (equation 3 of the paper); None where ``max_bin`` is.
        error_mm: mean absolute difference between a pixel's depth and the one that its grey value is inverted to; None
            where ``max_bin`` is, or the depth of the block is not known.
    """

    scan: str
    map: str
    tau: int | None
    bits: float
    max_bin: int | None = None
    distortion: float | None = None
    error_mm: float | None = None


@dataclass(frozen=True)
class Measurement:
    """What was measured in a folder.

    Attributes:
        maps: every map, in order of scan.
        problems: one sentence per file that could not be measured.
        paper_depth: "" or the folder name of the depth block that was made with the paper's settings (60 mm, N = 4096,
            K = 256), so that its entropy may stand beside the published one; None where none was.
        names: the parsed names in the records; scans without a record are missing.
    """

    maps: tuple[Measured, ...]
    problems: tuple[str, ...] = ()
    paper_depth: str | None = None
    names: Mapping[str, ScanName] = field(default_factory=dict)


@dataclass(frozen=True, eq=False)
class DepthPixels:
    """The valid pixels of a depth image, farthest first.

    Attributes:
        mask: (rows, columns), where there is data.
        order: of the masked pixels.
        codes: sorted 16-bit codes.
        levels: of the codes, 0..N-1.
    """

    mask: NDArray[np.bool_]
    order: NDArray[np.intp]
    codes: NDArray[np.uint16]
    levels: NDArray[np.int32]

    @classmethod
    def of(cls, depth16: NDArray[np.uint16], levels: int) -> DepthPixels:
        """Sort the valid pixels of a (rows, columns) depth image of ``levels`` levels."""
        mask = depth16 > 0
        codes = depth16[mask]
        order = np.argsort(codes, kind="stable")
        return cls(mask, order, codes[order], level_of_code(codes[order], levels))

    def values(self, image: NDArray[np.uint8]) -> Values:
        """Grey values of an image of the same shape, in the order of ``codes``."""
        return image[self.mask][self.order]

    def depths(self, depth_mm: float) -> NDArray[np.float64]:
        """Metric depth of each pixel in a block of ``depth_mm``."""
        return depth_of_code(self.codes, depth_mm)


def measure_folder(root: AnyPath, jobs: int = 1) -> Measurement:
    """Measure every 8-bit map below ``root``.

    Valid pixels are those of depth16.png; without one, those that are not 0. Beside a depth image the range image
    (uniform quantisation to the face's grey values, tau = N / K) is measured too, as the baseline, on ri.png where
    there is one. A file that cannot be measured is named in ``problems``; the others count.

    Args:
        root: a folder that ``gemax convert`` wrote, a part of one, or any folder of 8-bit PNGs.
        jobs: processes; more than one only where there are enough scans to be worth it.

    Raises:
        OutputError: run.json is damaged.
    """
    folder = OutputFolder.holding(root)
    scans = folder.images(as_path(root))
    names: dict[str, ScanName] = {}
    damaged: list[str] = []
    parts = map_unordered(
        _measure_task, _tasks(folder, scans, names, damaged), jobs if len(scans) >= WORTH_WORKERS else 1
    )
    measured = [part for _, part in sorted(parts, key=itemgetter(0))]
    return Measurement(
        tuple(m for part in measured for m in part.maps),
        tuple(dict.fromkeys([*damaged, *(problem for part in measured for problem in part.problems)])),
        _paper_depth(folder),
        names,
    )


def _paper_depth(folder: OutputFolder) -> str | None:
    settings = folder.settings
    if not folder.run or settings.quantisation != QuantisationSettings() or PAPER_DEPTH not in settings.depths:
        return None
    return f"d{depth_label(PAPER_DEPTH)}" if len(settings.depths) > 1 else ""


Recorded = tuple[ScanImages, BlockRecord | None]
_Task = tuple[int, list[Recorded], QuantisationSettings]


def _tasks(
    folder: OutputFolder, scans: Sequence[ScanImages], names: dict[str, ScanName], damaged: list[str]
) -> Iterator[_Task]:
    """Yield the scans in chunks with their recorded blocks, read lazily; fills ``names`` and ``damaged`` records."""
    settings = folder.settings.quantisation
    for start in range(0, len(scans), CHUNK):
        chunk: list[Recorded] = []
        for images in scans[start : start + CHUNK]:
            found = folder.find(images.scan)
            chunk.append((images, found[1] if found else None))
            if found:
                names[images.scan] = found[0].name
            elif damage := folder.damage(images.scan) or folder.damage(split_depth(images.scan)[0]):
                damaged.append(damage)
        yield start, chunk, settings


def _measure_task(task: _Task) -> tuple[int, Measurement]:
    number, scans, settings = task
    return number, measure_scans(scans, settings)


def measure_scans(scans: Sequence[Recorded], settings: QuantisationSettings) -> Measurement:
    """Measure the maps of some scans, each given with its recorded depth block."""
    measured: list[Measured] = []
    problems: list[str] = []
    for images, block in scans:
        try:
            codes = _codes(images, block)
        except ScanError as error:
            problems.append(f"{error} Its maps are left out.")
            continue
        if codes is None:
            measured += _each(images, partial(_bare, images.scan), problems)
        else:
            measured += _beside_depth(images, codes, block, settings, problems)
    return Measurement(tuple(measured), tuple(problems))


def _codes(images: ScanImages, block: BlockRecord | None) -> NDArray[np.uint16] | None:
    if images.depth16 is None and block is not None:
        raise BadFormat(images.folder / DEPTH16, "is missing: convert the scan again.")
    return None if images.depth16 is None else load_codes(images.depth16)


Measure = Callable[[MapImage, NDArray[np.uint8]], Measured]


def _each(images: ScanImages, measure: Measure, problems: list[str]) -> Iterator[Measured]:
    """Measure every map. Each file is read once; a broken file becomes a problem and the others go on."""
    path, image = None, np.empty(0, np.uint8)
    for m in images.maps:
        try:
            if m.path != path:
                path, image = m.path, load_map(m.path)
            yield measure(m, image)
        except ScanError as error:
            problems.append(str(error))
            path = None


def _bare(scan: str, m: MapImage, image: NDArray[np.uint8]) -> Measured:
    bits = [_bits(plane[plane > 0]) for plane in m.planes(image)]
    return Measured(scan, _kind(m), m.tau, float(np.mean(bits)))


def _kind(m: MapImage) -> str:
    return GEMAX if m.tau is not None else BASELINE if m.name == UNIFORM else m.name


def _bits(values: Values) -> float:
    return entropy_bits(np.bincount(values)) if values.size else 0.0


def _beside_depth(
    images: ScanImages,
    codes: NDArray[np.uint16],
    block: BlockRecord | None,
    settings: QuantisationSettings,
    problems: list[str],
) -> Iterator[Measured]:
    pixels = DepthPixels.of(codes, settings.levels)
    baseline = _range_image(images.scan, codes, pixels, block, settings)
    cuts: dict[int | None, NDArray[np.int32]] = {m.tau: m.cuts for m in block.maps} if block else {}

    def measured(m: MapImage, image: NDArray[np.uint8]) -> Measured:
        """Figures of one map over the valid pixels."""
        planes = m.planes(image)
        if planes[0].shape != codes.shape:
            message = f"is {planes[0].shape}, its depth image is {codes.shape}: convert the scan again."
            raise BadFormat(m.path, message)
        values = [pixels.values(plane) for plane in planes]
        bits = float(np.mean([_bits(v) for v in values]))
        if _kind(m) == BASELINE:
            return replace(baseline, bits=bits)
        if m.name in COMPARISONS and not COMPARISONS[m.name].of_depth:
            return Measured(images.scan, m.name, None, bits)
        width = max(widest_bin(v, pixels.levels) for v in values)
        error = _error_mm(m, values, pixels, block, cuts.get(m.tau), settings)
        return Measured(images.scan, _kind(m), m.tau, bits, width, width / settings.levels, error)

    found = list(_each(images, measured, problems))
    yield from found if any(m.map == BASELINE for m in found) else (baseline, *found)


def _range_image(
    scan: str, codes: NDArray[np.uint16], pixels: DepthPixels, block: BlockRecord | None, settings: QuantisationSettings
) -> Measured:
    cuts = uniform_cuts(settings.levels, settings.face_bins)
    values = pixels.values(apply_cuts(codes, cuts, settings.levels, settings.first_code))
    width = int(np.diff(cuts).max())
    error = None
    if block:
        centres, _ = bin_depths(cuts, settings.levels, block.depth_mm)
        error = _mean_error(centres[values.astype(np.intp) - settings.first_code], pixels, block.depth_mm)
    return Measured(scan, BASELINE, width, _bits(values), width, width / settings.levels, error)


def _mean_error(inverted: NDArray[np.float64], pixels: DepthPixels, depth_mm: float) -> float:
    return float(np.abs(inverted - pixels.depths(depth_mm)).mean())


def _error_mm(
    m: MapImage,
    values: list[Values],
    pixels: DepthPixels,
    block: BlockRecord | None,
    cuts: NDArray[np.int32] | None,
    settings: QuantisationSettings,
) -> float | None:
    if block is None:
        return None
    if cuts is None or m.tau is None:
        inverted = [inverted_by_range(v, pixels, block.depth_mm) for v in values]
        return float(np.mean([_mean_error(depths, pixels, block.depth_mm) for depths in inverted]))
    return _mean_error(_inverted_by_cuts(m, values[0], cuts, block, settings), pixels, block.depth_mm)


def _inverted_by_cuts(
    m: MapImage, values: Values, cuts: NDArray[np.int32], block: BlockRecord, settings: QuantisationSettings
) -> NDArray[np.float64]:
    bins = values.astype(np.intp) - settings.first_code
    try:
        centres, _ = bin_depths(cuts, settings.levels, block.depth_mm)
    except SettingsError as error:
        raise BadFormat(m.path, "has recorded cuts that are damaged: convert the scan again.") from error
    if not 0 <= bins.min() <= bins.max() < centres.size:
        raise BadFormat(m.path, "holds grey values that its recorded cuts cannot have given: convert the scan again.")
    return centres[bins]


def inverted_by_range(values: Values, pixels: DepthPixels, depth_mm: float) -> NDArray[np.float64]:
    """Depth that each pixel's grey value stands for: the midpoint of its nearest and its farthest pixel, mm.

    The inverse of a map without recorded cuts, best in the worst case. Where a grey value does not tell depth, the
    error that it leaves says so.
    """
    first, last = _ends(values)
    depths = pixels.depths(depth_mm)
    middle = (depths[first] + depths[last]) / 2
    return middle[values]


def widest_bin(values: Values, levels: NDArray[np.int32]) -> int:
    """Most levels from the first to the last that one grey value stands for, both counted; 0 without a pixel.

    Args:
        values: (n,) grey values.
        levels: (n,) level of each pixel, ascending.
    """
    if not values.size:
        return 0
    first, last = _ends(values)
    return int((levels[last] - levels[first]).max()) + 1


def _ends(values: Values) -> tuple[NDArray[np.intp], NDArray[np.intp]]:
    """Index of the first and of the last pixel of every grey value 0..255; 0 for values that do not occur."""
    first, last = np.zeros(256, np.intp), np.zeros(256, np.intp)
    index = np.arange(values.size)
    last[values] = index  # of several assignments to one index, numpy keeps the last
    first[values[::-1]] = index[::-1]
    return first, last
