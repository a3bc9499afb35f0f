"""Sentences on faces that are turned, cut off or full of holes, each with the option that helps."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from gemax_cli.face.model import DepthBlock, FrontalScan, Pose
from gemax_cli.face.nose import is_upright, turn
from gemax_cli.face.orient import EVERY_AXES, nearest_axes
from gemax_cli.scans.model import Scan
from gemax_cli.settings import BlockSettings

TURNED_DEG = 20.0  # from this yaw, pitch or roll on, the far side of the face shrinks and hides
SMALLEST_FACE_CM2 = 40.0  # whole faces fill 150 to 250 cm2 of a 60 mm block, half-turned ones 100
MOST_BEFORE_CM2 = 3.0  # frontal faces have none, heads turned by 45 degrees up to 50
MOST_HOLES_CM2 = 30.0  # open mouths and what a scanner misses at brows and eyes are smaller
DROPPED_HOLES_CM2 = 3.0  # of a mesh whose long triangles were not drawn, where no range sensor is to blame
WHOLE_FACE_MM = 200.0  # images of this side hold a face; smaller ones are meant to cut it
CUT_OFF_MM = 20.0  # surface along the left or right edge of an image
MM2_PER_CM2 = 100.0


def pose_warnings(frontal: FrontalScan, pose: Pose | None, aligned: bool) -> Iterator[str]:
    """A warning where the head is turned by more than TURNED_DEG and was not aligned.

    Args:
        frontal: the scan in which the pose was found.
        pose: of the head, None where it is not known.
        aligned: the scan was turned to the front since.
    """
    if pose is None or aligned or max(abs(pose.yaw), abs(pose.pitch), abs(pose.roll)) <= TURNED_DEG:
        return
    angles = f"yaw {pose.yaw:.0f}, pitch {pose.pitch:.0f}, roll {pose.roll:.0f} degrees"
    advice = "--align auto turns it to the front"
    if not is_upright(pose) and (frontal.scan.camera or not frontal.scan.metric):
        up, forward = nearest_axes(frontal.to_raw[:, :3] @ turn(pose.yaw, pose.pitch, pose.roll), EVERY_AXES)
        advice = f"give --up {up} --forward {forward}"
    yield f"The head is turned ({angles}): {advice}."


def block_warnings(scan: Scan, blocks: tuple[DepthBlock, ...], settings: BlockSettings) -> Iterator[str]:
    """Warnings where a block is too small for a face, holds holes, is cut off, or leaves out what lies before the tip.

    Args:
        scan: that they were cut from.
        blocks: of one scan, by ascending depth; the deepest is judged, and the edges of the least deep one.
        settings: that they were cut with.
    """
    deepest = blocks[-1]
    pixel = deepest.mm_per_pixel**2 / MM2_PER_CM2
    area = float(np.count_nonzero(deepest.depth16)) * pixel
    before, holes = deepest.counts["front_pixels"] * pixel, deepest.counts["hole_pixels"] * pixel
    if area < SMALLEST_FACE_CM2:
        yield f"Only {area:.1f} cm2 of surface lie in the block, too little for a face: look at the scan and its tip."
    if before >= MOST_BEFORE_CM2:
        where = f"more than {settings.front_mm:g} mm before the nose tip"
        yield (
            f"{before:.1f} cm2 of surface lie {where} and leave a hole: "
            "a turned head (try --align auto), or something before the face."
        )
    dropped = deepest.counts["dropped_triangles"] > 0 and not scan.metric and len(scan.triangles) > 0
    if holes >= (DROPPED_HOLES_CM2 if dropped else MOST_HOLES_CM2):
        yield f"{holes:.1f} cm2 of the face are holes: where the scan has surface there, give a larger --max-edge."
    yield from _cut_off(blocks[0], settings)


def _cut_off(block: DepthBlock, settings: BlockSettings) -> Iterator[str]:
    if settings.frame == "fit" or settings.size * settings.mm_per_pixel < WHOLE_FACE_MM:
        return
    left, right = (np.count_nonzero(block.depth16[:, column]) * block.mm_per_pixel for column in (0, -1))
    if max(left, right) >= CUT_OFF_MM:
        side = "left" if left > right else "right"
        yield (
            f"The face leaves the image: {max(left, right):.0f} mm of its {side} edge hold surface: "
            "give a larger --size, or --align auto if the head is turned."
        )
