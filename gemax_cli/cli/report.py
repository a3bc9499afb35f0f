"""``gemax report``."""

from __future__ import annotations

from pathlib import Path

import click

from gemax_cli.cli import options


@click.command("report", cls=options.Command, short_help="One HTML page: counts, failures, entropy, worst scans.")
@options.out_argument
@options.jobs_option
@options.file_option("report.html", "The page.")
def command(out: Path, output: Path, jobs: int) -> int:
    """Write a self-contained HTML page on the folder OUT of gemax convert and print the page's path.

    Settings, counts, failures with their reasons, entropy tables and plots, doubtful nose tips, the worst scans first;
    and the folder as a training set: subjects, scans per class, what is missing, what is there twice.

    Exit code 3 if an image could not be measured.
    """
    from gemax_cli.cli.output import emit, tell
    from gemax_cli.printing import printable
    from gemax_cli.reports.page import report

    made = report(out, output, jobs=jobs)
    emit(f"{printable(str(output))}\n")
    return tell(made.problems)
