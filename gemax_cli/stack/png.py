"""PNG images, written whole or not at all."""

from __future__ import annotations

import errno
import hashlib
import io
import os
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

TEMPORARY = ".gemax-tmp-"
DISK_FULL = (errno.ENOSPC, errno.EDQUOT)
# zlib's Z_RLE strategy on filtered rows: on depth maps a quarter of the time of level 6 and files no larger.
COMPRESS_TYPE_RLE = 3


def encode_png(image: NDArray[Any]) -> bytes:
    """PNG file of a (rows, columns) uint8 or uint16 image, or a (rows, columns, 3) uint8 one."""
    from PIL import Image

    if image.dtype not in (np.uint8, np.uint16):
        raise TypeError(f"a PNG of ours is uint8 or uint16, not {image.dtype}")
    buffer = io.BytesIO()
    Image.fromarray(image).save(buffer, "png", compress_level=6, compress_type=COMPRESS_TYPE_RLE)
    data = buffer.getvalue()
    if data[24] != 8 * image.dtype.itemsize:  # IHDR's bit depth: encoders have saved 16 bit as 8 before
        raise TypeError(f"the PNG encoder wrote {data[24]} bits for {image.dtype}")
    return data


def read_png(path: Path) -> NDArray[Any]:
    """Pixels of a PNG as they are stored: uint8 or uint16, (rows, columns) or (rows, columns, channels).

    Raises:
        OSError: the file is missing or no image.
    """
    import imageio.v3 as iio

    with path.open("rb") as file:
        head = file.read(25)
    image = np.asarray(iio.imread(path, plugin="pillow"))
    if len(head) == 25 and head[24] == 16 and image.dtype != np.uint16:
        image = image.astype(np.uint16)
    return image


def write_atomically(path: Path, data: bytes) -> str:
    """Write ``data`` to a temporary sibling, rename it to ``path``, return the SHA-256 of ``data``.

    Raises:
        OSError: as the file system says; no partial file is left under ``path``.
    """
    temporary = path.with_name(f"{TEMPORARY}{os.getpid()}-{path.name}"[:255])
    try:
        temporary.write_bytes(data)
        temporary.replace(path)
    except BaseException:
        temporary.unlink(missing_ok=True)
        raise
    return hashlib.sha256(data).hexdigest()


def write_png(path: Path, image: NDArray[Any]) -> str:
    """Encode and write one image; returns the SHA-256 of the file."""
    return write_atomically(path, encode_png(image))


def remove_temporaries(folder: Path) -> None:
    """Remove what a killed writer left in ``folder``."""
    if folder.is_dir():
        for path in folder.glob(f"{TEMPORARY}*"):
            path.unlink(missing_ok=True)
