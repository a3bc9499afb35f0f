"""``gemax map``."""

from __future__ import annotations

import sys
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

import click

from gemax_cli.cli import options

if TYPE_CHECKING:
    from gemax_cli.batch.run import RunOptions
    from gemax_cli.images.settings import ImageSettings


def _levels(_: click.Context, __: click.Parameter, text: str) -> int | None:
    if text == "auto":
        return None
    if not text.isdecimal():
        raise click.BadParameter(f"{text!r} is no number of levels: give auto or a whole number.")
    return int(text)


values_option = options.under("Values")
settings_pack = options.pack(
    "gemax_cli.images.settings:ImageSettings",
    taus=partial(
        options.maps_option, "--tau", multiple=True, callback=options.words, default=["1.25x", "2.5x", "3.75x"],
        metavar="TAU...", help="Distortion bounds: a multiple of uniform (1.25x), levels (20), or a share of the range "
        "(0.5%).",
    ),
    bins=partial(options.maps_option, "--bins", default=256, help="K, grey values of a map."),
    mapping=options.choice(options.maps_option, "--mapping", "image set", "One mapping per image, or one for all."),
    reserve_zero=partial(options.maps_option, "--reserve-zero", is_flag=True, help="Keep 0 for pixels without data."),
    scale=options.choice(
        values_option, "--scale", "linear sqrt log db", "What levels are even steps of; db: 10 log10 of the value."
    ),
    range=partial(
        values_option, "--range", default="auto", metavar="RANGE",
        help="auto: lowest to highest value; MIN:MAX, in dB with --scale db; or percentiles, p0.1:p99.9.",
    ),
    levels=partial(
        values_option, "--levels", default="auto", callback=_levels, metavar="N",
        help="N; auto: one per whole number up to 65535, else 4096.",
    ),
    nodata=partial(
        values_option, "--nodata", default="file", metavar="VALUE",
        help="Value without data, beside NaN; file: what the file says; nan: NaN alone; none: every pixel is data.",
    ),
    mask=partial(
        values_option, "--mask", default="", show_default="none", metavar="FILE",
        help="Image of the same size: 0 is no data.",
    ),
    band=partial(values_option, "--band", type=click.IntRange(1), help="Of several bands or pages, from 1."),
)  # fmt: skip
run_pack = options.pack(
    "gemax_cli.batch.run:RunOptions",
    jobs=options.jobs_part,
    overwrite=partial(options.run_option, "--overwrite", is_flag=True, help="Map again what is there already."),
    wait=options.wait_part,
    on_failure=options.choice(options.run_option, "--on-failure", "continue stop", "After an image that fails."),
)


@click.command("map", cls=options.Command, short_help="Any HDR image (thermal, SAR, medical, depth) to 8-bit maps.")
@options.images_argument
@click.argument("out", type=options.PATH)
@settings_pack("settings")
@options.settings_option("gemax_cli.images.settings:ImageSettings")
@run_pack("run")
@options.output_option("--json", "as_json", is_flag=True, help="Print every image to stdout, a JSON object a line.")
@options.quiet_option
@options.verbose_option
@options.log_option
def command(
    sources: list[Path], out: Path, settings: ImageSettings, run: RunOptions, as_json: bool, quiet: bool, verbose: bool,
    log: Path | None,
) -> int:  # fmt: skip
    """Map the HDR images IMAGE... to 8-bit maps in OUT, of the highest entropy that a bound on distortion allows.

    IMAGE is a PNG, TIFF, GeoTIFF, BigTIFF, .npy or DICOM file, a folder of any depth, several of them, or - for a list
    on standard input. Value 0 is data here; NaN, infinities and the file's own no-data value are not. Run the same
    command again to go on after an interruption; gemax verify, entropy and invert work on OUT.

    Scale and range come before the levels: SAR intensity in linear levels keeps 0.1 bits whatever tau, in dB 7.0 (tau
    1.25x) to 7.8 (3.75x). An image of no more values than bins keeps each of them. DICOM takes pydicom, and TIFFs
    packed by LZW or ZSTD take imagecodecs.

    Files are read block by block, so that size does not matter. Maps are PNGs; those of more than 16.8 million pixels
    and of GeoTIFFs are TIFFs, with the georeferencing of the input.
    """
    from gemax_cli.cli.image_progress import ImageProgress
    from gemax_cli.cli.json_lines import JsonLines
    from gemax_cli.cli.progress import ProgressReporter
    from gemax_cli.images.run import map_images

    run = replace(run, command=("gemax", *sys.argv[1:]))
    lines = JsonLines(out) if as_json else None
    with ProgressReporter(quiet=quiet, verbose=verbose, log=log, lines=lines, things="images", verb="map") as progress:
        summary = map_images(sources, out, settings, run, ImageProgress(progress, lines))
        progress.close(summary, out, run.jobs)
    return summary.exit_code
