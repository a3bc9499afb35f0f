"""L_FA: its values on maps that are known, against a plain loop, and where its gradient goes."""

import math

import pytest

torch = pytest.importorskip("torch")

from gemax_cli.learn.loss import (  # noqa: E402
    ALPHA,
    BETA,
    attention_loss,
    concentration,
    diversity,
    losses,
    margin,
    peak_cells,
)
from tests.learn import naive  # noqa: E402


def peaks(*cells):
    """One sample of 7 x 7 maps, each a single peak."""
    maps = torch.zeros(1, len(cells), 7, 7)
    for i, (row, column) in enumerate(cells):
        maps[0, i, row, column] = 1.0
    return maps


UNIFORM = torch.full((1, 2, 7, 7), 1 / 49)


def test_diversity_of_known_maps():
    assert ALPHA * diversity(UNIFORM).item() == pytest.approx(0.816, abs=5e-4)
    assert ALPHA * diversity(peaks((2, 3), (2, 3))).item() == pytest.approx(1960)
    assert ALPHA * diversity(peaks((2, 3), (5, 1))).item() == pytest.approx(-40)


def test_concentration_of_known_maps():
    assert BETA * concentration(UNIFORM).item() == pytest.approx(5200 / 36)  # ties: the peak is the first cell
    assert concentration(peaks((2, 3), (6, 6))).item() == 0.0
    corners = torch.zeros(1, 2, 7, 7)
    corners[0, :, 0, 0], corners[0, :, 6, 6] = 0.6, 0.4
    assert concentration(corners).item() == pytest.approx(2 * 0.4 * 2)  # fractions: the diagonal is 1 + 1


def random_maps(kind, seed):
    generator = torch.Generator().manual_seed(seed)
    maps = torch.rand((3, 2 + seed % 3, 7, 7), generator=generator, dtype=torch.float64)
    if kind == "ties":
        maps = (maps * 3).floor()
    if kind == "zeros":
        maps[0, 0] = 0.0
        maps[1] = 0.0
    return maps / maps.sum((2, 3), keepdim=True).clamp_min(1e-6)


@pytest.mark.parametrize("kind", ["random", "ties", "zeros"])
@pytest.mark.parametrize("seed", range(6))
def test_it_is_the_plain_loop(kind, seed):
    maps = random_maps(kind, seed)
    assert attention_loss(maps).item() == pytest.approx(naive.attention_loss(maps.tolist()), rel=1e-9, abs=1e-9)


def test_the_margin_is_the_uniform_level_at_any_size():
    assert margin(49) == 0.02
    assert margin(9) == pytest.approx(1 / 9, rel=0.03)


def test_no_gradient_passes_through_the_maximum_of_the_others():
    """M_1's gradient is alpha (max M_2 - mrg) and no more: M_1 in the maximum of M_2's term is a constant."""
    maps = random_maps("random", 0).requires_grad_()
    (ALPHA * diversity(maps)).backward()
    others = maps.detach().flip(1)  # of two maps
    assert torch.allclose(maps.grad, ALPHA * (others - 0.02) / len(maps))


def test_no_gradient_passes_through_the_peak():
    maps = random_maps("random", 3).requires_grad_()
    concentration(maps).backward()
    rows, columns = torch.meshgrid(torch.arange(7) / 6, torch.arange(7) / 6, indexing="ij")
    for n, i in torch.cartesian_prod(torch.arange(len(maps)), torch.arange(maps.shape[1])).tolist():
        cell = int(peak_cells(maps)[n, i])
        distance = (rows - cell // 7 / 6) ** 2 + (columns - cell % 7 / 6) ** 2
        assert torch.allclose(maps.grad[n, i], distance.double() / len(maps), atol=1e-6)


def test_of_equal_cells_the_first_in_row_order_is_the_peak():
    maps = torch.zeros(1, 2, 3, 3)
    maps[0, 1, 1, 2] = maps[0, 1, 2, 0] = 0.5
    assert peak_cells(maps).tolist() == [[0, 5]]


def test_the_total_loss():
    """At the start, classifiers that say nothing: ln C of the fused one, ln C of the auxiliary ones' mean."""
    found = losses(torch.zeros(4, 6), torch.zeros(4, 4, 6), [UNIFORM, UNIFORM], torch.tensor([0, 1, 2, 5]), 0.5)
    assert found.classification.item() == pytest.approx(2 * math.log(6))
    assert found.attention.item() == pytest.approx(0.5 * 2 * attention_loss(UNIFORM).item())
    assert found.total.item() == pytest.approx(found.classification.item() + found.attention.item())
    alone = losses(torch.zeros(4, 6), torch.empty(0), [], torch.tensor([0, 1, 2, 5]))
    assert (alone.classification.item(), alone.attention.item()) == (pytest.approx(math.log(6)), 0.0)
