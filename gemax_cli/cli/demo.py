"""``gemax demo``."""

from __future__ import annotations

from pathlib import Path

import click

from gemax_cli.cli import options


@click.command("demo", cls=options.Command, short_help="Sample, convert, entropy and a contact sheet, in one command.")
@click.argument("folder", type=options.PATH, default=Path("gemax-demo"))
@options.tau_option
@options.option("--subjects", type=click.IntRange(1, 99), default=2, help="Subjects per layout.")
@options.option("--seed", type=click.IntRange(0), default=0, help="Everything follows from it.")
@options.jobs_option
def command(folder: Path, taus: tuple[int, ...], subjects: int, seed: int, jobs: int) -> int:
    """Make synthetic raw scans in FOLDER/raw, convert them to FOLDER/out, print the entropy, draw FOLDER/sheet.png.

    No licensed data is needed: the faces are procedural.
    """
    from gemax_cli.batch.run import RunOptions, convert
    from gemax_cli.cli.entropy import print_entropy
    from gemax_cli.cli.progress import ProgressReporter
    from gemax_cli.reports.measure import measure_folder
    from gemax_cli.reports.sheet import preview
    from gemax_cli.settings import Settings
    from gemax_cli.synthetic.dataset import make_sample

    raw, out, sheet = folder / "raw", folder / "out", folder / "sheet.png"
    click.echo(f"writing synthetic raw scans to {raw}", err=True)
    make_sample(raw, subjects=subjects, seed=seed, scans="six")
    with ProgressReporter() as reporter:
        run = RunOptions(jobs, command=("gemax", "demo"))
        summary = convert([raw], out, Settings(taus), options=run, reporter=reporter)
        reporter.close(summary, out)
    print_entropy(measure_folder(out), out, "dataset", "table")
    preview(out, sheet, limit=8)
    click.echo(f"contact sheet: {sheet}", err=True)
    return summary.exit_code
