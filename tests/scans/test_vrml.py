"""VRML 97 in every spelling, and everything that must be refused."""

from __future__ import annotations

import gzip
import math
import time
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gemax_cli.errors import BadFormat, EmptyScan, ScanError
from gemax_cli.scans.formats.vrml import MAX_DEPTH, VrmlText
from gemax_cli.scans.formats.vrml_mesh import MAX_VISITS, VrmlMesh, surface
from tests.scans.naive_vrml import (
    SQUARE,
    TEXTURED,
    Placement,
    Shape,
    Spelling,
    area,
    expected_mesh,
    shoelace,
    write_vrml,
)

HERE = Path("face.wrl")
FACE = "IndexedFaceSet { coord Coordinate { point [0 0 0, 9 0 0, 0 9 0, 9 9 1] } coordIndex [0 1 2 -1] }"


def read(data: bytes | str) -> VrmlMesh:
    return surface(VrmlText(HERE, data if isinstance(data, bytes) else data.encode()))


def scene(body: str) -> VrmlMesh:
    return read(f"#VRML V2.0 utf8\n{body}\n")


def shape(geometry: str = FACE) -> str:
    return f"Shape {{ geometry {geometry} }}"


def check(mesh: VrmlMesh, shapes: list[Shape]) -> None:
    expected = expected_mesh(shapes)
    np.testing.assert_allclose(mesh.points, expected.points, rtol=0, atol=1e-9)
    np.testing.assert_array_equal(mesh.triangles, expected.triangles)
    assert mesh.points.dtype == np.float64
    assert mesh.triangles.dtype == np.int32
    assert mesh.points.flags.c_contiguous
    assert mesh.triangles.flags.c_contiguous


# -- spellings --------------------------------------------------------------------------------------------------------

SPELLINGS = {
    "plain": Spelling(),
    "CRLF": Spelling(end="\r\n"),
    "CR": Spelling(end="\r"),
    "commas": Spelling(comma=","),
    "commas and blanks": Spelling(comma=" ,\t"),
    "tight": Spelling(tight=True, comma=","),
    "comments": Spelling(comments=True),
    "comments, CR": Spelling(comments=True, end="\r"),
    "comments, tight": Spelling(comments=True, tight=True, end="\r\n"),
    "reversed fields": Spelling(order=2),
    "texture first": Spelling(order=3),
    "no last mark": Spelling(last_mark=False),
    "other nodes": Spelling(extras=True),
    "other nodes, CRLF, comments": Spelling(extras=True, end="\r\n", comments=True),
    "exponents": Spelling(number="{:.9e}"),
    "capital exponents": Spelling(number="{:.9E}"),
    "plus signs": Spelling(plus=True),
    "hexadecimal": Spelling(hexadecimal=True),
    "names": Spelling(define=True),
    "everything": Spelling("\r\n", " , ", True, True, 3, False, True, "{:.12e}", True, True, True),
}


@pytest.mark.parametrize("spelling", SPELLINGS.values(), ids=SPELLINGS.keys())
def test_every_spelling_gives_the_same_mesh(spelling: Spelling) -> None:
    mesh = read(write_vrml([TEXTURED], spelling))
    check(mesh, [TEXTURED])
    assert mesh.warnings == ()
    assert mesh.texture is not None
    assert mesh.texture.image == "face.bmp"
    np.testing.assert_allclose(mesh.texture.coordinates, TEXTURED.texture)
    np.testing.assert_array_equal(mesh.texture.triangles, [[0, 1, 2], [0, 2, 3], [5, 2, 4]])


coordinates = st.floats(-1e6, 1e6, allow_subnormal=False)


@st.composite
def shapes(draw: st.DrawFn) -> Shape:
    points = draw(st.lists(st.tuples(coordinates, coordinates, coordinates), min_size=1, max_size=12))
    polygons = st.lists(st.integers(0, len(points) - 1), min_size=1, max_size=6)
    angles = st.tuples(*[st.floats(0.1, 1)] * 3, st.floats(-3, 3))
    vectors = st.tuples(*[st.floats(-50, 50)] * 3)
    placement = st.builds(Placement, vectors, angles, st.tuples(*[st.floats(0.2, 3)] * 3), angles, vectors)
    return Shape(
        points,
        draw(st.lists(polygons, min_size=1, max_size=8)),
        ccw=draw(st.booleans()),
        placements=draw(st.lists(placement, max_size=3)),
    )


spellings = st.builds(
    Spelling,
    end=st.sampled_from(["\n", "\r\n", "\r"]),
    comma=st.sampled_from([" ", ",", " , ", "\t", "\n"]),
    comments=st.booleans(),
    tight=st.booleans(),
    order=st.integers(0, 9),
    last_mark=st.booleans(),
    extras=st.booleans(),
    number=st.sampled_from(["{!r}", "{:.17g}", "{:.17E}"]),
    plus=st.booleans(),
    hexadecimal=st.booleans(),
    define=st.booleans(),
)


@settings(max_examples=150, deadline=None)
@given(st.lists(shapes(), min_size=1, max_size=3), spellings)
@pytest.mark.slow
def test_random_scenes_in_random_spellings(drawn: list[Shape], spelling: Spelling) -> None:
    data = write_vrml(drawn, spelling)
    expected = expected_mesh(drawn)
    if not len(expected.triangles):
        with pytest.raises(EmptyScan):
            read(data)
        return
    mesh = read(data)
    np.testing.assert_array_equal(mesh.triangles, expected.triangles)
    np.testing.assert_allclose(mesh.points, expected.points, rtol=1e-11, atol=1e-6)


@pytest.mark.parametrize(
    "header", ["#VRML V2.0 utf8", "#VRML V2.0 utf8 CosmoWorlds V1.0 { [", "\ufeff#VRML V2.0 utf8", "#VRML  V2.0\tutf8"]
)
@pytest.mark.parametrize("end", ["\n", "\r\n", "\r"])
def test_headers(header: str, end: str) -> None:
    assert len(read(f"{header}{end}{shape()}{end}").triangles) == 1


def test_single_values_need_no_brackets() -> None:
    mesh = "IndexedFaceSet { coord Coordinate { point [0 0 0 1 0 0 0 1 0] } coordIndex [0 1 2] }"
    assert scene(f"Group {{ children {shape(mesh)} }}").triangles.tolist() == [[0, 1, 2]]
    with pytest.raises(EmptyScan):
        scene(shape("IndexedFaceSet { coord Coordinate { point 1 2 3 } coordIndex 0 }"))


def test_indexes_without_brackets_are_checked_like_others() -> None:
    with pytest.raises(BadFormat, match="names point 7"):
        scene(shape("IndexedFaceSet { coord Coordinate { point 1 2 3 } coordIndex 7 }"))
    with pytest.raises(BadFormat, match="no index"):
        scene(shape("IndexedFaceSet { coord Coordinate { point 1 2 3 } coordIndex 0.5 }"))
    with pytest.raises(BadFormat, match="no index"):
        scene(shape("IndexedFaceSet { coord Coordinate { point 1 2 3 } coordIndex 1e30 }"))


def test_null_is_no_node() -> None:
    assert (
        len(scene(f"NULL Group {{ children [NULL {shape()} NULL] }} Shape {{ appearance NULL geometry NULL }}").points)
        == 4
    )


def test_comment_marks_within_strings_are_text() -> None:
    body = f'WorldInfo {{ title "#" info ["a#b" "\\"#\\\\" "}}"] }} {shape()} # the end "'
    assert len(scene(body).points) == 4


def test_strings_may_run_over_lines() -> None:
    script = 'Script { url "javascript:\nfunction f() { return \\"}\\"; }\n# no comment\n" }'
    assert len(scene(f"{script} {shape()}").points) == 4


def test_the_last_of_repeated_fields_counts() -> None:
    text = FACE.replace("coordIndex", "coordIndex [2 1 0 -1] coordIndex")
    assert scene(shape(text)).triangles.tolist() == [[0, 1, 2]]


# -- polygons ---------------------------------------------------------------------------------------------------------


def test_mixed_polygons_are_fanned() -> None:
    ring = [(math.cos(a), math.sin(a), 0.0) for a in np.linspace(0, 2 * math.pi, 7)[:-1]]
    mixed = Shape(ring, [[0, 1, 2], [0, 2, 3, 4], [0, 4, 5], [0, 1, 2, 3, 4, 5], [0, 1, 2, 3, 4]])
    mesh = read(write_vrml([mixed], Spelling()))
    check(mesh, [mixed])
    assert len(mesh.triangles) == 1 + 2 + 1 + 4 + 3


def test_degenerate_polygons_make_no_triangle() -> None:
    text = FACE.replace("[0 1 2 -1]", "[-1 -1 0 -1 0 1 -1 0 1 2 -1 -1 3 2 1]")
    assert scene(shape(text)).triangles.tolist() == [[0, 1, 2], [3, 2, 1]]


CONCAVE = {
    "arrow": [(0, 0), (4, 0), (1, 1), (0, 4)],
    "arrow, other start": [(4, 0), (1, 1), (0, 4), (0, 0)],
    "L": [(0, 0), (3, 0), (3, 1), (1, 1), (1, 3), (0, 3)],
    "comb": [(0, 0), (7, 0), (7, 3), (6, 1), (5, 3), (4, 1), (3, 3), (2, 1), (1, 3)],
    "spiral": [(0, 0), (5, 0), (5, 5), (1, 5), (1, 2), (3, 2), (3, 3), (2, 3), (2, 4), (4, 4), (4, 1), (0, 1)],
    "convex": [(0, 0), (3, 0), (4, 2), (2, 4), (0, 3)],
    "with a straight corner": [(0, 0), (1, 0), (2, 0), (2, 2), (0, 2)],
}


@pytest.mark.parametrize("polygon", CONCAVE.values(), ids=CONCAVE.keys())
@pytest.mark.parametrize("plane", [0, 1, 2])
@pytest.mark.parametrize("backwards", [False, True])
def test_concave_polygons_are_cut_right_where_the_file_says_so(polygon: list, plane: int, backwards: bool) -> None:
    flat = np.array(polygon[::-1] if backwards else polygon, float)
    points = np.insert(flat, plane, 0.5, axis=1)
    concave = Shape([tuple(p) for p in points], [list(range(len(points)))], convex=False)
    mesh = read(write_vrml([concave], Spelling()))
    assert len(mesh.triangles) == len(points) - 2
    # No triangle overlaps another: the areas add up to the polygon's, each turned like the polygon.
    assert area(mesh.points, mesh.triangles) == pytest.approx(abs(shoelace(flat)))
    turns = [shoelace(flat[triangle]) for triangle in mesh.triangles]
    assert all(turn * shoelace(flat) >= 0 for turn in turns)


def test_convex_polygons_come_out_alike_either_way() -> None:
    fanned = read(write_vrml([SQUARE], Spelling()))
    clipped = read(write_vrml([replace(SQUARE, convex=False)], Spelling()))
    np.testing.assert_array_equal(fanned.triangles, clipped.triangles)


@pytest.mark.parametrize("corners", [64, 65, 500])
def test_a_polygon_that_crosses_itself_still_ends(corners: int) -> None:
    rng = np.random.default_rng(corners)
    wild = Shape([tuple(p) for p in rng.normal(size=(corners, 3))], [list(range(corners))], convex=False)
    assert len(read(write_vrml([wild], Spelling())).triangles) == corners - 2


@settings(max_examples=60, deadline=None)
@given(st.integers(3, 30), st.integers(0, 10**6))
def test_star_shaped_polygons_keep_their_area(corners: int, seed: int) -> None:
    rng = np.random.default_rng(seed)
    angles = np.arange(corners) * 2 * math.pi / corners
    flat = rng.uniform(1, 5, corners)[:, None] * np.column_stack([np.cos(angles), np.sin(angles)])
    points = np.column_stack([flat, np.zeros(corners)])
    star = Shape([tuple(p) for p in points], [list(range(corners))], convex=False)
    mesh = read(write_vrml([star], Spelling()))
    assert area(mesh.points, mesh.triangles) == pytest.approx(abs(shoelace(flat)))


def test_ccw_false_turns_the_triangles_over() -> None:
    there, back = scene(shape()), scene(shape(FACE.replace("coord ", "ccw FALSE coord ")))
    assert back.triangles.tolist() == there.triangles[:, ::-1].tolist()


# -- transforms, groups, names ----------------------------------------------------------------------------------------

TURN = Placement((1, -2, 3), (1, 2, -1, 0.7), (2, 0.5, 3), (0.3, 1, 0.2, -1.1), (10, 20, -30))


@pytest.mark.parametrize("name", [*vars(TURN)])
def test_each_field_of_a_transform(name: str) -> None:
    # The tilt shows with a scale alone, and the centre with a rotation.
    base = Placement(scale=(2, 0.5, 3)) if name == "scaleOrientation" else Placement(rotation=(1, 0, 0, 0.5))
    placed = replace(SQUARE, placements=[replace(base, **{name: getattr(TURN, name)})])
    mesh = read(write_vrml([placed], Spelling()))
    check(mesh, [placed])
    assert not np.allclose(mesh.points, SQUARE.points)


def test_transforms_nest_and_end() -> None:
    nested = replace(SQUARE, placements=[TURN, Placement(translation=(5, 0, 0)), replace(TURN, center=(0, 0, 1))])
    check(read(write_vrml([nested, SQUARE, nested], Spelling())), [nested, SQUARE, nested])


def test_a_mirroring_transform_keeps_the_outside_outside() -> None:
    mirrored = replace(TEXTURED, placements=[Placement(scale=(-1, 1, 1))])
    mesh = read(write_vrml([mirrored], Spelling()))
    check(mesh, [mirrored])
    assert mesh.texture is not None
    np.testing.assert_array_equal(mesh.texture.triangles, [[2, 1, 0], [3, 2, 0], [4, 2, 5]])
    np.testing.assert_array_equal(mesh.triangles, [[2, 1, 0], [3, 2, 0], [4, 2, 3]])


def test_a_transform_that_changes_nothing_keeps_every_bit() -> None:
    text = f"Transform {{ translation 0 0 0 scale 1 1 1 rotation 0 1 0 0 center 3 4 5 children [ {shape()} ] }}"
    assert scene(text).points.tobytes() == scene(shape()).points.tobytes()


def test_an_axis_of_no_length_turns_nothing() -> None:
    moved = scene(f"Transform {{ rotation 0 0 0 3.14 translation 1 0 0 children {shape()} }}")
    np.testing.assert_allclose(moved.points, scene(shape()).points + np.array([1, 0, 0]))


@pytest.mark.parametrize("node", ["Group", "Anchor", "Billboard", "Collision", "Transform"])
def test_groups(node: str) -> None:
    assert len(scene(f"{node} {{ children [ {shape()} {node} {{ children {shape()} }} ] }}").points) == 8


def test_of_levels_of_detail_the_first_counts() -> None:
    assert (
        len(scene(f"LOD {{ range [10] level [ {shape()} Group {{ children [{shape()} {shape()}] }} ] }}").points) == 4
    )


@pytest.mark.parametrize(("choice", "points"), [("whichChoice 1", 8), ("whichChoice 0", 4)])
def test_of_a_switch_its_choice_counts(choice: str, points: int) -> None:
    both = f"choice [ {shape()} Group {{ children [ {shape()} {shape()} ] }} ]"
    assert len(scene(f"Switch {{ {choice} {both} }}").points) == points


@pytest.mark.parametrize("choice", ["", "whichChoice -1", "whichChoice 9"])
def test_a_switch_without_a_choice_shows_nothing(choice: str) -> None:
    with pytest.raises(EmptyScan):
        scene(f"Switch {{ {choice} choice [ {shape()} ] }}")


def test_coordinates_shapes_and_groups_can_be_used_again() -> None:
    named = FACE.replace("coord C", "coord DEF Points C")
    text = f"""
    DEF All Transform {{ translation 1 0 0 children DEF Part {shape(f"DEF Mesh {named}")} }}
    Transform {{ translation 0 100 0 children [ USE All USE Part Shape {{ geometry USE Mesh }} ] }}
    Shape {{ geometry IndexedFaceSet {{ coord USE Points coordIndex [3 2 1] }} }}
    """
    mesh = scene(text)
    plain = np.array([[0, 0, 0], [9, 0, 0], [0, 9, 0], [9, 9, 1.0]])
    np.testing.assert_allclose(mesh.points[:4], plain + np.array([1, 0, 0]))
    np.testing.assert_allclose(mesh.points[4:8], plain + np.array([1, 100, 0]))
    np.testing.assert_allclose(mesh.points[8:12], plain + np.array([0, 100, 0]))
    np.testing.assert_allclose(mesh.points[12:16], plain + np.array([0, 100, 0]))
    np.testing.assert_allclose(mesh.points[16:], plain)
    np.testing.assert_array_equal(mesh.triangles, [[0, 1, 2], [4, 5, 6], [8, 9, 10], [12, 13, 14], [19, 18, 17]])


def test_a_name_means_its_latest_definition() -> None:
    text = f"DEF A {shape()} DEF A {shape(FACE.replace('9 9 1', '7 7 7'))} USE A"
    assert scene(text).points[[3, 7, 11]].tolist() == [[9, 9, 1], [7, 7, 7], [7, 7, 7]]


def test_a_shape_without_faces_adds_no_points() -> None:
    empty = shape("IndexedFaceSet { coord Coordinate { point [5 5 5] } coordIndex [] }")
    assert len(scene(empty + shape() + "Shape {}" + shape("IndexedFaceSet {}")).points) == 4


def test_other_geometry_is_named_in_a_warning() -> None:
    mesh = scene(shape() + shape("Sphere { radius 3 }") + 'Inline { url "more.wrl" }' + shape("PointSet {}"))
    assert mesh.warnings == ("only IndexedFaceSet nodes are read: left out Sphere, Inline, PointSet.",)


# -- texture ----------------------------------------------------------------------------------------------------------


def test_without_texture_indexes_those_of_the_points_count() -> None:
    mesh = read(write_vrml([replace(TEXTURED, texture_polygons=None)], Spelling()))
    assert mesh.texture is not None
    np.testing.assert_array_equal(mesh.texture.triangles, mesh.triangles)


def test_no_texture_coordinates_no_texture() -> None:
    assert read(write_vrml([replace(TEXTURED, texture=None, texture_polygons=None)], Spelling())).texture is None


def test_texture_coordinates_without_a_picture_are_kept() -> None:
    mesh = read(write_vrml([replace(TEXTURED, image=None)], Spelling()))
    assert mesh.texture is not None
    assert mesh.texture.image is None


@pytest.mark.parametrize(
    "polygons",
    [
        [[0, 1, 2, 3]],
        [[0, 1, 2], [5, 2, 4, 3]],
        [[0, 1, 2, 3], [5, 2, 6]],
        [[0, 1, 2, 3], [5, 2, -2]],
        [[0, 1, 2, 3], [5, 2, 4], [1]],
    ],
    ids=["too few", "other polygons", "out of range", "negative", "too many"],
)
def test_texture_indexes_that_do_not_fit_cost_the_texture_alone(polygons: list[list[int]]) -> None:
    mesh = read(write_vrml([replace(TEXTURED, texture_polygons=polygons)], Spelling()))
    check(mesh, [TEXTURED])
    assert mesh.texture is None
    assert mesh.warnings == ("the texture coordinates do not fit the faces and are left out.",)


def test_a_missing_last_mark_in_one_of_the_lists_is_no_fault() -> None:
    data = write_vrml([TEXTURED], Spelling()).replace(b"4 -1\n]", b"4\n]", 1)
    assert read(data).texture is not None


def test_the_textures_of_several_shapes_are_joined() -> None:
    mesh = read(write_vrml([TEXTURED, TEXTURED], Spelling()))
    assert mesh.texture is not None
    assert len(mesh.texture.coordinates) == 12
    np.testing.assert_array_equal(mesh.texture.triangles[2:], [[5, 2, 4], [6, 7, 8], [6, 8, 9], [11, 8, 10]])


@pytest.mark.parametrize("first", [True, False])
def test_triangles_without_texture_point_to_no_number(first: bool) -> None:
    drawn = [SQUARE, TEXTURED] if first else [TEXTURED, SQUARE]
    texture = read(write_vrml(drawn, Spelling())).texture
    assert texture is not None
    bare = slice(0, 3) if first else slice(3, 6)
    assert np.isnan(texture.coordinates[texture.triangles[bare]]).all()
    assert np.isfinite(np.delete(texture.coordinates[texture.triangles], bare, axis=0)).all()


def test_of_several_pictures_the_first_is_kept() -> None:
    mesh = read(write_vrml([TEXTURED, replace(TEXTURED, image="other.png")], Spelling()))
    assert mesh.texture is not None
    assert mesh.texture.image == "face.bmp"
    assert np.isnan(mesh.texture.coordinates[mesh.texture.triangles[3:]]).all()
    assert mesh.warnings == ("the shapes show several pictures: only the texture coordinates of 'face.bmp' are kept.",)


def test_the_picture_is_the_first_url() -> None:
    look = 'appearance Appearance { texture ImageTexture { url ["../a \\"b\\".png" "c.png"] } }'
    face = FACE.replace("coord ", "texCoord TextureCoordinate { point [0 0 1 0 0 1] } coord ")
    texture = scene(f"Shape {{ {look} geometry {face} }}").texture
    assert texture is not None
    assert texture.image == '../a "b".png'


# -- refused ----------------------------------------------------------------------------------------------------------

REFUSED = {
    "empty": ("", "no VRML file"),
    "VRML 1": ("#VRML V1.0 ascii\nSeparator { }", "VRML 1.0, which is not read"),
    "X3D": ("#X3D V3.0 utf8\n", "no VRML file"),
    "XML": ("<?xml version='1.0'?>", "no VRML file"),
    "no node": ("#VRML V2.0 utf8\n5", "should be a node in place of '5'"),
    "stray bracket": ("#VRML V2.0 utf8\n" + shape() + " }", "should be a node"),
    "field without value": ("#VRML V2.0 utf8\nShape { geometry }", "geometry has no value"),
    "value without field": ("#VRML V2.0 utf8\nShape { 1 2 }", "should be a field of Shape in place of '1'"),
    "brackets crossed": ("#VRML V2.0 utf8\nGroup { children [ } ]", "should be a node in place of '}'"),
    "stray bytes": ("#VRML V2.0 utf8\n\x00\x00\x00", "line 2: there is a stray"),
    "zeros at the end": ("#VRML V2.0 utf8\n" + shape() + "\n\x00\x00", "line 3: there is a stray"),
    "unknown USE": ("#VRML V2.0 utf8\nGroup { children USE X }", "USE 'X' has no DEF"),
    "a node within itself": ("#VRML V2.0 utf8\nDEF X Group { children USE X }", "USE 'X' has no DEF"),
    "number in a list of nodes": (
        "#VRML V2.0 utf8\nGroup { children [ Group {} 5 ] }",
        "should be a node in place of '5'",
    ),
    "node in a list of strings": ('#VRML V2.0 utf8\nInline { url [ "a" Group {} ] }', "should be a string"),
    "number in a list of strings": ('#VRML V2.0 utf8\nInline { url [ "a" 5 ] }', "should be a string"),
    "unclosed string": ('#VRML V2.0 utf8\nInline { url "abc', "ends within a string"),
    "unclosed string before a comment": ('#VRML V2.0 utf8\nInline { url "abc # ', "ends within a string"),
    "crossed in a PROTO": ("#VRML V2.0 utf8\nPROTO A [ { ] } { }", "stray ]"),
    "PROTO without interface": ("#VRML V2.0 utf8\nPROTO A { }", r"should be a \["),
    "DEF without a name": ("#VRML V2.0 utf8\nDEF { }", "a name after DEF"),
    "bad number": ("#VRML V2.0 utf8\nTransform { translation 1 2 3x }", "'3x', which is no number"),
}


@pytest.mark.parametrize(("text", "sentence"), REFUSED.values(), ids=REFUSED.keys())
def test_refused_with_a_sentence(text: str, sentence: str) -> None:
    with pytest.raises(BadFormat, match=sentence) as caught:
        read(text)
    assert str(caught.value).startswith("face.wrl: ")
    assert str(caught.value).endswith(".")


@pytest.mark.parametrize(
    ("old", "new", "sentence"),
    [
        ("9 9 1", "9 9", "11 numbers, which is not a multiple of 3"),
        ("9 9 1", "9 nan 1", "'nan'"),
        ("[0 0 0", "[nan 0 0", "'nan'"),
        ("[0 0 0", "[-inf 0 0", "'-inf'"),
        ("9 9 1", "9 Infinity 1", "'Infinity'"),
        ("9 9 1", "9 9 1e999", "too large"),
        ("9 9 1", "9 1.#QNAN 1", "not a number"),
        ("9 9 1", "9 -1.#IND00 1", "not a number"),
        ("9 9 1", "9 1.#INF 1", "not a number"),
        ("9 9 1", "9 9 0x1", "'0x1'"),
        ("9 9 1", '9 9 "1"', "line 2"),
        ("9 9 1", "9 9 1-1", "'1-1'"),
        ("9 9 1", "9 9 1;", "'1;'"),
        ("9 9 1", "9 9 { 1", "line 2"),
        ("[0 1 2 -1]", "[0 1 4 -1]", r"names point 4, but there are 4 points \(0 to 3\)"),
        ("[0 1 2 -1]", "[0 1 -2 -1]", "names point -2"),
        ("[0 1 2 -1]", "[0 1 2.0 -1]", "'2.0', which is no index"),
        ("[0 1 2 -1]", "[0 1 99999999999 -1]", "'99999999999', which is no index"),
        ("[0 1 2 -1]", "[0 1 2147483647 -1]", "names point 2147483647"),
        ("[0 1 2 -1]", "[0 1 nan -1]", "'nan'"),
    ],
)
def test_wrong_numbers_are_named(old: str, new: str, sentence: str) -> None:
    with pytest.raises(BadFormat, match=sentence):
        scene(shape(FACE.replace(old, new)))


def test_the_line_is_named_whatever_ends_lines() -> None:
    for end in ("\n", "\r\n", "\r"):
        text = "#VRML V2.0 utf8\n# one\n\n" + shape(FACE.replace("9 9 1", "9 9 x"))
        with pytest.raises(BadFormat, match="line 4: "):
            read(text.replace("\n", end))


@pytest.mark.parametrize(
    "where", ["rotation 1 2 3", "scale 1 2", "translation []", "center [1 2 3 4 5 6]", 'scale "x"', "scale TRUE"]
)
def test_a_transform_of_other_size_is_refused(where: str) -> None:
    with pytest.raises(BadFormat, match="Transform"):
        scene(f"Transform {{ {where} children {shape()} }}")


def test_no_face_is_an_empty_scan() -> None:
    for body in (
        "",
        "Group {}",
        "Viewpoint { position 0 0 1 }",
        shape("IndexedFaceSet {}"),
        shape(FACE.replace("0 1 2 -1", "")),
    ):
        with pytest.raises(EmptyScan, match="no IndexedFaceSet with a face"):
            scene(body)


def test_an_empty_scan_names_what_it_has_instead() -> None:
    with pytest.raises(EmptyScan, match="but ElevationGrid, Inline, which is not read"):
        scene(shape("ElevationGrid { height [1 2] }") + 'Inline { url "a.wrl" }')


def test_surfaces_made_by_prototypes_are_refused() -> None:
    proto = f"PROTO Face [ field SFInt32 n 1 ] {{ {shape()} }}"
    assert len(scene(proto + shape()).points) == 4
    with pytest.raises(BadFormat, match="made by the PROTO Face"):
        scene(proto + "Face { n 2 }")
    with pytest.raises(BadFormat, match="made by the PROTO Mesh"):
        scene(f"PROTO Mesh [] {{ {FACE} }} " + shape("Mesh { }"))
    with pytest.raises(BadFormat, match="made by the PROTO Far"):
        scene('EXTERNPROTO Far [ field SFInt32 n ] "far.wrl" Group { children Far { n 1 } }')


# -- hostile ----------------------------------------------------------------------------------------------------------


def test_depth_is_limited() -> None:
    def nested(depth: int) -> str:
        return "Group { children [ " * depth + shape() + " ] }" * depth

    assert len(scene(nested(MAX_DEPTH - 3)).points) == 4
    for depth in (MAX_DEPTH, 100_000):
        with pytest.raises(BadFormat, match="deep within each other"):
            scene(nested(depth))


def test_depth_by_names_is_limited() -> None:
    chain = f"DEF N0 {shape()} " + " ".join(f"DEF N{i} Group {{ children USE N{i - 1} }}" for i in range(1, 3000))
    with pytest.raises(BadFormat, match="repeats itself"):
        scene(chain)


def test_a_scene_cannot_multiply_itself() -> None:
    doubled = " ".join(f"DEF N{i} Group {{ children [ USE N{i - 1} USE N{i - 1} ] }}" for i in range(1, 50))
    begin = time.perf_counter()
    with pytest.raises(BadFormat, match=f"more than {MAX_VISITS} nodes"):
        scene(f"DEF N0 {shape()} {doubled}")
    assert time.perf_counter() - begin < 2


def test_points_by_names_are_limited(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("gemax_cli.scans.formats.vrml_mesh.SMALL_MESH", 0)
    many = "USE A " * 200
    with pytest.raises(BadFormat, match=r"the scene has [0-9,]+ points in [0-9,]+ bytes"):
        scene(f"DEF A {shape()} {many}")
    monkeypatch.undo()
    assert len(scene(f"DEF A {shape()} {many}").points) > 200


def test_triangles_by_names_are_limited(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("gemax_cli.scans.assemble.SMALL_MESH", 0)
    with pytest.raises(BadFormat, match=r"makes [0-9,]+ triangles of [0-9,]+ bytes"):
        scene(f"DEF A {shape(FACE.replace('coordIndex [', 'coordIndex [' + '0 1 2 -1 ' * 9))} " + "USE A " * 200)


@pytest.mark.parametrize(
    "text",
    [
        "[" * 100000,
        "{" * 100000,
        "Group{children[" * 50000,
        "# \n" * 100000,
        '"' * 100001,
        '"\\' * 50000,
        "DEF " * 100000,
        "PROTO A [" + "[" * 100000,
        "Group { a " + "1 " * 100000,
        "A { a [" + '"b" ' * 100000,
        "USE A " * 100000,
        "," * 300000,
    ],
    ids=lambda text: text[:16].replace("\n", " "),
)
def test_endless_repetition_ends_soon(text: str) -> None:
    begin = time.perf_counter()
    with pytest.raises(ScanError):
        scene(text)
    assert time.perf_counter() - begin < 2


@pytest.mark.parametrize(
    "spelling", [Spelling(), Spelling("\r\n", ",", True, True, 2, True, True)], ids=["plain", "rich"]
)
def test_a_file_cut_off_anywhere_is_refused(spelling: Spelling) -> None:
    data = write_vrml([TEXTURED], replace(spelling, extras=False))
    whole = len(data.rstrip())
    for length in range(whole):
        with pytest.raises(ScanError):
            read(data[:length])
    assert len(read(data[:whole]).triangles) == 3


WHOLE = write_vrml([TEXTURED, replace(SQUARE, placements=[TURN])], Spelling(comments=True, extras=True, define=True))


@settings(max_examples=400, deadline=None)
@given(st.data())
@pytest.mark.slow
def test_a_damaged_file_is_read_or_refused_never_worse(data: st.DataObject) -> None:
    damaged = bytearray(WHOLE)
    for _ in range(data.draw(st.integers(1, 4))):
        at = data.draw(st.integers(0, len(damaged) - 1))
        end = min(len(damaged), at + data.draw(st.integers(0, 12)))
        damaged[at:end] = data.draw(st.sampled_from(PIECES) | st.binary(max_size=6))
    try:
        mesh = read(bytes(damaged))
    except ScanError:
        return
    assert np.isfinite(mesh.points).all()
    assert mesh.triangles.size
    assert 0 <= mesh.triangles.min() <= mesh.triangles.max() < len(mesh.points)
    if mesh.texture is not None:
        assert 0 <= mesh.texture.triangles.min() <= mesh.texture.triangles.max() < len(mesh.texture.coordinates)


PIECES = [
    b"",
    b"{",
    b"}",
    b"[",
    b"]",
    b'"',
    b"#",
    b"\\",
    b"\n",
    b"\r",
    b",",
    b"-1",
    b"1e999",
    b"nan",
    b"99999999999",
    b"0x",
    b".",
]
PIECES += [
    b"DEF P0 ",
    b"USE P0 ",
    b"USE G0 ",
    b"PROTO ",
    b"Script {",
    b"NULL",
    b"TRUE",
    b"ROUTE ",
    b"\x00",
    b"\xff",
    b"Group { children [",
]


def test_the_message_for_a_gzip_is_left_to_the_caller() -> None:
    with pytest.raises(BadFormat, match="no VRML file"):
        read(gzip.compress(WHOLE))
