"""``gemax report``."""

from __future__ import annotations

from pathlib import Path

import click

from gemax_cli.cli.options import default_jobs, existing

SOME_FAILED = 3


@click.command("report", short_help="One HTML page: counts, failures, entropy, worst scans.")
@click.argument("out", type=click.Path(path_type=Path), callback=existing)
@click.option("--output", "-o", type=click.Path(path_type=Path), default=Path("report.html"), show_default=True)
@click.option("--jobs", "-j", type=click.IntRange(1), help="Processes.  [default: one per core]")
def command(out: Path, output: Path, jobs: int | None) -> int:
    """Write a self-contained HTML page on the folder OUT of gemax convert and print the page's path.

    Settings, counts, failures with their reasons, entropy tables and plots, doubtful nose tips, the worst scans first.

    Exit code 3 if an image could not be measured.
    """
    from gemax_cli.cli.output import emit
    from gemax_cli.report.page import make_report, write_report

    report = make_report(out, jobs or default_jobs())
    for problem in report.problems:
        click.echo(problem, err=True)
    try:
        write_report(output, report)
    except OSError as error:
        raise click.ClickException(f"{output}: cannot be written ({error.strerror}): give another place.") from error
    emit(f"{output}\n")
    return SOME_FAILED if report.problems else 0
