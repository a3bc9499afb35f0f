"""``gemax bench``."""

from __future__ import annotations

import json
from collections.abc import Iterable
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING

import click

from gemax_cli.cli import options
from gemax_cli.cli.output import print_rows

if TYPE_CHECKING:
    from _typeshed import DataclassInstance

SOLVER_NOTE = (
    "One thread; ms: per histogram the shortest of the rounds, then the median over the histograms. dp: the paper's "
    "dynamic programming (DP), O(K N tau), compiled, on this machine, once per histogram. paper: its own figures, "
    "i5-8250U, BU-3DFE."
)
RIVALS = "Quantisers to K values; max_bin is the distortion, levels"
PIPELINE_NOTE = (
    "Medians of the rounds. seconds: a whole run of gemax convert, start and tables included. start_s: until the first "
    "scan is done. ms_per_scan: of the scans after it, on the clock."
)
IMAGE_NOTE = (
    "bits: entropy. widest_bin: levels from the lowest to the highest that one grey value stands for; distortion: its "
    "share of N. Only GEMax, OCTM and uniform have a bound on it. ms: from levels to 8 bits."
)
FLOOR_NOTE = (
    "The floor, reading, and encoding and writing with Pillow, is {floor:.1f} ms a scan; "
    "one job takes {times:.2f} times as long."
)


@click.group("bench", cls=options.Group, short_help="Solver, conversions, HDR images, against what else there is.")
def command() -> None:
    """Time the solver, whole conversions, or the mapping of HDR images on this machine."""


@command.command("solver", cls=options.Command, short_help="The solver beside the paper's DP and other quantisers.")
@click.argument("src", type=options.PATH, required=False, callback=options.existing)
@options.option("--faces", type=click.IntRange(1), default=30, help="Histograms to take.")
@options.option("--levels", type=click.IntRange(2, 65535), default=4096, help="N.")
@options.option("--bins", type=click.IntRange(2, 256), default=256, help="K.")
@options.run_option("--rounds", type=click.IntRange(1), default=3, help="Runs of each.")
@options.run_option(
    "--compare", type=click.IntRange(1), default=3,
    help="Histograms to run the others on; without a bound the paper's algorithm takes seconds, and one does.",
)  # fmt: skip
@options.format_option
def solver(src: Path | None, faces: int, levels: int, bins: int, rounds: int, compare: int, form: options.Form) -> None:
    """Print two tables: the solver beside the paper's Table 3, and beside other quantisers where they are installed.

    The histograms are those of the depth16.png below SRC, or of schematic faces.
    """
    from gemax_cli.bench.rivals import rival_table
    from gemax_cli.bench.solver import folder_histograms, sample_histograms, solver_table

    histograms = folder_histograms(src, faces, levels) if src else sample_histograms(faces, levels)
    click.echo(f"{len(histograms)} histograms, N = {levels}, K = {bins}", err=True)
    ours = [asdict(row) for row in solver_table(histograms, bins, rounds, compare)]
    rivals = [asdict(row) for row in rival_table(histograms[:compare], bins, rounds)]
    if form == "json":
        click.echo(json.dumps({"solver": ours, "rivals": rivals}, indent=2))
    else:
        print_rows(ours, form, "Solver", SOLVER_NOTE, ("compared",))
        print_rows(rivals, form, RIVALS, least=("histograms", "optimum"))


@command.command("pipeline", cls=options.Command, short_help="Whole conversions, and the least they could take.")
@click.argument("src", type=options.PATH, callback=options.existing)
@options.tau_option
@options.run_option("--limit", type=click.IntRange(2), default=500, help="Scans to convert.")
@options.run_option("--rounds", type=click.IntRange(1), default=5, help="Runs of each.")
@options.run_option(
    "--jobs", "-j", type=options.integers, envvar="GEMAX_JOBS", default=lambda: f"1,{options.default_jobs()}",
    show_default="1 and one per core", help="Numbers of processes, such as 1,2,4.",
)  # fmt: skip
@options.format_option
def pipeline(
    src: Path, taus: tuple[int, ...], limit: int, rounds: int, jobs: tuple[int, ...], form: options.Form
) -> None:
    """Print tables of whole conversions of the raw scans in SRC.

    How fast and how large gemax convert is for each number of processes, how long each stage takes, and what reading
    the files and encoding the images takes alone.
    """
    from gemax_cli.bench.pipeline import measure_pipeline

    found = measure_pipeline(src, taus, jobs, rounds, limit)
    if form == "json":
        click.echo(json.dumps(asdict(found), indent=2))
        return
    print_rows(_rounded(found.runs), form, f"Whole runs, {found.scans} scans, {rounds} rounds", PIPELINE_NOTE)
    print_rows(_rounded(found.stages), form, f"Stages, --jobs {jobs[0]}")
    note = FLOOR_NOTE.format(floor=found.floor_ms, times=found.times_floor)
    print_rows(_rounded(found.floor), form, "The least there is to do, one process", note)


@command.command("images", cls=options.Command, short_help="GEMax beside OCTM, HE, CLAHE and others on HDR images.")
@options.option("--size", type=click.IntRange(64, 4096), default=512, help="Side of the images, pixels.")
@options.option("--seed", type=click.IntRange(0), default=0, help="Of the images.")
@options.run_option("--rounds", type=click.IntRange(1), default=3, help="Runs of each.")
@options.format_option
def images(size: int, seed: int, rounds: int, form: options.Form) -> None:
    """Print entropy, widest bin and time of ten ways from 4096 levels to 8 bits, on four simulated HDR images."""
    from gemax_cli.bench.images import image_table

    print_rows([asdict(row) for row in image_table(size, seed, rounds)], form, "8-bit images of HDR images", IMAGE_NOTE)


def _rounded(rows: Iterable[DataclassInstance]) -> list[dict[str, object]]:
    """Rows for reading: two places of all figures that are not counts."""
    return [
        {name: f"{value:.2f}" if isinstance(value, float) else value for name, value in asdict(row).items()}
        for row in rows
    ]
