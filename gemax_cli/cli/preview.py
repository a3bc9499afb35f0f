"""``gemax preview``."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from gemax_cli.cli.options import existing

SOME_FAILED = 3


@click.command("preview", short_help="A contact sheet of the maps in a folder.")
@click.argument("out", type=click.Path(path_type=Path), callback=existing)
@click.option("--output", "-o", type=click.Path(path_type=Path), default=Path("sheet.png"), show_default=True)
@click.option("--scan", "names", multiple=True, metavar="ID", help="Show this scan; repeat for more.")
@click.option(
    "--style", "styles", type=click.Choice(["overview", "maps", "tau"]), multiple=True,
    help="All maps of many scans; or, as in the paper's Figure 6, GEMax beside other maps; or, as in Figure 7, "
    "every tau and the width of its bins.  [default: overview; with --scan: maps and tau]",
)  # fmt: skip
@click.option("--limit", type=click.IntRange(1, 5000), default=12, show_default=True, help="Most scans on the sheet.")
def command(out: Path, output: Path, names: tuple[str, ...], styles: tuple[Any, ...], limit: int) -> int:
    """Draw the maps of up to LIMIT scans of OUT, spread evenly, or of the scans named, with the entropy under each.

    More than 16 scans are drawn with one map each. Prints the path of the sheet.

    Exit code 3 if a scan could not be drawn.
    """
    from gemax_cli.cli.output import emit
    from gemax_cli.report.sheet import make_preview, write_sheet

    if output.suffix.lower() != ".png":
        raise click.BadParameter(f"{output}: give a name that ends in .png.", param_hint="--output")
    preview = make_preview(out, styles or (("maps", "tau") if names else ("overview",)), names, limit)
    for problem in preview.problems:
        click.echo(problem, err=True)
    try:
        write_sheet(output, preview.sheet)
    except OSError as error:
        raise click.ClickException(f"{output}: cannot be written ({error.strerror}): give another place.") from error
    emit(f"{output}\n")
    return SOME_FAILED if preview.problems else 0
