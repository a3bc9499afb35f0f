import csv
import io
import json

import pytest

from gemax_cli.cli.output import cell, emit, print_rows

ROWS = [{"name": "a|b", "n": None, "bits": 7.0}, {"name": "c\nd", "n": 3, "bits": 0.123456}]


def printed(capsys, form, rows=ROWS, **options):
    print_rows(rows, form, **options)
    return capsys.readouterr().out


def test_csv_keeps_every_digit_and_reads_back(capsys):
    rows = list(csv.DictReader(io.StringIO(printed(capsys, "csv"))))
    assert rows == [{"name": "a|b", "n": "", "bits": "7.0"}, {"name": "c\nd", "n": "3", "bits": "0.123456"}]


def test_json_keeps_types(capsys):
    assert json.loads(printed(capsys, "json")) == ROWS


def test_markdown_escapes_bars_and_line_ends(capsys):
    lines = printed(capsys, "md", note="a note").splitlines()
    assert lines == [
        "| name | n | bits |",
        "|---|---|---|",
        "| a\\|b |  | 7.0000 |",
        "| c d | 3 | 0.1235 |",
        "",
        "a note",
    ]


def test_table_sets_numbers_right_also_where_the_first_is_missing(capsys):
    lines = printed(capsys, "table", [{"n": None, "s": "x"}, {"n": 12345, "s": "y"}], title="T", note="N").splitlines()
    assert lines[0].strip() == "T"
    assert lines[-1] == "N"
    wide = next(line for line in lines if "12345" in line)
    head = next(line for line in lines if line.strip().startswith("n"))
    assert wide.index("12345") + 4 == head.index("n")


def test_a_wide_table_is_not_cut_off_a_terminal(capsys):
    row = {f"column{i}": "x" * 30 for i in range(12)}
    assert printed(capsys, "table", [row]).count("x" * 30) == 12


@pytest.mark.parametrize("form", ["table", "csv", "json", "md"])
def test_no_rows(capsys, form):
    assert "\x1b" not in printed(capsys, form, [])


@pytest.mark.parametrize(
    ("value", "name", "shown"),
    [
        (None, "", ""),
        (1, "", "1"),
        (0.5, "", "0.5000"),
        (7.98, "paper", "7.98"),
        (33.9, "paper_seconds", "33.9"),
        ("s", "paper", "s"),
    ],
)
def test_cell(value, name, shown):
    assert cell(value, name) == shown


def test_emit_writes_what_it_is_given(capsys):
    emit("a\n")
    emit("b")
    assert capsys.readouterr().out == "a\nb"
