"""``gemax preview``."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from gemax_cli.cli import options


@click.command("preview", cls=options.Command, short_help="A contact sheet of the maps in a folder.")
@options.out_argument
@options.scans_option(
    "--scan", "names", multiple=True, metavar="ID", help="Show this scan or sequence; repeat for more."
)
@options.scans_option(
    "--limit", type=click.IntRange(1, 5000), default=12, help="Most scans, or sequences, on the sheet."
)
@options.option(
    "--style", "styles", type=click.Choice(["overview", "maps", "tau", "strip", "video"]), multiple=True,
    help="All maps of many scans; or, as in the paper's Figure 6, GEMax beside other maps; or, as in Figure 7, "
    "every tau and the width of its bins; or frames of 4D sequences; or one sequence as an animated GIF or PNG.",
    show_default="overview, of sequences strip; with --scan: maps and tau",
)  # fmt: skip
@options.file_option("sheet.png", "The sheet, a PNG; of a video a GIF or PNG.")
def command(out: Path, names: tuple[str, ...], limit: int, styles: tuple[Any, ...], output: Path) -> int:
    """Draw the maps of up to LIMIT scans of OUT, spread evenly, or of the scans named, with the entropy under each.

    More than 16 scans are drawn with one map each. Prints the path of the sheet.

    Exit code 3 if a scan could not be drawn.
    """
    from gemax_cli.cli.output import emit, tell
    from gemax_cli.printing import printable
    from gemax_cli.reports.filmstrip import write_video
    from gemax_cli.reports.sheet import preview

    if "video" in styles:
        if len(styles) > 1 or len(names) > 1:
            raise click.UsageError("--style video shows one sequence: give it alone, with one --scan.")
        problems = write_video(out, output, name="".join(names)).problems
    else:
        problems = preview(out, output, styles=styles, names=names, limit=limit).problems
    emit(f"{printable(str(output))}\n")
    return tell(problems)
