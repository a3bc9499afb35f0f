"""``gemax bench``."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from gemax_cli.cli.options import existing, format_option

if TYPE_CHECKING:
    from gemax_cli.report.bench_tables import RivalRow, SolverRow

NOTE = (
    "One thread; ms: per histogram the shortest of the rounds, then the median over the histograms. programme: the "
    "paper's O(K N tau) algorithm, compiled, on this machine, once per histogram. paper: its own figures, i5-8250U, "
    "BU-3DFE."
)


@click.command("bench", short_help="Time the solver against the paper's algorithm and other quantisers.")
@click.argument("src", type=click.Path(path_type=Path), required=False, callback=existing)
@click.option("--faces", type=click.IntRange(1), default=30, show_default=True, help="Histograms to take.")
@click.option("--rounds", type=click.IntRange(1), default=3, show_default=True, help="Runs per histogram.")
@click.option("--levels", type=click.IntRange(2, 65535), default=4096, show_default=True, help="N.")
@click.option("--bins", type=click.IntRange(2, 256), default=256, show_default=True, help="K.")
@click.option(
    "--compare",
    type=click.IntRange(1),
    default=3,
    show_default=True,
    help="Histograms to run the others on; without a bound the paper's algorithm takes seconds, and one does.",
)
@click.option("--json", "as_json", is_flag=True, help="The same as --format json.")
@format_option
def command(
    src: Path | None, faces: int, rounds: int, levels: int, bins: int, compare: int, as_json: bool, form: str
) -> None:  # fmt: skip
    """Print two tables: the solver beside the paper's Table 3, and beside other quantisers where they are installed.

    The histograms are those of the depth16.png below SRC, or of schematic faces.
    """
    from gemax_cli.report.bench_tables import folder_histograms, rival_table, sample_histograms, solver_table

    histograms = folder_histograms(src, faces, levels) if src else sample_histograms(faces, levels)
    click.echo(f"{len(histograms)} histograms, N = {levels}, K = {bins}", err=True)
    solver = list(solver_table(histograms, bins, rounds, compare))
    rivals = list(rival_table(histograms[:compare], bins, rounds))
    _print(solver, rivals, "json" if as_json else form)


def _print(solver: list[SolverRow], rivals: list[RivalRow], form: str) -> None:
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
