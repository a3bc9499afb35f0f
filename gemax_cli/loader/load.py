"""Read a training set from an output folder."""

from __future__ import annotations

import csv
import io
from collections import defaultdict
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from gemax_cli.datasets.model import EXPRESSIONS, SIX_EXPRESSIONS, expression_code
from gemax_cli.entropy.histogram import level_histogram
from gemax_cli.entropy.mapping import apply_cuts
from gemax_cli.entropy.solver import optimal_cuts_per_tau
from gemax_cli.errors import BadFormat, NothingToConvert, OutputError, SettingsError
from gemax_cli.loader.sample import Codes, Grey, Landmarks, mirrored_names
from gemax_cli.loader.stack import FaceStack
from gemax_cli.maps.registry import COMPARISONS, POOLED
from gemax_cli.paths import AnyPath
from gemax_cli.settings import QuantisationSettings
from gemax_cli.splits.files import read_split
from gemax_cli.splits.kept import kept_scans
from gemax_cli.splits.model import Kept, Split
from gemax_cli.splits.rows import scans_of_split
from gemax_cli.stack.escape import unescaped
from gemax_cli.stack.folder import OutputFolder
from gemax_cli.stack.guard import open_regular
from gemax_cli.stack.images import load_codes, load_map
from gemax_cli.stack.naming import LANDMARKS, MASK, TEXTURE
from gemax_cli.stack.records import BlockRecord, ScanRecord

GEMAX = "gemax"
MapsFrom = Literal["depth16", "png"]
SIX = tuple(name for name in EXPRESSIONS if name in SIX_EXPRESSIONS)


def load_stack(
    out: AnyPath,
    *,
    split: str | Split | None = None,
    round_number: int | None = None,
    taus: Sequence[int] | None = None,
    map_name: str = GEMAX,
    maps_from: MapsFrom = "depth16",
    classes: Sequence[str] = SIX,
    depth_mm: float | None = None,
    texture: bool = False,
    mask: bool = False,
    landmarks: bool = False,
) -> FaceStack:
    """Load scans with labels into memory: 0.5 GB for 1,200 scans with five tau and texture at 224 pixels.

    Args:
        out: a folder that ``gemax convert`` wrote.
        split: name of a split in it: only the scans that it keeps, of subjects that it picks. None for all scans of
            known subjects.
        round_number: only subjects that this round picks; None for those of all rounds.
        taus: of the GEMax maps; None for those of the folder, () for none. Those that the folder lacks are made.
        map_name: "gemax", or a comparison map: "ri", "normals" ...
        maps_from: "depth16" makes the maps from depth16.png by the recorded cuts; "png" reads the maps' files. The
            bytes are the same.
        classes: expressions by code or word; a label is an index here, scans of other expressions are left out.
        depth_mm: which block; None where the folder has one depth.
        texture: load texture.png.
        mask: load mask.png.
        landmarks: load landmarks.csv; a scan without landmarks has none.

    Raises:
        SettingsError: there is no such split, round, depth, tau, map or expression.
        NothingToConvert: no scan is left.
        SubjectMissing: the folder has no scan of a picked subject.
        ScanError: an image is missing, damaged, or of another size; the message names it.
        OutputError: the folder's tables are damaged.
    """
    folder = OutputFolder(out)
    chosen = read_split(folder, split) if isinstance(split, str) else split
    names = _classes(classes)
    records = [record for record in _records(folder, chosen, round_number) if record.name.expression in names]
    if not records:
        raise NothingToConvert(f"{folder.path}: holds no scan of a known subject that shows {', '.join(names)}.")
    blocks = _blocks(folder, records, depth_mm)
    codes = _stacked(load_codes, [folder.guard.path(block.file) for block in blocks])
    maps = _Maps(folder, map_name, taus, maps_from)
    marks = _landmarks(folder, records, blocks) if landmarks else ()
    return FaceStack(
        scan_ids=np.array([record.scan_id for record in records], np.str_),
        datasets=np.array([record.name.dataset for record in records], np.str_),
        subjects=np.array([record.name.subject for record in records], np.str_),
        labels=np.array([names.index(record.name.expression) for record in records], np.int64),
        classes=names,
        depth16=codes,
        maps=maps.of(blocks, codes),
        channels=maps.channels,
        taus=maps.taus,
        depth_mm=blocks[0].depth_mm,
        mm_per_pixel=np.array([block.mm_per_pixel for block in blocks]),
        quantisation=maps.quantisation,
        texture=_stacked(load_map, _beside(folder, blocks, TEXTURE)) if texture else None,
        mask=_stacked(load_map, _beside(folder, blocks, MASK)) if mask else None,
        landmarks=marks,
        mirrored_names=mirrored_names(marks, codes.shape[2]),
        split=chosen,
        round_number=round_number,
    )


def _classes(classes: Sequence[str]) -> tuple[str, ...]:
    names = tuple(expression_code(word) for word in ([classes] if isinstance(classes, str) else classes))
    if not names or "" in names or len(set(names)) < len(names):
        raise SettingsError(f"classes {list(classes)}: give different ones of {', '.join(EXPRESSIONS)}.")
    return names


def _records(folder: OutputFolder, split: Split | None, round_number: int | None) -> list[ScanRecord]:
    """The records in order of dataset, subject and scan."""
    if split is None:
        keeps = dict.fromkeys({record.name.dataset for record in folder.records()}, Kept())
        scans = kept_scans(folder.records(), keeps)
    else:
        scans = dict(scans_of_split(folder, split, round_number))
    return [record for own in scans.values() for record in own]


def _blocks(folder: OutputFolder, records: Sequence[ScanRecord], depth_mm: float | None) -> list[BlockRecord]:
    depths = sorted({block.depth_mm for record in records for block in record.blocks})
    if depth_mm is None and len(depths) > 1:
        listed = ", ".join(f"{depth:g}" for depth in depths)
        raise SettingsError(f"{folder.path}: has blocks of several depths ({listed} mm): say which, by depth_mm.")
    wanted = depths[0] if depth_mm is None else depth_mm
    found = [[block for block in record.blocks if block.depth_mm == wanted] for record in records]
    for record, blocks in zip(records, found, strict=True):
        if not blocks:
            raise SettingsError(f"{record.scan_id}: has no block of {wanted:g} mm: convert it with --depth {wanted:g}.")
    return [blocks[0] for blocks in found]


def _beside(folder: OutputFolder, blocks: Sequence[BlockRecord], name: str) -> list[Path]:
    """The file ``name`` of every block."""
    return [folder.guard.path(f"{block.file.rpartition('/')[0]}/{name}") for block in blocks]


def _stacked(load: Any, paths: Sequence[Path]) -> Any:
    """The images of these files in one array.

    Raises:
        ScanError: one cannot be read, or differs from the first in size.
    """
    first = load(paths[0])
    images = np.empty((len(paths), *first.shape), first.dtype)
    images[0] = first
    for i, path in enumerate(paths[1:], 1):
        image = load(path)
        if image.shape != first.shape:
            raise BadFormat(path, f"is {image.shape}, the first image {first.shape}: convert the scan again.")
        images[i] = image
    return images


class _Maps:
    """The maps of blocks: from depth by recorded or new cuts, from PNGs, or comparison maps."""

    def __init__(self, folder: OutputFolder, name: str, taus: Sequence[int] | None, maps_from: MapsFrom) -> None:
        if name != GEMAX and name not in COMPARISONS:
            raise SettingsError(f"{name!r} is no map: give {GEMAX} or one of {', '.join(COMPARISONS)}.")
        settings = folder.settings
        self.folder, self.name, self.scope = folder, name, settings.mapping
        self.from_png = maps_from == "png" or (self.scope != "scan" and name in POOLED)
        self.quantisation: QuantisationSettings = settings.quantisation
        self.taus: tuple[int, ...] = ()
        if name == GEMAX:
            self.taus = settings.taus if taus is None else tuple(sorted(set(taus)))
            for tau in self.taus:
                self.quantisation.check_tau(tau)

    @property
    def channels(self) -> tuple[str, ...]:
        """Name of each channel."""
        if self.name == GEMAX:
            return tuple(f"gemax_tau{tau:03d}" for tau in self.taus)
        return COMPARISONS[self.name].channels

    def of(self, blocks: Sequence[BlockRecord], codes: Codes) -> Grey:
        """(n, channels, rows, columns) uint8."""
        images = np.empty((len(blocks), len(self.channels), *codes.shape[1:]), np.uint8)
        for i, block in enumerate(blocks):
            for c, plane in enumerate(self._planes(block, codes[i])):
                images[i, c] = plane
        return images

    def _planes(self, block: BlockRecord, codes: Codes) -> Iterator[Grey]:
        if self.from_png:
            return self._read(block)
        return self._gemax(block, codes) if self.name == GEMAX else self._comparison(block, codes)

    def _gemax(self, block: BlockRecord, codes: Codes) -> Iterator[Grey]:
        cuts = {m.tau: m.cuts for m in block.maps if m.tau in self.taus}
        if missing := [tau for tau in self.taus if tau not in cuts]:
            if self.scope != "scan":
                message = f"the folder's maps share a mapping per {self.scope}, and none is of tau = {missing[0]}"
                raise SettingsError(f"{self.folder.path}: {message}: add it with gemax convert --tau.")
            histogram = level_histogram(codes, self.quantisation.levels)
            solved = optimal_cuts_per_tau(histogram, self.quantisation.face_bins, missing)
            cuts |= {solution.tau: solution.cuts for solution in solved}
        for tau in self.taus:
            yield apply_cuts(codes, cuts[tau], self.quantisation.levels, self.quantisation.first_code)

    def _comparison(self, block: BlockRecord, codes: Codes) -> Iterator[Grey]:
        from gemax_cli.maps.compare import make_comparison_maps

        q = self.quantisation
        sizes = (q.levels, q.face_bins, q.first_code)
        made = make_comparison_maps(codes, block.depth_mm, block.mm_per_pixel, (self.name,), *sizes)[0]
        yield from np.moveaxis(np.atleast_3d(made.image), -1, 0)

    def _read(self, block: BlockRecord) -> Iterator[Grey]:
        named = {f"gemax_tau{m.tau:03d}": m for m in block.maps} | {m.name: m for m in block.comparisons}
        images: dict[str, NDArray[np.uint8]] = {}
        for channel in self.channels:
            if channel not in named:
                message = f"{block.file}: has no {channel} beside it: convert it, or take maps_from='depth16'."
                raise SettingsError(message)
            file, plane = named[channel].file, named[channel].channel
            if file not in images:
                images[file] = self.folder.image(file)
            yield images[file] if plane is None else images[file][..., plane]


def _landmarks(
    folder: OutputFolder, records: Sequence[ScanRecord], blocks: Sequence[BlockRecord]
) -> tuple[Landmarks, ...]:
    """The landmarks of each scan in its block's pixels; scans without any have none."""
    path, found = folder.path / LANDMARKS, defaultdict(list)
    try:
        with io.TextIOWrapper(open_regular(path), newline="", encoding="utf-8", errors="surrogateescape") as text:
            for row in csv.DictReader(text, strict=True):
                place = [float(row[name]) for name in ("column", "row", "depth")]
                visible = row["visible"] == "1"
                found[row["scan"], float(row["depth_mm"])].append((unescaped(row["name"]), place, visible))
    except FileNotFoundError:
        raise OutputError(f"{path}: is missing: none of these scans has landmarks, or convert them again.") from None
    except (OSError, csv.Error, KeyError, TypeError, ValueError) as error:
        raise OutputError(f"{path}: cannot be read ({error}): run gemax convert again.") from error
    keys = [(record.scan_id, block.depth_mm) for record, block in zip(records, blocks, strict=True)]
    return tuple(_marks(found[key]) for key in keys)


def _marks(rows: Sequence[tuple[str, list[float], bool]]) -> Landmarks:
    places = np.array([place for _, place, _ in rows], np.float64).reshape(-1, 3)
    return Landmarks(tuple(name for name, _, _ in rows), places, np.array([seen for _, _, seen in rows], np.bool_))
