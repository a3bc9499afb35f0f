"""The text kernels against Python's own parser, bit for bit."""

from __future__ import annotations

import struct

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gemax_cli.scans.text_numbers import MalformedNumber, as_text, parse_indexes, parse_reals, read_reals
from tests.scans.naive_vrml import Malformed, naive_indexes, naive_reals


def reals(text: bytes) -> list[float]:
    """What is read; Malformed at a malformed word."""
    try:
        return parse_reals(text, 0, len(text)).tolist()
    except MalformedNumber as error:
        raise Malformed(error.at) from error


def slow_numbers(text: bytes) -> int:
    """How many numbers the kernel leaves to Python."""
    return int(np.isnan(read_reals(as_text(text), 0, len(text), False)[0]).sum())


def indexes(text: bytes) -> list[int]:
    try:
        return parse_indexes(text, 0, len(text)).tolist()
    except MalformedNumber as error:
        raise Malformed(error.at) from error


def bits(numbers: list[float]) -> list[bytes]:
    """So that 0.0 and -0.0 differ."""
    return [struct.pack("<d", number) for number in numbers]


@pytest.mark.parametrize(
    "text",
    [
        b"",
        b"   ,\r\n\t",
        b"0",
        b"-0",
        b"-0.0",
        b"+1",
        b".5",
        b"5.",
        b"-.5e1",
        b"1e5",
        b"1E+05",
        b"1e-05",
        b"1,2,3",
        b"1,,2 , 3",
        b"  1\r\n2\r3\t4  ",
        b"0e999",
        b"-74.1348 -23.8754 -89.8565,",
        b"000000000000000000000001.5",
        b"0.000000000000000000000015",
        b"9007199254740992 9007199254740993 9007199254740991",
        b"90071992547409.92 900719925474099.3",
        b"123456789012345678901234567890",
        b"0.1234567890123456789012345678901234567890",
        b"1e22 1e23 1e-22 1e-23 123e22 9007199254740991e22",
        b"1e308 1.7976931348623157e308 2.2250738585072014e-308 5e-324 4.9e-324 2e-324 1e-400",
        b"8.988465674311580e307 0.1 0.2 0.3",
        b"179769313486231580793e289",
        b"2.22507385850720113605740979670913197593481954635164564e-308",
        b"1.00000000000000011102230246251565404236316680908203125",
        b"1.00000000000000011102230246251565404236316680908203124",
    ],
)
def test_reals_are_those_of_python_bit_for_bit(text: bytes) -> None:
    assert bits(reals(text)) == bits(naive_reals(text))


@pytest.mark.parametrize(
    "text",
    [
        b"a",
        b"1a",
        b"1-2",
        b"1+2",
        b"--1",
        b"+-1",
        b".",
        b"-",
        b"+",
        b"e5",
        b".e5",
        b"1e",
        b"1e+",
        b"1.2.3",
        b"1e5.5",
        b"nan",
        b"inf",
        b"-inf",
        b"0x10",
        b"1_0",
        b"1f",
        b"1;2",
        b"1\x002",
        b"\xff",
        b"1 2 x",
        b"1]",
        b'"1"',
        b"1#",
        b"1e5e5",
    ],
)
def test_malformed_reals_are_told(text: bytes) -> None:
    with pytest.raises(Malformed):
        naive_reals(text)
    with pytest.raises(Malformed):
        reals(text)


def test_the_place_of_a_malformed_real_is_its_first_byte() -> None:
    with pytest.raises(MalformedNumber) as fault:
        parse_reals(b"1 2.5, 3x 4", 0, 11)
    assert (fault.value.at, fault.value.word) == (7, b"3x")


def test_only_the_span_is_read() -> None:
    text = b"9 9 1.5 2.5 9 9"
    assert parse_reals(text, 4, 11).tolist() == [1.5, 2.5]


def test_overflow_is_infinite_as_in_python() -> None:
    assert reals(b"1e999 -1e999 1e99999999999") == [np.inf, -np.inf, np.inf]


@settings(max_examples=200, deadline=None)
@given(
    st.lists(st.floats(allow_nan=False, allow_infinity=False), max_size=20),
    st.sampled_from(["{!r}", "{:.17e}", "{:.25g}"]),
)
def test_every_double_comes_back(numbers: list[float], spelling: str) -> None:
    text = " ".join(spelling.format(number) for number in numbers).encode()
    assert bits(reals(text)) == bits(numbers)


@settings(max_examples=200, deadline=None)
@given(st.lists(st.tuples(st.integers(-(10**20), 10**20), st.integers(-330, 310)), max_size=10))
def test_mantissas_and_exponents_of_any_size(parts: list[tuple[int, int]]) -> None:
    text = ",".join(f"{mantissa}e{exponent}" for mantissa, exponent in parts).encode()
    assert bits(reals(text)) == bits(naive_reals(text))


@settings(max_examples=200, deadline=None)
@given(st.integers(0, 2**53), st.integers(0, 22), st.booleans())
def test_the_fast_path_rounds_correctly(mantissa: int, places: int, negative: bool) -> None:
    digits = str(mantissa).rjust(places + 1, "0")
    text = f"{'-' if negative else ''}{digits[: len(digits) - places]}.{digits[len(digits) - places :]}".encode()
    assert bits(reals(text)) == bits(naive_reals(text))


@pytest.mark.parametrize("whole", range(21))
@pytest.mark.parametrize("digit", "09")
def test_reals_of_any_number_of_digits(digit: str, whole: int) -> None:
    for tail in ("", *("." + "1" * places for places in range(21))):
        word = digit * whole + tail
        text = " ".join(f"{sign}{word}{power}" for sign in ("", "-", "+") for power in ("", "e1", "e-7")).encode()
        if word in ("", "."):
            with pytest.raises(Malformed):
                reals(text)
        else:
            assert bits(reals(text)) == bits(naive_reals(text))


@pytest.mark.parametrize("blank", [b" ", b"\t", b"\n", b",", b"x"])
@pytest.mark.parametrize("count", [0, 1, 6, 7, 8, 9, 15, 16, 17, 41])
def test_gaps_of_any_length(count: int, blank: bytes) -> None:
    for gap in (b" " * count + b"," + blank, blank + b" " * count, b" " * count + blank + b" " * 9):
        for text in (b"12" + gap + b"34", gap + b"5", b"6" + gap):
            if blank == b"x":
                with pytest.raises(Malformed):
                    reals(text)
                with pytest.raises(Malformed):
                    indexes(text)
            else:
                assert reals(text) == naive_reals(text)
                assert indexes(text) == naive_indexes(text)


@pytest.mark.parametrize("start", range(18))
def test_gaps_are_read_no_further_than_the_span(start: int) -> None:
    text = b"1" + b" " * 18 + b"2"
    for stop in range(start, 20):
        expected = [1] if start == 0 < stop else []
        assert parse_indexes(text, start, stop).tolist() == expected
        assert parse_reals(text, start, stop).tolist() == expected


@settings(max_examples=300, deadline=None)
@given(st.text(alphabet="0123456789+-.eExX ,\n#]a", max_size=30))
@pytest.mark.slow
def test_any_text_is_read_or_refused_as_by_the_reference(text: str) -> None:
    data = text.encode()
    try:
        expected = naive_reals(data)
    except Malformed:
        with pytest.raises(Malformed):
            reals(data)
    else:
        assert bits(reals(data)) == bits(expected)


def test_usual_coordinates_never_leave_the_fast_path() -> None:
    rng = np.random.default_rng(1)
    numbers = rng.normal(0, 100, 3000)
    assert slow_numbers(" ".join(f"{number:.6g}" for number in numbers).encode()) == 0
    assert slow_numbers(" ".join(f"{number:.9f}" for number in numbers).encode()) == 0
    assert slow_numbers(b"1e999 0.12345678901234567 3") == 2


@pytest.mark.parametrize(
    "text",
    [
        b"",
        b"0",
        b"-1",
        b"+7",
        b"0,1,2,-1",
        b"00012",
        b"0x1F 0XfF -0x10",
        b" 1\r\n2\r3 ",
        b"2147483647 -2147483647",
        b"0x7fffffff",
    ],
)
def test_indexes_are_those_of_python(text: bytes) -> None:
    assert indexes(text) == naive_indexes(text)


@pytest.mark.parametrize(
    "text",
    [
        b"1.0",
        b"1e3",
        b"a",
        b"-",
        b"+",
        b"--1",
        b"1-1",
        b"0x",
        b"0xg",
        b"x1",
        b"2147483648",
        b"-2147483648",
        b"1" * 60,
        b"1 ]",
        b"0x80000000",
        b"1\x00",
        b"1;2",
        b"0x:",
        b"0x@",
        b"0x`",
        b"nan",
    ],
)
def test_malformed_indexes_are_told(text: bytes) -> None:
    with pytest.raises(Malformed):
        naive_indexes(text)
    with pytest.raises(Malformed):
        indexes(text)


@pytest.mark.parametrize("spelling", ["{}", "-{}", "+{}", "{:0>25}", "{:#x}", "-{:#X}", "0x{:0>25x}"])
def test_indexes_of_any_number_of_digits(spelling: str) -> None:
    numbers = [*range(20), *(10**power + step for power in range(2, 10) for step in (-1, 0)), 2**31 - 1]
    text = " ".join(spelling.format(number) for number in numbers).encode()
    assert indexes(text) == naive_indexes(text)
    for large in (2**31, 10**10, 10**18 - 1, 10**18, 2**64, 2**64 + 1, 10**30):
        with pytest.raises(Malformed):
            indexes(spelling.format(large).encode())


@settings(max_examples=200, deadline=None)
@given(st.text(alphabet="0123456789+-xXaAfFgG ,\n.", max_size=30))
def test_any_text_gives_the_indexes_of_the_reference(text: str) -> None:
    data = text.encode()
    try:
        expected = naive_indexes(data)
    except Malformed:
        with pytest.raises(Malformed):
            indexes(data)
    else:
        assert indexes(data) == expected


@pytest.mark.parametrize("word", [b"7 ", b"-12345, ", b"1.5e77 ", b"1234567 "])
@pytest.mark.parametrize("count", [0, 1, 63, 64, 65, 1000])
def test_lists_of_any_density_are_read_whole(word, count):
    text = b"[" + word * count + b"]"
    number = float(word.strip(b", "))
    assert parse_reals(text, 1, len(text) - 1).tolist() == [number] * count
    if number.is_integer() and number < 1e9:
        assert parse_indexes(text, 1, len(text) - 1).tolist() == [number] * count
