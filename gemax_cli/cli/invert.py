"""``gemax invert``."""

from __future__ import annotations

from pathlib import Path

import click

from gemax_cli.cli import options


@click.command("invert", cls=options.Command, short_help="Depth, or values, from an 8-bit map and its record.")
@click.argument("image", type=options.PATH, metavar="MAP")
@options.option("--tau", type=int, help="Which map of an RGB image.", show_default="its smallest tau")
@options.file_option(
    "depth.npy",
    "Depth in mm, or values, as floats, NaN where there is none: a NumPy array (.npy) or a TIFF (.tif).",
)
@options.output_option(
    "--ply",
    type=options.PATH,
    help="Write a mesh, too, in the raw file's axes and millimetres, coloured by texture.png, else by the map.",
)
@options.format_option
def command(image: Path, tau: int | None, output: Path, ply: Path | None, form: options.Form) -> None:
    """Turn the map MAP, in a folder that gemax convert wrote, back into depth behind the nose tip.

    MAP is the PNG of a GEMax map or of the range image (ri.png). Each pixel gets the middle of its bin; no pixel is
    off by more than the bound that is printed, and error_mm is the largest difference that there is.

    A map in a folder that gemax map wrote is turned back into the values of its image, in their own unit.
    """
    from gemax_cli.folders import holds_images
    from gemax_cli.stack.folder import OutputFolder

    if holds_images(OutputFolder.holding(image)):
        if tau is not None or ply:
            raise click.UsageError("--tau and --ply are for maps of scans.")
        return _invert_image(image, output, form)
    return _invert_scan(image, tau, output, ply, form)


def _invert_image(image: Path, output: Path, form: options.Form) -> None:
    from gemax_cli.cli.output import print_rows
    from gemax_cli.images.invert import invert_image, write_values

    inverted = invert_image(image)
    valid = write_values(output, inverted)
    row = {
        "image": inverted.record.image_id,
        "tau": inverted.map.tau,
        "scale": inverted.record.grid.scale,
        "low": inverted.record.grid.low,
        "high": inverted.record.grid.high,
        "valid_pixels": valid,
        "bound": inverted.bound,
        "bound_on_scale": inverted.map.bound_on_scale,
        "unit": inverted.record.unit or None,
        "values": str(output),
    }
    print_rows([row], form)


def _invert_scan(image: Path, tau: int | None, output: Path, ply: Path | None, form: options.Form) -> None:
    import numpy as np

    from gemax_cli.cli.output import print_rows
    from gemax_cli.stack.invert import invert, write_depth, write_ply

    inverted = invert(image, tau)
    write_depth(output, inverted.depth)
    if ply:
        write_ply(ply, inverted.mesh())
    row = {
        "scan": inverted.scan_id,
        "map": inverted.name,
        "tau": inverted.tau,
        "depth_mm": inverted.block.depth_mm,
        "valid_pixels": int(np.count_nonzero(~np.isnan(inverted.depth))),
        "bound_mm": inverted.bound_mm,
        "error_mm": inverted.error_mm,
        "depth": str(output),
        "ply": str(ply) if ply else None,
    }
    print_rows([row], form)
