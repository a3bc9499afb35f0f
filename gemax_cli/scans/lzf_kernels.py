"""Kernel that unpacks LZF."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from gemax_cli.jit import kernel

Bytes = NDArray[np.uint8]


@kernel
def unpack_lzf(packed: Bytes, out: Bytes) -> int:
    """Unpack LZF (M. Lehmann's LibLZF, the format of compressed PCD files).

    A control byte below 32 is followed by that many literal bytes and one more; any other repeats bytes written
    before: its upper three bits, plus a byte where they are all set, are the length less 2, the lower five and the
    next byte the distance less 1.

    Args:
        packed: (n,) uint8.
        out: (m,) uint8, room for the content.

    Returns:
        Bytes written, or -1 where ``packed`` is damaged or its content is longer than ``out``.
    """
    at, to = 0, 0
    while at < packed.size:
        control = np.int64(packed[at])
        at += 1
        if control < 32:
            length = control + 1
            if at + length > packed.size or to + length > out.size:
                return -1
            for step in range(length):
                out[to + step] = packed[at + step]
            at += length
        else:
            length = control >> 5
            if length == 7 and at < packed.size:
                length += np.int64(packed[at])
                at += 1
            if at >= packed.size:
                return -1
            source = to - ((control & 31) << 8) - np.int64(packed[at]) - 1
            at += 1
            length += 2
            if source < 0 or to + length > out.size:
                return -1
            for step in range(length):  # one by one: a source may reach into what is being written
                out[to + step] = out[source + step]
        to += length
    return to
