"""``gemax invert``."""

from __future__ import annotations

from pathlib import Path

import click

from gemax_cli.cli import options


@click.command("invert", cls=options.Command, short_help="Metric depth from an 8-bit map and its record.")
@click.argument("image", type=options.PATH, metavar="MAP")
@options.option("--tau", type=int, help="Which map of an RGB image.", show_default="its smallest tau")
@options.file_option(
    "depth.npy", "Depth in mm, float32, NaN where there is none: a NumPy array (.npy) or a 32-bit float TIFF (.tif)."
)
@options.output_option(
    "--ply", type=options.PATH, help="Write a point cloud, too, in the raw file's axes and millimetres."
)
@options.format_option
def command(image: Path, tau: int | None, output: Path, ply: Path | None, form: options.Form) -> None:
    """Turn the map MAP, in a folder that gemax convert wrote, back into depth behind the nose tip.

    MAP is the PNG of a GEMax map or of the range image (ri.png). Each pixel gets the middle of its bin; no pixel is
    off by more than the bound that is printed, and error_mm is the largest difference that there is.
    """
    from gemax_cli.cli.output import print_rows
    from gemax_cli.stack.invert import invert, write_depth, write_ply

    inverted = invert(image, tau)
    write_depth(output, inverted.depth)
    points = inverted.points()
    if ply:
        write_ply(ply, points)
    row = {
        "scan": inverted.scan_id,
        "map": inverted.name,
        "tau": inverted.tau,
        "depth_mm": inverted.block.depth_mm,
        "valid_pixels": len(points),
        "bound_mm": inverted.bound_mm,
        "error_mm": inverted.error_mm,
        "depth": str(output),
        "ply": str(ply) if ply else None,
    }
    print_rows([row], form)
