import csv
import io
import json
import os
import re
from dataclasses import fields

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gemax_cli.bench.images import ImageBenchRow
from gemax_cli.bench.pipeline import FloorRow, RunRow
from gemax_cli.bench.rivals import RivalRow
from gemax_cli.bench.solver import SolverRow
from gemax_cli.cli import entropy, score, sweep
from gemax_cli.cli.main import run
from gemax_cli.cli.output import cell, emit, print_rows, table_text
from gemax_cli.images.measure import ImageEntropy
from gemax_cli.learn.scores import ScoreRow
from gemax_cli.reports.comparison import Comparison
from gemax_cli.reports.entropy_table import EntropyRow
from gemax_cli.study.sweep import SweepRow
from tests.reports.folders import BU, make_folder

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


NUMBERS = st.one_of(
    st.none(), st.integers(-(10**12), 10**12), st.floats(), st.floats(-1, 1), st.sampled_from([-5e-324, 1.8e308, 1e9])
)
TEXTS = st.one_of(
    st.sampled_from(
        ["", "BU-3DFE/F0001/F0001_AN01WH", "20 30 40 50 60", "mean over tau", "x" * 200, "a/" * 40 + "1.png"]
    ),
    st.text("abc 01.", max_size=90),
)
NAMES = ("scan", "max_bin", "variance_ratio_own", "accuracy", "paper_accuracy", "valid_pixels", "tau", "error_mm", "f")


@st.composite
def tables(draw):
    """Rows of up to nine columns, each of numbers or of texts."""
    names = draw(st.lists(st.sampled_from(NAMES), min_size=1, unique=True))
    kinds = [draw(st.sampled_from([NUMBERS, TEXTS])) for _ in names]
    count = draw(st.integers(1, 4))
    return [dict(zip(names, map(draw, kinds), strict=True)) for _ in range(count)]


def check_table(rows, text, width):
    """No line is too long, every number of a shown column is whole, and columns that are missing are named."""
    assert all(len(line) <= width for line in text.splitlines())
    said = re.search(r"Not shown at this width: (.*)\.$", " ".join(text.split()))
    left = said[1].split(", ") if said else []
    shown = [name for name in rows[0] if name not in left and any(cell(row[name], name) for row in rows)]
    words = text.split()
    for name in shown:
        numbers = [cell(row[name], name) for row in rows if isinstance(row[name], int | float)]
        assert all(number in words for number in numbers), (name, text)
    assert next(iter(rows[0])) not in left
    return shown, left


@settings(max_examples=60, deadline=None)
@given(rows=tables(), width=st.sampled_from([60, 80, 81, 133]), least=st.lists(st.sampled_from(NAMES), max_size=2))
def test_no_number_is_broken_at_any_width(rows, width, least):
    check_table(rows, table_text(rows, "A title", "", least, width), width)


VALUES = {"int": (4096, 0, 10**7), "float": (-0.5, 8.0, 123456.789), "str": ("20 30 40", "features", "-")}
ROW_TYPES = (
    EntropyRow, Comparison, SweepRow, ScoreRow, SolverRow, RivalRow, RunRow, FloorRow, ImageBenchRow, ImageEntropy,
)  # fmt: skip
LEAST = (*entropy.LEAST, *sweep.LEAST, *score.LEAST)


@pytest.mark.parametrize("kind", ROW_TYPES, ids=lambda kind: kind.__name__)
def test_every_table_fits_eighty_columns(kind):
    kinds = {f.name: str(f.type).partition(" ")[0] for f in fields(kind)}
    rows = [{name: VALUES.get(one, (True, False, None))[i] for name, one in kinds.items()} for i in range(3)]
    if fields(kind)[0].type == "str":
        rows[0][fields(kind)[0].name] = "BU-3DFE/F0001/F0001_AN01WH"
    shown, left = check_table(rows, table_text(rows, least=LEAST, width=80), 80)
    assert len(shown) >= 3
    assert {*shown, *left} == set(rows[0])
    whole = table_text(rows, width=10_000)
    assert "Not shown" not in whole
    assert all(name in whole for name in rows[0])


def test_columns_leave_by_priority_and_empty_ones_first():
    row = {"name": "n" * 20, "empty": None, "a": 1.0, "bb": 2.0, "c": 3.0}
    assert "Not shown" not in table_text([row], width=52)
    assert table_text([row], least=("bb",), width=43).endswith("\nNot shown at this width: bb.\n")
    assert table_text([row], width=43).endswith("\nNot shown at this width: c.\n")


def test_a_title_is_printable():
    assert table_text([{"a": 1}], "of out/\x1b[2J").startswith("of out/\\x1b[2J\n")


def test_wide_shows_all_where_a_terminal_is_narrow(tmp_path, capsys, monkeypatch):
    make_folder(tmp_path / "out", (BU,))
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr("gemax_cli.cli.output.get_terminal_size", lambda: os.terminal_size((60, 24)))
    monkeypatch.setattr("sys.stdout.isatty", lambda: True, raising=False)
    assert run(["entropy", "out"]) == 0
    narrow = re.sub(r"\x1b\[\d*m", "", capsys.readouterr().out)
    assert "distortion" in narrow.partition("Not shown at this width: ")[2]
    assert " ".join(narrow.split()).endswith(". --wide shows all.")
    assert max(map(len, narrow.splitlines())) <= 60
    assert run(["entropy", "out", "--wide"]) == 0
    wide = capsys.readouterr().out
    assert "distortion" in wide
    assert "Not shown" not in wide


@pytest.mark.parametrize(
    ("value", "shown"),
    [(1e300, "1.000e+300"), (3e-7, "3.000e-07"), (float("nan"), "nan"), (0.0, "0.0000"), (-123456.0, "-123456.0000")],
)
def test_a_number_stays_short(value, shown):
    assert cell(value) == shown
