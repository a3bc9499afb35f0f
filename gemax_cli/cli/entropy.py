"""``gemax entropy``."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from gemax_cli.cli.options import existing, format_option


@click.command("entropy", short_help="Entropy of the maps in a folder, from the PNGs.")
@click.argument("out", type=click.Path(path_type=Path), callback=existing)
@click.option(
    "--by", type=click.Choice(["dataset", "scan", "subject", "expression"]), default="dataset", show_default=True,
    help="What a row is about.",
)  # fmt: skip
@format_option
def command(out: Path, by: Any, form: str) -> None:
    """Print the entropy of the 8-bit maps in OUT, in bits, measured on the PNGs themselves.

    OUT is a folder that gemax convert wrote, or any folder of 8-bit PNGs (there, pixels of value 0 do not count).
    The range image (uniform quantisation, tau = N/K) is the baseline.
    """
    from dataclasses import asdict

    from gemax_cli.cli.output import print_rows
    from gemax_cli.report.entropy_table import entropy_table

    try:
        rows = entropy_table(out, by)
    except (OSError, ValueError) as error:
        raise click.ClickException(str(error)) from error
    print_rows([_named(asdict(row), by) for row in rows], form, f"Entropy of {out}, bits")


def _named(row: dict[str, object], by: str) -> dict[str, object]:
    return {by if name == "group" else name: value for name, value in row.items()}
