"""``gemax inspect``."""

from __future__ import annotations

from pathlib import Path

import click


@click.command("inspect", short_help="What a raw file is: counts, extents, nose tip.")
@click.argument("scan", type=click.Path(path_type=Path))
@click.option("--format", "form", type=click.Choice(["table", "json"]), default="table", show_default=True)
def command(scan: Path, form: str) -> None:
    """Say what the raw file SCAN is: format, counts, extents, landmarks, nose tip, valid pixels."""
    import json

    from gemax_cli.cli.output import print_rows
    from gemax_cli.report.inspection import inspect_scan

    facts = inspect_scan(scan)
    if form == "json":
        click.echo(json.dumps(facts, indent=2))
    else:
        print_rows([{"what": name, "value": _text(value)} for name, value in facts.items()], form, str(scan))


def _text(value: object) -> str:
    if isinstance(value, list | tuple):
        return ", ".join(_text(item) for item in value)
    if isinstance(value, dict):
        return ", ".join(f"{name} {_text(item)}" for name, item in value.items())
    return f"{value:.2f}" if isinstance(value, float) else str(value)
