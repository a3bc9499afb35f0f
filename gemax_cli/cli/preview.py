"""``gemax preview``."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from gemax_cli.cli import options

if TYPE_CHECKING:
    from gemax_cli.reports.sheet import Style


@click.command("preview", cls=options.Command, short_help="A contact sheet of the maps in a folder.")
@options.out_argument
@options.scans_option("--scan", "names", multiple=True, metavar="ID", help="Show this scan; repeat for more.")
@options.scans_option("--limit", type=click.IntRange(1, 5000), default=12, help="Most scans on the sheet.")
@options.option(
    "--style", "styles", type=click.Choice(["overview", "maps", "tau"]), multiple=True,
    help="All maps of many scans; or, as in the paper's Figure 6, GEMax beside other maps; or, as in Figure 7, "
    "every tau and the width of its bins.", show_default="overview; with --scan: maps and tau",
)  # fmt: skip
@options.file_option("sheet.png", "The sheet, a PNG.")
def command(out: Path, names: tuple[str, ...], limit: int, styles: tuple[Style, ...], output: Path) -> int:
    """Draw the maps of up to LIMIT scans of OUT, spread evenly, or of the scans named, with the entropy under each.

    More than 16 scans are drawn with one map each. Prints the path of the sheet.

    Exit code 3 if a scan could not be drawn.
    """
    from gemax_cli.cli.output import emit, tell
    from gemax_cli.printing import printable
    from gemax_cli.reports.sheet import preview

    drawn = preview(out, output, styles=styles, names=names, limit=limit)
    emit(f"{printable(str(output))}\n")
    return tell(drawn.problems)
