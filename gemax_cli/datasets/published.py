"""The form of a figure of the paper. The figures themselves are in the files of the databases.

Jiao, Niu, Tran, Shi, "2D+3D Facial Expression Recognition via Discriminative Dynamic Range Enhancement and Multi-Scale
Learning", arXiv 2011.08333. Its authors measured these figures on the licensed databases; nothing here is measured by
this package.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

UNBOUNDED = 0  # stands for tau = N in ``Published.tau``: no bound at all
TAUS = (16, 20, 30, 40, 50, 60)
PAPER_DEPTH = 60.0  # of the block, mm, section 4.2
PAPER_DEPTHS = tuple(float(depth) for depth in range(50, 150, 10))  # of Table 4, mm


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


def per_map(dataset: str, table: int, figures: Iterable[tuple[str, str, float, float | None]]) -> Iterator[Published]:
    """The rows of a table of maps: our name of the map, the paper's, entropy, accuracy."""
    return (Published(dataset, table, name, label, None, bits, rate) for name, label, bits, rate in figures)


def per_tau(
    dataset: str, table: int, bits: Sequence[float], rates: Sequence[float] = (), seconds: Sequence[float] = ()
) -> Iterator[Published]:
    """The columns of a table over ``TAUS`` and, where there is one more, tau = N."""
    for i, tau in enumerate((*TAUS, UNBOUNDED)[: len(bits)]):
        name = "range image" if tau == TAUS[0] else "gemax"  # tau = 16 = N / K is uniform quantisation
        label = f"tau = {tau or 'N'}"
        rate, time = rates[i] if rates else None, seconds[i] if seconds else None
        yield Published(dataset, table, name, label, tau, bits[i], rate, time)
