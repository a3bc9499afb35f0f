from __future__ import annotations

from dataclasses import replace

import numba
import numpy as np
import pytest

from gemax_cli.face.block import cut_blocks
from gemax_cli.face.model import FrontalScan, Pose
from gemax_cli.face.orient import axes
from gemax_cli.face.warnings import block_warnings, pose_warnings
from gemax_cli.pipeline import Stopwatch, convert_read
from gemax_cli.settings import BlockSettings, NoseSettings, Settings
from gemax_cli.synthetic.face import procedural_scan
from tests.face import naive_nose as naive

SETTINGS = BlockSettings()
SCAN = naive.box()
COUNTS = {"front_pixels": 0, "hole_pixels": 0, "dropped_triangles": 2}


def frontal(up="+y", forward="+z", **scan):
    return FrontalScan(replace(naive.box(), **scan), np.column_stack([axes(up, forward), np.zeros(3)]))


def block(filled=slice(60, 160), counts=COUNTS, mm_per_pixel=1.0):
    codes = np.zeros((224, 224), np.uint16)
    codes[40:180, filled] = 1000
    (cut,) = cut_blocks(naive.relief_scan(lambda x, y: 0 * x), np.zeros(3), SETTINGS, (60.0,))
    return replace(cut, depth16=codes, mm_per_pixel=mm_per_pixel, counts=counts)


class TestPose:
    @pytest.mark.parametrize("pose", [None, Pose(0, 0, 0), Pose(19, -19, 19)])
    def test_a_head_that_is_hardly_turned_is_no_reason(self, pose):
        assert not list(pose_warnings(frontal(), pose, aligned=False))

    @pytest.mark.parametrize("pose", [Pose(-28, 0, 0), Pose(0, 25, 0), Pose(0, 0, 30)])
    def test_a_turned_head_is_told_with_its_angles_and_the_option(self, pose):
        (sentence,) = pose_warnings(frontal(), pose, aligned=False)
        assert f"yaw {pose.yaw}, pitch {pose.pitch}, roll {pose.roll}" in sentence
        assert "--align auto" in sentence

    def test_not_once_it_is_aligned(self):
        assert not list(pose_warnings(frontal(), Pose(40, 0, 0), aligned=True))

    @pytest.mark.parametrize("kind", [{"metric": False}, {"metric": True, "camera": True}])
    @pytest.mark.parametrize(
        ("pose", "options"),
        [
            (Pose(0, 0, -84), "--up +x --forward +z"),
            (Pose(0, 0, 90), "--up -x --forward +z"),
            (Pose(80, 0, 0), "--up +y --forward +x"),
            (Pose(0, 0, 175), "--up -y --forward +z"),
        ],
    )
    def test_a_head_in_other_axes_is_told_with_them(self, kind, pose, options):
        (sentence,) = pose_warnings(frontal(**kind), pose, aligned=False)
        assert sentence.endswith(f"give {options}.")

    def test_the_axes_named_are_the_files(self):
        (sentence,) = pose_warnings(frontal("+z", "-y", metric=False), Pose(0, 0, 90), aligned=False)
        assert sentence.endswith("give --up -x --forward -y.")

    def test_a_format_of_known_axes_has_no_others(self):
        (sentence,) = pose_warnings(frontal(), Pose(0, 0, 90), aligned=False)
        assert "--up" not in sentence


class TestBlock:
    def test_a_whole_face_is_no_reason(self):
        assert not list(block_warnings(SCAN, (block(),), SETTINGS))

    @pytest.mark.parametrize(("filled", "side"), [(slice(0, 120), "left"), (slice(100, 224), "right")])
    def test_a_face_that_leaves_the_image_is_told(self, filled, side):
        (sentence,) = block_warnings(SCAN, (block(filled),), SETTINGS)
        assert f"140 mm of its {side} edge" in sentence
        assert "--size" in sentence
        assert "--align auto" in sentence

    def test_not_where_the_image_is_meant_to_cut(self):
        cut = block(slice(0, 224))
        assert not list(block_warnings(SCAN, (cut,), BlockSettings(size=128)))
        assert not list(block_warnings(SCAN, (cut,), BlockSettings(frame="fit")))

    @pytest.mark.parametrize(
        ("counts", "text"), [({"hole_pixels": 3100}, "--max-edge"), ({"front_pixels": 400}, "before the nose tip")]
    )
    def test_much_that_is_missing_is_told(self, counts, text):
        (sentence,) = block_warnings(SCAN, (block(counts=COUNTS | counts),), SETTINGS)
        assert text in sentence

    def test_a_mesh_that_lost_triangles_is_told_of_smaller_holes(self):
        mesh, holes = naive.relief_scan(lambda x, y: 0 * x), block(counts=COUNTS | {"hole_pixels": 400})
        assert not list(block_warnings(mesh, (holes,), SETTINGS))
        (sentence,) = block_warnings(replace(mesh, metric=False), (holes,), SETTINGS)
        assert "4.0 cm2 of the face are holes" in sentence

    def test_too_little_is_told(self):
        (sentence,) = block_warnings(SCAN, (block(slice(60, 70)),), SETTINGS)
        assert "too little for a face" in sentence


@pytest.mark.skipif(bool(numba.config.DISABLE_JIT), reason="whole scans take minutes without the compiler")
class TestWholeScans:
    def test_a_turned_face_warns_until_it_is_aligned(self):
        scan = procedural_scan(3)
        tip = scan.landmarks["Nose tip"]
        points = (scan.points - tip) @ naive.turn(-32, 0, 0).T
        turned = replace(scan, points=np.ascontiguousarray(points), landmarks={"Nose tip": np.zeros(3)})
        found = convert_read(turned, Settings((20,)), Stopwatch()).warnings
        assert any("The head is turned (yaw -3" in sentence for sentence in found)
        aligned = Settings((20,), nose=NoseSettings(align="auto"))
        assert not any("turned" in sentence for sentence in convert_read(turned, aligned, Stopwatch()).warnings)

    def test_a_frontal_face_does_not(self):
        assert not convert_read(procedural_scan(3), Settings((20,)), Stopwatch()).warnings
