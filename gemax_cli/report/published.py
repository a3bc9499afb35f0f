"""What the paper reports: Tables 1, 2, 3 and 5, entropy and what stands beside it.

Jiao, Niu, Tran, Shi, "2D+3D Facial Expression Recognition via Discriminative Dynamic Range Enhancement and Multi-Scale
Learning", arXiv 2011.08333. Its authors measured these figures on the licensed databases; nothing here is measured by
this package.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

SOURCE = "Jiao et al., arXiv 2011.08333, on the licensed databases"
ENTROPY_SOURCE = f"{SOURCE}; its RI lies below its own tau = 16, so it is not of the same depth block"
UNBOUNDED = 0  # stands for tau = N in ``Published.tau``: no bound at all
TAUS = (16, 20, 30, 40, 50, 60)
NO_BOUND_FROM = 4096 - 256 + 1  # tau from which N = 4096 levels in K = 256 bins are not bound at all


@dataclass(frozen=True)
class Published:
    """One figure of the paper.

    Attributes:
        dataset: "BU-3DFE" or "Bosphorus".
        table: number of the paper's table.
        map: as ``Measured.map`` names it.
        label: the paper's name: "RI", "NoM", "tau = 20".
        tau: levels; ``UNBOUNDED`` for tau = N; None of other maps.
        entropy: bits.
        accuracy: expression recognition rate beside it, per cent.
        seconds: per scan, one thread of an i5-8250U.
    """

    dataset: str
    table: int
    map: str
    label: str
    tau: int | None
    entropy: float
    accuracy: float | None = None
    seconds: float | None = None


def _maps(dataset: str, table: int, figures: Iterable[tuple[str, str, float, float | None]]) -> Iterator[Published]:
    return (Published(dataset, table, name, label, None, bits, rate) for name, label, bits, rate in figures)


def _taus(
    dataset: str, table: int, bits: Sequence[float], rates: Sequence[float] = (), seconds: Sequence[float] = ()
) -> Iterator[Published]:
    for i, tau in enumerate((*TAUS, UNBOUNDED)[: len(bits)]):
        name = "range image" if tau == TAUS[0] else "gemax"  # tau = 16 = N / K is uniform quantisation
        label = f"tau = {tau or 'N'}"
        rate, time = rates[i] if rates else None, seconds[i] if seconds else None
        yield Published(dataset, table, name, label, tau, bits[i], rate, time)


PUBLISHED: tuple[Published, ...] = (
    *_maps("BU-3DFE", 1, [
        ("ri-minmax", "RI", 7.21, None), ("normals", "NoM", 7.57, None), ("curvature", "CuM", 7.63, None),
        ("GeM", "GeM", 7.47, 89.11), ("mean over tau", "GEMax", 7.94, 89.72),
    ]),
    *_maps("Bosphorus", 2, [
        ("ri-minmax", "RI", 7.13, None), ("normals", "NoM", 7.52, None), ("shape-index", "SIM", 7.65, None),
        ("GeM", "GeM", 7.48, 83.05), ("mean over tau", "GEMax", 7.92, 83.63),
    ]),
    *_taus("BU-3DFE", 3, (7.606, 7.811, 7.931, 7.964, 7.980, 7.987, 7.993), (), (.21, .22, .23, .25, .29, .30, 33.9)),
    *_taus("BU-3DFE", 5, (7.61, 7.81, 7.93, 7.96, 7.98, 7.99), (84.92, 85.81, 85.74, 85.33, 85.26, 85.25)),
    *_taus("Bosphorus", 5, (7.55, 7.77, 7.91, 7.95, 7.97, 7.98), (79.47, 80.12, 80.09, 79.83, 79.64, 79.64)),
)  # fmt: skip


def published_entropy(dataset: str, name: str, tau: int | None) -> float | None:
    """The paper's figure for a map of a database, bits, as precise as it is printed; None if there is none."""
    if name == "range image" and tau != TAUS[0]:
        return None
    found = (p.entropy for p in PUBLISHED if (p.dataset, p.map, p.tau) == (dataset, name, tau_of_paper(tau)))
    return next(found, None)


def tau_of_paper(tau: int | None) -> int | None:
    """``tau`` as ``Published.tau`` says it: ``UNBOUNDED`` where it is no bound at all."""
    return UNBOUNDED if tau is not None and tau >= NO_BOUND_FROM else tau
