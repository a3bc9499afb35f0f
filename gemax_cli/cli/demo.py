"""``gemax demo``."""

from __future__ import annotations

from pathlib import Path

import click

from gemax_cli.cli.options import default_jobs, tau_option


@click.command("demo", short_help="Sample, convert, entropy and a contact sheet, in one command.")
@click.argument("folder", type=click.Path(path_type=Path), default=Path("gemax-demo"))
@tau_option("Distortion bounds, in levels.  [default: 20 30 40 50 60]")
@click.option("--subjects", type=click.IntRange(1, 99), default=2, show_default=True, help="Sitters per layout.")
@click.option("--seed", type=click.IntRange(0), default=0, show_default=True, help="Everything follows from it.")
@click.option("--jobs", "-j", type=click.IntRange(1), help="Processes.  [default: one per core]")
def command(folder: Path, taus: tuple[int, ...], subjects: int, seed: int, jobs: int | None) -> int:
    """Make synthetic raw scans in FOLDER/raw, convert them to FOLDER/out, print the entropy, draw FOLDER/sheet.png.

    No licensed data is needed: the faces are procedural.
    """
    from gemax_cli.batch.run import RunOptions, convert
    from gemax_cli.cli.listen import Reporter
    from gemax_cli.settings import DEFAULT_TAUS, Settings
    from gemax_cli.synthetic.dataset import make_sample

    raw, out = folder / "raw", folder / "out"
    click.echo(f"writing synthetic raw scans to {raw}", err=True)
    make_sample(raw, subjects=subjects, seed=seed, scans="six")
    options = RunOptions(jobs=jobs or default_jobs(), command=("gemax", "demo"))
    with Reporter(quiet=False, as_json=False) as reporter:
        summary = convert([raw], out, Settings(taus=taus or DEFAULT_TAUS), None, options, reporter)
    reporter.close(summary, out)
    _show(out, folder / "sheet.png")
    return summary.exit_code


def _show(out: Path, sheet: Path) -> None:
    from gemax_cli.cli.entropy import print_entropy
    from gemax_cli.report.measure import measure_folder
    from gemax_cli.report.sheet import overview_sheet, write_sheet

    print_entropy(measure_folder(out), out, "dataset", "table")
    write_sheet(sheet, overview_sheet(out, limit=8))
    click.echo(f"contact sheet: {sheet}", err=True)
