"""One scan from end to end, in memory."""

from __future__ import annotations

import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, nullcontext
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from gemax_cli.entropy.figures import map_entropy, max_bin
from gemax_cli.entropy.histogram import CodePool, level_histogram
from gemax_cli.entropy.mapping import apply_cuts
from gemax_cli.entropy.solver import optimal_cuts_per_tau
from gemax_cli.errors import EmptyBlock, NoNoseTip
from gemax_cli.face.block import cut_blocks
from gemax_cli.face.clean import clean_scan, drop_grazing
from gemax_cli.face.landmarks import PixelLandmark, landmarks_in
from gemax_cli.face.model import LAST_ROW, DepthBlock, FrontalScan, NoseTip, Pose
from gemax_cli.face.nose import find_nose_tip
from gemax_cli.face.orient import orient_scan, place_scan
from gemax_cli.face.pose import align_if_turned
from gemax_cli.face.texture import Texture, texture_blocks
from gemax_cli.face.warnings import block_warnings, pose_warnings
from gemax_cli.maps.compare import make_comparison_maps
from gemax_cli.maps.model import ComparisonMap
from gemax_cli.paths import AnyPath
from gemax_cli.placement import Placement
from gemax_cli.scans.model import Companion, Fingerprint, Scan
from gemax_cli.scans.picture import ScanColours, colours_of
from gemax_cli.scans.read import read_scan
from gemax_cli.settings import QuantisationSettings, Settings

MEASURED, FILLED = 255, 128  # values of a mask
UNREGISTERED = "The upper face was not found: the frame was placed between its neighbours."


class Stopwatch:
    """Seconds per stage."""

    def __init__(self) -> None:
        self.seconds: dict[str, float] = {}

    @contextmanager
    def stage(self, name: str) -> Iterator[None]:
        """Add the time of the block to ``name``."""
        start = time.perf_counter()
        try:
            yield
        finally:
            self.seconds[name] = self.seconds.get(name, 0.0) + time.perf_counter() - start


@dataclass(frozen=True, eq=False)
class GemaxMap:
    """One map of maximal entropy.

    Attributes:
        image: (size, size) uint8; the background is 0.
        tau: its distortion bound, levels.
        cuts: (K + 1,) int32, 0 = d_0 < ... < d_K = N; bin k holds the levels d_k..d_{k+1} - 1.
        entropy: bits, over the valid pixels.
        max_bin: width of the widest bin, levels; at most tau.
    """

    image: NDArray[np.uint8]
    tau: int
    cuts: NDArray[np.int32]
    entropy: float
    max_bin: int


@dataclass(frozen=True, eq=False)
class MappedBlock:
    """A depth block with its maps.

    Attributes:
        depth16: (size, size) uint16; 65535 is the nose tip's depth, 1 is ``depth_mm`` behind it, 0 is no data.
        depth_mm: metric depth of the block.
        mm_per_pixel: pixel pitch.
        pixel_to_raw: (3, 4) affine from (column, row, depth in mm, 1) to the raw file's axes in mm.
        counts: pixels filled, left open, removed (``face.model.DepthBlock``).
        maps: GEMax maps, ascending tau.
        comparisons: comparison maps, in the order of the settings.
        texture: colours on the same grid; None where they were not asked for, or the scan has none.
        mask: (size, size) uint8: 0 no data, 255 measured, 128 filled; None where it was not asked for.
        landmarks: of the scan's files, in pixels.
    """

    depth16: NDArray[np.uint16]
    depth_mm: float
    mm_per_pixel: float
    pixel_to_raw: NDArray[np.float64]
    counts: dict[str, int]
    maps: tuple[GemaxMap, ...]
    comparisons: tuple[ComparisonMap, ...] = ()
    texture: Texture | None = None
    mask: NDArray[np.uint8] | None = None
    landmarks: tuple[PixelLandmark, ...] = ()


@dataclass(frozen=True, eq=False)
class CutScan:
    """The depth blocks of one scan, without maps.

    Attributes:
        frontal: the cleaned surface in its frontal axes.
        tip: in these axes.
        aligned: the scan was rotated to frontal.
        blocks: one per depth, ascending.
        textures: of the blocks; None without the scan's picture, or where none was asked for.
        texture_source: name of the picture, or VERTEX_COLOURS; NO_PICTURE where the scan has none, "" if not asked for.
        companions: files beside the scan that were read with it, its picture among them.
        counts: what cleaning removed.
        warnings: sentences.
        fingerprint: of the raw file.
    """

    frontal: FrontalScan
    tip: NoseTip
    aligned: bool
    blocks: tuple[DepthBlock, ...]
    textures: tuple[Texture | None, ...]
    texture_source: str
    companions: tuple[Companion, ...]
    counts: dict[str, int]
    warnings: tuple[str, ...]
    fingerprint: Fingerprint


@dataclass(frozen=True, eq=False)
class ConvertedScan:
    """The maps and figures of one scan.

    Attributes:
        nose: position in the raw file's axes, millimetres.
        pose: estimated head pose, None where it was not asked for.
        aligned: the scan was rotated to frontal.
        blocks: one per depth, ascending.
        counts: what cleaning removed.
        warnings: sentences.
        source_bytes: size of the raw file.
        source_sha256: of the raw file.
        companions: the files beside it that were read with it.
        seconds: per stage.
        texture_source: as of ``CutScan``.
    """

    nose: NoseTip
    pose: Pose | None
    aligned: bool
    blocks: tuple[MappedBlock, ...]
    counts: dict[str, int]
    warnings: tuple[str, ...]
    source_bytes: int
    source_sha256: str
    seconds: dict[str, float]
    companions: tuple[Companion, ...] = ()
    texture_source: str = ""


def convert_scan(path: AnyPath, settings: Settings | None = None, placement: Placement | None = None) -> ConvertedScan:
    """Read one raw file and make all its maps; nothing is written.

    With a ``placement`` (``sequences.stabilise_sequence``) the scan is cut as a frame of its sequence.

    Where ``settings.mapping`` is not ``scan``, the maps that take the other scans of the scope are left out.

    Raises:
        ScanError: the file cannot be converted; the class and its ``stage`` say why.
    """
    watch, settings = Stopwatch(), settings or Settings()
    with watch.stage("read"):
        scan = read_scan(path, settings.camera, settings.nose.unit)
    return convert_read(scan, settings, watch, placement)


def convert_read(scan: Scan, settings: Settings, watch: Stopwatch, placement: Placement | None = None) -> ConvertedScan:
    """The same of a scan that is read already. What is unusual in the file stands in the message of a failure, too."""
    try:
        return _converted(scan, settings, watch, placement)
    except (NoNoseTip, EmptyBlock) as error:
        raise type(error)(error.path, " ".join((error.message, *scan.warnings))) from error


def _converted(scan: Scan, settings: Settings, watch: Stopwatch, placement: Placement | None) -> ConvertedScan:
    cut = cut_scan(scan, settings, watch, placement)
    with watch.stage("maps"):
        mapped = tuple(
            _mapped(block, texture, cut, settings) for block, texture in zip(cut.blocks, cut.textures, strict=True)
        )
    return ConvertedScan(
        nose=_in_raw_axes(cut.tip, cut.frontal.to_raw),
        pose=cut.tip.pose,
        aligned=cut.aligned,
        blocks=mapped,
        counts=cut.counts,
        warnings=cut.warnings,
        source_bytes=cut.fingerprint.size,
        source_sha256=cut.fingerprint.sha256,
        seconds=watch.seconds,
        texture_source=cut.texture_source,
        companions=cut.companions,
    )


def cut_scan(scan: Scan, settings: Settings, watch: Stopwatch, placement: Placement | None = None) -> CutScan:
    """The depth blocks of a scan and, if the settings ask for them, their textures.

    Raises:
        ScanError: as ``convert_scan``; PictureMissing and BadPicture only where a texture is required.
    """
    frontal, tip, aligned, counts = find_face(scan, settings, watch, placement)
    origin = tip.position if placement is None else np.array(placement.origin)
    with watch.stage("block"):
        blocks = cut_blocks(frontal.scan, origin, settings.block, settings.depths)
    with watch.stage("texture") if settings.texture else nullcontext():
        colours = colours_of(frontal.scan, settings.require_texture) if settings.texture else ScanColours(None)
        textures = texture_blocks(blocks, colours.colours)
    warnings = (
        *scan.warnings,
        *frontal.assumptions,
        *tip.warnings,
        *pose_warnings(frontal, tip.pose, aligned),
        *block_warnings(frontal.scan, blocks, settings.block),
        *colours.warnings,
        *([UNREGISTERED] if placement and not placement.registered else ()),
    )
    own = colours.source, (*scan.companions, *colours.companions), counts, warnings, scan.fingerprint
    return CutScan(frontal, tip, aligned, blocks, textures, *own)


def find_face(
    scan: Scan, settings: Settings, watch: Stopwatch, placement: Placement | None = None
) -> tuple[FrontalScan, NoseTip, bool, dict[str, int]]:
    """Clean a scan and find its nose tip in its frontal axes, or in those of a sequence.

    Returns:
        The frontal scan, the tip, whether the scan was turned to frontal, and what cleaning removed.

    Raises:
        NoNoseTip: there is none.
    """
    with watch.stage("clean"):
        shown = scan if settings.texture else replace(scan, texture=None, colours=None)
        cleaned, counts = clean_scan(shown)
    with watch.stage("nose"):
        frontal = place_scan(cleaned, placement) if placement else orient_scan(cleaned, settings.nose)
        if scan.grid is not None and not scan.metric:  # what turns away shows once the axes are known
            turned, counts["grazing_triangles"] = drop_grazing(frontal.scan)
            frontal = replace(frontal, scan=turned)
        tip = find_nose_tip(frontal.scan, settings.nose, frontal.detected)
        if placement:
            return frontal, tip, False, counts
        return *align_if_turned(frontal, tip, settings.nose), counts


def _mapped(block: DepthBlock, texture: Texture | None, cut: CutScan, settings: Settings) -> MappedBlock:
    quantisation, frontal = settings.quantisation, cut.frontal
    return MappedBlock(
        depth16=block.depth16,
        depth_mm=block.depth_mm,
        mm_per_pixel=block.mm_per_pixel,
        pixel_to_raw=frontal.to_raw @ np.vstack([block.to_scan, LAST_ROW]),
        counts=block.counts,
        maps=make_maps(block.depth16, settings.own_taus, quantisation),
        comparisons=compare_maps(block.depth16, block.depth_mm, block.mm_per_pixel, settings.own_maps, quantisation),
        texture=texture,
        mask=mask_of(block) if settings.mask else None,
        landmarks=landmarks_in(block, {**frontal.scan.landmarks, **frontal.scan.picture_landmarks}),
    )


def mask_of(block: DepthBlock) -> NDArray[np.uint8]:
    """Which pixels of a block were measured: (size, size) uint8, 0 no data, MEASURED, FILLED."""
    return np.where(block.filled, FILLED, np.where(block.depth16 > 0, MEASURED, 0)).astype(np.uint8)


def make_maps(
    depth16: NDArray[np.uint16], taus: tuple[int, ...], settings: QuantisationSettings | None = None
) -> tuple[GemaxMap, ...]:
    """The GEMax maps of a depth image, one per tau (stages S2 and S3, equations 5 to 8).

    Args:
        depth16: (rows, columns) codes, 0 = no data.
        taus: distortion bounds in levels.
        settings: levels, bins and whether value 0 is kept for the background.
    """
    settings = settings or QuantisationSettings()
    if not taus:
        return ()
    solutions = optimal_cuts_per_tau(level_histogram(depth16, settings.levels), settings.face_bins, taus)
    return tuple(
        GemaxMap(apply_cuts(depth16, s.cuts, settings.levels, settings.first_code), s.tau, s.cuts, s.entropy, s.max_bin)
        for s in solutions
    )


def map_by_cuts(
    depth16: NDArray[np.uint16], cuts: Mapping[int, NDArray[np.int32]], settings: QuantisationSettings
) -> tuple[GemaxMap, ...]:
    """The GEMax maps of a depth image by cuts that were fitted elsewhere: those of its scope.

    Args:
        depth16: (rows, columns) codes, 0 = no data; there is data.
        cuts: (K + 1,) cuts of each tau.
        settings: levels, bins and whether value 0 is kept for the background.
    """
    valid = depth16 > 0
    images = {tau: apply_cuts(depth16, own, settings.levels, settings.first_code) for tau, own in cuts.items()}
    return tuple(
        GemaxMap(image, tau, cuts[tau], map_entropy(image, valid), max_bin(cuts[tau])) for tau, image in images.items()
    )


def compare_maps(
    depth16: NDArray[np.uint16],
    depth_mm: float,
    mm_per_pixel: float,
    names: tuple[str, ...],
    settings: QuantisationSettings,
    pool: CodePool | None = None,
) -> tuple[ComparisonMap, ...]:
    """The comparison maps ``names`` of a depth image, with the levels, bins and lowest grey value of the GEMax maps.

    With a ``pool``, their range and histogram are those of its scope.
    """
    sizes = (settings.levels, settings.face_bins, settings.first_code)
    return make_comparison_maps(depth16, depth_mm, mm_per_pixel, names, *sizes, pool)


def _in_raw_axes(tip: NoseTip, to_raw: NDArray[np.float64]) -> NoseTip:
    runner_up = None if tip.runner_up is None else to_raw @ [*tip.runner_up, 1.0]
    return replace(tip, position=to_raw @ [*tip.position, 1.0], runner_up=runner_up)
