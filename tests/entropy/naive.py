"""Slow, obvious references: every one follows the definition in a loop."""

from __future__ import annotations

import math
from itertools import combinations, pairwise

import numpy as np

from gemax_cli.entropy.solver import pose_problem


def count_levels(codes, levels):
    histogram = [0] * levels
    for code in codes.ravel().tolist():
        if code > 0:
            histogram[(code - 1) * levels // 65535] += 1
    return np.array(histogram, np.int64)


def entropy(counts):
    total = sum(counts)
    return -sum(c / total * math.log2(c / total) for c in counts if c) + 0.0


def counts_of(histogram, cuts):
    return [int(histogram[a:b].sum()) for a, b in pairwise(cuts)]


def every_cuts(levels, bins, tau):
    """All feasible cuts, in lexicographic order."""
    for inner in combinations(range(1, levels), bins - 1):
        cuts = (0, *inner, levels)
        if all(b - a <= tau for a, b in pairwise(cuts)):
            yield cuts


def best_entropy(histogram, bins, tau):
    """The largest entropy of all cuts, in float64; vectorised over the cuts, by the definition otherwise."""
    cuts = np.array(list(every_cuts(len(histogram), bins, tau)))
    below = np.concatenate(([0], np.cumsum(histogram)))
    share = np.diff(below[cuts], axis=1) / below[-1]
    terms = np.zeros(share.shape)
    np.log2(share, out=terms, where=share > 0)
    return float((-share * terms).sum(1).max()) + 0.0


def leftmost_cuts(histogram, bins, tau):
    """Of all cuts of largest integer objective, the smallest value of every single cut."""
    problem = pose_problem(histogram, bins)
    best, found = None, []
    for cuts in every_cuts(len(histogram), bins, tau):
        total = sum(int(problem.weight[c]) for c in counts_of(histogram, cuts))
        if best is None or total > best:
            best, found = total, []
        if total == best:
            found.append(cuts)
    return np.array(found).min(0), len(found)


def heaviest_path(below, weight, tau, penalty):
    """The plain recurrence, O(N tau); of equal predecessors the smallest."""
    levels = len(below) - 1
    value, edges, previous = [0], [0], [0]
    for node in range(1, levels + 1):
        best = None
        for start in range(max(0, node - tau), node):
            candidate = value[start] + int(weight[below[node] - below[start]]) - penalty
            if best is None or candidate > best:
                best, origin = candidate, start
        value.append(best)
        edges.append(edges[origin] + 1)
        previous.append(origin)
    return value, edges, previous


def walk_back(previous):
    path = [len(previous) - 1]
    while path[-1]:
        path.append(previous[path[-1]])
    return path[::-1]


def apply_cuts(depth16, cuts, levels, first_code=0):
    image = np.zeros(depth16.shape, np.uint8)
    for place, code in np.ndenumerate(depth16):
        if code:
            level = (int(code) - 1) * levels // 65535
            image[place] = first_code + sum(level >= cut for cut in cuts[1:-1])
    return image
