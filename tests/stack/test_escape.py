import csv
import io
import os

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gemax_cli.stack.escape import escaped, unescaped

NAMES = st.binary(min_size=1, max_size=30).filter(lambda name: b"/" not in name and b"\0" not in name)


@given(NAMES)
def test_any_name_of_a_file_comes_back(name):
    text = os.fsdecode(name)
    assert unescaped(escaped(text)) == text


@given(st.text(alphabet="%=+-@0Af\r\n\t ü\udcff", max_size=12))
def test_percent_signs_and_what_is_escaped_are_told_apart(text):
    assert unescaped(escaped(text)) == text


@given(st.lists(NAMES, min_size=1, max_size=5))
def test_a_row_of_a_table_is_one_line_of_utf_8(names):
    cells, file = [escaped(os.fsdecode(name)) for name in names], io.StringIO(newline="")
    csv.writer(file, lineterminator="\n").writerow(cells)
    text = file.getvalue().encode("utf-8").decode("utf-8")
    assert text.count("\n") == 1
    assert next(csv.reader(io.StringIO(text, newline=""))) == cells


@pytest.mark.parametrize(
    "text", ["plain.bnt", "Zoë 笑.wrl", "100%", "50 % off", "-", "-1.5", "+3", "-1e-5", "a=b", "x-y"]
)
def test_what_needs_no_escape_stays(text):
    assert escaped(text) == text


@pytest.mark.parametrize(
    ("text", "cell"),
    [
        ("=1+1", "%3D1+1"),
        ("-rf", "%2Drf"),
        ("@a", "%40a"),
        ("a\rb\nc", "a%0Db%0Ac"),
        ("%41", "%2541"),
        ("\x1b[2J", "%1B[2J"),
        ("caf\udce9", "caf%E9"),
        ("\u202eabc", "%E2%80%AEabc"),
    ],
)
def test_what_is_escaped(text, cell):
    assert escaped(text) == cell
