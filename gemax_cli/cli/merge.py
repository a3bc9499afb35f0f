"""``gemax merge``."""

from __future__ import annotations

import sys
from pathlib import Path

import click

from gemax_cli.cli import options


@click.command("merge", cls=options.Command, short_help="Join output folders of equal settings, such as of machines.")
@click.argument("folders", nargs=-1, required=True, type=options.PATH, metavar="FOLDER...")
@click.argument("out", type=options.PATH)
@options.wait_part("wait")
@options.quiet_option
@options.verbose_option
@options.log_option
def command(folders: tuple[Path, ...], out: Path, wait: float, quiet: bool, verbose: bool, log: Path | None) -> int:
    """Copy the scans of each FOLDER of gemax convert into the folder OUT, and write its tables.

    Records and images are checked first. A scan that two folders hold alike is copied once; one that they hold
    differently ends the command before anything is written. Make splits again afterwards: subjects were added.
    """
    from gemax_cli.cli.progress import MessageReporter
    from gemax_cli.stack.merge import merge
