"""``gemax bench``."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from gemax_cli.cli.options import default_jobs, existing, format_option, integers, tau_option

if TYPE_CHECKING:
    from gemax_cli.bench.solver import RivalRow, SolverRow

NOTE = (
    "One thread; ms: per histogram the shortest of the rounds, then the median over the histograms. programme: the "
    "paper's O(K N tau) algorithm, compiled, on this machine, once per histogram. paper: its own figures, i5-8250U, "
    "BU-3DFE."
)


PIPELINE_NOTE = (
    "Medians over the rounds. seconds: a whole run of gemax convert, start and tables included. start_s: a run of as "
    "few scans as jobs and one more. ms_per_scan: of the others, on the clock. _running: without the start."
)
FLOOR = (
    "The floor, reading, and encoding and writing with Pillow, is {floor:.1f} ms a scan; "
    "one job takes {times:.2f} times as long."
)


@click.command("bench", short_help="Time the solver, or a whole conversion, against what else there is.")
@click.argument("src", type=click.Path(path_type=Path), required=False, callback=existing)
@click.option("--faces", type=click.IntRange(1), default=30, show_default=True, help="Histograms to take.")
@click.option("--rounds", type=click.IntRange(1), help="Runs of each.  [default: 3; 5 with --pipeline]")
@click.option("--levels", type=click.IntRange(2, 65535), default=4096, show_default=True, help="N.")
@click.option("--bins", type=click.IntRange(2, 256), default=256, show_default=True, help="K.")
@click.option(
    "--compare",
    type=click.IntRange(1),
    default=3,
    show_default=True,
    help="Histograms to run the others on; without a bound the paper's algorithm takes seconds, and one does.",
)
@click.option("--pipeline", is_flag=True, help="Time gemax convert on the raw scans of SRC instead.")
@click.option("--jobs", "-j", type=integers, help="With --pipeline: numbers of processes.  [default: 1 and all cores]")
@click.option(
    "--limit", type=click.IntRange(2), default=500, show_default=True, help="With --pipeline: scans to convert."
)
@tau_option("With --pipeline: as in gemax convert.  [default: 20 30 40 50 60]")
@click.option("--json", "as_json", is_flag=True, help="The same as --format json.")
@format_option
def command(src: Path | None, pipeline: bool, as_json: bool, form: str, rounds: int | None, **values: Any) -> None:
    """Print two tables: the solver beside the paper's Table 3, and beside other quantisers where they are installed.

    The histograms are those of the depth16.png below SRC, or of schematic faces. With --pipeline SRC holds raw scans,
    and the tables are of whole conversions: how fast and how large for each number of processes, how long each stage
    takes, and what reading the files and encoding the images takes alone.
    """
    form = "json" if as_json else form
    if pipeline and src is None:
        raise click.UsageError("--pipeline needs SRC, a folder of raw scans.")
    if pipeline and src is not None:
        _pipeline(src, rounds or 5, form, values)
    else:
        _solver(src, rounds or 3, form, values)


def _solver(src: Path | None, rounds: int, form: str, values: dict[str, Any]) -> None:
    from gemax_cli.bench.solver import folder_histograms, rival_table, sample_histograms, solver_table

    faces, levels, bins, compare = (values[name] for name in ("faces", "levels", "bins", "compare"))
    histograms = folder_histograms(src, faces, levels) if src else sample_histograms(faces, levels)
    click.echo(f"{len(histograms)} histograms, N = {levels}, K = {bins}", err=True)
    solver = list(solver_table(histograms, bins, rounds, compare))
    rivals = list(rival_table(histograms[:compare], bins, rounds))
    _print_solver(solver, rivals, form)


def _print_solver(solver: list[SolverRow], rivals: list[RivalRow], form: str) -> None:
    """Both tables; in json one object with both."""
    import json
    from dataclasses import asdict

    from gemax_cli.cli.output import print_rows

    tables = {"solver": [asdict(row) for row in solver], "rivals": [asdict(row) for row in rivals]}
    if form == "json":
        click.echo(json.dumps(tables, indent=2))
        return
    print_rows(tables["solver"], form, "Solver", NOTE)
    print_rows(tables["rivals"], form, "Quantisers to K values; max_bin is the distortion, levels")


def _pipeline(src: Path, rounds: int, form: str, values: dict[str, Any]) -> None:
    """Measure whole conversions and print the three tables; in json one object with them."""
    import json
    from dataclasses import asdict

    from gemax_cli.bench.pipeline import measure_pipeline
    from gemax_cli.cli.output import print_rows
    from gemax_cli.settings import DEFAULT_TAUS

    jobs = values["jobs"] or tuple(sorted({1, default_jobs()}))
    found = measure_pipeline(src, values["taus"] or DEFAULT_TAUS, jobs, rounds, values["limit"])
    if form == "json":
        click.echo(json.dumps(asdict(found), indent=2))
        return
    print_rows(_rounded(found.runs), form, f"Whole runs, {found.scans} scans, {rounds} rounds", PIPELINE_NOTE)
    print_rows(_rounded(found.stages), form, f"Stages, --jobs {jobs[0]}")
    note = FLOOR.format(floor=found.floor_ms, times=found.times_floor)
    print_rows(_rounded(found.floor), form, "The least there is to do, one process", note)


def _rounded(rows: Sequence[Any]) -> list[dict[str, object]]:
    """Rows for reading: two places of all figures that are not counts."""
    from dataclasses import asdict

    def shown(value: object) -> object:
        """``value``, or its text."""
        return f"{value:.2f}" if isinstance(value, float) else value

    return [{name: shown(value) for name, value in asdict(row).items()} for row in rows]
