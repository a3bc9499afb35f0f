"""Slow, obvious references for the text kernels and the VRML reader, and a writer of VRML in many spellings."""

from __future__ import annotations

import math
import re
from dataclasses import dataclass, field, replace

import numpy as np


class Malformed(Exception):
    """A word that is no number."""


def naive_reals(text: bytes) -> list[float]:
    """Python's own parser, which rounds correctly; Malformed for words that are no VRML number."""
    words = text.replace(b",", b" ").split()
    for word in words:
        if not re.fullmatch(rb"[+-]?(\d+\.?\d*|\.\d+)([eE][+-]?\d+)?", word):
            raise Malformed(word)
    return [float(word) for word in words]


def naive_indexes(text: bytes) -> list[int]:
    """Python's own parser; Malformed for words that are no VRML integer of 32 bits."""
    numbers = []
    for word in text.replace(b",", b" ").split():
        if not re.fullmatch(rb"[+-]?(\d+|0[xX][0-9a-fA-F]+)", word):
            raise Malformed(word)
        numbers.append(int(word, 16) if b"x" in word.lower() else int(word))
        if abs(numbers[-1]) > 2**31 - 1:
            raise Malformed(word)
    return numbers


def naive_polygons(indexes: list[int], mark: int) -> list[list[int]]:
    """The places of every polygon's corners, polygon by polygon; empty ones included."""
    polygons: list[list[int]] = [[]]
    for place, index in enumerate(indexes):
        if index == mark:
            polygons.append([])
        else:
            polygons[-1].append(place)
    return polygons


def naive_fan(indexes: list[int], mark: int) -> list[tuple[int, int, int]]:
    """Triangles, as places, from the first corner of every polygon."""
    return [
        (polygon[0], polygon[k], polygon[k + 1])
        for polygon in naive_polygons(indexes, mark)
        for k in range(1, len(polygon) - 1)
    ]


def area(points: np.ndarray, triangles: np.ndarray) -> float:
    """Area of a mesh."""
    a, b, c = (points[triangles[:, corner]] for corner in range(3))
    return float(np.linalg.norm(np.cross(b - a, c - a), axis=1).sum() / 2)


def shoelace(polygon: np.ndarray) -> float:
    """Signed area of a flat polygon (n, 2)."""
    x, y = polygon.T
    return float((x * np.roll(y, -1) - np.roll(x, -1) * y).sum() / 2)


# -- transforms, as the standard writes them: P' = T C R SR S -SR -C P ------------------------------------------------


def translation(vector: tuple[float, ...]) -> np.ndarray:
    matrix = np.eye(4)
    matrix[:3, 3] = vector
    return matrix


def scaling(vector: tuple[float, ...]) -> np.ndarray:
    return np.diag([*vector, 1.0])


def rotation(axis_angle: tuple[float, ...]) -> np.ndarray:
    """By a quaternion, so that it is not Rodrigues' formula again."""
    axis = np.array(axis_angle[:3]) / math.dist(axis_angle[:3], (0, 0, 0))
    w, (x, y, z) = math.cos(axis_angle[3] / 2), axis * math.sin(axis_angle[3] / 2)
    matrix = np.eye(4)
    matrix[:3, :3] = [
        [1 - 2 * (y * y + z * z), 2 * (x * y - z * w), 2 * (x * z + y * w)],
        [2 * (x * y + z * w), 1 - 2 * (x * x + z * z), 2 * (y * z - x * w)],
        [2 * (x * z - y * w), 2 * (y * z + x * w), 1 - 2 * (x * x + y * y)],
    ]
    return matrix


@dataclass(frozen=True)
class Placement:
    """The fields of a Transform."""

    translation: tuple[float, ...] = (0.0, 0.0, 0.0)
    rotation: tuple[float, ...] = (0.0, 0.0, 1.0, 0.0)
    scale: tuple[float, ...] = (1.0, 1.0, 1.0)
    scaleOrientation: tuple[float, ...] = (0.0, 0.0, 1.0, 0.0)  # noqa: N815 (the standard's name)
    center: tuple[float, ...] = (0.0, 0.0, 0.0)

    def matrix(self) -> np.ndarray:
        tilt, back = rotation(self.scaleOrientation), rotation((*self.scaleOrientation[:3], -self.scaleOrientation[3]))
        there, here = translation(self.center), translation(tuple(-v for v in self.center))
        return (
            translation(self.translation) @ there @ rotation(self.rotation) @ tilt @ scaling(self.scale) @ back @ here
        )


def moved(points: np.ndarray, placements: list[Placement]) -> np.ndarray:
    """Points within Transforms, outermost first."""
    matrix = np.eye(4)
    for placement in placements:
        matrix = matrix @ placement.matrix()
    return (np.column_stack([points, np.ones(len(points))]) @ matrix.T)[:, :3]


# -- a writer of every spelling ---------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Shape:
    """What a Shape node says."""

    points: list[tuple[float, float, float]]
    polygons: list[list[int]]
    texture: list[tuple[float, float]] | None = None
    texture_polygons: list[list[int]] | None = None
    image: str | None = None
    ccw: bool = True
    convex: bool = True
    placements: list[Placement] = field(default_factory=list)


@dataclass(frozen=True)
class Spelling:
    """How it is written."""

    end: str = "\n"
    comma: str = " "
    comments: bool = False
    tight: bool = False
    order: int = 0
    last_mark: bool = True
    extras: bool = False
    number: str = "{!r}"
    plus: bool = False
    hexadecimal: bool = False
    define: bool = False

    def real(self, value: float) -> str:
        text = self.number.format(value)
        return f"+{text}" if self.plus and not text.startswith("-") else text

    def index(self, value: int) -> str:
        return hex(value) if self.hexadecimal and value >= 0 else str(value)

    def reals(self, rows: list[tuple[float, ...]]) -> str:
        return self._list([self.real(float(value)) for row in rows for value in row])

    def indexes(self, polygons: list[list[int]]) -> str:
        numbers = [value for polygon in polygons for value in [*polygon, -1]]
        return self._list([self.index(value) for value in (numbers if self.last_mark else numbers[:-1])])

    def _list(self, words: list[str]) -> str:
        body = self.comma.join(words)
        if self.comments:
            body = body.replace(self.comma, f'{self.comma}# 1 2 ] }} " 3{self.end}', 1)
        return f"[{body}]" if self.tight else f"[{self.end}  {body}{self.end}]"


def write_vrml(shapes: list[Shape], spelling: Spelling) -> bytes:
    """A VRML 97 file of these shapes."""
    parts = ["#VRML V2.0 utf8"]
    if spelling.comments:
        parts.append('# no "string" { here [')
    if spelling.extras:
        parts += _EXTRAS_BEFORE
    parts += [_wrapped(_shape(shape, spelling, number), shape.placements) for number, shape in enumerate(shapes)]
    if spelling.extras:
        parts += _EXTRAS_AFTER
    return spelling.end.join(parts).replace("\n", spelling.end).encode() + spelling.end.encode()


_EXTRAS_BEFORE = [
    'WorldInfo { title "a # in a string { [ \\" ]" info ["one", "two # three"] }',
    "PROTO Knob [ field SFFloat size 1 exposedField MFNode children [] ] { Sphere { radius IS size } }",
    'EXTERNPROTO Far [ eventIn SFBool on ] ["far.wrl#Far"]',
    "DEF Clock TimeSensor { cycleInterval 2 loop TRUE }",
]
_EXTRAS_AFTER = [
    'Script { field SFInt32 n 3 eventIn SFTime at url "javascript: function at(v) { n = [1, 2]; } // }" }',
    'DEF Eye Viewpoint { position 0 0 10 orientation 0 0 0 3.14 description "front" }',
    "Knob { size 3 }",
    "ROUTE Clock.fraction_changed TO Eye.set_fraction",
    'NavigationInfo { type [ "EXAMINE" "ANY" ] headlight TRUE }',
]


def _wrapped(body: str, placements: list[Placement]) -> str:
    for placement in reversed(placements):
        fields = "\n".join(
            f"{name} {' '.join(repr(float(v)) for v in value)}"
            for name, value in vars(placement).items()
            if value != getattr(Placement(), name)
        )
        body = f"Transform {{ {fields}\n children [\n{body}\n] }}"
    return body


def _shape(shape: Shape, spelling: Spelling, number: int) -> str:
    gap = "" if spelling.tight else "\n"
    name = (lambda what: f"DEF {what}{number} ") if spelling.define else (lambda what: "")
    fields = [
        f"coord {name('P')}Coordinate{gap}{{{gap}point{gap}{spelling.reals(shape.points)}{gap}}}",
        f"coordIndex{gap}{spelling.indexes(shape.polygons)}",
    ]
    if not shape.ccw:
        fields.append("ccw FALSE")
    if not shape.convex:
        fields.append("convex FALSE")
    if shape.texture is not None:
        fields.append(f"texCoord {name('T')}TextureCoordinate{gap}{{point{gap}{spelling.reals(shape.texture)}}}")
    if shape.texture_polygons is not None:
        fields.append(f"texCoordIndex{gap}{spelling.indexes(shape.texture_polygons)}")
    if spelling.extras:
        fields += [
            "creaseAngle 1.57",
            "solid FALSE",
            "color Color { color [0 0 0, 1 .5 1e-1] }",
            "normalPerVertex FALSE",
        ]
        fields += ["normal Normal{vector[0 0 1]}", "colorIndex [0 1 -1]"]
    start = spelling.order % len(fields)
    fields = fields[start:] + fields[:start]
    look = f'appearance Appearance {{ texture ImageTexture {{ url "{shape.image}" }} }}\n' if shape.image else ""
    geometry = f"geometry {name('G')}IndexedFaceSet{gap}{{{gap}{' '.join(fields)}{gap}}}"
    body = look + geometry if spelling.order % 2 == 0 else geometry + "\n" + look
    return f"Shape {{ {body} }}"


# -- what should come out ---------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Expected:
    points: np.ndarray
    triangles: np.ndarray


def expected_mesh(shapes: list[Shape]) -> Expected:
    """Fans of every polygon, joined; turned over for ``ccw FALSE`` and once more for a mirroring transform."""
    points, triangles, start = [np.empty((0, 3))], [np.empty((0, 3), int)], 0
    for shape in shapes:
        corners = [index for polygon in shape.polygons for index in [*polygon, -1]]
        mesh = np.array([[corners[p] for p in t] for t in naive_fan(corners, -1)], int).reshape(-1, 3)
        mirrored = np.prod([np.linalg.det(p.matrix()) for p in shape.placements]) < 0
        if len(mesh):
            triangles.append(start + (mesh[:, ::-1] if mirrored == shape.ccw else mesh))
            points.append(moved(np.array(shape.points, float).reshape(-1, 3), shape.placements))
            start += len(points[-1])
    return Expected(np.concatenate(points), np.concatenate(triangles))


SQUARE = Shape(
    points=[(0.0, 0.0, 0.0), (100.0, 0.0, 0.0), (100.0, 100.0, 5.0), (0.0, 100.0, 0.0), (50.0, 150.0, 2.5)],
    polygons=[[0, 1, 2, 3], [3, 2, 4]],
)
"""A quad and a triangle on it."""

TEXTURED = replace(
    SQUARE,
    texture=[(0.0, 0.0), (1.0, 0.0), (1.0, 0.5), (0.0, 0.5), (0.5, 1.0), (0.25, 0.75)],
    texture_polygons=[[0, 1, 2, 3], [5, 2, 4]],
    image="face.bmp",
)
"""The same, with texture coordinates of which two lie at one point."""
