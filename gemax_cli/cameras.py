"""Depth cameras by name: focal length and optical axis of their pictures, in pixels.

Devices of one model differ by 1 to 3 %, and so does the size of a face. A device's own calibration is better: give it
by --fx and the like, or in a JSON file beside the picture. Where the figures come from:

- kinect-v1, xtion: the defaults of OpenNI drivers, 575.816 and 570.342 pixels, axis in the middle.
- kinect-v2: one factory calibration, in D. Shiffman's Kinect tutorials (github.com/CodingTrain/website-archive).
- azure-kinect: one factory calibration, in github.com/panispani/3DReconstruct. 640 x 576 (NFOV) is cut out of 1024 x
  1024 (WFOV); both have binned modes of half the size. The lens is taken for a pinhole.
- d405, d415, d435, l515: estimates from horizontal fields of view of 89, 69, 90 and 70 degrees; units of l515 in
  librealsense issue 8058. d435 agrees with the calibration in realsense-ros issue 2788. Their 4:3 modes are cut out of
  the 16:9 ones.
- sr300: one factory calibration, in librealsense issue 10838.
- structure: the depth camera of ScanNet, 577.87 pixels (github.com/ScanNet/ScanNet, issue 9).
- truedepth: an estimate from its field of view of about 57 degrees. Apple gives every picture a matrix of its own
  (AVCameraCalibrationData).
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import NamedTuple


class Intrinsics(NamedTuple):
    """A pinhole camera, in pixels; ``cx`` and ``cy`` count from the centre of the first pixel."""

    fx: float
    fy: float
    cx: float
    cy: float


class Mode(NamedTuple):
    """A camera's pictures of one size."""

    width: int
    height: int
    intrinsics: Intrinsics


class Camera(NamedTuple):
    """A depth camera.

    Attributes:
        modes: of its pictures.
        mm_per_unit: of its 16-bit pictures.
    """

    modes: tuple[Mode, ...]
    mm_per_unit: float = 1.0

    def intrinsics(self, width: int, height: int) -> Intrinsics | None:
        """Those of a picture of some size: of a mode, of one scaled, or turned by 90 degrees; None for other shapes.

        A turned picture says not which way it was turned, so its axis is taken to be in the middle.
        """
        for mode in sorted(self.modes, key=lambda mode: mode.width != width):
            if width * mode.height == height * mode.width:
                fx, fy, cx, cy = mode.intrinsics
                k = width / mode.width
                return Intrinsics(k * fx, k * fy, k * (cx + 0.5) - 0.5, k * (cy + 0.5) - 0.5)
            if width * mode.width == height * mode.height:
                fx, fy, *_ = mode.intrinsics
                k = height / mode.width
                return Intrinsics(k * fy, k * fx, (width - 1) / 2, (height - 1) / 2)
        return None


def _centred(width: int, height: int, focal: float) -> Mode:
    return Mode(width, height, Intrinsics(focal, focal, (width - 1) / 2, (height - 1) / 2))


CAMERAS: Mapping[str, Camera] = {
    "kinect-v1": Camera((_centred(640, 480, 575.816),)),
    "kinect-v2": Camera((Mode(512, 424, Intrinsics(365.456, 365.456, 254.878, 205.395)),)),
    "azure-kinect": Camera(
        (
            Mode(640, 576, Intrinsics(503.93, 503.98, 332.06, 325.88)),
            _centred(1024, 1024, 503.95),
        )
    ),
    "truedepth": Camera((_centred(640, 480, 594.0),)),
    "d405": Camera((_centred(1280, 720, 650.0), _centred(640, 480, 390.0)), 0.1),
    "d415": Camera((_centred(1280, 720, 925.0), _centred(640, 480, 617.0))),
    "d435": Camera((_centred(1280, 720, 640.0), _centred(640, 480, 384.0))),
    "l515": Camera((_centred(640, 480, 460.0),), 0.25),
    "sr300": Camera((Mode(640, 480, Intrinsics(472.95, 472.95, 310.2, 245.3)),), 0.125),
    "structure": Camera((_centred(640, 480, 577.87),)),
    "xtion": Camera((_centred(640, 480, 570.342),)),
}
