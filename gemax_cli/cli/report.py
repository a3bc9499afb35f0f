"""``gemax report``."""

from __future__ import annotations

from pathlib import Path

import click

from gemax_cli.cli import options


@click.command("report", cls=options.Command, short_help="One HTML page: counts, failures, entropy, worst scans.")
@options.out_argument
@options.jobs_option
@options.output_option("--views", default=0, metavar="N", help="Also pages in 3D of the N scans to look at first.")
@options.output_option("--methods", is_flag=True, help="Print the methods paragraph and its references alone.")
@options.file_option("report.html", "The page.")
def command(out: Path, output: Path, jobs: int, views: int, methods: bool) -> int:
    """Write a self-contained HTML page on the folder OUT of gemax convert and print the page's path.

    Settings, counts, failures with their reasons, entropy tables and plots, doubtful nose tips, the worst scans first;
    the folder as a training set: subjects, scans per class, what is missing, what is there twice; and a paragraph on
    the methods for a paper. Pictures link to their files, tables sort and filter.

    Exit code 3 if an image could not be measured.
    """
    from gemax_cli.cli.output import emit, tell
    from gemax_cli.printing import printable
    from gemax_cli.reports.methods import methods_paragraph
    from gemax_cli.reports.page import report

    if methods:
        emit(printable(methods_paragraph(out), keep="\n"))
        return 0
    made = report(out, output, jobs=jobs, views=views)
    emit(f"{printable(str(output))}\n")
    return tell(made.problems)
