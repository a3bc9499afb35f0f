import os

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gemax_cli.errors import BadFormat, GemaxError, SettingsError
from gemax_cli.printing import printable


@given(st.binary(max_size=30))
def test_whatever_a_name_holds_it_is_one_printable_line(name):
    assert printable(os.fsdecode(name)).isprintable()


@pytest.mark.parametrize(
    ("text", "shown"),
    [("Zoë 笑", "Zoë 笑"), ("\x1b[2J", "\\x1b[2J"), ("a\nb", "a\\nb"), ("\udcff", "\\xff"), ("\u202e", "\\u202e")],
)
def test_what_a_terminal_would_act_upon_is_an_escape(text, shown):
    assert printable(text) == shown
    assert str(GemaxError(text)) == str(SettingsError(text)) == shown


def test_line_ends_may_be_kept():
    assert printable("a\n\tb\r", keep="\n") == "a\n\\tb\\r"


def test_an_error_keeps_its_path_as_it_is():
    error = BadFormat("raw/\x1b.bnt", "is damaged.")
    assert (str(error.path), str(error)) == ("raw/\x1b.bnt", "raw/\\x1b.bnt: is damaged.")
