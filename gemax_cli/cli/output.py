"""Printing results to stdout in the format asked for."""

from __future__ import annotations

import csv
import io
import json
import os
import sys
from collections.abc import Mapping, Sequence

import click

Row = Mapping[str, object]


def print_rows(rows: Sequence[Row], form: str, title: str = "") -> None:
    """Print rows of equal keys to stdout as table, csv, json or md; None is an empty cell."""
    if form == "json":
        click.echo(json.dumps([dict(row) for row in rows], indent=2))
    elif form == "csv":
        click.echo(_csv(rows), nl=False)
    elif form == "md":
        click.echo(_markdown(rows))
    else:
        _print_table(rows, title)


def cell(value: object) -> str:
    """Text of one cell: floats with four places."""
    if value is None:
        return ""
    return f"{value:.4f}" if isinstance(value, float) else str(value)


def _csv(rows: Sequence[Row]) -> str:
    text = io.StringIO(newline="")
    table = csv.writer(text, lineterminator="\n")
    table.writerow(rows[0] if rows else [])
    table.writerows([("" if value is None else value) for value in row.values()] for row in rows)
    return text.getvalue()


def _markdown(rows: Sequence[Row]) -> str:
    names = list(rows[0]) if rows else []
    body = ["| " + " | ".join(cell(value).replace("|", "\\|") for value in row.values()) + " |" for row in rows]
    return "\n".join(["| " + " | ".join(names) + " |", "|" + "---|" * len(names), *body])


def _print_table(rows: Sequence[Row], title: str) -> None:
    from rich import box
    from rich.console import Console
    from rich.table import Table

    table = Table(title=title or None, box=box.SIMPLE_HEAD, title_justify="left", pad_edge=False)
    for name, value in (rows[0] if rows else {}).items():
        table.add_column(name, justify="right" if isinstance(value, int | float) else "left", overflow="fold")
    for row in rows:
        table.add_row(*(cell(value) for value in row.values()))
    width = None if sys.stdout.isatty() else max(200, 16 * len(rows[0]) if rows else 0)
    Console(file=sys.stdout, width=width, no_color=bool(os.environ.get("NO_COLOR")), highlight=False).print(table)
