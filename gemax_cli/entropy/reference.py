"""The paper's own dynamic programme (equations 7 and 8): the yardstick of the tests and of ``gemax bench``.

Nothing in a conversion uses it. It maximises the same integers and breaks ties the same way as ``solver``, so that cuts
can be compared one by one.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from gemax_cli.entropy.solver import Problem, pose_problem
from gemax_cli.errors import InfeasibleTau
from gemax_cli.jit import kernel

UNREACHED = -(1 << 62)


@kernel
def layered_path(
    below: NDArray[np.int64], weight: NDArray[np.int64], tau: int, low: NDArray[np.int64], high: NDArray[np.int64]
) -> NDArray[np.int32]:
    """Heaviest path of K edges from node 0 to node N, layer by layer; of equal predecessors the smallest.

    Args:
        below: (N + 1,) pixels below each level.
        weight: (T + 1,) or longer.
        tau: longest edge.
        low: (K + 1,) first node of each layer to look at; -``high`` the last.
        high: (K + 1,).

    Returns:
        (K + 1,) int32 nodes of the path.
    """
    bins, levels = low.size - 1, below.size - 1
    value = np.full(levels + 1, UNREACHED)
    value[0] = 0
    previous = np.zeros((bins + 1, levels + 1), np.int32)
    for layer in range(1, bins + 1):
        following = np.full(levels + 1, UNREACHED)
        for node in range(low[layer], high[layer] + 1):
            best, best_value = 0, UNREACHED
            for start in range(max(low[layer - 1], node - tau), min(high[layer - 1], node - 1) + 1):
                candidate = value[start] + weight[below[node] - below[start]]
                if candidate > best_value:
                    best, best_value = start, candidate
            following[node] = best_value
            previous[layer, node] = best
        value = following
    cuts = np.zeros(bins + 1, np.int32)
    cuts[bins] = levels
    for layer in range(bins, 0, -1):
        cuts[layer - 1] = previous[layer, cuts[layer]]
    return cuts


def _pose(histogram: NDArray[np.integer], bins: int, tau: int) -> Problem:
    problem = pose_problem(histogram, bins)
    if not bins <= problem.levels <= bins * tau:
        raise InfeasibleTau(problem.levels, bins, tau)
    return problem


def paper_cuts(histogram: NDArray[np.integer], bins: int, tau: int) -> NDArray[np.int32]:
    """Leftmost optimal cuts by the paper's programme, every layer in full: O(K N tau) time, O(K N) memory.

    Args:
        histogram: (N,) pixels per level.
        bins: K.
        tau: largest bin width.

    Returns:
        (K + 1,) int32.

    Raises:
        InfeasibleTau: not K <= N <= K * tau.
        EmptyHistogram, SettingsError: as the solver.
    """
    problem = _pose(histogram, bins, tau)
    layers = np.arange(bins + 1)
    return layered_path(problem.below, problem.weight, tau, layers, np.full(bins + 1, problem.levels))


def window_cuts(histogram: NDArray[np.integer], bins: int, tau: int) -> NDArray[np.int32]:
    """The same, over the nodes alone that a whole path can pass: O(K min(N, K tau - N) tau) time.

    Args, returns, errors: as ``paper_cuts``.
    """
    problem = _pose(histogram, bins, tau)
    layers = np.arange(bins + 1)
    to_go = bins - layers
    low = np.maximum(layers, problem.levels - to_go * tau)
    high = np.minimum(layers * tau, problem.levels - to_go)
    return layered_path(problem.below, problem.weight, tau, low, high)
