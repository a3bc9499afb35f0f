"""``gemax view``."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from gemax_cli.cli import options

if TYPE_CHECKING:
    from gemax_cli.settings import CameraSettings, NoseSettings


@click.command("view", cls=options.Command, short_help="A page with a face in 3D: is its nose tip right?")
@click.argument("source", type=options.PATH, metavar="OUT|RAWFILE", callback=options.existing)
@options.option(
    "--scan", default="", show_default="its only scan", metavar="ID", help="Of OUT: a scan's id, or its last parts."
)
@options.block_option("--depth", type=float, metavar="MM", help="Which depth block.", show_default="the smallest")
@options.nose_pack("nose")
@options.camera_pack("camera")
@options.file_option("view.html", "The page.")
def command(
    source: Path, scan: str, depth: float | None, nose: NoseSettings, camera: CameraSettings, output: Path
) -> int:
    """Write a page that shows a scan of the folder OUT, or a raw file, in 3D, and print the page's path.

    The surface is coloured by range image, GEMax map, bin width, texture or depth, with nose tip, landmarks and the
    walls of the depth block. The page needs no network. Options of nose tip and camera are for raw files.

    Exit code 3 if an image of the scan could not be shown.
    """
    from gemax_cli.cli.output import emit, tell
    from gemax_cli.printing import printable
    from gemax_cli.reports.view import view
    from gemax_cli.settings import Settings

    made = view(source, output, scan=scan, depth_mm=depth, settings=Settings(nose=nose, camera=camera))
    emit(f"{printable(str(output))}\n")
    return tell(made.problems)
