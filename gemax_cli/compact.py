"""Sequences for very many small things, which as Python objects would take hundreds of bytes each."""

from __future__ import annotations

import heapq
from array import array
from collections.abc import Callable, Iterator, Sequence
from typing import Any, TypeVar, overload

T = TypeVar("T")
_PART = 4096  # numbers whose keys are held at once while they are sorted


class Texts(Sequence[str]):
    """Strings, one after the other in one piece of memory; each is made anew when it is asked for."""

    def __init__(self) -> None:
        self._data, self._ends = bytearray(), array("Q")

    def append(self, text: str) -> None:
        """Add a string; it may hold bytes of a file name that are no text (surrogates)."""
        self._data += text.encode("utf-8", "surrogatepass")
        self._ends.append(len(self._data))

    def __len__(self) -> int:
        return len(self._ends)

    @overload
    def __getitem__(self, index: int) -> str: ...
    @overload
    def __getitem__(self, index: slice) -> list[str]: ...
    def __getitem__(self, index: int | slice) -> str | list[str]:
        if isinstance(index, slice):
            return [self[number] for number in range(len(self))[index]]
        if index < 0:
            index = range(len(self))[index]
        end = self._ends[index]
        start = self._ends[index - 1] if index else 0
        return self._data[start:end].decode("utf-8", "surrogatepass")


class Lazy(Sequence[T]):
    """The items of some numbers, in their order; each is made anew whenever it is asked for.

    Args:
        make: the item of a number.
        numbers: in order.
    """

    def __init__(self, make: Callable[[int], T], numbers: array[int]) -> None:
        self._make, self._numbers = make, numbers

    def __len__(self) -> int:
        return len(self._numbers)

    def __iter__(self) -> Iterator[T]:
        return map(self._make, self._numbers)

    @overload
    def __getitem__(self, index: int) -> T: ...
    @overload
    def __getitem__(self, index: slice) -> Lazy[T]: ...
    def __getitem__(self, index: int | slice) -> T | Lazy[T]:
        if isinstance(index, slice):
            return Lazy(self._make, self._numbers[index])
        return self._make(self._numbers[index])

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Sequence) and len(self) == len(other) and all(map(_same, self, other))

    __hash__ = None  # type: ignore[assignment]  # equal to any sequence of the same items

    def __repr__(self) -> str:
        return f"Lazy({list(self)!r})"

    def where(self, test: Callable[[T], bool]) -> Lazy[T]:
        """Those that pass a test."""
        return Lazy(self._make, array("I", (number for number in self._numbers if test(self._make(number)))))


def _same(one: object, other: object) -> bool:
    return one == other


def in_order(numbers: Sequence[int], key: Callable[[int], Any]) -> array[int]:
    """Numbers below 2^32, sorted by key; equal ones stay in their order. Keys of a few thousand are held at once."""
    starts = range(0, len(numbers), _PART)
    parts = [array("I", sorted(numbers[start : start + _PART], key=key)) for start in starts]
    return parts[0] if len(parts) == 1 else array("I", heapq.merge(*parts, key=key))
