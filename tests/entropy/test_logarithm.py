import math
from decimal import Decimal, getcontext
from hashlib import sha256

import numpy as np
import pytest

from gemax_cli.entropy.logarithm import MAX_PIXELS, WEIGHT_BITS, log2, weight_table

getcontext().prec = 50
LN2 = Decimal(2).ln()


def exact_log2(x):
    return Decimal(x).ln() / LN2


def test_powers_of_two_are_exact():
    powers = 2.0 ** np.arange(-40, 41)
    assert log2(powers).tolist() == list(range(-40, 41))


def test_log2_is_right_to_four_units_in_the_last_place():
    rng = np.random.default_rng(0)
    values = np.concatenate(
        (np.arange(1, 400), rng.integers(1, 2**24, 300), rng.random(300), 2.0 ** rng.normal(0, 9, 300))
    )
    for value, ours in zip(values.tolist(), log2(values.astype(float)).tolist(), strict=True):
        exact = exact_log2(value)
        assert abs(Decimal(ours) - exact) <= 4 * Decimal(math.ulp(float(exact)))


def test_log2_of_one_by_one_is_that_of_the_array():
    """No result depends on its neighbours, as vectorised library code can make it."""
    values = np.random.default_rng(1).random(257)
    assert log2(values).tolist() == [log2(values[i : i + 1])[0] for i in range(values.size)]


@pytest.mark.parametrize("bits", [0, 1, 2, 7, 12, 16, 18])
def test_table_is_exactly_concave_and_even(bits):
    table = weight_table(bits)
    assert table.dtype == np.int64
    assert table.size == 2**bits + 1
    assert np.diff(table, 2).max(initial=-1) <= 0
    assert not (table % 2).any()
    assert table[:2].tolist() == [0, 0]


@pytest.mark.parametrize("bits", [1, 3, 8, 11])
def test_table_is_c_log2_c(bits):
    scale = 2 ** (WEIGHT_BITS + 1 - bits)
    drift = 0
    for count, weight in enumerate(weight_table(bits).tolist()[1:], 1):
        exact = -scale * count * exact_log2(count)
        assert abs(weight - exact) <= count  # half a unit of 2 per step, never more
        drift = max(drift, abs(weight - exact))
    assert drift * 2 ** Decimal(-WEIGHT_BITS) < Decimal("1e-10")  # bits of entropy


def test_table_steps_are_the_rounded_exact_ones():
    """Unit by unit: a platform whose table differs in one of them is caught."""
    bits, steps = 9, np.diff(weight_table(9)) // -2
    for count in range(2, 2**bits + 1):
        exact = 2 ** (WEIGHT_BITS - bits) * (count * exact_log2(count) - (count - 1) * exact_log2(count - 1))
        assert steps[count - 1] == round(exact)


@pytest.mark.parametrize(
    ("bits", "last", "digest"),
    [
        (0, 0, "374708fff7719dd5"),
        (4, -17592186044418, "817b42f52f64f8d1"),
        (10, -43980465111022, "690b8fab2f6925c4"),
        (16, -70368744177758, "b4a026fa906ecfda"),
    ],
)
def test_table_is_the_committed_one(bits, last, digest):
    """Another last bit anywhere, on another platform, shows."""
    table = weight_table(bits)
    assert int(table[-1]) == last
    assert sha256(table.astype("<i8").tobytes()).hexdigest()[:16] == digest


def test_table_is_shared_and_cannot_be_changed():
    table = weight_table(8)
    assert weight_table(8) is table
    with pytest.raises(ValueError, match="read-only"):
        table[3] = 1


def test_values_fit_in_63_bits():
    """N penalties of the largest size and one total: the bound stated in ``solver``."""
    largest_total = 2 ** (WEIGHT_BITS + 1) * math.log2(MAX_PIXELS)
    largest_penalty = 2 ** (WEIGHT_BITS + 1) * math.log2(65535) + 3
    assert 65535 * largest_penalty + largest_total < 2**63
