"""Values of JSON as frozen dataclasses, every value checked against its type when it is read."""

from __future__ import annotations

import math
import reprlib
from collections.abc import Callable
from dataclasses import MISSING, fields, is_dataclass
from functools import cache, partial
from typing import Any, Literal, TypeVar, get_args, get_origin, get_type_hints

T = TypeVar("T")
Reader = Callable[[Any], Any]
LARGEST_INT = 1 << 63  # what NumPy holds


def from_json(kind: type[T], value: object) -> T:
    """The value as a ``kind``: a dataclass of numbers, strings, literals, tuples, dicts by name, dataclasses, or None.

    Raises:
        ValueError: a field is missing, unknown, or of another type; the message names it.
    """
    hashable: Any = kind
    result: T = _reader(hashable)(value)
    return result


@cache
def _reader(kind: Any) -> Reader:
    """The function that checks a value against a type and returns it as that type."""
    origin, arguments = get_origin(kind), get_args(kind)
    if is_dataclass(kind):
        hints = get_type_hints(kind)
        required = {f.name for f in fields(kind) if f.default is MISSING and f.default_factory is MISSING}
        return partial(_fields, kind, {f.name: _reader(hints[f.name]) for f in fields(kind)}, required)
    if origin is Literal:
        return partial(_one_of, arguments)
    if origin is dict:
        return partial(_by_name, _reader(arguments[1]))
    if origin is tuple and arguments[-1] is ...:
        return partial(_sequence, _reader(arguments[0]))
    if origin is tuple:
        return partial(_row, [_reader(argument) for argument in arguments])
    if arguments:  # a union with None
        return partial(_optional, _reader(arguments[0]))
    readers: dict[Any, Reader] = {int: _int, float: _float}
    return readers[kind] if kind in readers else partial(_exactly, kind)


def _fields(kind: Any, readers: dict[str, Reader], required: set[str], value: Any) -> Any:
    names = _exactly(dict, value).keys()
    if wrong := names - readers.keys() or required - names:
        listed = ", ".join(sorted(name[:40] for name in wrong)[:4])
        raise ValueError(f"{'unknown' if wrong <= names else 'missing'}: {listed}")
    read = {}
    for name, part in value.items():
        try:
            read[name] = readers[name](part)
        except ValueError as error:
            raise ValueError(f"{name}: {error}") from error
    return kind(**read)


def _shown(value: object) -> str:
    """The start of a value for a message, however long or deep it is."""
    return repr((reprlib.repr(value) if isinstance(value, dict | list) else str(value))[:40])


def _exactly(kind: type, value: Any) -> Any:
    if type(value) is not kind:
        raise ValueError(f"{_shown(value)} is no {kind.__name__}")
    return value


def _int(value: Any) -> int:
    if type(value) is int and abs(value) < LARGEST_INT:
        return value
    raise ValueError(f"{_shown(value)} is no whole number")


def _float(value: Any) -> float:
    if (type(value) is float and math.isfinite(value)) or (type(value) is int and abs(value) < LARGEST_INT):
        return float(value)
    raise ValueError(f"{_shown(value)} is no number")


def _optional(read: Reader, value: Any) -> Any:
    return None if value is None else read(value)


def _one_of(values: tuple[Any, ...], value: Any) -> Any:
    if value not in values:
        raise ValueError(f"{_shown(value)} is none of {', '.join(values)}")
    return value


def _by_name(read: Reader, value: Any) -> dict[str, Any]:
    return {name: read(part) for name, part in _exactly(dict, value).items()}


def _sequence(read: Reader, value: Any) -> tuple[Any, ...]:
    return tuple([read(part) for part in _exactly(list, value)])


def _row(readers: list[Reader], value: Any) -> tuple[Any, ...]:
    if len(_exactly(list, value)) != len(readers):
        raise ValueError(f"{len(value)} values, not {len(readers)}")
    return tuple([read(part) for read, part in zip(readers, value, strict=True)])
