"""PLY meshes and point clouds, text or binary (G. Turk, "The PLY Polygon File Format", 1994).

Open3D is not used: it fails in silence on files that are cut off, and crashes on polygons that name points which are
not there.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from gemax_cli.errors import BadFormat, EmptyScan
from gemax_cli.scans.assemble import polygon_scan
from gemax_cli.scans.model import Points, Scan
from gemax_cli.scans.polygons import MARK
from gemax_cli.scans.raw_file import RawFile
from gemax_cli.scans.text_numbers import parse_any_reals

_TYPES = {"char": "i1", "uchar": "u1", "short": "i2", "ushort": "u2", "int": "i4", "uint": "u4"}
_TYPES |= {"int8": "i1", "uint8": "u1", "int16": "i2", "uint16": "u2", "int32": "i4", "uint32": "u4"}
_TYPES |= {"float": "f4", "float32": "f4", "double": "f8", "float64": "f8"}
_HEADER = re.compile(rb"ply[ \t]*(?:\r\n|\n|\r).*?(?:\r\n|\n|\r)end_header[ \t]*(?:\r\n|\n|\r)", re.DOTALL)
_LONGEST_HEADER = 65536
_TEXT = "="  # the order of this machine's own doubles
_ORDERS = {"ascii": _TEXT, "binary_little_endian": "<", "binary_big_endian": ">"}
_CORNERS = ("vertex_indices", "vertex_index")
_LARGEST_INDEX = 2**31 - 1
_DAMAGED = "it is damaged or cut off, copy it again."


@dataclass(frozen=True)
class Property:
    """A value of each item, or a list of values; numpy's names of types, ``length`` "" for a single value."""

    name: str
    kind: str
    length: str = ""


@dataclass(frozen=True)
class Element:
    """A list of items that all have the same properties."""

    name: str
    count: int
    properties: list[Property] = field(default_factory=list)


@dataclass(frozen=True)
class Header:
    """What a PLY says it holds.

    Attributes:
        order: numpy's byte order; _TEXT for text.
        elements: in the order of the file.
        end: where the first item begins.
    """

    order: str
    elements: list[Element]
    end: int


def read_ply(raw: RawFile) -> Scan:
    """Read the vertices and faces of a PLY file. Polygons are triangulated as fans.

    A file without faces gives bare points.

    Raises:
        BadFormat: it is no PLY, damaged or cut off, or a face names a point that there is not.
        EmptyScan: it holds no point, or all points are the same.
    """
    path, data = raw.path, raw.data
    header = read_header(path, data)
    body = _body(path, data, header)
    points, corners = None, np.empty(0, np.int64)
    try:
        for element in header.elements:
            columns = _columns(body, element)
            if element.name == "vertex":
                points = _points(columns)
            elif element.name == "face":
                corners = _corners(columns)
        body.finish()
    except (ValueError, OverflowError) as error:
        raise BadFormat(path, f"holds less or more than its header promises, or other numbers: {_DAMAGED}") from error
    if points is None:
        raise EmptyScan(path, "holds no vertex with x, y and z: export it again or leave it out.")
    return polygon_scan(path, points, corners)


def read_header(path: Path, data: bytes) -> Header:
    """Parse the header; BadFormat where it is none, or promises more than the file can hold."""
    match = _HEADER.match(data[:_LONGEST_HEADER])
    if match is None:
        raise BadFormat(path, f"does not begin with the header of a PLY: {_DAMAGED}")
    order, elements = None, list[Element]()
    for line in re.split(r"[\r\n]+", match[0].decode("latin-1"))[1:]:
        words = [*line.split(), "", "", "", ""]
        if words[0] == "format":
            order = _known(path, _ORDERS, words[1])
        elif words[0] == "element":
            elements.append(Element(words[1], _count(path, words[2])))
        elif words[0] == "property" and elements:
            elements[-1].properties.append(_property(path, words))
    if order is None:
        raise BadFormat(path, f"its header does not say whether it is text or binary: {_DAMAGED}")
    names = [element.name for element in elements]
    if names.count("vertex") > 1 or names.count("face") > 1:
        raise BadFormat(path, f"its header names vertex or face twice: {_DAMAGED}")
    if any(element.name == "tristrips" for element in elements):
        raise BadFormat(path, "holds triangle strips, which are not read: save it with faces.")
    header = Header(order, elements, match.end())
    _check_room(path, header, len(data))
    return header


def _property(path: Path, words: list[str]) -> Property:
    if words[1] == "list":
        return Property(words[4], _known(path, _TYPES, words[3]), _known(path, _TYPES, words[2]))
    return Property(words[2], _known(path, _TYPES, words[1]))


def _known(path: Path, table: dict[str, str], word: str) -> str:
    if word not in table:
        raise BadFormat(path, f"its header holds {word[:20]!r}, which no PLY knows: export it again.")
    return table[word]


def _count(path: Path, word: str) -> int:
    if not re.fullmatch(r"[0-9]{1,12}", word):
        raise BadFormat(path, f"its header counts {word[:20]!r} items: {_DAMAGED}")
    return int(word)


def _check_room(path: Path, header: Header, length: int) -> None:
    """The least bytes: in text two for a number and the space before it; of a list its length alone."""
    needed = 0
    for element in header.elements:
        sizes = [2 if header.order == _TEXT else np.dtype(p.length or p.kind).itemsize for p in element.properties]
        needed += element.count * sum(sizes)
    room = length - header.end + 1
    if needed > room:
        raise BadFormat(path, f"its header promises at least {needed:,} bytes, but there are {room:,}: {_DAMAGED}")


Column = NDArray[Any] | Sequence[NDArray[Any]]


@dataclass
class Body:
    """What stands behind the header, read from the front; ``order`` is numpy's byte order.

    Of a text all numbers were parsed before: they are the data, and every type is a double.
    """

    data: bytes
    at: int
    order: str

    def kind(self, kind: str) -> str:
        """Numpy's type of a value of this kind."""
        return "f8" if self.order == _TEXT else self.order + kind

    def read(self, kind: str | np.dtype[Any], count: int) -> NDArray[Any]:
        """The next ``count`` of a type; ValueError where there are less."""
        found = np.frombuffer(self.data, kind, count, self.at)
        self.at += found.nbytes
        return found

    def finish(self) -> None:
        """ValueError if something is left: then a count is wrong, and so is what was read by it."""
        if self.data[self.at :].strip():
            raise ValueError


def _body(path: Path, data: bytes, header: Header) -> Body:
    if header.order != _TEXT:
        return Body(data, header.end, header.order)
    try:
        return Body(parse_any_reals(data, header.end).tobytes(), 0, _TEXT)
    except ValueError as error:
        raise BadFormat(path, f"holds a word in place of a number: {_DAMAGED}") from error


def _columns(body: Body, element: Element) -> dict[str, Column]:
    """The values of every item by property: (n, 1), (n, k) where all lists are equally long, else rows.

    Raises:
        ValueError: there are less than promised, or a list has no possible length.
    """
    if not element.count or not element.properties:
        return {}
    start = body.at
    columns: Sequence[Column] | None = _table(body, element)
    if columns is None:
        body.at = start
        columns = list(zip(*[_item(body, element) for _ in range(element.count)], strict=True))
    return {each.name: column for each, column in zip(element.properties, columns, strict=True)}


def _table(body: Body, element: Element) -> list[NDArray[Any]] | None:
    """A column (n, k) for each property, if the lists of every item are as long as those of the first."""
    start, first = body.at, _item(body, element)
    body.at = start
    layout = []
    for number, each in enumerate(element.properties):
        layout += [(f"length {number}", body.kind(each.length), ())] * bool(each.length)
        layout += [(f"values {number}", body.kind(each.kind), first[number].shape)]
    try:
        items = body.read(np.dtype(layout), element.count)
    except ValueError:
        return None
    lists = [number for number, each in enumerate(element.properties) if each.length]
    if any((items[f"length {number}"] != first[number].size).any() for number in lists):
        return None
    return [items[f"values {number}"] for number in range(len(first))]


def _item(body: Body, element: Element) -> list[NDArray[Any]]:
    """The values of the next item, (k,) for each property."""
    values = []
    for each in element.properties:
        count = body.read(body.kind(each.length), 1)[0] if each.length else 1
        if count < 0 or count != int(count):
            raise ValueError
        values.append(body.read(body.kind(each.kind), int(count)))
    return values


def _points(columns: dict[str, Column]) -> Points | None:
    if not {"x", "y", "z"} <= set(columns):
        return None
    with np.errstate(invalid="ignore"):  # NaN that signals
        points: Points = np.column_stack([np.asarray(columns[axis], np.float64).reshape(-1) for axis in "xyz"])
    return points


def _corners(columns: dict[str, Column]) -> NDArray[np.int64]:
    """The polygons' corners with MARK after each; ValueError where there are none, or they are no whole numbers."""
    polygons = next((columns[name] for name in _CORNERS if name in columns), None)
    if polygons is None and columns:
        raise ValueError
    if polygons is None:
        return np.empty(0, np.int64)
    rows = [polygons] if isinstance(polygons, np.ndarray) else polygons
    wide = [row.astype(np.float64) for row in rows]  # holds every integer of a PLY
    if not all((np.abs(row) <= _LARGEST_INDEX).all() and (row == np.floor(row)).all() for row in wide):
        raise ValueError
    ends = [np.full((*row.shape[:-1], 1), MARK) for row in rows]
    return np.concatenate(
        [np.concatenate([row.astype(np.int64), end], -1).ravel() for row, end in zip(wide, ends, strict=True)]
    )
