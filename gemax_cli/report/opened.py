"""An output folder opened for reading: its settings and the records of its scans."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path

from gemax_cli.errors import OutputError
from gemax_cli.report.labels import record_id
from gemax_cli.settings import MapSettings
from gemax_cli.stack.folder import map_settings
from gemax_cli.stack.naming import DEPTH16, RUN
from gemax_cli.stack.records import BlockRecord, Place, ScanRecord, index_records

MOST_LEVELS_UP = 6  # a scan's folder lies at most so far below the output folder


@dataclass(frozen=True)
class OpenedFolder:
    """Settings and records of an output folder, or of a folder that has none.

    Attributes:
        root: the output folder; where there is none, the folder that was asked for.
        settings: levels and bins of its maps.
        places: scan id to the place of its record.
    """

    root: Path
    settings: MapSettings = field(default_factory=MapSettings)
    places: dict[str, Place] = field(default_factory=dict)

    def record(self, scan: str) -> ScanRecord | None:
        """The record of a scan, None where there is none; ``scan`` may end in the folder of a depth block."""
        place = self.places.get(record_id(scan))
        try:
            return place.read() if place else None
        except ValueError:
            return None

    def block(self, scan: str) -> BlockRecord | None:
        """The recorded depth block whose images lie in the folder ``scan``; None where there is no such record."""
        record = self.record(scan)
        blocks = record.blocks if record else ()
        return next((block for block in blocks if block.file == f"{scan}/{DEPTH16}"), None)


def open_folder(folder: Path) -> OpenedFolder:
    """Open an output folder, or the one that ``folder`` is a part of; any other folder opens with default settings.

    Raises:
        OutputError: run.json or a record file is damaged.
    """
    above = folder.resolve().parents[:MOST_LEVELS_UP]
    root = next((place for place in (folder, *above) if (place / RUN).is_file()), None)
    if root is None:
        return OpenedFolder(folder)
    try:
        return OpenedFolder(root, map_settings(root), index_records(root))
    except (TypeError, ValueError, AttributeError) as error:
        message = f"{root / RUN}: is damaged ({error}): make the folder again with gemax convert --overwrite."
        raise OutputError(message) from error
