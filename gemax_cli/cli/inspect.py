"""``gemax inspect``."""

from __future__ import annotations

from pathlib import Path

import click

from gemax_cli.cli import options


@click.command("inspect", cls=options.Command, short_help="What a raw file is: counts, extents, nose tip.")
@click.argument("scan", type=options.PATH)
@options.format_option
def command(scan: Path, form: options.Form) -> None:
    """Say what the raw file SCAN is: format, counts, extents, landmarks, nose tip, valid pixels."""
    import json

    from gemax_cli.cli.output import emit, print_rows
    from gemax_cli.reports.inspection import inspect_scan

    facts = inspect_scan(scan)
    if form == "json":
        emit(json.dumps(facts, indent=2) + "\n")
    else:
        print_rows([{"what": name, "value": _text(value)} for name, value in facts.items()], form, str(scan))


def _text(value: object) -> str:
    if isinstance(value, list | tuple):
        return ", ".join(_text(item) for item in value)
    if isinstance(value, dict):
        return ", ".join(f"{name} {_text(item)}" for name, item in value.items())
    return f"{value:.2f}" if isinstance(value, float) else str(value)
