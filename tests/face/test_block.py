from __future__ import annotations

import hashlib
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gemax_cli.codes import MAX_CODE
from gemax_cli.errors import EmptyBlock
from gemax_cli.face import block_kernels as kernels
from gemax_cli.face.block import cut_blocks
from gemax_cli.scans.model import Scan
from gemax_cli.settings import BlockSettings
from gemax_cli.stack.png import read_png
from tests.face import naive_raster as naive
from tests.face.test_holes import label_regions
from tests.face.test_raster import grid_mesh, random_mesh

HERE = Path(__file__).resolve().parent
SHARED = HERE.parents[1].parent / "shared"
GOLDEN = HERE / "golden_block.png"
TIP = np.array([3.0, -2.0, 10.0])


def square(v):
    return v * v


def fourth(v):
    return square(square(v))


def height(x, y):
    """z of a face with its tip at the origin, upright and not symmetric: brows above, a mole to the right.

    Made of sums, products and quotients alone: powers of the C library differ in the last bit between platforms.
    """
    head = -22 - (square(x) + 0.7 * square(y)) / 110
    nose = 22 / ((1 + fourth(x / 8)) * (1 + fourth(y / 16)))
    brows = 3 / (1 + fourth((y - 32) / 4)) / (1 + fourth(x / 30))
    mole = 2.5 / (1 + fourth((x - 30) / 4) + fourth((y + 15) / 4))
    return head + nose + brows + mole


def face(pitch=0.9, half=60, tip=TIP):
    """Points and triangles of the face, with an open mouth below."""
    count = int(2 * half / pitch) + 1
    points, triangles = grid_mesh(count, count, pitch)
    x, y = points[:, 0] - half, points[:, 1] - half
    mouth = square(x / 14) + square((y + 34) / 6) < 1
    return np.column_stack([x, y, height(x, y)]) + tip, triangles[~mouth[triangles].any(1)]


def beyond(points, triangles, x, y, radius):
    """The triangles with no corner within a radius of a place given from the tip."""
    lost = square(points[:, 0] - TIP[0] - x) + square(points[:, 1] - TIP[1] - y) < radius * radius
    return triangles[~lost[triangles].any(1)]


def scan_of(points, triangles):
    return Scan(Path("some/face.ply"), "ply", points, np.asarray(triangles, np.int32), metric=True)


def metric(block):
    return np.where(block.depth16 > 0, (65535.0 - block.depth16) / 65534 * block.depth_mm, np.nan)


def plane(depth=20.0, half=300.0, tilt=0.0):
    corners = np.array([[-1, -1], [1, -1], [1, 1], [-1, 1]]) * half
    points = np.column_stack([corners, -depth + tilt * corners[:, 0]]) + TIP
    return scan_of(points, [[0, 1, 2], [0, 2, 3]])


class TestQuantise:
    @settings(max_examples=30, deadline=None)
    @given(st.integers(0, 2**32 - 1), st.floats(1, 1000))
    def test_against_the_formula(self, seed, depth_mm):
        rng = np.random.default_rng(seed)
        depth = rng.uniform(-3, 1.2 * depth_mm, (9, 9))
        depth[rng.random((9, 9)) < 0.2] = np.nan
        assert (kernels.quantise(depth, depth_mm, MAX_CODE) == naive.codes(depth, depth_mm)).all()

    def test_the_ends_of_the_range(self):
        depth = np.array([[-3.0, -1e-300, 0.0, 60.0, np.nextafter(60.0, 61), np.nan]])
        assert kernels.quantise(depth, 60.0, MAX_CODE).tolist() == [[65535, 65535, 65535, 1, 0, 0]]

    def test_every_code_is_reached_and_undone(self):
        codes = np.arange(1, 65536)
        depth = (65535 - codes) / 65534 * 60.0
        assert (kernels.quantise(depth[None], 60.0, MAX_CODE) == codes).all()


class TestFixedFrame:
    def test_the_tip_is_at_the_centre_at_full_brightness(self):
        (block,) = cut_blocks(scan_of(*face()), TIP, BlockSettings(size=101), (60.0,))
        assert block.depth16.max() == block.depth16[50, 50] > 65500
        assert block.to_scan @ [50, 50, 0, 1] == pytest.approx(TIP)

    def test_it_is_upright_and_not_mirrored(self):
        (block,) = cut_blocks(scan_of(*face()), TIP, BlockSettings(size=101), (60.0,))
        assert not block.depth16[50 + 34 - 3 : 50 + 34 + 4, 40:60].any()  # the mouth is below
        assert block.depth16[50 - 34 - 3 : 50 - 34 + 4, 40:60].all()
        assert block.depth16[65, 80].astype(int) - block.depth16[65, 20] > 2.0 / 60 * 65534  # the mole is at the right

    def test_a_plane_has_one_code(self):
        (block,) = cut_blocks(plane(20.0), TIP, BlockSettings(max_edge_mm=1e4), (60.0,))
        assert (block.depth16 == 65535 - round(20 / 60 * 65534)).all()
        assert block.depth16.dtype == np.uint16
        assert block.depth16.shape == (224, 224)

    def test_codes_are_those_of_the_metric_depth_at_the_pixel_centres(self):
        (block,) = cut_blocks(plane(30.0, tilt=0.25), TIP, BlockSettings(max_edge_mm=1e4), (60.0,))
        x = np.arange(224) - 111.5
        want = naive.codes(30.0 - 0.25 * x[None], 60.0)[0]
        # the corners' snapping, 2^-21 pixel, may tip a code at one half
        assert np.abs(block.depth16.astype(int) - want.astype(int)).max() <= 1

    @pytest.mark.parametrize("pitch", [0.5, 1.0, 1.7])
    def test_to_scan_leads_every_pixel_back_to_the_surface(self, pitch):
        settings_ = BlockSettings(size=60, mm_per_pixel=pitch)
        (block,) = cut_blocks(scan_of(*face()), TIP, settings_, (60.0,))
        row, column = np.nonzero(block.depth16)
        there = np.column_stack([column, row, metric(block)[row, column], np.ones(len(row))]) @ block.to_scan.T - TIP
        assert np.abs(there[:, 2] - height(there[:, 0], there[:, 1])).max() < 0.2
        assert block.mm_per_pixel == pitch

    def test_the_block_follows_the_tip(self):
        (block,) = cut_blocks(scan_of(*face()), TIP, BlockSettings(size=80), (60.0,))
        moved = TIP + np.array([512.0, -256.0, 1024.0])
        (other,) = cut_blocks(scan_of(*face(tip=moved)), moved, BlockSettings(size=80), (60.0,))
        assert np.abs(block.depth16.astype(int) - other.depth16).max() <= 1

    def test_surface_before_the_tip_is_clipped_or_dropped(self):
        for before, code in ((0.0, 65535), (3.0, 65535), (3.1, None)):
            cut = lambda z=before: cut_blocks(plane(-z), TIP, BlockSettings(max_edge_mm=1e4), (60.0,))  # noqa: E731
            if code is None:
                with pytest.raises(EmptyBlock):
                    cut()
            else:
                assert (cut()[0].depth16 == code).all()


class TestDepths:
    def test_each_block_is_the_same_whatever_others_are_asked_for(self):
        scan = scan_of(*face())
        for frame in ("fixed", "fit"):
            chosen = BlockSettings(size=90, frame=frame)
            together = cut_blocks(scan, TIP, chosen, (30.0, 60.0, 45.0))
            for depth, block in zip((30.0, 60.0, 45.0), together, strict=True):
                (alone,) = cut_blocks(scan, TIP, chosen, (depth,))
                assert block.depth_mm == depth
                assert alone.depth16.tobytes() == block.depth16.tobytes()
                assert alone.counts == block.counts
                assert (alone.to_scan == block.to_scan).all()

    def test_a_deeper_block_holds_the_shallower_one(self):
        shallow, deep = cut_blocks(scan_of(*face()), TIP, BlockSettings(size=110), (35.0, 60.0))
        assert (deep.depth16 > 0).sum() > (shallow.depth16 > 0).sum()
        inside = shallow.depth16 > 0
        assert np.nanmax(np.abs(metric(deep) - metric(shallow))[inside]) < 60 / 65534

    def test_nothing_lies_deeper_than_the_block(self):
        (block,) = cut_blocks(scan_of(*face()), TIP, BlockSettings(size=120), (30.0,))
        assert np.nanmax(metric(block)) <= 30.0
        assert (block.depth16 == 0).any()

    def test_what_the_cut_parts_from_the_block_is_no_speckle(self):
        y, x = np.mgrid[:61, :61]
        points, triangles = grid_mesh(61, 61)
        floor = np.where((x % 8 == 4) & (y % 8 == 4), -59.5, -62.0)  # its bumps reach into the block
        points[:, 2] = np.where((x - 30) ** 2 + (y - 30) ** 2 < 150, -10.0, floor).ravel()
        tip = np.array([30.0, 30.0, 0.0])
        chosen = BlockSettings(size=51, max_edge_mm=60)
        block, deeper = cut_blocks(scan_of(points, triangles), tip, chosen, (60.0, 61.0))
        labels = label_regions(np.where(block.depth16 > 0, 0.0, np.nan), 0.0, False)
        assert labels.max() == 1
        assert block.counts["speck_pixels"] > 20
        assert deeper.counts["speck_pixels"] > 20


class TestMending:
    def test_a_clean_face_needs_none(self):
        (block,) = cut_blocks(scan_of(*face()), TIP, BlockSettings(size=101), (60.0,))
        counts = dict(block.counts)
        assert counts.pop("hole_pixels") > 200  # the open mouth
        assert counts == {
            "filled_pixels": 0,
            "spike_pixels": 0,
            "speck_pixels": 0,
            "front_pixels": 0,
            "dropped_triangles": 0,
        }

    def test_small_holes_are_filled_in_metric_depth_and_counted(self):
        points, triangles = face()
        holed = beyond(points, triangles, -25, 5, 3.5)
        (block,) = cut_blocks(scan_of(points, holed), TIP, BlockSettings(size=101), (60.0,))
        (whole,) = cut_blocks(scan_of(points, triangles), TIP, BlockSettings(size=101), (60.0,))
        assert 30 < block.counts["filled_pixels"] <= 60
        assert ((block.depth16 > 0) == (whole.depth16 > 0)).all()
        assert np.nanmax(np.abs(metric(block) - metric(whole))) < 0.3

    def test_max_hole_is_in_square_millimetres_whatever_the_pixel(self):
        points, triangles = face(pitch=0.5)
        holed = scan_of(points, beyond(points, triangles, -25, 5, 4.0))  # some 57 mm2
        for pitch in (0.4, 0.8, 1.0):
            for limit, filled in ((40.0, False), (75.0, True)):
                chosen = BlockSettings(size=int(100 / pitch), mm_per_pixel=pitch, max_hole_mm2=limit)
                (block,) = cut_blocks(holed, TIP, chosen, (60.0,))
                assert (block.counts["filled_pixels"] > 0) == filled

    def test_spikes_that_are_left_are_removed_and_refilled(self):
        points, triangles = face()
        clean = points.copy()
        rng = np.random.default_rng(4)
        inner = np.flatnonzero((np.abs(points[:, 0] - TIP[0]) < 45) & (np.abs(points[:, 1] - TIP[1] - 20) < 20))
        spikes = rng.choice(inner, 25, replace=False)
        points[spikes, 2] += rng.choice([-1, 1], 25) * rng.uniform(5, 12, 25)
        long = BlockSettings(size=101, max_edge_mm=30.0)
        (block,) = cut_blocks(scan_of(points, triangles), TIP, long, (60.0,))
        (whole,) = cut_blocks(scan_of(clean, triangles), TIP, long, (60.0,))
        assert block.counts["spike_pixels"] >= 15
        assert np.nanmax(np.abs(metric(block) - metric(whole))) < 5.0
        assert np.nanpercentile(np.abs(metric(block) - metric(whole)), 99.5) < 3.0
        # by default the same spikes are not drawn at all: their triangles are too long
        (block,) = cut_blocks(scan_of(points, triangles), TIP, BlockSettings(size=101), (60.0,))
        assert block.counts["dropped_triangles"] > 20
        assert np.nanmax(np.abs(metric(block) - metric(whole))) < 3.5

    def test_long_triangles_do_not_bridge_the_mouth(self):
        points, triangles = face()
        lips = np.array(
            [np.argmin(np.hypot(*(points[:, :2] - TIP[:2] - p).T)) for p in ([-20, -34], [20, -34], [0, -20])]
        )
        bridged = np.concatenate([triangles, lips[None]]).astype(np.int32)
        (block,) = cut_blocks(scan_of(points, bridged), TIP, BlockSettings(size=101), (60.0,))
        (plain,) = cut_blocks(scan_of(points, triangles), TIP, BlockSettings(size=101), (60.0,))
        assert block.counts["dropped_triangles"] == 1
        assert block.depth16.tobytes() == plain.depth16.tobytes()

    def test_the_edge_limit_follows_the_scans_own_spacing(self):
        for pitch in (0.7, 2.1, 5.0):
            (block,) = cut_blocks(scan_of(*face(pitch=pitch)), TIP, BlockSettings(size=90), (60.0,))
            assert block.counts["dropped_triangles"] == 0

    def test_counts_are_those_of_the_block(self):
        points, triangles = face()
        deep = np.array([[0, 0, -150], [3, 0, -150], [0, 3, -150]]) + TIP - [0.0, 34.0, 0.0]  # seen through the mouth
        both = np.concatenate([triangles, [[len(points), len(points) + 1, len(points) + 2]]])
        scan = scan_of(np.concatenate([points, deep]), both)
        block, deeper = cut_blocks(scan, TIP, BlockSettings(size=101), (30.0, 200.0))
        (alone,) = cut_blocks(scan_of(points, triangles), TIP, BlockSettings(size=101), (30.0,))
        assert block.counts == alone.counts
        assert deeper.counts["speck_pixels"] > 0


class TestFitFrame:
    @pytest.mark.parametrize("size", [64, 101, 224])
    @pytest.mark.parametrize("depth", [25.0, 60.0])
    def test_the_block_fills_the_image(self, size, depth):
        (block,) = cut_blocks(scan_of(*face()), TIP, BlockSettings(size=size, frame="fit"), (depth,))
        row, column = np.nonzero(block.depth16)
        sides = [row.min(), size - 1 - row.max(), column.min(), size - 1 - column.max()]
        assert min(sides[:2]) <= 2 or min(sides[2:]) <= 2
        assert abs(sides[0] - sides[1]) <= 1
        assert abs(sides[2] - sides[3]) <= 1

    def test_to_scan_leads_back_to_the_surface(self):
        (fit,) = cut_blocks(scan_of(*face()), TIP, BlockSettings(size=150, frame="fit"), (60.0,))
        (fixed,) = cut_blocks(scan_of(*face()), TIP, BlockSettings(size=151), (60.0,))
        row, column = (v[::37] for v in np.nonzero(fit.depth16))
        there = np.column_stack([column, row, metric(fit)[row, column], np.ones(len(row))]) @ fit.to_scan.T
        back = np.linalg.solve(np.vstack([fixed.to_scan, [0, 0, 0, 1]]), np.vstack([there.T, np.ones(len(row))]))
        near = metric(fixed)[np.rint(back[1]).astype(int), np.rint(back[0]).astype(int)]
        assert np.nanmedian(np.abs(near - back[2])) < 0.3

    def test_the_aspect_is_kept(self):
        points, triangles = grid_mesh(31, 61)
        tip = np.array([30.0, 15.0, 5.0])
        (block,) = cut_blocks(scan_of(points, triangles), tip, BlockSettings(size=63, frame="fit"), (60.0,))
        row, column = np.nonzero(block.depth16)
        assert (np.ptp(row), np.ptp(column)) == (30, 60)
        assert block.mm_per_pixel == 1.0

    @pytest.mark.parametrize("seed", range(8))
    def test_the_box_against_the_reference(self, seed):
        points, triangles = random_mesh(seed, count=15)
        points[::4, 2] = 3.0  # corners on the bounds, edges in them
        limits = np.array([3.0, 9.0, 14.0])
        box = kernels.slab_box(points, triangles, limits)
        assert box == pytest.approx(np.array(naive.slab_box(points, triangles, *limits)), abs=1e-9)

    def test_a_corner_that_just_touches_the_slab_is_in_the_box(self):
        points = np.array([[1, 2, 9], [5, 2, 12], [1, 8, 11]], float)
        box = kernels.slab_box(points, np.array([[0, 1, 2]], np.int32), np.array([3.0, 9.0, 50.0]))
        assert box.tolist() == [1, 1, 2, 2]

    def test_an_empty_box(self):
        points, triangles = random_mesh(0)
        assert not np.isfinite(kernels.slab_box(points, triangles, np.array([900.0, 901.0, 50.0]))).any()


class TestEmptyBlock:
    @pytest.mark.parametrize("frame", ["fixed", "fit"])
    @pytest.mark.parametrize("tip", [[3.0, -2.0, -100.0], [3.0, -2.0, 200.0]])
    def test_a_tip_before_or_behind_everything(self, frame, tip):
        with pytest.raises(EmptyBlock, match=r"some/face\.ply: no surface lies within 60 mm") as caught:
            cut_blocks(scan_of(*face()), np.array(tip), BlockSettings(frame=frame), (60.0,))
        assert caught.value.path == Path("some/face.ply")
        assert caught.value.stage == "block"

    def test_a_tip_beside_everything(self):
        with pytest.raises(EmptyBlock):
            cut_blocks(scan_of(*face()), TIP + np.array([500, 0, 0]), BlockSettings(), (60.0,))

    def test_one_empty_block_among_several(self):
        scan = plane(40.0)
        with pytest.raises(EmptyBlock, match="within 30 mm"):
            cut_blocks(scan, TIP, BlockSettings(max_edge_mm=1e4), (30.0, 60.0))

    @pytest.mark.parametrize("frame", ["fixed", "fit"])
    @pytest.mark.parametrize("count", [0, 1, 2, 3])
    def test_scans_of_no_surface(self, frame, count):
        points = np.arange(3.0 * count).reshape(-1, 3)
        with pytest.raises(EmptyBlock):
            cut_blocks(scan_of(points, np.empty((0, 3))), np.zeros(3), BlockSettings(frame=frame), (60.0,))

    def test_a_surface_of_long_triangles_alone(self):
        with pytest.raises(EmptyBlock, match="limit of edge lengths"):
            cut_blocks(plane(), TIP, BlockSettings(max_edge_mm=5.0), (60.0,))


class TestGolden:
    CHOSEN = BlockSettings(size=96, mm_per_pixel=1.0)

    def test_the_committed_picture(self):
        (block,) = cut_blocks(scan_of(*face()), TIP, self.CHOSEN, (60.0,))
        want = read_png(GOLDEN)
        assert want.dtype == np.uint16
        assert (block.depth16 == want).all()

    def test_the_committed_bytes(self):
        blocks = cut_blocks(damaged(), TIP, self.CHOSEN, (30.0, 60.0))
        assert [digest(b) for b in blocks] == DIGESTS
        (fit,) = cut_blocks(damaged(), TIP, BlockSettings(size=96, frame="fit"), (45.0,))
        assert digest(fit) == FIT_DIGEST

    @pytest.mark.slow
    def test_the_same_bytes_without_the_compiler(self):
        code = (
            "from tests.face.test_block import *\n"
            "block, = cut_blocks(damaged(3.0), TIP, BlockSettings(size=40, mm_per_pixel=2.5), (60.0,))\n"
            "print(digest(block), sorted(block.counts.items()))"
        )
        told = [
            subprocess.run(
                [sys.executable, "-c", code],
                cwd=HERE.parents[1],
                env={**os.environ, "NUMBA_DISABLE_JIT": off},
                capture_output=True,
                text=True,
                check=True,
            ).stdout
            for off in ("0", "1")
        ]
        assert told[0] == told[1]
        assert told[0]


def damaged(pitch=0.9):
    """The face with holes, spikes and a scrap."""
    points, triangles = face(pitch)
    for x, y, radius in ((-25, 5, 3.2), (12, 40, 2), (20, -50, 7)):
        triangles = beyond(points, triangles, x, y, radius)
    points[::1009, 2] += 4.0
    scrap = np.array([[41, 41, -9], [44, 41, -9], [41, 44, -9]]) + TIP
    corners = np.arange(len(points), len(points) + 3)
    return scan_of(np.concatenate([points, scrap]), np.concatenate([triangles, corners[None]]))


def digest(block):
    return hashlib.sha256(block.depth16.tobytes()).hexdigest()


DIGESTS = [
    "fb7d58d50cb5f0bb41d74cf88e18411008d01a831b1b17268d6f0119a41f6017",
    "955c644d3aee3250f34a17ec57d87394e91bb324c5073c422201472879c0c763",
]
FIT_DIGEST = "4c5b9cfc9289dbb03981e497c82b4a8db03af5ccd6b6078bf250e538e6b06a78"


@pytest.mark.skipif(not SHARED.is_dir(), reason="the scans beside the checkout are not there")
class TestRealFaces:
    def test_a_coarse_mesh_is_drawn_without_a_hole(self):
        text = (SHARED / "scans/real/mediapipe_canonical/canonical_face_model.obj").read_text()
        lines = [line.split() for line in text.splitlines()]
        points = 10 * np.array([w[1:4] for w in lines if w[:1] == ["v"]], float)
        triangles = np.array([[int(c.split("/")[0]) - 1 for c in w[1:4]] for w in lines if w[:1] == ["f"]])
        tip = points[points[:, 2].argmax()]
        (block,) = cut_blocks(scan_of(points, triangles), tip, BlockSettings(), (60.0,))
        assert block.counts["hole_pixels"] == 0
        assert (block.depth16 > 0).sum() > 12_000
