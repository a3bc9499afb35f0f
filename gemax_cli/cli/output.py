"""Printing results to stdout in the format asked for."""

from __future__ import annotations

import csv
import io
import json
import sys
from collections.abc import Iterable, Mapping, Sequence

import click

from gemax_cli.cli.options import Form
from gemax_cli.errors import SOME_FAILED
from gemax_cli.printing import printable
from gemax_cli.stack.escape import escaped

Row = Mapping[str, object]
WIDE = 10_000  # columns where stdout is no terminal: files and pipes get whole lines


def print_rows(rows: Sequence[Row], form: Form, title: str = "", note: str = "") -> None:
    """Print rows of equal keys to stdout as table, csv, json or md; None is an empty cell.

    Args:
        rows: every row has the keys of the first.
        form: how.
        title: over a table.
        note: a sentence under a table (table and md); other forms hold nothing but the rows.
    """
    if form == "json":
        emit(json.dumps([dict(row) for row in rows], indent=2) + "\n")
    elif form == "csv":
        emit(_csv(rows))
    elif form == "md":
        emit(_markdown(rows) + (f"\n\n{note}\n" if note else "\n"))
    else:
        _print_table(rows, title, note)


def emit(text: str) -> None:
    """Write to stdout at once; ``cli.streams`` says what happens where nobody reads it."""
    click.echo(text, nl=False)
    sys.stdout.flush()


def say(text: str) -> None:
    """Print a text to stderr; what a terminal would act upon is escaped, but for its line ends."""
    click.echo(printable(text, keep="\n"), err=True)


def tell(problems: Iterable[str]) -> int:
    """Print the sentences to stderr; returns the exit code: 3 if there is a sentence, else 0."""
    code = 0
    for problem in problems:
        say(problem)
        code = SOME_FAILED
    return code


def cell(value: object, name: str = "") -> str:
    """Text of one cell: floats with four decimals, the paper's figures with the decimals that it prints."""
    if value is None:
        return ""
    if isinstance(value, float) and name.startswith("paper"):
        return f"{value:g}"
    return f"{value:.4f}" if isinstance(value, float) else printable(str(value), keep="\n")


def _csv(rows: Sequence[Row]) -> str:
    text = io.StringIO(newline="")
    table = csv.writer(text, lineterminator="\n")
    table.writerow(rows[0] if rows else [])
    table.writerows([_csv_cell(value) for value in row.values()] for row in rows)
    return text.getvalue()


def _csv_cell(value: object) -> object:
    """Text escaped as in metadata.csv, but for line ends; None is empty."""
    if isinstance(value, str):
        return "\n".join(map(escaped, value.split("\n")))
    return "" if value is None else value


def _markdown(rows: Sequence[Row]) -> str:
    names = list(rows[0]) if rows else []
    body = ["| " + " | ".join(_escaped(name, value) for name, value in row.items()) + " |" for row in rows]
    return "\n".join(["| " + " | ".join(names) + " |", "|" + "---|" * len(names), *body])


def _escaped(name: str, value: object) -> str:
    return " ".join(cell(value, name).replace("|", "\\|").split())


def _print_table(rows: Sequence[Row], title: str, note: str) -> None:
    emit(table_text(rows, title, note, None if sys.stdout.isatty() else WIDE))


def table_text(rows: Sequence[Row], title: str = "", note: str = "", width: int | None = None) -> str:
    """A table with a title above and a note below, ``width`` columns wide; None takes the terminal's width."""
    from rich import box
    from rich.console import Console
    from rich.table import Table

    table = Table(title=title or None, box=box.SIMPLE_HEAD, title_justify="left", pad_edge=False)
    for name in rows[0] if rows else ():
        table.add_column(name, justify="right" if _is_numeric([row[name] for row in rows]) else "left", overflow="fold")
    for row in rows:
        table.add_row(*(cell(value, name) for name, value in row.items()))
    # file names and sentences are not markup; rich itself heeds NO_COLOR
    console = Console(file=sys.stdout, width=width, highlight=False, markup=False)
    with console.capture() as text:  # at a closed pipe, rich exits with code 1
        console.print(table)
    return text.get() + (f"{note}\n" if note else "")


def _is_numeric(values: Sequence[object]) -> bool:
    """Whether a column holds numbers or rounded numbers."""
    texts = [value for value in values if isinstance(value, str)]
    if len(texts) < len(values):
        return any(isinstance(value, int | float) for value in values)
    return all(text.replace(".", "", 1).isdecimal() for text in texts)
