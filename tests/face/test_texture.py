from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numba
import numpy as np
import pytest

from gemax_cli.face import texture as texture_module
from gemax_cli.face.block import cut_blocks
from gemax_cli.face.raster import Drawing, Frame, rasterise
from gemax_cli.face.texture import drape, linear_light, texture_blocks, thresholds
from gemax_cli.scans.model import PictureColours, Scan, TextureMap
from gemax_cli.settings import BlockSettings
from tests.face import naive_texture as naive
from tests.face.painted import PaintedFace, to_linear, to_srgb
from tests.face.test_raster import SMALL, grid_mesh, random_mesh

EVERYWHERE = np.ones((12, 12), bool)
compiled = pytest.mark.skipif(bool(numba.config.DISABLE_JIT), reason="whole scans take minutes without the compiler")


def picture(rng, rows=9, columns=7):
    return rng.integers(0, 256, (rows, columns, 3), np.uint8)


def random_scene(seed):
    """Random triangles with random places in two pictures, some without texture."""
    rng = np.random.default_rng(seed)
    points, triangles = random_mesh(seed, count=14)
    coordinates = (
        rng.uniform(-1.5, 2.5, (42, 2)) if seed % 2 else 0.5 + rng.uniform(0.05, 0.9) * rng.uniform(-0.5, 0.5, (42, 2))
    )
    coordinates[rng.integers(0, 42, 2)] = np.nan, np.inf
    which = rng.integers(0, 2 + seed % 3, 14).astype(np.uint8)
    lie = TextureMap("a", coordinates, rng.permutation(triangles.ravel()).reshape(-1, 3).astype(np.int32), which=which)
    pictures = (picture(rng), picture(rng, 4, 13), None, None)[: 2 + seed % 3]
    return Drawing(points, triangles, SMALL, 8.0, np.inf), PictureColours(pictures, lie)


class TestAgainstTheReference:
    @pytest.mark.slow
    @pytest.mark.parametrize("seed", range(12))
    def test_random_triangles(self, seed):
        drawing, colours = random_scene(seed)
        self.check(drawing, colours)

    def test_a_small_scene(self):
        drawing, colours = random_scene(3)
        self.check(drawing, colours, np.arange(144).reshape(12, 12) % 9 == 0)

    def check(self, drawing, colours, wanted=EVERYWHERE):
        found, want = drape(drawing, colours, wanted), naive.drape(drawing, colours.pictures, colours.lie, wanted)
        assert (found.textured == ~np.isnan(want[..., 0])).all()
        assert found.textured.any()
        off = np.abs(found.image[found.textured] - want[found.textured])
        assert off.max() <= 0.5 + 1e-4
        assert (found.image[~found.textured] == 0).all()


class TestMeans:
    def test_every_value_is_kept_by_linear_light(self):
        assert (np.searchsorted(thresholds(), linear_light(), side="right") == np.arange(256)).all()

    def test_the_mean_of_black_and_white_is_that_of_their_light(self):
        """Stripes of half a pixel: half the light is the value 188, not 128."""
        points, triangles = grid_mesh(12, 12)
        stripes = np.zeros((22, 22, 3), np.uint8)
        stripes[:, ::2] = 255
        lie = TextureMap("a", points[:, :2] / 11, triangles)
        found = drape(Drawing(points, triangles, SMALL, 1.0, np.inf), PictureColours((stripes,), lie), EVERYWHERE)
        assert (found.image[2:-2, 2:-2] == 188).all()

    def test_v_runs_upwards_and_u_to_the_right(self):
        points, triangles = grid_mesh(12, 12)
        corners = np.zeros((2, 2, 3), np.uint8)
        corners[0, 0, 0] = corners[0, 1, 1] = corners[1, 0, 2] = 255  # red at the top left, green right, blue below
        lie = TextureMap("a", points[:, :2] / 11, triangles)
        image = drape(Drawing(points, triangles, SMALL, 1.0, np.inf), PictureColours((corners,), lie), EVERYWHERE).image
        assert image[1, 1].tolist() == [255, 0, 0]
        assert image[1, 10].tolist() == [0, 255, 0]
        assert image[10, 1].tolist() == [0, 0, 255]

    def test_texel_centres(self):
        """A picture of one texel a pixel, laid pixel upon texel, comes out unchanged."""
        rng = np.random.default_rng(5)
        points, triangles = grid_mesh(13, 13)
        points[:, :2] -= 0.5
        own = picture(rng, 12, 12)
        lie = TextureMap("a", (points[:, :2] + 0.5) / 12, triangles)
        found = drape(Drawing(points, triangles, SMALL, 1.0, np.inf), PictureColours((own,), lie), EVERYWHERE)
        assert (found.image == own).all()

    def test_colours_of_points(self):
        points, triangles = grid_mesh(12, 12)
        own = np.random.default_rng(6).integers(0, 256, (len(points), 3), np.uint8)
        drawing = Drawing(points, triangles, SMALL, 1.0, np.inf)
        found = drape(drawing, own, EVERYWHERE)
        assert found.textured.all()
        coarse = drape(drawing._replace(frame=Frame(3, 4.0, 1.5, 9.5, 0.0)), own, np.ones((3, 3), bool))
        mean = to_srgb(to_linear(own.reshape(12, 12, 3)[::-1][4:8, 4:8]).mean(axis=(0, 1)))
        assert np.abs(coarse.image[1, 1] - mean).max() < 25
        assert (found.image == own.reshape(12, 12, 3)[::-1]).all()

    def test_a_large_picture_takes_no_more_samples_than_allowed(self, monkeypatch):
        """Of 10 texels along a pixel, 5 samples halfway between two take in all 100, 2 on a texel's centre just 4."""
        points, triangles = grid_mesh(12, 12)
        lie = TextureMap("a", points[:, :2] / 11, triangles)
        colours = PictureColours((picture(np.random.default_rng(8), 110, 110),), lie)
        drawing = Drawing(points, triangles, SMALL, 1.0, np.inf)
        fine = drape(drawing, colours, EVERYWHERE)
        monkeypatch.setattr(texture_module, "MOST_ALONG", 30)
        coarse = drape(drawing, colours, EVERYWHERE)
        deviations = [found.image[1:-1, 1:-1].std() for found in (fine, coarse)]
        assert deviations[1] / deviations[0] == pytest.approx(5, rel=0.15)


def errors_of(face, image, rows, columns):
    return np.abs(image[rows, columns] - face.truth(rows, columns))


def pixels_of(face, textured, most_aside=np.inf):
    """Textured pixels away from the border of the surface."""
    inner = textured.copy()
    for shift in (-2, 2):
        inner &= np.roll(textured, shift, 0) & np.roll(textured, shift, 1)
    rows, columns = np.nonzero(inner)
    x, _ = face.places(rows, columns, 1)
    near = np.abs(x[:, 0]) <= most_aside
    return rows[near], columns[near]


@compiled
class TestAgainstTheTrueColour:
    @pytest.mark.slow
    @pytest.mark.parametrize("texel", [0.2, 0.35])
    @pytest.mark.parametrize("seed", [11, 12])
    def test_faces(self, seed, texel):
        self.check(seed, texel, 8)

    def test_a_face(self):
        self.check(11, 0.4, 20)

    def check(self, seed, texel, step):
        face = PaintedFace(seed, "HA" if seed % 2 else "NE", texel)
        (found,) = texture_blocks((face.block,), face.colours)
        rows, columns = (places[::step] for places in pixels_of(face, found.textured))
        error = errors_of(face, found.image, rows, columns)
        assert len(rows) > 15000 / step
        assert error.mean() < 0.5
        seam = errors_of(face, found.image, *pixels_of(face, found.textured, 1.5))
        assert len(seam) > 300
        assert seam.mean() < 0.5


def disc_before_a_wall(seed):
    """A white disc 20 mm before a black wall, at a random place: the drawing, its colours, the radius in pixels."""
    rng = np.random.default_rng(seed)
    centre, radius = rng.uniform(20, 28, 2), rng.uniform(8, 16)
    angles = np.linspace(0, 2 * np.pi, 400, endpoint=False)
    rim = centre + radius * np.stack([np.cos(angles), np.sin(angles)], 1)
    wall = np.array([[-5, -5], [53, -5], [53, 53], [-5, 53]])
    flat = np.concatenate([rim, centre[None], wall])
    points = np.column_stack([flat, np.where(np.arange(len(flat)) > 400, -20.0, 0.0)])
    fan = np.stack([np.arange(400), (np.arange(400) + 1) % 400, np.full(400, 400)], 1)
    triangles = np.concatenate([fan, [[401, 402, 403], [401, 403, 404]]]).astype(np.int32)
    which = np.array([1] * 400 + [0, 0], np.uint8)
    lie = TextureMap("wall", flat / 60 + 0.1, triangles, ("disc",), which)
    pictures = tuple(np.full((240, 240, 3), value, np.uint8) for value in (0, 255))
    return (
        Drawing(points, triangles, Frame(48, 1.0, 0.0, 47.0, 0.0), 1.0, np.inf),
        PictureColours(pictures, lie),
        radius,
    )


@compiled
def test_edges_of_texture_and_depth_lie_on_each_other():
    """The white of the picture and the near of the depth map have the same centre and radius, on average to 0.1 px."""
    shifts = []
    for seed in range(40):
        drawing, colours, radius = disc_before_a_wall(seed)
        white = to_linear(drape(drawing, colours, np.ones((48, 48), bool)).image[..., 0])
        near = (rasterise(*drawing).depth < 10).astype(float)
        places = [[(grid * share).sum() / share.sum() for grid in np.mgrid[:48, :48]] for share in (white, near)]
        radii = [np.sqrt(share.sum() / np.pi) for share in (white, near)]
        shifts.append([*np.subtract(*places), radii[0] - radii[1], radii[0] - radius])
    shifts = np.array(shifts)
    assert np.abs(shifts).mean(axis=0).max() < 0.05
    assert np.abs(shifts.mean(axis=0)).max() < 0.02


@compiled
def test_filled_holes_are_black_and_depths_share_a_texture():
    face = PaintedFace(31, texel=0.5)
    blocks = cut_blocks(face.scan, face.face.nose_tip, BlockSettings(), (40.0, 60.0))
    shallow, deep = texture_blocks(blocks, face.colours)
    both = shallow.textured & deep.textured
    assert (shallow.image[both] == deep.image[both]).all()
    for texture, block in zip((shallow, deep), blocks, strict=True):
        assert (texture.textured == (block.depth16 > 0) & ~block.filled).mean() > 0.999
        assert (texture.image[~texture.textured] == 0).all()
    holed = replace(blocks[1], filled=blocks[1].depth16 > 30000)
    (texture,) = texture_blocks((holed,), face.colours)
    assert not texture.textured[holed.filled].any()


@compiled
def test_points_without_triangles_have_colours():
    face = PaintedFace(32, texel=0.5)
    points = face.scan.points
    own = face.colour(points[:, 0], points[:, 1])
    cloud = Scan(Path("cloud"), "xyz", points, np.empty((0, 3), np.int32), colours=own, metric=True)
    (block,) = cut_blocks(cloud, face.face.nose_tip, BlockSettings(), (60.0,))
    (texture,) = texture_blocks((block,), cloud.colours)
    rows, columns = (places[::20] for places in pixels_of(face, texture.textured))
    assert errors_of(face, texture.image, rows, columns).mean() < 6
