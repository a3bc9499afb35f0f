"""``gemax sweep``."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING

import click

from gemax_cli.cli import options

if TYPE_CHECKING:
    from gemax_cli.datasets.selection import Selection
    from gemax_cli.study.sweep import Sweep, SweepRow


LEAST = (
    "range_entropy", "variance_ratio", "effective_levels", "labelled", "subjects", "valid_pixels", "scans",
    "paper_accuracy",
)  # fmt: skip


@click.command("sweep", cls=options.Command, short_help="Which depth of the block serves best on your scans.")
@options.sources_argument
@options.block_option(
    "--depth", "depths", type=options.lengths, multiple=True, callback=options.flatten, metavar="MM...",
    default=["50:140:10"], show_default="50:140:10, as in the paper", help="Depths to compare: 50 60 70 or 50:70:10.",
)  # fmt: skip
@options.maps_option("--tau", type=int, default=20, help="Distortion bound of the maps, in levels.")
@options.selection_pack("selection")
@options.jobs_option
@options.output_option("--plot", type=options.PATH, help="Draw what the advice rests on against depth: .png or .svg.")
@options.format_option
def command(
    sources: list[Path], depths: tuple[float, ...], tau: int, selection: Selection, jobs: int, plot: Path | None,
    form: options.Form,
) -> int:  # fmt: skip
    """Cut blocks of several depths from the raw scans in SRC... and compare them; nothing is converted.

    Per dataset and depth: entropy, effective grey levels (2^entropy), valid pixels, and, where names tell who shows
    which of the six expressions, how well the range image tells expressions from subjects: the variance ratio F between
    and within expressions, and how often a linear classifier is right on subjects it has not seen (needs scikit-learn).
    paper_accuracy is Table 4 of the paper, its authors' own network on their data. The advice goes to stderr; no depth
    is recommended without the classifier.
    """
    from gemax_cli.cli.output import print_rows, tell
    from gemax_cli.reports.charts import chart_format
    from gemax_cli.reports.published import SOURCE
    from gemax_cli.settings import Settings
    from gemax_cli.study.sweep import sweep

    if plot:
        chart_format(plot)  # before the work
    settings = Settings(taus=(tau,), depths=depths)
    study = sweep(sources, settings, selection, jobs, _show_progress if sys.stderr.isatty() else None)
    note = f"paper_accuracy: Table 4 of {SOURCE}"
    print_rows([_cells(row) for row in study.rows], form, f"Depth of the block, tau = {tau}", note, LEAST)
    code = tell(f"failed: {failure.message}" for failure in study.failures)
    for line in study.advice:
        click.echo(line, err=True)
    if plot:
        _draw(study, plot)
    return code


def _draw(study: Sweep, plot: Path) -> None:
    from gemax_cli.reports.charts import write_chart
    from gemax_cli.study.sweep import sweep_chart

    write_chart(sweep_chart(study.rows), plot)
    click.echo(f"plot: {plot}", err=True)


def _show_progress(done: int, total: int) -> None:
    click.echo(f"\r{done} of {total} scans", err=True, nl=done == total)


def _cells(row: SweepRow) -> dict[str, object]:
    from dataclasses import asdict

    return {**asdict(row), "recommended": "yes" if row.recommended else None}
