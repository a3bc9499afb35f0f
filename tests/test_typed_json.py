import json
import re
from dataclasses import asdict, dataclass
from typing import Literal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gemax_cli.typed_json import from_json


@dataclass(frozen=True)
class Inner:
    number: int
    length: float = 1.5


@dataclass(frozen=True)
class Outer:
    name: str
    flag: bool
    kind: Literal["a", "b"]
    inner: Inner | None
    row: tuple[float, float]
    parts: tuple[Inner, ...] = ()
    counts: dict[str, int] | None = None


WHOLE = {"name": "n", "flag": True, "kind": "a", "inner": {"number": 3}, "row": [1, 2.5], "parts": [{"number": 1}]}


def test_values_become_the_types():
    outer = from_json(Outer, WHOLE)
    assert outer == Outer("n", True, "a", Inner(3), (1.0, 2.5), (Inner(1),))
    assert [type(value) for value in outer.row] == [float, float]


inners = st.builds(Inner, st.integers(-(2**63) + 1, 2**63 - 1), st.floats(allow_nan=False, allow_infinity=False))


@given(
    st.builds(
        Outer, st.text(), st.booleans(), st.sampled_from("ab"), st.none() | inners,
        st.tuples(*[st.floats(allow_nan=False, allow_infinity=False)] * 2), st.lists(inners).map(tuple),
        st.none() | st.dictionaries(st.text(), st.integers(0, 99)),
    )
)  # fmt: skip
def test_what_was_written_comes_back(outer):
    assert from_json(Outer, json.loads(json.dumps(asdict(outer)))) == outer


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"name": 7}, "name: '7' is no str"),
        ({"name": None}, "name: 'None' is no str"),
        ({"flag": 1}, "flag: '1' is no bool"),
        ({"kind": "c"}, "kind: 'c' is none of a, b"),
        ({"kind": ["a"]}, "kind: \"['a']\" is none of a, b"),
        ({"inner": 3}, "inner: '3' is no dict"),
        ({"inner": {}}, "inner: missing: number"),
        ({"inner": {"number": True}}, "inner: number: 'True' is no whole number"),
        ({"inner": {"number": 2.0}}, "inner: number: '2.0' is no whole number"),
        ({"inner": {"number": 1 << 63}}, "inner: number: '9223372036854775808' is no whole number"),
        ({"inner": {"number": 1, "length": "2"}}, "inner: length: '2' is no number"),
        ({"inner": {"number": 1, "length": float("nan")}}, "inner: length: 'nan' is no number"),
        ({"inner": {"number": 1, "length": 10**400}}, "inner: length: "),
        ({"row": [1]}, "row: 1 values, not 2"),
        ({"row": "ab"}, "row: 'ab' is no list"),
        ({"parts": {}}, "parts: '{}' is no list"),
        ({"counts": {"a": "b"}}, "counts: 'b' is no whole number"),
        ({"x": 1, "y": 2}, "unknown: x, y"),
    ],
)
def test_what_is_of_another_type_is_named(change, message):
    with pytest.raises(ValueError, match=re.escape(message)):
        from_json(Outer, {**WHOLE, **change})


@pytest.mark.parametrize("value", [None, [], "x", 7, {}])
def test_what_is_no_such_object_is_a_value_error(value):
    with pytest.raises(ValueError, match=r"is no dict|missing: "):
        from_json(Outer, value)
