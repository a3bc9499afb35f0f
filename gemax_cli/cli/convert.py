"""``gemax convert``."""

from __future__ import annotations

import sys
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, BinaryIO

import click

from gemax_cli.cli import options
from gemax_cli.printing import printable

if TYPE_CHECKING:
    from gemax_cli.batch.plan import Plan
    from gemax_cli.batch.run import RunOptions
    from gemax_cli.cli.json_lines import JsonLines
    from gemax_cli.datasets.selection import Selection
    from gemax_cli.settings import Settings


run_pack = options.pack(
    "gemax_cli.batch.run:RunOptions",
    jobs=options.jobs_part,
    shard=partial(options.run_option, "--shard", type=options.shard, help="Part i of n, for job arrays."),
    overwrite=partial(options.run_option, "--overwrite", is_flag=True, help="Convert again what is there already."),
    dask=partial(
        options.run_option,
        "--dask",
        metavar="ADDRESS",
        help="Convert on a Dask cluster: its address, scheduler file, or local.",
    ),
    whole_disk=partial(
        options.run_option, "--whole-disk", is_flag=True, help="Search SRC also where it is a whole disk."
    ),
    wait=options.wait_part,
    on_failure=options.choice(options.run_option, "--on-failure", "continue stop", "After a scan that fails."),
)


@click.command("convert", cls=options.Command, short_help="Raw scans to 16-bit depth blocks and GEMax maps.")
@options.sources_argument
@click.argument("out", type=options.PATH)
@options.settings_pack("settings")
@options.selection_pack("selection")
@options.scans_option("--retry-failed", is_flag=True, help="Only the scans in OUT/failures.csv.")
@options.scans_option("--from-failures", type=options.PATH, help="Only the scans in this failures.csv.")
@options.settings_option("gemax_cli.settings:Settings")
@run_pack("run")
@options.run_option("--dry-run", is_flag=True, help="Say what would be done; write nothing.")
@options.output_option("--json", "as_json", is_flag=True, help="Print every scan to stdout, a JSON object a line.")
@options.quiet_option
@options.verbose_option
@options.log_option
@options.output_option("--profile", is_flag=True, help="Print to stderr how long each stage took, and how much memory.")
def command(
    sources: list[Path], out: Path, settings: Settings, selection: Selection, run: RunOptions, retry_failed: bool,
    from_failures: Path | None, dry_run: bool, as_json: bool, quiet: bool, verbose: bool, log: Path | None,
    profile: bool,
) -> int:  # fmt: skip
    """Convert raw 3D face scans in SRC... to 16-bit depth blocks and GEMax maps in OUT.

    SRC is a file, a folder of any depth, several of them, or - for a list on standard input. BU-3DFE and Bosphorus
    layouts are recognised by themselves. Run the same command again to go on after an interruption.

    --tau may stand anywhere; a folder that is named like a number is given as ./20.

    A depth picture needs its camera: --camera, or --fx and --unit, or a JSON file for that picture alone, X.json beside
    X.png: {"fx": 365.4, "fy": 365.4, "cx": 254.9, "cy": 205.4, "mm_per_unit": 1.0}. A camera that lay on its side takes
    --up +x or --up -x.

    --texture takes the scan's own picture: BU-3DFE's _F3D.bmp (never the photograph _F2D.bmp), Bosphorus' PNG, that of
    an OBJ's materials, a PLY or a glTF, or else the colours of the points. Only a picture beside the scan is read, by
    its bare name. An RGB stack of fewer than three tau repeats the last one.

    --mapping pools the histograms of its scope, solves once and maps all its scans by one table; the range of ri-minmax
    and the histogram of he are those of the scope, too. A scan that is added later changes the mapping of its scope:
    the same command maps that scope again. Sequences stay whole with --shard; subject and dataset are refused with it.
    gemax split --check reports dataset as a leak, because test subjects take part.

    --dask needs workers of the same version that see SRC and OUT under the same paths. Start them with one thread, a
    nanny and DASK_DISTRIBUTED__NANNY__PRE_SPAWN_ENVIRON__MALLOC_TRIM_THRESHOLD_=67108864: Dask's own setting returns
    memory to the system after every scan, which takes a quarter of the time. A file that kills its workers is one
    failure; after a lost scheduler the same command goes on.
    """
    from gemax_cli.batch.run import convert
    from gemax_cli.cli.json_lines import JsonLines
    from gemax_cli.cli.progress import ProgressReporter
    from gemax_cli.stack.naming import FAILURES

    failures = out / FAILURES if retry_failed else from_failures
    only = _sources_of(failures, retry_failed) if failures else None
    run = replace(run, only_sources=only, command=("gemax", *sys.argv[1:]))
    lines = JsonLines(out, at_end=settings.mapping != "scan" and not dry_run) if as_json else None
    if dry_run:
        return _dry_run(sources, out, settings, selection, run, lines)
    with ProgressReporter(quiet=quiet, verbose=verbose, log=log, lines=lines, profile=profile) as reporter:
        summary = convert(sources, out, settings, selection, run, reporter)
        reporter.close(summary, out, run.jobs)
    return summary.exit_code


def _opened(failures: Path, ours: bool) -> BinaryIO:
    """A file of the output folder must be a regular one; the user may name a pipe."""
    from gemax_cli.stack.guard import open_regular

    return open_regular(failures) if ours else failures.open("rb")


def _sources_of(failures: Path, ours: bool) -> frozenset[str]:
    from gemax_cli.stack.tables import read_failures

    try:
        return frozenset(failure.source for failure in read_failures(failures, _opened(failures, ours)))
    except FileNotFoundError:
        raise click.BadParameter(f"{failures}: there is no such file, so nothing failed.") from None
    except (OSError, ValueError) as error:
        raise click.BadParameter(str(error)) from error


def _dry_run(
    sources: list[Path], out: Path, settings: Settings, selection: Selection, run: RunOptions, lines: JsonLines | None
) -> int:
    from gemax_cli.batch.estimate import estimate_seconds
    from gemax_cli.batch.run import plan
    from gemax_cli.cli.heartbeat import span_text
    from gemax_cli.cli.output import say

    todo, summary = plan(sources, out, settings, selection, run)
    if lines:
        lines.planned(*todo.named(), summary.failures)
        lines.close()
    else:
        _print_steps(todo)
    for note in (*summary.notes, *(failure.message for failure in summary.failures)):
        say(note)
    say(f"{len(todo.steps)} of {summary.found} scans to do, {todo.done} done already.")
    seconds = 0.0 if run.dask else estimate_seconds(todo, out, settings, run.jobs)
    if seconds:
        say(f"About {span_text(seconds)} with --jobs {run.jobs}, by the time that some of them took now.")
    return summary.exit_code


def _print_steps(todo: Plan) -> None:
    from gemax_cli.cli.output import emit

    for step in todo.steps:
        names = (printable(step.ref.source), step.ref.scan_id)
        emit("\t".join(("add maps" if step.adds else "convert", *names)) + "\n")
