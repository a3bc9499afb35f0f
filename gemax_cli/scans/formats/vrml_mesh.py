"""The surface of a VRML 97 scene: shapes with their transforms, joined into one mesh."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from gemax_cli.errors import BadFormat, EmptyScan
from gemax_cli.scans.assemble import SMALL_MESH, check_triangles
from gemax_cli.scans.formats.vrml import MAX_DEPTH, Node, VrmlText
from gemax_cli.scans.model import Points, TextureMap, Triangles
from gemax_cli.scans.polygons import clip, count_triangles, fan

MAX_VISITS = 20_000
"""Nodes looked at. A file of a few lines can USE a node billions of times over."""

_LONGEST_LIST = 150  # characters of a list of names in a message
Affine = NDArray[np.float64]  # (4, 4)

_GROUPS = {"Transform": "children", "Group": "children", "Anchor": "children", "Billboard": "children"}
_GROUPS |= {"Collision": "children", "LOD": "level", "Switch": "choice"}
_OTHER_GEOMETRY = {"PointSet", "IndexedLineSet", "ElevationGrid", "Extrusion", "Box", "Sphere", "Cone", "Cylinder"}
_OTHER_GEOMETRY |= {"Text", "Inline"}
_TRANSFORM: dict[str, tuple[float, ...]] = {
    "translation": (0.0, 0.0, 0.0),
    "rotation": (0.0, 0.0, 1.0, 0.0),
    "scale": (1.0, 1.0, 1.0),
    "scaleOrientation": (0.0, 0.0, 1.0, 0.0),
    "center": (0.0, 0.0, 0.0),
}


@dataclass(frozen=True, eq=False)
class VrmlMesh:
    """One shape, or the joined shapes of a scene, in the scene's own axes.

    Attributes:
        points: (n, 3).
        triangles: (m, 3), counter-clockwise from outside.
        texture: of the first picture named; None without texture coordinates.
        warnings: sentences on what was left out.
    """

    points: Points
    triangles: Triangles
    texture: TextureMap | None
    warnings: tuple[str, ...] = ()


def surface(text: VrmlText) -> VrmlMesh:
    """Every IndexedFaceSet of the scene, transformed, triangulated and joined, in the order of the file.

    Polygons are triangulated as fans, which is right for convex ones, and cut ear by ear where the file says
    ``convex FALSE``. Of an LOD the first level counts, of a Switch the choice it makes.

    Raises:
        BadFormat: an index points beyond its list, or the scene repeats itself beyond MAX_VISITS, or its file's size.
        EmptyScan: there is no IndexedFaceSet, or none with a face.
    """
    scene = _Scene(text)
    with np.errstate(over="ignore", invalid="ignore"):  # transforms of any size; the reader checks the points
        pieces = [piece for piece in scene.pieces() if len(piece.triangles)]
    if not pieces:
        raise EmptyScan(text.path, scene.nothing_found())
    texture = scene.joined_texture(pieces)
    points, triangles = _joined([(piece.points, piece.triangles) for piece in pieces])
    return VrmlMesh(points, triangles, texture, tuple(scene.warnings))


class _Scene:
    def __init__(self, text: VrmlText) -> None:
        self.text = text
        self.warnings: dict[str, None] = {}  # a set that keeps its order
        self._left_out: dict[str, None] = {}
        self._visits = 0
        self._points = self._triangles = 0
        self._known: dict[tuple[Node, str | None], VrmlMesh] = {}  # for those used again

    def pieces(self) -> Iterator[VrmlMesh]:
        """Every IndexedFaceSet, in the scene's axes, in the order of the file."""
        for root in self.text.roots:
            yield from self._visit(root, np.eye(4), 0)
        if self._left_out:
            self.warn(f"only IndexedFaceSet nodes are read: left out {self._names()}.")

    def warn(self, sentence: str) -> None:
        """Say something once."""
        self.warnings[sentence] = None

    def _names(self) -> str:
        """What was left out; such names come from the file and may be of any length."""
        names = ", ".join(self._left_out)
        return names if len(names) <= _LONGEST_LIST else names[:_LONGEST_LIST] + "..."

    def nothing_found(self) -> str:
        """The sentence for a scene without a surface."""
        held = f" (but {self._names()}, which is not read)" if self._left_out else ""
        return f"there is no IndexedFaceSet with a face in it{held}."

    def _visit(self, node: Node, affine: Affine, depth: int) -> Iterator[VrmlMesh]:
        self._visits += 1
        if self._visits > MAX_VISITS or depth > MAX_DEPTH:
            raise BadFormat(
                self.text.path, f"the scene has more than {MAX_VISITS} nodes, or repeats itself without end."
            )
        if node.kind == "Shape":
            yield from self._shape(node, affine)
        elif node.kind in _GROUPS:
            if node.kind == "Transform":
                affine = affine @ self._local(node)
            for child in self._chosen(node):
                yield from self._visit(child, affine, depth + 1)
        elif node.kind in _OTHER_GEOMETRY:
            self._left_out[node.kind] = None
        elif node.kind in self.text.prototypes:
            self._prototype(node)

    def _chosen(self, node: Node) -> list[Node]:
        children = node.nodes(_GROUPS[node.kind])
        if node.kind == "LOD":
            return children[:1]
        if node.kind == "Switch":
            choice = self.text.indexes(node, "whichChoice")
            return children[choice[0] : choice[0] + 1] if choice.size and choice[0] >= 0 else []
        return children

    def _prototype(self, node: Node) -> None:
        if self.text.prototypes[node.kind]:
            what = f"its surface is made by the PROTO {node.kind}, which is not read: save it without prototypes."
            raise BadFormat(self.text.path, what)

    def _shape(self, node: Node, affine: Affine) -> Iterator[VrmlMesh]:
        for geometry in node.nodes("geometry"):
            if geometry.kind in self.text.prototypes:
                self._prototype(geometry)
            elif geometry.kind != "IndexedFaceSet":
                self._left_out[geometry.kind] = None
            else:
                piece = self._face_set(geometry, _image(node))
                self._count(piece)
                yield _moved(piece, affine)

    def _count(self, piece: VrmlMesh) -> None:
        """Refuse a scene whose shapes, used again and again, have more points or triangles than its file can hold."""
        self._points += max(len(piece.points), len(piece.texture.coordinates) if piece.texture else 0)
        self._triangles += len(piece.triangles)
        check_triangles(self.text.path, self._triangles, self.text.size)
        if self._points > max(SMALL_MESH, self.text.size // 4):
            what = f"the scene has {self._points:,} points in {self.text.size:,} bytes: it is no face scan."
            raise BadFormat(self.text.path, what)

    def _face_set(self, geometry: Node, image: str | None) -> VrmlMesh:
        if (geometry, image) not in self._known:
            self._known[geometry, image] = self._read_face_set(geometry, image)
        return self._known[geometry, image]

    def _read_face_set(self, geometry: Node, image: str | None) -> VrmlMesh:
        points = self._list(geometry, "coord", 3)
        indexes = self.text.indexes(geometry, "coordIndex")
        self._check_range(indexes, len(points))
        check_triangles(self.text.path, count_triangles(indexes, -1), self.text.size)
        corners = fan(indexes, -1) if geometry.flag("convex", True) else clip(points, indexes, -1)
        if not geometry.flag("ccw", True):
            corners = corners[:, ::-1]
        return VrmlMesh(points, indexes[corners], self._texture(geometry, indexes, corners, image))

    def _list(self, geometry: Node, name: str, width: int) -> NDArray[np.float64]:
        nodes = geometry.nodes(name)
        return self.text.reals(nodes[0], "point", width) if nodes else np.empty((0, width))

    def _check_range(self, indexes: NDArray[np.int32], count: int) -> None:
        if not indexes.size or (indexes.min() >= -1 and indexes.max() < count):
            return
        wrong = indexes[(indexes < -1) | (indexes >= count)][0]
        raise BadFormat(self.text.path, f"a face names point {wrong}, but there are {count} points (0 to {count - 1}).")

    def _texture(
        self, geometry: Node, indexes: NDArray[np.int32], corners: NDArray[np.int32], image: str | None
    ) -> TextureMap | None:
        """The texture coordinates of every corner, if any; some that fit badly cost the picture, not the scan."""
        coordinates = self._list(geometry, "texCoord", 2)
        if not len(coordinates):
            return None
        own = self.text.indexes(geometry, "texCoordIndex")
        own = own if own.size else indexes
        shared = min(len(own), len(indexes))
        same = np.array_equal(own[:shared] == -1, indexes[:shared] == -1)
        same = same and (own[shared:] == -1).all() and (indexes[shared:] == -1).all()
        if not same or (own.size and not -1 <= own.min() <= own.max() < len(coordinates)):
            self.warn("the texture coordinates do not fit the faces and are left out.")
            return None
        return TextureMap(image, coordinates, own[corners])

    def joined_texture(self, pieces: list[VrmlMesh]) -> TextureMap | None:
        """The texture coordinates of all pieces that show the first picture.

        The corners of other triangles point to a coordinate that is not a number.
        """
        textures = [piece.texture for piece in pieces if piece.texture]
        if not textures:
            return None
        image = textures[0].image
        if any(texture.image != image for texture in textures):
            self.warn(f"the shapes show several pictures: only the texture coordinates of {image!r:.60} are kept.")
        parts = [
            (piece.texture.coordinates, piece.texture.triangles)
            if piece.texture and piece.texture.image == image
            else (np.full((1, 2), np.nan), np.zeros_like(piece.triangles))
            for piece in pieces
        ]
        return TextureMap(image, *_joined(parts))

    def _local(self, node: Node) -> Affine:
        """The matrix of a Transform: T C R SR S -SR -C (ISO/IEC 14772-1, 6.52)."""
        vectors = {name: self._vector(node, name, default) for name, default in _TRANSFORM.items()}
        tilt, center = _rotation(vectors["scaleOrientation"]), vectors["center"]
        matrix = np.eye(4)
        matrix[:3, :3] = linear = _rotation(vectors["rotation"]) @ tilt @ np.diag(vectors["scale"]) @ tilt.T
        matrix[:3, 3] = vectors["translation"] + center - linear @ center
        return matrix

    def _vector(self, node: Node, name: str, default: tuple[float, ...]) -> NDArray[np.float64]:
        value = self.text.reals(node, name, len(default))
        if name in node.fields and len(value) != 1:
            raise BadFormat(self.text.path, f"Transform.{name} should hold {len(default)} numbers.")
        return value[0] if len(value) else np.array(default)


def _image(shape: Node) -> str | None:
    """The first picture that the shape's appearance names."""
    textures = [texture for look in shape.nodes("appearance") for texture in look.nodes("texture")]
    return next((url for texture in textures for url in texture.strings("url")), None)


def _rotation(axis_angle: NDArray[np.float64]) -> NDArray[np.float64]:
    """Rodrigues' formula; an axis of no length turns nothing."""
    axis, angle = axis_angle[:3], axis_angle[3]
    length = float(np.sqrt((axis * axis).sum()))
    if length == 0:
        return np.eye(3)
    x, y, z = axis / length
    cross = np.array([[0, -z, y], [z, 0, -x], [-y, x, 0]])
    matrix: NDArray[np.float64] = np.eye(3) + np.sin(angle) * cross + (1 - np.cos(angle)) * (cross @ cross)
    return matrix


def _moved(piece: VrmlMesh, affine: Affine) -> VrmlMesh:
    """The piece in the scene's axes; a mirroring transform turns its triangles over again."""
    if np.array_equal(affine, np.eye(4)):
        return piece
    x, y, z = piece.points.T
    # Written out, not as a matrix product: a BLAS may add in another order on another machine.
    points = np.column_stack([row[0] * x + row[1] * y + row[2] * z + row[3] for row in affine[:3]])
    if np.linalg.det(affine[:3, :3]) >= 0:
        return replace(piece, points=points)
    texture = piece.texture and replace(piece.texture, triangles=piece.texture.triangles[:, ::-1])
    return VrmlMesh(points, piece.triangles[:, ::-1], texture)


def _joined(parts: list[tuple[NDArray[np.float64], Triangles]]) -> tuple[NDArray[np.float64], Triangles]:
    """Lists of rows one behind the other, and the triangles that count them."""
    if len(parts) == 1:  # most files: nothing to copy
        return parts[0][0], np.ascontiguousarray(parts[0][1])
    starts = np.cumsum([0] + [len(rows) for rows, _ in parts[:-1]], dtype=np.int32)
    triangles = np.concatenate([numbers + start for (_, numbers), start in zip(parts, starts, strict=True)])
    return np.concatenate([rows for rows, _ in parts]), np.ascontiguousarray(triangles)
