"""Printing results to stdout in the format asked for."""

from __future__ import annotations

import csv
import io
import json
import sys
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from math import isfinite
from shutil import get_terminal_size
from textwrap import wrap
from typing import Literal

import click

from gemax_cli.cli.options import WIDE, Form
from gemax_cli.errors import SOME_FAILED
from gemax_cli.printing import printable
from gemax_cli.stack.escape import escaped

Row = Mapping[str, object]
WHOLE = 10_000  # columns where stdout is no terminal: files and pipes get whole lines
GAP = 2  # between columns
SHORT = 24  # characters: a text of so many stays on a line, others are broken between words
LONGEST_WORD = 40  # of a table: longer names of files are broken
LEAST, MOST = 5e-5, 1e9  # below and from here on, numbers are printed in powers of ten
PLACES = {
    "depth_mm": 1, "dp_ms": 1, "ratio": 1, "valid_pixels": 0, "effective_levels": 1, "accuracy": 1, "accuracy_error": 1,
    "accuracy_sd": 1, "chance": 1, "train_accuracy": 1, "same_cell": 1, "difference_error": 1, "variance_ratio": 2,
    "variance_ratio_own": 2,
}  # fmt: skip
"""Decimals of figures that four would be too many of."""


def print_rows(rows: Sequence[Row], form: Form, title: str = "", note: str = "", least: Sequence[str] = ()) -> None:
    """Print rows of equal keys to stdout as table, csv, json or md; None is an empty cell.

    Args:
        rows: every row has the keys of the first.
        form: how.
        title: over a table.
        note: a sentence under a table (table and md); other forms hold nothing but the rows.
        least: columns that a table leaves out first where the terminal is too narrow.
    """
    if form == "json":
        emit(json.dumps([dict(row) for row in rows], indent=2) + "\n")
    elif form == "csv":
        emit(_csv(rows))
    elif form == "md":
        emit(_markdown(rows) + (f"\n\n{note}\n" if note else "\n"))
    else:
        emit(table_text(rows, title, note, least, _width()))


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
    return _number(value, PLACES.get(name, 4)) if isinstance(value, float) else printable(str(value), keep="\n")


def _number(value: float, places: int) -> str:
    """With so many decimals, or in powers of ten where these would show nothing, or be lost among the digits."""
    fits = LEAST <= abs(value) < MOST or value == 0 or not isfinite(value)
    return f"{value:.{places}f}" if fits else f"{value:.3e}"


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


def _width() -> int:
    """Columns of a table on stdout: of the terminal, or whole lines for files, pipes and --wide."""
    return get_terminal_size().columns if sys.stdout.isatty() and not _wide() else WHOLE


def _wide() -> bool | None:
    """Whether --wide was given; None where the command has no such option."""
    context = click.get_current_context(silent=True)
    return context.meta.get(WIDE) if context else None


def _way_out() -> str:
    return "" if _wide() is None else " --wide shows all."


def table_text(
    rows: Sequence[Row], title: str = "", note: str = "", least: Sequence[str] = (), width: int | None = None
) -> str:
    """A table with a title above and a note below.

    No number is broken over lines: where there is no room, columns without a value are left out first, then those of
    ``least``, then the last. A line under the table names the columns that are left out, but for the empty ones.

    Args:
        rows: every row has the keys of the first.
        title: over the table.
        note: under it.
        least: columns to leave out first.
        width: columns of the terminal; None takes the terminal's own.
    """
    width = width or get_terminal_size().columns
    columns = {name: _Column.of(name, [row[name] for row in rows]) for name in (rows[0] if rows else ())}
    shown = _fitting(columns, least, width)
    lost = [name for name, column in columns.items() if name not in shown and not column.is_empty]
    left = f"Not shown at this width: {', '.join(lost)}.{_way_out()}" if lost else ""
    parts = [_filled(title, width), _drawn(shown, width), *(_filled(text, width) for text in (note, left))]
    return "".join(parts)


def _filled(text: str, width: int) -> str:
    """Lines of whole words, each with its end."""
    return "".join(f"{line}\n" for line in wrap(printable(text), width, break_long_words=False, break_on_hyphens=False))


def _fitting(columns: Mapping[str, _Column], least: Sequence[str], width: int) -> dict[str, _Column]:
    """The columns that are shown, the first of them always, each with its width."""
    shown = dict(columns)
    first, *others = columns or [""]
    if _room(shown, width) < 0:
        shown = {name: column for name, column in columns.items() if name == first or not column.is_empty}
    for name in (*(name for name in least if name != first), *reversed(others)):
        if _room(shown, width) >= 0:
            break
        shown.pop(name, None)
    return _widened(shown, _room(shown, width))


def _widened(columns: dict[str, _Column], room: int) -> dict[str, _Column]:
    """Hand out the room that is left, each character to the column whose cells take most lines."""
    widths = {name: column.width for name, column in columns.items()}
    for _ in range(min(room, sum(column.whole - column.width for column in columns.values()))):
        widths[max(widths, key=lambda name: columns[name].whole / widths[name])] += 1
    return {name: replace(column, width=widths[name]) for name, column in columns.items()}


def _room(columns: Mapping[str, _Column], width: int) -> int:
    return width - sum(column.width + GAP for column in columns.values())


@dataclass(frozen=True)
class _Column:
    """A column of a table; widths in characters.

    Attributes:
        name: of the rows' key.
        cells: texts.
        is_empty: no row has a value.
        is_numeric: set right.
        width: the least that breaks no number and no short text; then the width that it is drawn with.
        whole: that no line of it is broken at.
    """

    name: str
    cells: Sequence[str]
    is_empty: bool
    is_numeric: bool
    width: int
    whole: int

    @classmethod
    def of(cls, name: str, values: Sequence[object]) -> _Column:
        """Measure a column of ``values``."""
        from rich.cells import cell_len

        cells = [cell(value, name) for value in values]
        lines = [line for text in cells for line in text.split("\n")]
        words = [word for line in lines for word in ([line] if len(line) <= SHORT else line.split())]
        words += name.replace("_", " ").split()
        least = min(max(map(cell_len, words)), LONGEST_WORD)
        whole = max(map(cell_len, (name, *lines)))
        return cls(name, cells, not any(cells), _is_numeric(values), least, whole)


def _drawn(columns: Mapping[str, _Column], width: int) -> str:
    from rich import box
    from rich.console import Console
    from rich.table import Table

    table = Table(box=box.SIMPLE_HEAD, pad_edge=False, padding=(0, 1, 0, 0))
    for column in columns.values():
        heading = column.name if column.width >= len(column.name) else column.name.replace("_", " ")
        justify: Literal["right", "left"] = "right" if column.is_numeric else "left"
        table.add_column(heading, justify=justify, overflow="fold", width=column.width)
    for cells in zip(*(column.cells for column in columns.values()), strict=True):
        table.add_row(*cells)
    # file names and sentences are not markup; rich itself heeds NO_COLOR
    console = Console(file=sys.stdout, width=width, highlight=False, markup=False)
    with console.capture() as text:  # at a closed pipe, rich exits with code 1
        console.print(table)
    return text.get()


def _is_numeric(values: Sequence[object]) -> bool:
    """Whether a column holds numbers or rounded numbers."""
    texts = [value for value in values if isinstance(value, str)]
    if len(texts) < len(values):
        return any(isinstance(value, int | float) for value in values)
    return all(text.replace(".", "", 1).isdecimal() for text in texts)
