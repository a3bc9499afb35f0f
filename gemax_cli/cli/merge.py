"""``gemax merge``."""

from __future__ import annotations

import shlex
import sys
import time
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
    from gemax_cli.cli.progress import ProgressReporter
    from gemax_cli.printing import printable
    from gemax_cli.stack.folder import LOG
    from gemax_cli.stack.merge import merge

    started = time.perf_counter()
    with ProgressReporter(quiet=quiet, verbose=verbose, log=log, verb="copy", hint="") as reporter:

        def progress(scan_id: str, scans: int) -> None:
            """Start the bar, and advance it by each scan."""
            if scan_id:
                reporter.advance()
                LOG.debug("done: %s", printable(scan_id))
            else:
                reporter.begin(scans)

        merged = merge(folders, out, command=("gemax", *sys.argv[1:]), wait=wait, progress=progress)
        reporter.stop()
        for problem in merged.problems:
            LOG.error("left out: %s", printable(problem))
        left = f", {len(merged.problems)} problems" * bool(merged.problems)
        seconds = time.perf_counter() - started
        counts = f"{merged.added} copied, {merged.present} there already{left}"
        LOG.info("%d scans: %s; %.1f s.", merged.scans, counts, seconds)
        LOG.info("Next: gemax report %s", shlex.quote(str(out)))
    return merged.exit_code
