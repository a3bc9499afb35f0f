"""Head pose, and turning a scan to frontal about its nose tip."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from gemax_cli.face.model import LAST_ROW, FrontalScan, NoseTip, Pose
from gemax_cli.face.nose import HOPELESS, TURNED_VIEWS, fit_face, pose_of, search_samples, turn, view_of
from gemax_cli.scans.model import Scan
from gemax_cli.settings import NoseSettings

TURNED_DEG = 15.0  # a head is clearly turned from this yaw, pitch or roll on; the estimate errs by 6 degrees at most
ASIDE_MM = 15.0  # a face whose nose tip lies farther from the given one is another face


def estimate_pose(scan: Scan, tip: NoseTip) -> Pose:
    """Yaw, pitch and roll of the head: those found with the tip, else of the face template fitted about it.

    Args:
        scan: in frontal axes up to the head's own turn, mm.
        tip: of this scan.

    Returns:
        The pose; zero where the template does not fit the surface about the tip.
    """
    if tip.pose is not None:
        return tip.pose
    samples = search_samples(scan)
    views = [view_of(samples, view) for view in TURNED_VIEWS]
    fits = [fit_face(scan, samples, view, tip.position, view.rotation) for view in views]
    best = max(fits, key=lambda fit: fit.confidence)
    aside = np.linalg.norm(best.position - tip.position) > ASIDE_MM
    return Pose(0.0, 0.0, 0.0) if aside or best.confidence < HOPELESS else pose_of(best.rotation)


def align_scan(scan: Scan, tip: NoseTip, pose: Pose) -> FrontalScan:
    """Turn a scan about its nose tip so that a head of the given pose faces +Z; landmarks turn with it.

    The tip keeps its coordinates. The grid of an organised scan is kept, though it no longer lies along Z.
    """
    rotation = turn(pose.yaw, pose.pitch, pose.roll)
    shift = tip.position - rotation @ tip.position
    turned = replace(
        scan,
        points=np.ascontiguousarray((scan.points - shift) @ rotation),
        landmarks={name: (place - shift) @ rotation for name, place in scan.landmarks.items()},
        picture_landmarks={name: (place - shift) @ rotation for name, place in scan.picture_landmarks.items()},
    )
    return FrontalScan(turned, np.column_stack([rotation, shift]))


def align_if_turned(frontal: FrontalScan, tip: NoseTip, settings: NoseSettings) -> tuple[FrontalScan, NoseTip, bool]:
    """Align a scan as the settings ask: ``none`` never, ``always``, or ``auto`` where the head is clearly turned.

    Returns:
        The scan (with ``to_raw`` of both steps), the tip with its pose before the turn, and whether it was turned.
    """
    if settings.align == "none":
        return frontal, tip, False
    tip = replace(tip, pose=estimate_pose(frontal.scan, tip))
    assert tip.pose is not None
    largest = max(abs(tip.pose.yaw), abs(tip.pose.pitch), abs(tip.pose.roll))
    if settings.align == "auto" and largest < TURNED_DEG:
        return frontal, tip, False
    aligned = align_scan(frontal.scan, tip, tip.pose)
    return replace(frontal, scan=aligned.scan, to_raw=frontal.to_raw @ np.vstack([aligned.to_raw, LAST_ROW])), tip, True
