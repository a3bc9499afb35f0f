"""``gemax fields``."""

from __future__ import annotations

from itertools import groupby
from typing import TYPE_CHECKING

import click

from gemax_cli.cli import options

if TYPE_CHECKING:
    from gemax_cli.reports.fields import Field

WIDTH, NAME_WIDTH = 80, 24


@click.command("fields", cls=options.Command, short_help="What every column and key of gemax's files means.")
@click.argument("names", nargs=-1, metavar="[FILE]...")
@options.format_option
def command(names: tuple[str, ...], form: options.Form) -> None:
    r"""Describe the columns and keys of FILE, or of all files: type, unit, meaning, when a value is absent, an example.

    \b
    FILE is a path of such a file, or one of
      metadata.csv, landmarks.csv, failures.csv, records.jsonl, run.json
      splits/NAME.csv, splits/NAME.json        of gemax split
      train.json, result.json                  of gemax train
      map/metadata.csv, map/records.jsonl, map/run.json   of gemax map

    Every column of a table of scans has one type: unknown text is -, an unknown whole number -1, an unknown real number
    nan, and text that reads as a number gets its column's name before it: subject-02463. Text holds %XX for control
    characters, bytes that are not UTF-8, and a first =, +, - or @: urllib.parse.unquote(cell, errors="surrogateescape")
    gives it back.
    """
    from dataclasses import asdict

    from gemax_cli.cli.output import emit, print_rows
    from gemax_cli.reports.fields import describe_fields

    found = describe_fields(names)
    if form == "table":
        emit("\n".join(_section(file, list(fields)) for file, fields in groupby(found, lambda field: field.file)))
    else:
        print_rows([asdict(field) for field in found], form)


def _section(file: str, fields: list[Field]) -> str:
    """The fields of a file as a list of definitions, 80 columns wide."""
    formatter = click.HelpFormatter(width=WIDTH)
    with formatter.section(file):
        formatter.write_dl([(field.name, _definition(field)) for field in fields], col_max=NAME_WIDTH)
    return formatter.getvalue()


def _definition(field: Field) -> str:
    kind = f"{field.type}, {field.unit}" if field.unit else field.type
    absent = f" Absent: {field.absent}." if field.absent else ""
    return f"{field.meaning} [{kind}]{absent}" + (f" Example: {field.example}" if field.example else "")
