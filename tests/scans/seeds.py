"""Small sound files of every format that is read, to be damaged."""

from __future__ import annotations

import gzip
import io
import json
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from PIL import Image

from tests.scans import mesh_files
from tests.scans.naive_vrml import TEXTURED, Placement, Shape, Spelling, replace, write_vrml
from tests.scans.organised_files import abs_text, bnt_bytes, lm3_text


@dataclass(frozen=True)
class Seed:
    """A scan and what lies beside it.

    Attributes:
        name: of the scan's file.
        data: its content.
        beside: content of other files, by name.
    """

    name: str
    data: bytes
    beside: tuple[tuple[str, bytes], ...] = ()

    @property
    def suffix(self) -> str:
        return self.name[self.name.index(".") :]


def bump(side: int = 9) -> Shape:
    """A dome of side x side points."""
    places = np.arange(side) - side // 2
    points = [(12.0 * x, 12.0 * y, 40.0 - 1.5 * (x * x + y * y)) for y in places for x in places]
    cells = [row * side + column for row in range(side - 1) for column in range(side - 1)]
    polygons = [[a, a + 1, a + 1 + side, a + side] if a % 3 else [a, a + 1, a + 1 + side] for a in cells]
    return Shape(points, polygons)


def seeds() -> list[Seed]:
    """At least one of every format and dialect."""
    return [*_vrml(), *_organised(), *_meshes(), *_clouds(), *_pictures()]


def _vrml() -> Iterator[Seed]:
    dome, small = bump(), bump(4)
    lines = [f"{k % 81}\t\t{' '.join(f'{v:.4f}' for v in dome.points[k % 81])}" for k in range(83)]
    bnd, pse = "\n".join(lines).encode(), "\n".join(line.replace("\t\t", " ") for line in lines[:8]).encode()
    yield Seed("F0001_AN01WH_F3D.wrl", write_vrml([dome], Spelling()), (("F0001_AN01WH_F3D.bnd", bnd),))
    yield Seed("F0001_AN01WH_RAW.wrl", write_vrml([dome], Spelling(comma=", ")), (("F0001_AN01WH_RAW.pse", pse),))
    triangles = replace(small, polygons=[p[:3] for p in small.polygons])
    yield Seed("a.wrl", write_vrml([triangles], Spelling(end="\r\n", comma=", ", number="{:.6f}")))
    yield Seed("b.wrl", write_vrml([TEXTURED], Spelling(comments=True, extras=True, define=True)))
    turned = replace(TEXTURED, placements=[Placement((1, 2, 3), (0, 1, 0, 0.5), (1, 2, 1))], convex=False, ccw=False)
    yield Seed("c.wrl", write_vrml([turned, small], Spelling(tight=True, hexadecimal=True, order=3)))
    yield Seed("d.wrl.gz", gzip.compress(write_vrml([small], Spelling())))


def _organised() -> Iterator[Seed]:
    yield Seed("bs000_N_N_0.bnt", bnt_bytes(), (("bs000_N_N_0.lm3", lm3_text().encode()),))
    yield Seed("bs001_N_N_0.bnt", bnt_bytes(image=b"..\\..\\etc/passwd"))
    yield Seed("02463d452.abs", abs_text().encode())
    yield Seed("02463d453.abs.gz", gzip.compress(abs_text().encode()))


def _meshes() -> Iterator[Seed]:
    yield Seed("a.ply", mesh_files.ply_text())
    yield Seed("b.ply", mesh_files.ply_binary())
    yield Seed("c.ply", mesh_files.ply_binary(order=">"))
    yield Seed("a.off", mesh_files.off())
    yield Seed("a.stl", mesh_files.stl_binary())
    yield Seed("b.stl", mesh_files.stl_text())
    yield Seed("a.glb", mesh_files.glb())
    yield Seed("a.gltf", mesh_files.gltf())
    content, buffer = mesh_files.gltf_parts(2)
    content["buffers"][0]["uri"] = "part.bin"
    yield Seed("b.gltf", json.dumps(content).encode(), (("part.bin", buffer),))
    yield Seed("a.obj", b"# a house\nmtllib a.mtl\n" + _obj())
    yield Seed("b.obj", _obj(-5) + b"g rest\nusemtl skin\nf 1/1 2/2 3/3\n")


def _obj(start: int = 1) -> bytes:
    lines = [f"v {x:g} {y:g} {z:g}" for x, y, z in mesh_files.POINTS] + ["vt 0 0", "vt 1 0", "vt 1 1"]
    lines += ["f " + " ".join(str(corner + start) for corner in triangle) for triangle in mesh_files.TRIANGLES]
    return ("\n".join(lines) + "\n").encode()


def _clouds() -> Iterator[Seed]:
    sensor = mesh_files.sensor()
    flat = sensor.reshape(-1, 3)
    for kind in ("ascii", "binary", "binary_compressed"):
        yield Seed(f"{kind[:7]}.pcd", mesh_files.pcd(flat, kind, sensor.shape[1], sensor.shape[0]))
    yield Seed("loose.pcd", mesh_files.pcd(mesh_files.POINTS, "binary"))
    rows = [" ".join(f"{v:.4f}" for v in point) for point in np.asarray(bump(5).points)]
    yield Seed("a.xyz", ("\n".join(rows) + "\n").encode())
    yield Seed("a.pts", ("\n".join([str(len(rows)), *rows]) + "\n").encode())


def _pictures() -> Iterator[Seed]:
    depth = (800 + np.add.outer(np.arange(6), 3 * np.arange(8))).astype(np.uint16)
    depth[0, 0] = 0
    camera = json.dumps({"mm_per_unit": 0.5, "fx": 500.0, "cx": 4, "cy": 3}).encode()
    yield Seed("a.png", _encoded(depth, "png"), (("a.json", camera),))
    yield Seed("b.png", _encoded(depth, "png"))
    yield Seed("a.tif", _encoded(depth, "tiff"), (("a.json", b'{"mm_per_pixel": 0.8}'),))
    yield Seed("b.tiff", _encoded(depth, "tiff", compression="tiff_deflate"))


def _encoded(depth: np.ndarray, form: str, **options: str) -> bytes:
    file = io.BytesIO()
    Image.fromarray(depth).save(file, form, **options)
    return file.getvalue()
