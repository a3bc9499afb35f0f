"""``gemax convert``."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from gemax_cli.cli.options import default_jobs, flatten, lengths, shard, tau_option, words

if TYPE_CHECKING:
    from gemax_cli.batch.run import RunOptions
    from gemax_cli.datasets.selection import Selection
    from gemax_cli.settings import Settings

PATH = click.Path(path_type=Path)
DEFAULTS = "20 30 40 50 60"
AXIS = click.Choice(["auto", "+x", "-x", "+y", "-y", "+z", "-z"])


@click.command("convert", short_help="Raw scans to 16-bit depth blocks and GEMax maps.")
@click.argument("sources", nargs=-1, required=True, type=PATH, metavar="SRC...")
@click.argument("out", type=PATH)
@tau_option(f"Distortion bounds, in levels: 20 30 40, 20,30,40 or 20:60:10.  [default: {DEFAULTS}]")
@click.option(
    "--depth", "depths", type=lengths, multiple=True, callback=flatten, envvar="GEMAX_DEPTH", metavar="MM...",
    help="Depth of the block behind the nose tip; several cut several blocks.  [default: 60]",
)  # fmt: skip
@click.option(
    "--maps", multiple=True, callback=words, envvar="GEMAX_MAPS", metavar="NAMES",
    help="Comparison maps of the same blocks: ri, ri-minmax, he, clahe, normals, curvature, curvature-gaussian, "
    "curvature-k1, curvature-k2, shape-index; separated by commas.",
)  # fmt: skip
@click.option("--size", type=int, default=224, show_default=True, help="Side of the images, pixels.")
@click.option("--mm-per-pixel", type=float, default=1.0, show_default=True, help="Pixel pitch of the fixed frame.")
@click.option(
    "--frame", type=click.Choice(["fixed", "fit"]), default="fixed", show_default=True,
    help="fixed: nose tip at the centre; fit: the block fills the image.",
)  # fmt: skip
@click.option("--max-edge", type=float, help="Do not bridge triangles with longer edges, mm.  [default: by spacing]")
@click.option("--max-hole", type=float, default=60.0, show_default=True, help="Fill interior holes up to this, mm2.")
@click.option("--levels", type=int, default=4096, show_default=True, help="N, depth levels that the solver sees.")
@click.option("--bins", type=int, default=256, show_default=True, help="K, grey values of a map.")
@click.option("--reserve-zero", is_flag=True, help="Keep grey value 0 for the background alone (K - 1 for the face).")
@click.option(
    "--stack", type=click.Choice(["files", "rgb"]), default="files", show_default=True,
    help="One grey PNG per tau, or one RGB PNG per three tau.",
)  # fmt: skip
@click.option(
    "--nose", "nose_mode", type=click.Choice(["auto", "detect", "landmark"]), default="auto", show_default=True,
    help="Nose tip from the landmark file, the detector, or the file where there is one.",
)  # fmt: skip
@click.option("--min-confidence", type=float, default=0.0, show_default=True, help="Refuse tips found with less.")
@click.option(
    "--align", type=click.Choice(["none", "auto", "always"]), default="none", show_default=True,
    help="Rotate the scan to frontal: never, when clearly turned, always.",
)  # fmt: skip
@click.option("--unit", type=click.Choice(["auto", "m", "cm", "mm", "um"]), default="auto", help="Of generic files.")
@click.option("--up", type=AXIS, default="auto", help="Axis to the top of the head in generic files.")
@click.option("--forward", type=AXIS, default="auto", help="Axis out of the face in generic files.")
@click.option("--dataset", "datasets", multiple=True, help="Only this dataset (BU-3DFE, Bosphorus ...); repeatable.")
@click.option("--subject", "subjects", multiple=True, help="Only this subject (F0001, bs000 ...); repeatable.")
@click.option("--expression", "expressions", multiple=True, help="Only this: NE AN DI FE HA SA SU; repeatable.")
@click.option("--level", "intensity", multiple=True, type=click.IntRange(0, 4), help="Only this level; repeatable.")
@click.option("--glob", "globs", multiple=True, help="Only sources that match, such as '*/F00*'; repeatable.")
@click.option("--kind", type=click.Choice(["F3D", "RAW"]), default="F3D", show_default=True, help="Of BU-3DFE.")
@click.option("--select", type=click.Choice(["paper"]), help="The paper's protocol: six expressions, levels 3 and 4.")
@click.option("--jobs", "-j", type=click.IntRange(1), envvar="GEMAX_JOBS", help="Processes.  [default: one per core]")
@click.option("--shard", type=shard, help="Part i of n, for job arrays.")
@click.option("--overwrite", is_flag=True, help="Convert again what is there already.")
@click.option(
    "--on-failure", type=click.Choice(["continue", "stop"]), default="continue", show_default=True,
    help="After a scan that cannot be converted.",
)  # fmt: skip
@click.option("--retry-failed", is_flag=True, help="Only the scans in OUT/failures.csv.")
@click.option("--from-failures", type=PATH, help="Only the scans in this failures.csv.")
@click.option("--dry-run", is_flag=True, help="Say what would be done; write nothing.")
@click.option("--json", "as_json", is_flag=True, help="Print one record a line to stdout.")
@click.option("--quiet", "-q", is_flag=True, help="No progress and no summary, only failures.")
@click.option("--profile", is_flag=True, help="Print to stderr how long each stage took, and how much memory.")
def command(
    sources: tuple[Path, ...], out: Path, as_json: bool, quiet: bool, profile: bool, dry_run: bool, **values: Any
) -> int:
    """Convert raw 3D face scans in SRC... to 16-bit depth blocks and GEMax maps in OUT.

    SRC is a file, a folder of any depth, several of them, or - for a list on standard input. BU-3DFE and Bosphorus
    layouts are recognised by themselves. Run the same command again to go on after an interruption.
    """
    values["jobs"] = values["jobs"] or default_jobs()
    places = [place for source in sources for place in _expand(source)]
    settings, selection, options = _settings(values), _selection(values), _run_options(values, out)
    if dry_run:
        return _dry_run(places, out, settings, selection, options)
    return _convert(places, out, settings, selection, options, quiet=quiet, as_json=as_json, profile=profile)


def _convert(
    places: list[Path], out: Path, settings: Settings, selection: Selection, options: RunOptions, **talk: bool
) -> int:
    from gemax_cli.batch.run import convert
    from gemax_cli.cli.listen import Reporter

    with Reporter(**talk) as reporter:
        summary = convert(places, out, settings, selection, options, reporter)
    reporter.close(summary, out, options.jobs)
    return summary.exit_code


def _settings(values: dict[str, Any]) -> Settings:
    from gemax_cli.settings import DEFAULT_TAUS, BlockSettings, NoseSettings, QuantisationSettings, Settings

    nose = {name: values[name] for name in ("min_confidence", "align", "unit", "up", "forward")}
    block = {name: values[name] for name in ("size", "mm_per_pixel", "frame")}
    return Settings(
        taus=values["taus"] or DEFAULT_TAUS,
        depths=values["depths"] or (60.0,),
        nose=NoseSettings(mode=values["nose_mode"], **nose),
        block=BlockSettings(max_edge_mm=values["max_edge"], max_hole_mm2=values["max_hole"], **block),
        quantisation=QuantisationSettings(values["levels"], values["bins"], values["reserve_zero"]),
        stack=values["stack"],
        maps=values["maps"],
    )


def _selection(values: dict[str, Any]) -> Selection:
    from gemax_cli.datasets.selection import Selection

    return Selection(
        datasets=values["datasets"],
        subjects=values["subjects"],
        expressions=values["expressions"],
        levels=values["intensity"],
        patterns=values["globs"],
        kind=values["kind"],
        protocol=values["select"] or "",
    )


def _run_options(values: dict[str, Any], out: Path) -> RunOptions:
    from gemax_cli.batch.run import RunOptions
    from gemax_cli.stack.naming import FAILURES

    failures = out / FAILURES if values["retry_failed"] else values["from_failures"]
    return RunOptions(
        jobs=values["jobs"],
        overwrite=values["overwrite"],
        on_failure=values["on_failure"],
        shard=values["shard"],
        only_sources=_sources_of(failures) if failures else None,
        command=("gemax", *sys.argv[1:]),
    )


def _sources_of(failures: Path) -> frozenset[str]:
    from gemax_cli.stack.tables import read_failures

    try:
        return frozenset(failure.source for failure in read_failures(failures))
    except FileNotFoundError:
        raise click.BadParameter(f"{failures}: there is no such file, so nothing failed.") from None
    except (OSError, ValueError) as error:
        raise click.BadParameter(str(error)) from error


def _expand(source: Path) -> list[Path]:
    """The paths that one SRC stands for: itself, or the list on standard input for ``-``."""
    if str(source) != "-":
        if not source.exists():
            raise click.BadParameter(f"{source}: there is no such file or folder.", param_hint="SRC")
        return [source]
    text = sys.stdin.buffer.read()
    parts = text.split(b"\0" if b"\0" in text else b"\n")
    return [Path(part.decode("utf-8", "surrogateescape")) for part in parts if part.strip()]


def _dry_run(places: list[Path], out: Path, settings: Settings, selection: Selection, options: RunOptions) -> int:
    from gemax_cli.batch.plan import expected_seconds, make_plan
    from gemax_cli.batch.run import find
    from gemax_cli.cli.listen import duration_text
    from gemax_cli.stack.folder import OutputFolder

    folder = OutputFolder(out)
    refs, summary = find(places, selection, options)
    if not options.overwrite:
        folder.check_settings(settings)
    plan = make_plan(refs, folder, settings, overwrite=options.overwrite)
    for step in plan.steps:
        click.echo(f"{'add maps' if step.adds else 'convert'}\t{step.ref.source}\t{step.ref.scan_id}")
    for note in (*summary.notes, *(failure.message for failure in summary.failures)):
        click.echo(note, err=True)
    time = duration_text(expected_seconds(plan, folder, options.jobs), len(plan.steps), options.jobs)
    click.echo(f"{len(plan.steps)} of {len(refs)} scans to do, {plan.done} done already.{time}", err=True)
    return summary.exit_code
