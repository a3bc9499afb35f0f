"""Simulated HDR images of known truth: a thermal camera's scene and a SAR scene.

Both are schematic. They have what makes such images hard to quantise: a thermal image's few hot pixels far above a
crowd of values, and a SAR image's speckle and point targets over six decades of intensity.
"""

from __future__ import annotations

from collections.abc import Callable
from itertools import product
from pathlib import Path
from typing import Literal

import numpy as np
from numpy.typing import NDArray
from scipy.ndimage import gaussian_filter

from gemax_cli.paths import AnyPath, as_path
from gemax_cli.synthetic.folder import claimed, make_folder

ImageKind = Literal["thermal", "sar"]
Floats = NDArray[np.float64]
Image = tuple[NDArray[np.generic], Floats]
"""An image and its truth, both (rows, columns)."""

KELVIN_PER_COUNT, COUNT_AT_0_C = 0.04, 6829  # a 14-bit camera in its radiometric mode: 0.04 K a count
_MARK = "images.json"


def smooth_field(rng: np.random.Generator, size: int, scale: float) -> Floats:
    """(size, size) Gaussian random field of mean 0 and deviation 1; ``scale`` is its correlation length, pixels."""
    field: Floats = gaussian_filter(rng.standard_normal((size, size)), scale, mode="wrap")
    even: Floats = (field - field.mean()) / field.std()
    return even


def thermal_image(seed: int, size: int = 512) -> Image:
    """Counts of a 14-bit thermal camera, uint16, and the true temperatures, degrees Celsius.

    Ground and sky with texture, two warm figures, and a flame of a few hundred pixels; noise of 0.05 K.
    """
    rng = np.random.default_rng([seed, 1])
    y, x = np.mgrid[0:size, 0:size] / size
    horizon = rng.uniform(0.3, 0.5) + 0.03 * smooth_field(rng, size, size / 8)[0]
    ground = 14 + 6 * y + 1.2 * smooth_field(rng, size, size / 40) + 0.4 * smooth_field(rng, size, size / 200)
    celsius = np.where(y > horizon[None, :], ground, -18 + 30 * y + 0.3 * smooth_field(rng, size, size / 10))
    for _ in range(2):
        at = rng.uniform(0.2, 0.8), rng.uniform(0.55, 0.75)
        body = np.exp(-((((x - at[0]) / 0.035) ** 2 + ((y - at[1]) / 0.11) ** 2) ** 3))
        celsius += body * (31 + 1.5 * smooth_field(rng, size, size / 100) - celsius)
    fire = rng.uniform(0.1, 0.9), rng.uniform(0.6, 0.9)
    celsius += 330 * np.exp(-(((x - fire[0]) / 0.012) ** 2 + ((y - fire[1]) / 0.018) ** 2))
    measured = celsius + rng.normal(0, 0.05, celsius.shape)
    counts = np.rint(COUNT_AT_0_C + measured / KELVIN_PER_COUNT)
    return np.clip(counts, 0, 16383).astype(np.uint16), celsius


def sar_image(seed: int, size: int = 512) -> Image:
    """SAR intensity of four looks, float32, and the true backscatter, both linear.

    A lake and fields of -24 to -6 dB, a town of strong and varied scatterers, gamma-distributed speckle, and point
    targets (corner reflectors, ships) of up to 40 dB.
    """
    rng = np.random.default_rng([seed, 2])
    classes = np.digitize(smooth_field(rng, size, size / 16), [-1.3, -0.6, 0.0, 0.7])
    decibels = np.array([-24.0, -15.0, -12.0, -9.0, -6.0])[classes] + 2.0 * smooth_field(rng, size, size / 64)
    town = smooth_field(rng, size, size / 12) > 2.0
    decibels[town] = rng.normal(-1.0, 7.0, int(town.sum()))
    backscatter = 10 ** (decibels / 10)
    rows, columns = rng.integers(0, size, (2, max(8, size * size // 8000)))
    targets = np.zeros((size, size))
    targets[rows, columns] = 10 ** (rng.uniform(10, 40, rows.size) / 10)
    targets[rows[0], columns[0]] = 10**4
    backscatter = backscatter + targets
    speckle = rng.gamma(4.0, 0.25, backscatter.shape)
    return (backscatter * speckle).astype(np.float32), backscatter


IMAGES: dict[ImageKind, Callable[[int, int], Image]] = {"thermal": thermal_image, "sar": sar_image}


def make_image_sample(
    out: AnyPath, kinds: tuple[ImageKind, ...] = ("thermal", "sar"), images: int = 2, seed: int = 0, size: int = 512
) -> list[Path]:
    """Write simulated images, ``KIND/KIND_000.tif``, with their truth beside them as ``.truth.npz``.

    The truth of a thermal image is in degrees Celsius; a count v stands for (v - 6829) * 0.04. That of a SAR image is
    the backscatter without speckle.

    Args:
        out: folder that is missing, empty, or was made by this before.
        kinds: "thermal" (uint16 counts), "sar" (float32 intensity).
        images: of each kind.
        seed: same seed, same images.
        size: side, pixels.

    Returns:
        The images' paths.

    Raises:
        OutputError: the folder holds other files.
        OutputUnwritable: the folder cannot be written to.
    """
    import tifffile

    root, written = as_path(out), []
    with claimed(root, _MARK, clear=lambda _: None):  # files of an earlier sample are written over
        for kind, number in product(kinds, range(images)):
            make_folder(root, root / kind)
            image, truth = IMAGES[kind](seed * 1000 + number, size)
            path = root / kind / f"{kind}_{number:03d}.tif"
            tifffile.imwrite(path, image, metadata=None, software=False, photometric="minisblack")
            np.savez_compressed(path.with_suffix(".truth.npz"), truth=truth.astype(np.float32))
            written.append(path)
    return written
