"""``gemax preview``."""

from __future__ import annotations

from pathlib import Path

import click

from gemax_cli.cli.options import existing


@click.command("preview", short_help="A contact sheet of the maps in a folder.")
@click.argument("out", type=click.Path(path_type=Path), callback=existing)
@click.option("-o", "--output", type=click.Path(path_type=Path), default=Path("sheet.png"), show_default=True)
@click.option("--limit", type=click.IntRange(1, 200), default=12, show_default=True, help="Most scans on the sheet.")
def command(out: Path, output: Path, limit: int) -> None:
    """Draw the maps of up to LIMIT scans of OUT, spread evenly, with the entropy under each."""
    from gemax_cli.report.sheet import overview_sheet, write_sheet

    write_sheet(output, overview_sheet(out, limit))
    click.echo(output)
