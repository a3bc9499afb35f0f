"""An output folder opened for reading: its settings and the records of its scans."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path

from gemax_cli.codes import MAX_CODE
from gemax_cli.errors import OutputError
from gemax_cli.settings import QuantisationSettings
from gemax_cli.stack.folder import map_settings, read_run
from gemax_cli.stack.images import ScanImages, scan_images
from gemax_cli.stack.labels import record_id
from gemax_cli.stack.naming import DEPTH16, RUN
from gemax_cli.stack.records import BlockRecord, Place, ScanRecord, index_records

LONGEST_MM = 1e4
MOST_LEVELS_UP = 6  # a scan's folder lies at most so far below the output folder


@dataclass(frozen=True)
class OpenedFolder:
    """Settings and records of an output folder, or of a folder that has none.

    Attributes:
        root: the output folder; where there is none, the folder that was asked for.
        place: the folder that was asked for: ``root`` or one below it.
        settings: levels and bins of its maps.
        depths: of the blocks it was made with, mm; empty where unknown.
        places: scan id to the place of its record.
    """

    root: Path
    place: Path
    settings: QuantisationSettings = field(default_factory=QuantisationSettings)
    depths: tuple[float, ...] = ()
    places: Mapping[str, Place] = field(default_factory=dict)

    def scans(self) -> list[ScanImages]:
        """The maps below ``place``, in order of path."""
        return scan_images(self.place, self.root)

    def part(self, scans: Iterable[ScanImages]) -> OpenedFolder:
        """The same folder with the places of these scans alone: little to send to another process."""
        names = {record_id(images.scan) for images in scans}
        return replace(self, places={name: self.places[name] for name in names if name in self.places})

    def record(self, scan: str) -> ScanRecord | None:
        """The record of a scan, None where there is none; ``scan`` may end in the folder of a depth block."""
        place = self.places.get(record_id(scan))
        try:
            return place.read() if place else None
        except ValueError:
            return None

    def block(self, scan: str) -> BlockRecord | None:
        """The recorded depth block whose images lie in the folder ``scan``; None where no sound record has one."""
        record = self.record(scan)
        blocks = record.blocks if record else ()
        return next((block for block in blocks if block.file == f"{scan}/{DEPTH16}" and is_sound(block)), None)


def is_sound(block: BlockRecord) -> bool:
    """Whether the numbers of a recorded block that its images are inverted by are numbers of their kind."""
    lengths = (block.depth_mm, block.mm_per_pixel)
    return all(isinstance(length, int | float) and 0 < length <= LONGEST_MM for length in lengths) and all(
        isinstance(m.tau, int) and all(isinstance(cut, int) and 0 <= cut <= MAX_CODE for cut in m.cuts)
        for m in block.maps
    )


def open_folder(folder: Path) -> OpenedFolder:
    """Open an output folder, or the one that ``folder`` is a part of; any other folder opens with default settings.

    Raises:
        OutputError: run.json or a record file is damaged.
    """
    above = folder.resolve().parents[:MOST_LEVELS_UP]
    root = next((place for place in (folder, *above) if (place / RUN).is_file()), None)
    if root is None:
        return OpenedFolder(folder, folder)
    place = folder if root == folder else folder.resolve()
    try:
        depths = tuple(float(depth) for depth in read_run(root).get("settings", {}).get("depths", ()))
        return OpenedFolder(root, place, map_settings(root), depths, index_records(root))
    except (TypeError, ValueError, AttributeError) as error:
        message = f"{root / RUN}: is damaged ({error}): make the folder again with gemax convert --overwrite."
        raise OutputError(message) from error
