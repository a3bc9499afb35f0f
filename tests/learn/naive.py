"""L_FA as equation 9 reads, one number after the other."""

from __future__ import annotations


def attention_loss(maps, alpha=1e3, beta=1e2, margin=0.02):
    """Mean over the batch of (batch, N_M, rows, columns) nested lists of floats."""
    return sum(_of_one(sample, alpha, beta, margin) for sample in maps) / len(maps)


def _of_one(maps, alpha, beta, margin):
    rows, columns = len(maps[0]), len(maps[0][0])
    loss = 0.0
    for i, own in enumerate(maps):
        peak = (0, 0)
        for y in range(rows):
            for x in range(columns):
                if own[y][x] > own[peak[0]][peak[1]]:
                    peak = (y, x)
        for y in range(rows):
            for x in range(columns):
                others = max(maps[j][y][x] for j in range(len(maps)) if j != i)
                distance = ((x - peak[1]) / (columns - 1)) ** 2 + ((y - peak[0]) / (rows - 1)) ** 2
                loss += alpha * own[y][x] * (others - margin) + beta * own[y][x] * distance
    return loss
