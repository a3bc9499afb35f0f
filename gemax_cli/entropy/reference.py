"""The paper's own dynamic programming (DP, equations 7 and 8): the reference of the tests and ``gemax bench``.

Nothing in a conversion uses it. It maximises the same integers and breaks ties the same way as ``solver``, so that cuts
can be compared one by one.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from gemax_cli.entropy.solver import check_tau, pose_problem
from gemax_cli.jit import kernel


@kernel
def full_path(below: NDArray[np.int64], weight: NDArray[np.int64], tau: int, bins: int) -> NDArray[np.int32]:
    """Heaviest path of K edges, layer by layer, over every node of every layer; of equal predecessors the smallest.

    The edges' weights are first stored row by row, the fastest of the layouts tried.

    The values are whole numbers below 2^53, which float64 holds exactly and compares faster.

    Args:
        below: (N + 1,) pixels below each level.
        weight: (T + 1,) or longer.
        tau: longest edge, 1..N.
        bins: K.

    Returns:
        (K + 1,) int32 nodes of the path.
    """
    levels = below.size - 1
    edge = np.zeros((levels + 1, tau + 1))
    for node in range(1, levels + 1):
        for step in range(1, min(tau, node) + 1):
            edge[node, step] = weight[below[node] - below[node - step]]
    value = np.full((bins + 1, levels + 1), -np.inf)
    value[0, 0] = 0.0
    previous = np.zeros((bins + 1, levels + 1), np.int32)
    for layer in range(1, bins + 1):
        for node in range(layer, levels + 1):
            for step in range(1, min(tau, node) + 1):
                candidate = value[layer - 1, node - step] + edge[node, step]
                if candidate >= value[layer, node]:
                    value[layer, node] = candidate
                    previous[layer, node] = node - step
    cuts = np.zeros(bins + 1, np.int32)
    cuts[bins] = levels
    for layer in range(bins, 0, -1):
        cuts[layer - 1] = previous[layer, cuts[layer]]
    return cuts


def paper_cuts(histogram: NDArray[np.integer], bins: int, tau: int) -> NDArray[np.int32]:
    """Leftmost optimal cuts by the paper's DP, every layer in full: O(K N tau) time, O((K + tau) N) memory.

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
    problem = pose_problem(histogram, bins)
    check_tau(problem, tau)
    return full_path(problem.below, problem.weight, min(tau, problem.levels), bins)
