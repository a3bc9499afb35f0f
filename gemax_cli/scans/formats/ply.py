"""PLY meshes and point clouds, text or binary (G. Turk, "The PLY Polygon File Format", 1994).

Open3D is not used: it fails in silence on files that are cut off, and crashes on polygons that name points which are
not there.
"""

from __future__ import annotations

import re
import sys
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from gemax_cli.errors import BadFormat, EmptyScan
from gemax_cli.jit import kernel
from gemax_cli.scans.assemble import all_finite, as_points, polygon_scan
from gemax_cli.scans.model import PointColours, Points, Scan, TextureMap
from gemax_cli.scans.polygons import MARK, fan
from gemax_cli.scans.raw_file import RawFile
from gemax_cli.scans.text_numbers import parse_reals

_TYPES = {"char": "i1", "uchar": "u1", "short": "i2", "ushort": "u2", "int": "i4", "uint": "u4"}
_TYPES |= {"int8": "i1", "uint8": "u1", "int16": "i2", "uint16": "u2", "int32": "i4", "uint32": "u4"}
_TYPES |= {"float": "f4", "float32": "f4", "double": "f8", "float64": "f8"}
_HEADER = re.compile(rb"ply[ \t]*(?:\r\n|\n|\r).*?(?:\r\n|\n|\r)end_header[ \t]*(?:\r\n|\n|\r)", re.DOTALL)
_LONGEST_HEADER = 65536
_TEXT = "="  # the order of this machine's own doubles
_ORDERS = {"ascii": _TEXT, "binary_little_endian": "<", "binary_big_endian": ">"}
_CORNERS = ("vertex_indices", "vertex_index")
_PICTURE = re.compile(rb"^comment[ \t]+TextureFile[ \t]+([^\r\n]+)", re.MULTILINE)  # as MeshLab writes it
_COORDINATES = (("s", "t"), ("u", "v"), ("texture_u", "texture_v"))
_COLOURS = ("red", "green", "blue")
_MOST_PICTURES = 64
_LARGEST_INDEX = 2**31 - 1
_CODES = ("", "i1", "u1", "i2", "u2", "i4", "u4", "f4", "f8")  # signed integers are odd
_SIZES = np.array([int(name[1:] or 0) for name in _CODES])
_FIRST_REAL = 7
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
        pictures: names of the pictures.
    """

    order: str
    elements: list[Element]
    end: int
    pictures: tuple[str, ...] = ()


class _Surface(NamedTuple):
    """What a file holds.

    Attributes:
        points: (n, 3); None where there is none.
        corners: of the faces, MARK after each.
        colours: (n, 3) of the points.
        coordinates: (n, 2) of the picture, of the points.
        face_coordinates: the same of every face's corners, u and v of each in turn, MARK after each face.
        face_pictures: number of the picture of every face.
    """

    points: Points | None = None
    corners: NDArray[np.int32] = np.empty(0, np.int32)
    colours: PointColours | None = None
    coordinates: NDArray[np.float64] | None = None
    face_coordinates: NDArray[np.float64] | None = None
    face_pictures: NDArray[np.float64] | None = None


def read_ply(raw: RawFile) -> Scan:
    """Read the vertices and faces of a PLY file. Polygons are triangulated as fans.

    A file without faces gives bare points.

    Raises:
        BadFormat: it is no PLY, damaged or cut off, or a face names a point that there is not.
        EmptyScan: it holds no point, or all points are the same.
    """
    path, size = raw.path, len(raw.data)
    header = read_header(path, raw.data)
    try:
        surface = _surface(path, raw.data, header)
    except (ValueError, OverflowError) as error:
        raise BadFormat(path, f"holds less or more than its header promises, or other numbers: {_DAMAGED}") from error
    points, colours = surface.points, surface.colours
    if points is None:
        raise EmptyScan(path, "holds no vertex with x, y and z: export it again or leave it out.")
    scan = polygon_scan(path, points, surface.corners, size)
    if colours is not None and len(scan.points) < len(points):
        colours = colours[all_finite(points)]  # the others are left out
    texture = _texture(header.pictures, surface) if len(scan.triangles) else None
    return replace(scan, colours=colours, texture=texture)


def _texture(pictures: tuple[str, ...], surface: _Surface) -> TextureMap | None:
    """Texture coordinates of the corners of every face (MeshLab), or else of the points; None without any."""
    image, more = (pictures[0] if pictures else None), pictures[1:]
    corners, places = surface.corners, fan(surface.corners, MARK)
    if surface.face_coordinates is not None:
        numbers, which = surface.face_pictures, None
        if more and numbers is not None:
            chosen = np.clip(np.nan_to_num(numbers), 0, len(more)).astype(np.uint8)
            which = chosen[np.cumsum(corners == MARK)[places[:, 0]]]
        return TextureMap(image, _at_corners(surface.face_coordinates, corners), places, more, which)
    if surface.coordinates is None:
        return None
    return TextureMap(image, surface.coordinates, corners[places])


def _at_corners(values: NDArray[np.float64], corners: NDArray[np.int32]) -> NDArray[np.float64]:
    """(k, 2) coordinates at every place of ``corners``, NaN at its marks, and where a face has others than two each."""
    out, ends = np.full((len(corners), 2), np.nan), np.flatnonzero(values == MARK)
    stops = np.flatnonzero(corners == MARK)
    sizes, counts = np.diff(stops, prepend=-1) - 1, np.diff(ends, prepend=-1) - 1
    whole = counts == 2 * sizes
    if len(ends) == len(stops):
        taken = np.repeat(whole, counts + 1) & (values != MARK)
        out[np.repeat(whole, sizes + 1) & (corners != MARK)] = values[taken].reshape(-1, 2)
    return out


def _surface(path: Path, data: bytes, header: Header) -> _Surface:
    """The points, if any, the corners of the faces, and what they look like.

    Raises:
        ValueError: the file holds less or more than its header promises, or other numbers.
    """
    body = _body(path, data, header)
    surface = _Surface()
    for element in header.elements:
        if element.name == "vertex":
            coordinates = (_columns(body, element, names) for names in _COORDINATES)
            surface = surface._replace(
                points=_points(body, element),
                colours=_colours(body, element),
                coordinates=next((found for found in coordinates if found is not None), None),
            )
        elif element.name == "face" and element.count and element.properties:
            numbers = _columns(body, element, ("texnumber",))
            surface = surface._replace(
                corners=_corners(body, element),
                face_coordinates=_lists(body, element, "texcoord"),
                face_pictures=None if numbers is None else numbers[:, 0],
            )
        body.skip(element)
    body.finish()
    return surface


def _colours(body: Body, element: Element) -> PointColours | None:
    """Colours of the points: whole numbers to 255, or real ones to 1."""
    values = _columns(body, element, _COLOURS)
    if values is None:
        return None
    kind = next(each.kind for each in element.properties if each.name == _COLOURS[0])
    scale = 255.0 if kind.startswith("f") else 1.0
    return np.clip(np.rint(np.nan_to_num(scale * values)), 0, 255).astype(np.uint8)


def _columns(body: Body, element: Element, names: tuple[str, ...]) -> NDArray[np.float64] | None:
    """Single values of each item (n, names); None where it does not have all of them."""
    present = [each.name for each in element.properties]
    if not element.count or not set(names) <= set(present):
        return None
    numbers = [_last(present, name) for name in names]
    if any(element.properties[number].length for number in numbers):
        return None
    if any(each.length for each in element.properties):
        return np.column_stack([body.values(element, number, np.float64) for number in numbers])
    items = body.table(element)
    return np.column_stack([items[str(number)].astype(np.float64) for number in numbers])


def _lists(body: Body, element: Element, name: str) -> NDArray[np.float64] | None:
    """The values of a list of real numbers, MARK after each list; None where the items have no such list."""
    found = [number for number, each in enumerate(element.properties) if each.name == name and each.length]
    return body.values(element, found[-1], np.float64) if found else None


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
    pictures = (name[1].strip().decode("utf-8", "replace") for name in _PICTURE.finditer(match[0]))
    header = Header(order, elements, match.end(), tuple(pictures)[:_MOST_PICTURES])
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


@dataclass
class Body:
    """What stands behind the header, read from the front.

    Of a text all numbers were parsed before: they are the data, and every type is a double.

    Attributes:
        data: (n,) uint8.
        at: where the next item begins.
        order: numpy's byte order; _TEXT for a text.
    """

    data: NDArray[np.uint8]
    at: int
    order: str

    def kind(self, kind: str) -> str:
        """Numpy's type of a value of this kind."""
        return "f8" if self.order == _TEXT else self.order + kind

    def codes(self, element: Element) -> NDArray[np.int64]:
        """For the kernel: for each property the codes of its length, 0 where it is no list, and of its values."""
        names = [
            ("" if not each.length else self.kind(each.length)[-2:], self.kind(each.kind)[-2:])
            for each in element.properties
        ]
        return np.array([[_CODES.index(name) if name else 0 for name in pair] for pair in names], np.int64).reshape(
            -1, 2
        )

    def skip(self, element: Element) -> None:
        """Go to the next element; ValueError where there are less items than promised, or an impossible list."""
        if any(each.length for each in element.properties):
            self.at, _ = self._walked(element, -1, np.empty(0))
        else:
            self.at += self.table(element).nbytes

    def table(self, element: Element) -> NDArray[Any]:
        """The items of an element without lists, fields named by the numbers of the properties."""
        layout = np.dtype([(str(number), self.kind(each.kind)) for number, each in enumerate(element.properties)])
        if not layout.itemsize:
            return np.empty(0)
        return np.frombuffer(self.data, layout, element.count, self.at)

    def values(self, element: Element, wanted: int, kind: type[Any]) -> NDArray[Any]:
        """The values of one property of an element with lists, MARK after each list; int32 for whole numbers alone."""
        _, count = self._walked(element, wanted, np.empty(0, kind))
        out = np.empty(count, kind)
        self._walked(element, wanted, out)
        return out

    def _walked(self, element: Element, wanted: int, out: NDArray[Any]) -> tuple[int, int]:
        swapped = self.order == ">" or (self.order == _TEXT and sys.byteorder == "big")
        at, count = walk(
            self.data, self.at, element.count, self.codes(element), wanted, swapped, out, out.dtype == np.int32
        )
        if at < 0:
            raise ValueError
        return at, count

    def finish(self) -> None:
        """ValueError if something is left: then a count is wrong, and so is what was read by it."""
        if self.at < self.data.size and (self.order == _TEXT or self.data[self.at :].tobytes().strip()):
            raise ValueError


def _body(path: Path, data: bytes, header: Header) -> Body:
    if header.order != _TEXT:
        return Body(np.frombuffer(data, np.uint8), header.end, header.order)
    try:
        return Body(parse_reals(data, header.end, len(data), named=True).view(np.uint8), 0, _TEXT)
    except ValueError as error:
        raise BadFormat(path, f"holds a word in place of a number: {_DAMAGED}") from error


def _points(body: Body, element: Element) -> Points | None:
    names = [each.name for each in element.properties]
    if not element.count or not {"x", "y", "z"} <= set(names):
        return None
    numbers = [_last(names, axis) for axis in "xyz"]
    if any(element.properties[number].length for number in numbers):
        raise ValueError
    if any(each.length for each in element.properties):
        return as_points([body.values(element, number, np.float64) for number in numbers])
    items = body.table(element)
    return as_points([items[str(number)] for number in numbers])


def _last(names: list[str], name: str) -> int:
    """Number of the last property of a name."""
    return len(names) - 1 - names[::-1].index(name)


def _corners(body: Body, element: Element) -> NDArray[np.int32]:
    """The polygons' corners with MARK after each; ValueError where there are none, or they are no whole numbers."""
    names = [each.name for each in element.properties]
    number = next((_last(names, name) for name in _CORNERS if name in names), None)
    if number is None or not element.properties[number].length:
        raise ValueError
    return body.values(element, number, np.int32)


_Cells = tuple[NDArray[np.uint64], NDArray[np.uint32], NDArray[np.float64], NDArray[np.float32]]
"""The bits of one number, and the number that they are."""


@kernel
def _value(data: NDArray[np.uint8], at: int, code: int, swapped: bool, cells: _Cells) -> float:
    """The value at a byte, of the type that stands in _CODES at ``code``."""
    size, bits = _SIZES[code], np.uint64(0)
    for k in range(size):
        byte = data[at + k] if swapped else data[at + size - 1 - k]
        bits = (bits << np.uint64(8)) | np.uint64(byte)
    if code >= _FIRST_REAL:
        cells[0][0], cells[1][0] = bits, bits & np.uint64(0xFFFFFFFF)
        return float(cells[2][0]) if size == 8 else float(cells[3][0])
    value, range_ = float(bits), 2.0 ** (8 * size)
    return value - range_ if code % 2 and value >= range_ / 2 else value


@kernel
def walk(
    data: NDArray[np.uint8],
    at: int,
    items: int,
    codes: NDArray[np.int64],
    wanted: int,
    swapped: bool,
    out: NDArray[Any],
    whole: bool,
) -> tuple[int, int]:
    """Walk over items whose properties may be lists, each of its own length.

    Args:
        data: of the file.
        at: first byte of the first item.
        items: their number.
        codes: (properties, 2) see ``Body.codes``.
        wanted: number of a property, or -1.
        swapped: the high byte comes first.
        out: gets the values of that property, MARK after those of every list; an empty array gets none.
        whole: the values of that list must be whole numbers of 31 bits.

    Returns:
        The byte after the last item, -1 where the data end before, a list has no possible length, or a value in a list
        that is wanted is no whole number of 31 bits; and the number of values for ``out``.
    """
    wide, narrow, count = np.empty(1, np.uint64), np.empty(1, np.uint32), 0
    cells = (wide, narrow, wide.view(np.float64), narrow.view(np.float32))
    for _ in range(items):
        for number in range(len(codes)):
            values, code = 1.0, codes[number, 1]
            if codes[number, 0]:
                if at + _SIZES[codes[number, 0]] > data.size:
                    return -1, count
                values = _value(data, at, codes[number, 0], swapped, cells)
                at += _SIZES[codes[number, 0]]
            # Written so that NaN fails, too.
            if not 0 <= values <= (data.size - at) // _SIZES[code] or values != np.floor(values):
                return -1, count
            if number == wanted:
                for k in range(int(values)):
                    if out.size:
                        value = _value(data, at + k * _SIZES[code], code, swapped, cells)
                        if (
                            whole
                            and codes[number, 0]
                            and (not abs(value) <= _LARGEST_INDEX or value != np.floor(value))
                        ):
                            return -1, count
                        out[count] = value
                    count += 1
                if codes[number, 0]:
                    if out.size:
                        out[count] = MARK
                    count += 1
            at += int(values) * _SIZES[code]
    return at, count
