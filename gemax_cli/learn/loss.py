"""The loss of Facial Attention, L_FA, equation 9 of the paper, and the total loss of section 3.4."""

from __future__ import annotations

from collections.abc import Iterable
from typing import NamedTuple

import torch
from torch import Tensor
from torch.nn import functional

ALPHA, BETA = 1e3, 1e2  # section 4.2
MARGIN = 0.02  # mrg, as in MA-CNN
MARGIN_CELLS = 49  # of the 7 x 7 maps that it was chosen for
EPSILON = 1e-6


def attention_loss(maps: Tensor, alpha: float = ALPHA, beta: float = BETA) -> Tensor:
    """L_FA, the mean over a batch; small where the maps are narrow peaks in different cells.

    Our reading of equation 9: each map sums to one, because the loss of unnormalised maps has no lower bound. The
    maximum over the other maps and the peak (t_x, t_y) are constants for the gradient, as in MA-CNN. Coordinates run
    from 0 to 1 over the map: in cells, concentration is 2,200 at the start against 1 for diversity, and the maps
    narrow before they part.

    Args:
        maps: (batch, N_M, rows, columns), N_M >= 2.
        alpha: weight of diversity.
        beta: weight of concentration.

    Returns:
        A scalar.
    """
    return alpha * diversity(maps) + beta * concentration(maps)


def margin(cells: int) -> float:
    """The margin mrg of a map of so many cells: 0.02 for 7 x 7, the level 1/49 of a uniform map.

    Networks for smaller images have fewer cells. We scale the margin with their uniform level; with 0.02 a uniform map
    of 3 x 3 cells would cost 90 times its cost at 7 x 7.
    """
    return MARGIN * MARGIN_CELLS / cells


def diversity(maps: Tensor) -> Tensor:
    """Sum of M_i (max over the other maps - mrg), over maps and cells, mean over the batch."""
    count = maps.shape[1]
    same = torch.eye(count, dtype=torch.bool, device=maps.device)[None, :, :, None, None]
    others = maps.detach()[:, None].expand(-1, count, -1, -1, -1).masked_fill(same, -torch.inf).amax(2)
    return (maps * (others - margin(maps[0, 0].numel()))).sum((1, 2, 3)).mean()


def concentration(maps: Tensor) -> Tensor:
    """Sum of M_i times the squared distance to its peak, over maps and cells, mean over the batch."""
    rows, columns = maps.shape[2:]
    y = torch.arange(rows, device=maps.device, dtype=maps.dtype) / max(rows - 1, 1)
    x = torch.arange(columns, device=maps.device, dtype=maps.dtype) / max(columns - 1, 1)
    peaks = peak_cells(maps)
    peak_y, peak_x = y[peaks // columns], x[peaks % columns]
    distances = (y - peak_y[..., None]).square()[..., None] + (x - peak_x[..., None]).square()[..., None, :]
    return (maps * distances).sum((1, 2, 3)).mean()


def peak_cells(maps: Tensor) -> Tensor:
    """(batch, N_M) index of each map's largest cell, counted along the rows; of equal ones the first."""
    return maps.detach().flatten(2).argmax(2)


class Losses(NamedTuple):
    """The two parts of the total loss, L = classification + attention; scalars.

    Attributes:
        classification: L_CE, the cross-entropy of the fused classifier and the mean of those of the auxiliary ones.
        attention: lambda_LA L_FA, summed over texture and depth, as each has a Facial Attention module of its own.
    """

    classification: Tensor
    attention: Tensor

    @property
    def total(self) -> Tensor:
        """L of section 3.4; lambda_CE is 1."""
        return self.classification + self.attention


def losses(
    logits: Tensor, auxiliary: Tensor, constrained: Iterable[Tensor], labels: Tensor, weight: float = 1.0
) -> Losses:
    """The loss of a batch.

    Args:
        logits: (batch, classes) of the fused classifier.
        auxiliary: (classifiers, batch, classes); no classifier without Facial Attention.
        constrained: the attention maps of each stream, (batch, N_M, rows, columns).
        labels: (batch,) class numbers.
        weight: lambda_LA.
    """
    classification = functional.cross_entropy(logits.float(), labels)
    if len(auxiliary):
        guesses = auxiliary.float().flatten(0, 1)
        classification = classification + functional.cross_entropy(guesses, labels.repeat(len(auxiliary)))
    attention = sum((attention_loss(maps) for maps in constrained), torch.zeros((), device=logits.device))
    return Losses(classification, weight * attention)
