"""Kernels of the entropy stage: the level histogram, one pass of the path solver, the look-up of grey values.

``solver`` proves the path solver. All kernels use integer arithmetic only, so their results are the same bytes with
and without compilation, on every platform and numba version.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from gemax_cli.jit import kernel


@kernel
def count_levels(codes: NDArray[np.uint16], levels: int) -> NDArray[np.int64]:
    """Pixels per level of a flat array of 16-bit codes; code 0 is no data and is not counted.

    Args:
        codes: (pixels,) 0 or 1..65535.
        levels: N; a code v falls in level (v - 1) * N // 65535.

    Returns:
        (N,) int64.
    """
    histogram = np.zeros(levels, np.int64)
    for code in codes:
        if code > 0:
            histogram[(np.int64(code) - 1) * levels // 65535] += 1
    return histogram


@kernel
def look_up(table: NDArray[np.uint8], codes: NDArray[np.uint16]) -> NDArray[np.uint8]:
    """``table[codes]`` of a (65536,) table and a flat array, without the 64-bit indices that numpy makes of codes."""
    values = np.empty(codes.size, np.uint8)
    for i in range(codes.size):
        values[i] = table[codes[i]]
    return values


@kernel
def heaviest_path(
    below: NDArray[np.int64],
    weight: NDArray[np.int64],
    tau: int,
    penalty: int,
    value: NDArray[np.int64],
    rows: NDArray[np.int32],
) -> None:
    """Heaviest paths from node 0 to every node when each edge costs ``penalty``: one pass, O(N log tau).

    An edge (i, j) with 1 <= j - i <= tau weighs ``weight[below[j] - below[i]] - penalty``. Of two predecessors
    of equal worth the smaller node is taken.

    Because the weights are Monge, a newer predecessor that has once beaten an older one beats it at every later node. A
    queue holds the predecessors that can still win, oldest first, each with the first node at which it beats the one
    before it. A new predecessor removes from the back all that it beats at their own first node. It finds its first
    node against the rest by doubling and halving. A predecessor more than tau behind has no edge to the node.

    The caller allocates the arrays: the page faults of a large new array take longer than the pass itself.

    Args:
        below: (N + 1,) pixels below each level.
        weight: (T + 1,) or longer, concave.
        tau: longest edge, 1..N.
        penalty: per edge, in units of ``weight``.
        value: (N + 1,) filled with the value of the best path to each node.
        rows: (4, N + 1) filled with the number of edges of each of these paths and its last node but one; the other
            two rows are the queue's.
    """
    levels = below.size - 1
    edges, previous, queue, first = rows[0], rows[1], rows[2], rows[3]
    value[0], edges[0], previous[0] = 0, 0, 0
    head, tail = 0, -1
    for node in range(1, levels + 1):
        new = node - 1
        start = node
        while tail >= head:
            old = queue[tail]
            low = max(first[tail], node)
            last = min(old + tau, levels)
            lead = value[new] - value[old]
            if low > last or lead > weight[below[low] - below[old]] - weight[below[low] - below[new]]:
                tail -= 1
                continue
            if lead <= weight[below[last] - below[old]] - weight[below[last] - below[new]]:
                start = last + 1
                break
            step = 1
            start = low + 1
            while start < last and lead <= weight[below[start] - below[old]] - weight[below[start] - below[new]]:
                low = start
                step *= 2
                start += step
            start = min(start, last)
            while start - low > 1:
                middle = (low + start) // 2
                if lead > weight[below[middle] - below[old]] - weight[below[middle] - below[new]]:
                    start = middle
                else:
                    low = middle
            break
        if start <= levels:
            tail += 1
            queue[tail] = new
            first[tail] = start
        while head < tail and first[head + 1] <= node:
            head += 1
        best = queue[head]
        value[node] = value[best] + weight[below[node] - below[best]] - penalty
        edges[node] = edges[best] + 1
        previous[node] = best


@kernel
def walk_back(previous: NDArray[np.int32], bins: int) -> NDArray[np.int32]:
    """Nodes of the path of K edges that ``previous`` leads from node N back to node 0.

    Args:
        previous: (N + 1,) last node but one of each node's path.
        bins: K.

    Returns:
        (K + 1,) int32.
    """
    cuts = np.zeros(bins + 1, np.int32)
    node = previous.size - 1
    for place in range(bins, 0, -1):
        cuts[place] = node
        node = previous[node]
    return cuts
