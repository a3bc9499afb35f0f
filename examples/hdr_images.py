"""The README's picture of HDR images: uniform quantisation beside GEMax maps, thermal and SAR.

usage: python examples/hdr_images.py PICTURE.png
"""

from __future__ import annotations

import sys

import imageio.v3 as iio
import numpy as np

import gemax_cli as gemax
from gemax_cli.synthetic.images import sar_image, thermal_image

SIZE = 256


def main(path: str) -> None:
    images = (
        (thermal_image(3, SIZE)[0], gemax.ImageSettings()),
        (sar_image(3, SIZE)[0], gemax.ImageSettings(scale="db")),
    )
    rows = []
    for image, settings in images:
        found = gemax.map_image(image, settings)
        uniform = found.mapping.bins(found.mapping.uniform).grey(image)
        rows.append(np.hstack([uniform, *found.maps.values()]))
        for tau, solution in found.mapping.solutions:
            bound = found.mapping.bins(solution.cuts).bound_on_scale
            print(f"{settings.scale}, tau = {tau.text}: {solution.entropy:.2f} bits, off by {bound:.3g} at most")
    iio.imwrite(path, np.vstack(rows), optimize=True)


if __name__ == "__main__":
    main(sys.argv[1])
