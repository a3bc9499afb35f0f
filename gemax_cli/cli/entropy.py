"""``gemax entropy``."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from gemax_cli.cli import options
from gemax_cli.errors import NothingToConvert

if TYPE_CHECKING:
    from gemax_cli.reports.entropy_table import By
    from gemax_cli.reports.measure import Measurement
    from gemax_cli.stack.folder import OutputFolder

LEAST = ("distortion", "min", "max", "std")  # columns that say least; the distortion follows from max_bin


@click.command("entropy", cls=options.Command, short_help="Entropy of the maps in a folder, from the PNGs.")
@options.out_argument
@options.option(
    "--by", type=click.Choice(["dataset", "scan", "subject", "expression"]), default="dataset",
    help="What a row is about.",
)  # fmt: skip
@options.option(
    "--published", is_flag=True, help="Tables 1, 2, 3 and 5 of the paper, and what was measured here beside."
)
@options.jobs_option
@options.output_option("--plot", type=options.PATH, help="Draw entropy against tau; .svg or .png.")
@options.format_option
def command(out: Path, by: By, published: bool, jobs: int, plot: Path | None, form: options.Form) -> int:
    """Print the entropy of the 8-bit maps in OUT, in bits, measured on the PNGs themselves.

    OUT is a folder that gemax convert or map wrote, or any folder of 8-bit PNGs (there, pixels of value 0 do not
    count). The range image (uniform quantisation, tau = N/K) is the baseline. Beside each entropy stands what it cost:
    the widest bin in levels, as a share of N (distortion), and the mean absolute depth error of the inverted map in mm.

    --by expression and --by subject give a row per group and a column per map; csv and json keep a row per map.

    Of a folder that gemax map wrote: a row per tau, or with --by scan one per image and tau, with the largest error of
    an inverted value in the input's unit.

    Exit code 3 if an image could not be measured.
    """
    from gemax_cli.folders import holds_images
    from gemax_cli.stack.folder import OutputFolder

    if holds_images(folder := OutputFolder(out)):
        if plot or published or by not in ("dataset", "scan"):
            raise click.UsageError("--plot, --published, and --by but for scan are for folders of gemax convert.")
        return _measure_images(folder, by, jobs, form)
    return _measure_scans(out, by, published, jobs, plot, form)


def _measure_images(folder: OutputFolder, by: By, jobs: int, form: options.Form) -> int:
    from dataclasses import asdict

    from gemax_cli.cli.output import print_rows, tell
    from gemax_cli.images.measure import mean_rows, measure_images

    rows, problems = measure_images(folder, jobs)
    if not rows and not problems:
        raise NothingToConvert(f"{folder.path}: holds no record: map some images first.")
    shown = [asdict(row) for row in rows] if by == "scan" else list(mean_rows(rows))
    print_rows(shown, form, f"Entropy of {folder.path}, bits", least=(*LEAST, "bound_on_scale", "mapping", "scale"))
    return tell(problems)


def _measure_scans(out: Path, by: By, published: bool, jobs: int, plot: Path | None, form: options.Form) -> int:
    from gemax_cli.cli.output import tell
    from gemax_cli.reports.charts import chart_format
    from gemax_cli.reports.entropy_table import no_map
    from gemax_cli.reports.measure import measure_folder

    if plot:
        chart_format(plot)  # before the work
    measurement = measure_folder(out, jobs)
    code = tell(measurement.problems)
    if not measurement.maps and not measurement.problems:
        raise no_map(out)
    if plot:
        _plot(measurement, plot)
    if published:
        _print_published(measurement, out, form)
    else:
        print_entropy(measurement, out, by, form)
    return code


def print_entropy(measurement: Measurement, out: Path, by: By, form: options.Form) -> None:
    """Print the table of a measured folder."""
    from gemax_cli.cli.output import print_rows
    from gemax_cli.reports.entropy_table import named_rows, pivoted, scope_sentence, tabulate
    from gemax_cli.reports.published import ENTROPY_SOURCE

    rows = tabulate(measurement, by)
    note = f"paper: {ENTROPY_SOURCE}" if any(row.paper is not None for row in rows) else ""
    notes = "; ".join(filter(None, (scope_sentence(out), note)))
    if by in ("expression", "subject") and form in ("table", "md"):
        print_rows(pivoted(rows, by), form, f"Mean entropy of {out}, bits", notes)
    else:
        print_rows(named_rows(rows, by), form, f"Entropy of {out}, bits", notes, LEAST)


def _print_published(measurement: Measurement, out: Path, form: options.Form) -> None:
    from dataclasses import asdict

    from gemax_cli.cli.output import print_rows
    from gemax_cli.reports.comparison import compare
    from gemax_cli.reports.entropy_table import tabulate
    from gemax_cli.reports.published import ENTROPY_SOURCE

    rows = [asdict(row) for row in compare(tabulate(measurement))]
    if not rows:
        raise click.ClickException(
            f"{out}: holds no scan of BU-3DFE or Bosphorus: the paper reports no other database."
        )
    title = f"Entropy of {out} beside the paper's, bits"
    print_rows(rows, form, title, f"paper: {ENTROPY_SOURCE}", ("scans", "paper_seconds", *LEAST, "paper_accuracy"))


def _plot(measurement: Measurement, plot: Path) -> None:
    from gemax_cli.cli.output import say
    from gemax_cli.reports.charts import write_chart
    from gemax_cli.reports.curves import entropy_chart
    from gemax_cli.reports.entropy_table import tabulate

    write_chart(entropy_chart(tabulate(measurement)), plot)
    say(f"plot: {plot}")
