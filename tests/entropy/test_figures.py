import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from gemax_cli.entropy.figures import entropies_bits, entropy_bits, map_entropy, max_bin
from gemax_cli.errors import EmptyHistogram, SettingsError
from tests.entropy import naive


@given(st.lists(st.integers(0, 10**6), min_size=1, max_size=300).filter(any))
def test_entropy_is_the_definition(counts):
    bits = entropy_bits(np.array(counts))
    assert bits == pytest.approx(naive.entropy(counts), abs=1e-12)
    assert 0 <= bits <= np.log2(len(counts)) + 1e-12


@pytest.mark.parametrize("values", [1, 2, 8, 256])
def test_equal_shares_are_exact(values):
    assert entropy_bits(np.full(values, 7)) == np.log2(values)


def test_one_value_is_nothing_to_tell():
    bits = entropy_bits(np.array([0, 19, 0]))
    assert bits == 0
    assert not np.signbit(bits)


def test_zeros_and_order_do_not_matter():
    counts = np.array([5, 0, 7, 1, 0])
    assert entropy_bits(counts) == entropy_bits(np.array([5, 7, 1])) == entropy_bits(np.array([[1, 7], [5, 0]]))


def test_committed_figure():
    """The same float on every platform, to the last bit."""
    assert entropy_bits(np.arange(1, 257)).hex() == "0x1.ee58368794437p+2"


@pytest.mark.parametrize("counts", [[], [0, 0]])
def test_entropy_of_nothing(counts):
    with pytest.raises(EmptyHistogram, match="no valid pixel"):
        entropy_bits(np.array(counts, np.int64))


def test_rows_are_measured_each_for_itself():
    rows = np.random.default_rng(0).integers(0, 5, (6, 40))
    assert entropies_bits(rows) == [entropy_bits(row) for row in rows]
    with pytest.raises(EmptyHistogram):
        entropies_bits(np.array([[1, 2], [0, 0]]))


def test_negative_counts():
    with pytest.raises(SettingsError, match="negative"):
        entropy_bits(np.array([3, -1]))


def test_entropy_of_a_map_counts_the_mask_alone():
    image = np.array([[0, 0, 0], [0, 9, 9], [0, 200, 0]], np.uint8)
    mask = np.array([[0, 0, 0], [0, 1, 1], [0, 1, 1]], bool)
    assert map_entropy(image, mask) == pytest.approx(1.5)
    assert map_entropy(image) == pytest.approx(naive.entropy([6, 2, 1]))


def test_entropy_of_a_map_of_all_values():
    image = np.arange(256, dtype=np.uint8).reshape(16, 16)
    assert map_entropy(image) == 8
    assert map_entropy(image, image < 128) == 7


def test_no_map():
    image = np.zeros((2, 2), np.uint8)
    with pytest.raises(SettingsError, match="uint8"):
        map_entropy(image.astype(np.uint16))
    with pytest.raises(SettingsError, match="same shape"):
        map_entropy(image, np.ones((2, 3), bool))
    with pytest.raises(EmptyHistogram):
        map_entropy(image, np.zeros((2, 2), bool))


def test_max_bin():
    assert max_bin(np.array([0, 3, 4, 9])) == 5
    assert isinstance(max_bin(np.array([0, 1])), int)
