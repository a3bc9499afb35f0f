"""``gemax sweep``."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING

import click

from gemax_cli.cli.options import default_jobs, flatten, format_option, lengths

if TYPE_CHECKING:
    from gemax_cli.study.sweep import Sweep, SweepRow

PATH = click.Path(path_type=Path)
SOME_FAILED = 3


@click.command("sweep", short_help="Which depth of the block serves best on your scans.")
@click.argument("sources", nargs=-1, required=True, type=PATH, metavar="SRC...")
@click.option(
    "--depth", "depths", type=lengths, multiple=True, callback=flatten, metavar="MM...",
    help="Depths to compare: 50 60 70, 50,60,70 or 50:140:10.  [default: 50:140:10, as in the paper]",
)  # fmt: skip
@click.option("--tau", type=int, default=20, show_default=True, help="Distortion bound of the maps, in levels.")
@click.option("--dataset", "datasets", multiple=True, help="Only this dataset (BU-3DFE, Bosphorus ...); repeatable.")
@click.option("--select", type=click.Choice(["paper"]), help="The paper's protocol: six expressions, levels 3 and 4.")
@click.option("--plot", type=PATH, help="Draw what the advice rests on against depth: .png or .svg.")
@click.option("--jobs", "-j", type=click.IntRange(1), envvar="GEMAX_JOBS", help="Processes.  [default: one per core]")
@format_option
def command(
    sources: tuple[Path, ...],
    depths: tuple[float, ...],
    tau: int,
    datasets: tuple[str, ...],
    select: str | None,
    plot: Path | None,
    jobs: int | None,
    form: str,
) -> int:
    """Cut blocks of several depths from the raw scans in SRC... and compare them; nothing is converted.

    Per dataset and depth: entropy, effective grey levels (2^entropy), valid pixels, and, where names tell who shows
    which of the six expressions, how well the range image tells expressions from people: the variance ratio F between
    and within expressions, and how often a linear classifier is right on people it has not seen (needs scikit-learn).
    paper_accuracy is Table 4 of the paper, its authors' own network on their data. The advice goes to stderr.
    """
    from gemax_cli.cli.output import print_rows
    from gemax_cli.datasets.selection import Selection
    from gemax_cli.report.charts import chart_format
    from gemax_cli.report.published import SOURCE
    from gemax_cli.settings import Settings
    from gemax_cli.study.sweep import STUDY_DEPTHS, sweep

    if plot:
        chart_format(plot)  # before the work
    settings = Settings(taus=(tau,), depths=depths or STUDY_DEPTHS)
    selection = Selection(datasets=datasets, protocol=select or "")  # type: ignore[arg-type]
    study = sweep(sources, settings, selection, jobs or default_jobs(), _show_progress if sys.stderr.isatty() else None)
    note = f"paper_accuracy: Table 4 of {SOURCE}"
    print_rows([_cells(row) for row in study.rows], form, f"Depth of the block, tau = {tau}", note)
    for line in (*(f"failed: {failure.message}" for failure in study.failures), *study.advice):
        click.echo(line, err=True)
    if plot:
        _draw(study, plot)
    return SOME_FAILED if study.failures else 0


def _draw(study: Sweep, plot: Path) -> None:
    from gemax_cli.report.charts import write_chart
    from gemax_cli.study.sweep import sweep_chart

    write_chart(sweep_chart(study.rows), plot)
    click.echo(f"plot: {plot}", err=True)


def _show_progress(done: int, total: int) -> None:
    click.echo(f"\r{done} of {total} scans", err=True, nl=done == total)


def _cells(row: SweepRow) -> dict[str, object]:
    from dataclasses import asdict

    return {**asdict(row), "recommended": "yes" if row.recommended else None}
