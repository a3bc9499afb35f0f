from __future__ import annotations

import tracemalloc
from array import array

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gemax_cli import compact
from gemax_cli.compact import Lazy, Texts, in_order

SLICES = st.slices(12)
NAMES = st.lists(st.text(st.characters(codec=None), max_size=6), max_size=12)


def texts_of(words):
    texts = Texts()
    for word in words:
        texts.append(word)
    return texts


@given(words=NAMES, part=SLICES)
def test_texts_are_a_list_of_strings(words, part):
    texts = texts_of(words)
    assert list(texts) == words
    assert len(texts) == len(words)
    assert texts[part] == words[part]
    assert [texts[-n] for n in range(1, len(words) + 1)] == words[::-1]


def test_texts_keep_names_that_are_no_text():
    words = ["a\udcff.wrl", "\ud800", "", "名.bnt"]
    assert list(texts_of(words)) == words


@pytest.mark.parametrize("number", [2, -3, 99])
def test_texts_end_where_they_end(number):
    with pytest.raises(IndexError):
        texts_of(["a", "b"])[number]


def lazy_of(numbers):
    return Lazy(lambda number: number * 10, array("I", numbers))


@given(numbers=st.lists(st.integers(0, 50), max_size=12), part=SLICES)
def test_lazy_items_are_a_tuple_of_them(numbers, part):
    lazy, want = lazy_of(numbers), tuple(n * 10 for n in numbers)
    assert tuple(lazy) == want
    assert lazy == want
    assert lazy[part] == want[part]
    assert lazy.where(lambda item: item % 20 == 0) == tuple(item for item in want if item % 20 == 0)
    assert [lazy[n] for n in range(len(numbers))] == list(want)


def test_lazy_items_differ_from_others():
    assert lazy_of([1, 2]) != (10,)
    assert lazy_of([1, 2]) != (10, 30)
    assert lazy_of([1]) != 10
    assert repr(lazy_of([1, 2])) == "Lazy([10, 20])"
    with pytest.raises(IndexError):
        lazy_of([1])[1]


def test_lazy_items_are_made_when_they_are_asked_for():
    made = []
    lazy = Lazy(made.append, array("I", [7, 8, 9]))
    assert made == []
    lazy[1:][0]
    assert made == [8]


@given(keys=st.lists(st.integers(0, 5), max_size=40), part=st.integers(1, 50))
def test_sorting_in_parts_is_sorting(keys, part):
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(compact, "_PART", part)
        order = in_order(range(len(keys)), keys.__getitem__)
    assert list(order) == sorted(range(len(keys)), key=keys.__getitem__)  # equal ones stay in their order


def test_texts_take_little_more_than_their_bytes():
    words = [f"F{n:05d}/F{n:05d}_AN01WH_F3D.wrl" for n in range(20_000)]
    tracemalloc.start()
    texts = texts_of(words)
    held, _ = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert len(texts) == len(words)
    assert held < 1.5 * sum(len(word) + 8 for word in words)
