"""What the paper reports: Tables 1, 2, 3 and 5, entropy and what stands beside it; the figures are in ``datasets``."""

from __future__ import annotations

from gemax_cli.datasets.published import TAUS, UNBOUNDED, Published
from gemax_cli.datasets.registry import DATASETS

SOURCE = "Jiao et al., arXiv 2011.08333, on the licensed databases"
ENTROPY_SOURCE = f"{SOURCE}; its RI lies below its own tau = 16, so it is not of the same depth block"
NO_BOUND_FROM = 4096 - 256 + 1  # tau from which N = 4096 levels in K = 256 bins are not bound at all

PUBLISHED: tuple[Published, ...] = tuple(
    sorted((p for dataset in DATASETS.values() for p in dataset.published), key=lambda p: p.table)
)


def published_entropy(dataset: str, name: str, tau: int | None) -> float | None:
    """The paper's figure for a map of a database, bits, as precise as it is printed; None if there is none."""
    if name == "range image" and tau != TAUS[0]:
        return None
    found = (p.entropy for p in PUBLISHED if (p.dataset, p.map, p.tau) == (dataset, name, tau_of_paper(tau)))
    return next(found, None)


def tau_of_paper(tau: int | None) -> int | None:
    """``tau`` as ``Published.tau`` says it: ``UNBOUNDED`` where it is no bound at all."""
    return UNBOUNDED if tau is not None and tau >= NO_BOUND_FROM else tau
