"""Files that are small for what a careless reader makes of them, of any size, in every text format.

Each pattern is a head, a unit that is repeated, and a tail. It is written from its parts, never held in memory.
"""

from __future__ import annotations

import gzip
import itertools
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path

BLOCK = 1 << 20


@dataclass(frozen=True)
class Bomb:
    """A head, a unit repeated up to a size, and a tail; ``head`` gets the number of repetitions."""

    suffix: str
    unit: bytes
    head: bytes | Callable[[int], bytes] = b""
    tail: bytes = b""

    def parts(self, size: int) -> Iterator[bytes]:
        """The content, ``size`` bytes at most."""
        count = max(1, (size - 2048) // len(self.unit))
        yield self.head if isinstance(self.head, bytes) else self.head(count)
        many = max(1, BLOCK // len(self.unit))
        yield from itertools.repeat(self.unit * many, count // many)
        yield self.unit * (count % many) + self.tail

    def write(self, path: Path, size: int) -> None:
        """Write the file, packed where its suffix says so."""
        with gzip.open(path, "wb", 1) if path.suffix in (".gz", ".wrz") else path.open("wb") as file:
            file.writelines(self.parts(size))


VRML = b"#VRML V2.0 utf8\n"
FACE_SET = VRML + b"Shape{geometry IndexedFaceSet{coord Coordinate{point[0 0 0 1 0 0 1 1 0]}"
PLY = "ply\nformat {} 1.0\nelement vertex {}\n{}element face {}\n{}end_header\n"
XYZ = "property float x\nproperty float y\nproperty float z\n"
FACES = "property list uchar int vertex_indices\n"
BYTES = "property uchar x\nproperty uchar y\nproperty uchar z\n"
BYTE_LIST = "property list uchar uchar vertex_indices\n"
PCD = "VERSION .7\nFIELDS x y z\nSIZE {0} {0} {0}\nTYPE {1} {1} {1}\nWIDTH {2}\nHEIGHT {3}\nDATA {4}\n"


def ply(
    form: str, vertices: bool, point: str = XYZ, corners: str = FACES, first: bytes = b""
) -> Callable[[int], bytes]:
    """The head of a PLY whose units are vertices, or else faces behind three vertices."""

    def head(count: int) -> bytes:
        numbers = (count, 0) if vertices else (3, count)
        return PLY.format(form, numbers[0], point, numbers[1], corners).encode() + first

    return head


def pcd(size: int, kind: str, form: str, rows: int = 1) -> Callable[[int], bytes]:
    """The head of a PCD whose units are ``rows`` points."""
    return lambda count: PCD.format(size, kind, count, rows, form).encode()


TEXT_POINTS = b"0 0 0\n1 0 0\n1 1 0\n"
FACET = b"facet normal 0 0 1 outer loop vertex 0 0 0 vertex 1 0 0 vertex 0 1 0 endloop endfacet\n"

BOMBS = {
    # comments
    "wrl comments": Bomb(".wrl", b"#\n", VRML),
    "wrl comments behind a node": Bomb(".wrl", b"#\n", VRML + b"Group{}\n"),
    "wrl long comment": Bomb(".wrl", b"#" * 4096, VRML),
    "xyz comments": Bomb(".xyz", b"#\n"),
    "xyz slash comments": Bomb(".xyz", b"//\n", b"0 0 0\n1 1 1\n"),
    "off comments": Bomb(".off", b"#\n", b"OFF\n"),
    "obj comments": Bomb(".obj", b"#\n"),
    # nothing at all
    "wrl blanks": Bomb(".wrl", b" ", VRML),
    "xyz line ends": Bomb(".xyz", b"\n"),
    "obj line ends": Bomb(".obj", b"\r"),
    "obj continued lines": Bomb(".obj", b"\\\n", b"v 0 0 0\n"),
    "off line ends": Bomb(".off", b"\r\n", b"OFF 1 1"),
    "stl blanks": Bomb(".stl", b" ", b"solid\n"),
    # strings and words
    "wrl escapes": Bomb(".wrl", b"\\x", VRML + b'WorldInfo{title"', b'"}'),
    "wrl quotes in a string": Bomb(".wrl", b'\\"', VRML + b'WorldInfo{title"', b'"}'),
    "wrl open string": Bomb(".wrl", b"\\x", VRML + b'WorldInfo{title"'),
    "wrl strings": Bomb(".wrl", b'"ab"', VRML + b"WorldInfo{info[", b"]}"),
    "wrl word": Bomb(".wrl", b"a", VRML),
    "wrl wide word": Bomb(".wrl", "\U0001f600".encode(), VRML),
    "wrl word for a number": Bomb(".wrl", b"x", VRML + b"Shape{geometry IndexedFaceSet{coordIndex[0 "),
    "xyz word": Bomb(".xyz", b"1", b"0 0 0\n"),
    "ply word": Bomb(".ply", b"1", ply("ascii", vertices=True)),
    # parts of the tree
    "wrl nodes": Bomb(".wrl", b"A{}", VRML + b"Group{children[", b"]}"),
    "wrl roots": Bomb(".wrl", b"A{}", VRML),
    "wrl fields": Bomb(".wrl", b"a 1 ", VRML + b"A{"),
    "wrl prototypes": Bomb(".wrl", b"PROTO A[]{}", VRML),
    "wrl brackets": Bomb(".wrl", b"[", VRML + b"PROTO A["),
    "wrl script": Bomb(".wrl", b"a ", VRML + b"Script{", b"}"),
    "wrl routes": Bomb(".wrl", b"ROUTE a TO b ", VRML),
    "gltf lists": Bomb(".gltf", b"[],", b'{"a":[', b"1]}"),
    "gltf objects": Bomb(".gltf", b"{},", b'{"a":[', b"1]}"),
    "gltf string": Bomb(".gltf", b"a", b'{"a":"\xf0\x9f\x98\x80', b'"}'),
    "gltf numbers": Bomb(".gltf", b"1e9,", b'{"a":[', b"1]}"),
    # numbers
    "wrl points": Bomb(".wrl", b"0 0 1 ", VRML + b"Shape{geometry IndexedFaceSet{coord Coordinate{point[", b"]}}}"),
    "wrl points and a face": Bomb(
        ".wrl",
        b"0 0 1 0 1 0 ",
        VRML + b"Shape{geometry IndexedFaceSet{coordIndex[0 1 2]coord Coordinate{point[",
        b"]}}}",
    ),
    "wrl hard numbers": Bomb(
        ".wrl", b"1e99 ", VRML + b"Shape{geometry IndexedFaceSet{coordIndex[0 1 2]coord Coordinate{point[", b"]}}}"
    ),
    "wrl polygon": Bomb(".wrl", b"0 ", FACE_SET + b"coordIndex[", b"]}}"),
    "wrl triangles": Bomb(".wrl", b"0 1 2 -1 ", FACE_SET + b"coordIndex[", b"]}}"),
    "wrl triangles turned": Bomb(".wrl", b"0 1 2 -1 ", FACE_SET + b"ccw FALSE coordIndex[", b"]}}"),
    "wrl concave": Bomb(".wrl", b"0 1 2 0 1 2 -1 ", FACE_SET + b"convex FALSE coordIndex[", b"]}}"),
    "wrl triangles and a texture": Bomb(
        ".wrl", b"0 1 2 -1 ", FACE_SET + b"texCoord TextureCoordinate{point[0 0 0 0 0 0]}coordIndex[", b"]}}"
    ),
    "wrl triangles used twice": Bomb(
        ".wrl", b"0 1 2 -1 ", FACE_SET.replace(b"Shape", b"DEF A Shape", 1) + b"coordIndex[", b"]}}USE A USE A"
    ),
    "wrl shape used": Bomb(
        ".wrl",
        b"USE A ",
        FACE_SET.replace(b"Shape", b"DEF A Shape", 1) + b"coordIndex[" + b"0 1 2 -1 " * 50_000 + b"]}}",
    ),
    "xyz points": Bomb(".xyz", b"0 0 1\n", b"0 1 0\n"),
    "xyz columns": Bomb(".xyz", b"0 0 1" + b" 0" * 500 + b"\n", b"0 1 0\n"),
    "xyz nan": Bomb(".xyz", b"nan 0 1\n", b"0 1 0\n"),
    "xyz hard numbers": Bomb(".xyz", b"1e99 0 1\n", b"0 1 0\n"),
    "pts points": Bomb(".pts", b"0 0 1\n", lambda count: b"%d\n" % count),
    "obj points": Bomb(".obj", b"v 0 0 1\n", b"v 0 1 0\n"),
    "obj bare faces": Bomb(".obj", b"f\n", b"v 0 1 0\n"),
    "obj triangles": Bomb(".obj", b"f 1 2 3\n", b"v 0 0 0\nv 1 0 0\nv 1 1 0\n"),
    "obj triangles from behind": Bomb(".obj", b"f -1 -2 -3\n", b"v 0 0 0\nv 1 0 0\nv 1 1 0\n"),
    "obj polygon": Bomb(".obj", b"1 ", b"v 0 0 0\nv 1 0 0\nv 1 1 0\nf "),
    "obj textured": Bomb(".obj", b"f 1/1 2/1 3/1\n", b"v 0 0 0\nv 1 0 0\nv 1 1 0\nvt 0 0\n"),
    "obj textures": Bomb(".obj", b"vt 0 0\n", b"v 0 0 0\nv 1 0 0\nv 1 1 0\nf 1/1 2/1 3/1\n"),
    "off points": Bomb(".off", b"0 0 1\n", lambda count: b"OFF %d 0\n" % count),
    "off triangles": Bomb(".off", b"3 0 1 2\n", lambda count: b"OFF 3 %d\n" % count + TEXT_POINTS),
    "off empty faces": Bomb(".off", b"0\n", lambda count: b"OFF 3 %d\n" % count + TEXT_POINTS),
    "off polygon": Bomb(".off", b"0 ", lambda count: b"OFF 3 1\n" + TEXT_POINTS + b"%d " % count),
    "stl facets": Bomb(".stl", FACET, b"solid\n", b"endsolid\n"),
    "stl solids": Bomb(".stl", b"solid\nendsolid\n"),
    "stl cut off": Bomb(".stl", FACET, b"solid\n"),
    "ply text points": Bomb(".ply", b"0 0 1\n", ply("ascii", vertices=True)),
    "ply text nan": Bomb(".ply", b"nan 0 1\n", ply("ascii", vertices=True)),
    "ply text triangles": Bomb(".ply", b"3 0 1 2\n", ply("ascii", vertices=False, first=TEXT_POINTS)),
    "ply text empty faces": Bomb(".ply", b"0\n", ply("ascii", vertices=False, first=TEXT_POINTS)),
    "ply binary points": Bomb(".ply", b"\0\0\1", ply("binary_little_endian", True, BYTES)),
    "ply binary triangles": Bomb(
        ".ply", b"\3\0\1\2", ply("binary_little_endian", False, BYTES, BYTE_LIST, b"\0\0\0\1\0\0\1\1\1")
    ),
    "ply binary empty faces": Bomb(
        ".ply", b"\0", ply("binary_little_endian", False, BYTES, BYTE_LIST, b"\0\0\0\1\0\0\1\1\1")
    ),
    "ply binary polygons": Bomb(
        ".ply", b"\xff" + bytes(255), ply("binary_little_endian", False, BYTES, BYTE_LIST, b"\0\0\0\1\0\0\1\1\1")
    ),
    "pcd text points": Bomb(".pcd", b"0 0 1\n", pcd(4, "F", "ascii")),
    "pcd text grid": Bomb(".pcd", b"1 0 0\n1 1 0\n", pcd(4, "F", "ascii", 2)),
    "pcd binary points": Bomb(".pcd", b"\0\0\1", pcd(1, "U", "binary")),
    "pcd binary grid": Bomb(".pcd", b"\1\0\0\1\1\0", pcd(1, "U", "binary", 2)),
    "abs numbers": Bomb(".abs", b"1 ", b"1024 rows\n1024 columns\npixels (flag X Y Z):\n"),
}
"""By name."""
PACKED = ("wrl comments", "wrl points and a face", "abs numbers")  # what is unpacked is read as any other file
BOMBS |= {f"{name}, packed": replace(BOMBS[name], suffix=f"{BOMBS[name].suffix}.gz") for name in PACKED}
