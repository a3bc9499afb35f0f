"""The order in which subjects are drawn: by SHA-256, the same on every machine and version of every library."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from fractions import Fraction

from gemax_cli.splits.model import UNKNOWN, Stratum


@dataclass(frozen=True, order=True)
class Subject:
    """A subject of a database; unknown sex and race are "-"."""

    dataset: str
    subject: str
    sex: str = UNKNOWN
    race: str = UNKNOWN

    def stratum(self, by: Sequence[Stratum]) -> tuple[str, ...]:
        """What the subject is stratified by."""
        return tuple(getattr(self, name) for name in by)


def digest(seed: int, round_number: int, dataset: str, subject: str) -> str:
    """SHA-256 of "seed/round/dataset/subject" in UTF-8, hexadecimal."""
    return hashlib.sha256(f"{seed}/{round_number}/{dataset}/{subject}".encode("utf-8", "surrogatepass")).hexdigest()


def shuffled(subjects: Iterable[Subject], seed: int, round_number: int) -> list[Subject]:
    """The subjects in order of their digests."""
    return sorted(subjects, key=lambda s: digest(seed, round_number, s.dataset, s.subject))


def pick(ordered: Sequence[Subject], count: int, by: Sequence[Stratum] = ()) -> list[Subject]:
    """The first ``count`` subjects; stratified, as many of each stratum as its share asks for.

    The i-th of the n subjects of a stratum stands at (i + 1/2) / n; the subjects are taken in order of these places.
    """
    strata = _strata(ordered, by)
    places = {s: Fraction(2 * i + 1, 2 * len(part)) for part in strata for i, s in enumerate(part)}
    taken = set(sorted(ordered, key=places.__getitem__)[:count] if by else ordered[:count])
    return [subject for subject in ordered if subject in taken]


def deal(ordered: Sequence[Subject], folds: int, by: Sequence[Stratum] = ()) -> dict[Subject, int]:
    """The fold of each subject, dealt like cards; one stratum after the other, so that each is spread evenly."""
    row = [subject for part in _strata(ordered, by) for subject in part]
    return {subject: place % folds for place, subject in enumerate(row)}


def _strata(ordered: Sequence[Subject], by: Sequence[Stratum]) -> list[list[Subject]]:
    """The subjects by stratum, strata in order of name, each in the order given."""
    strata: dict[tuple[str, ...], list[Subject]] = {}
    for subject in ordered:
        strata.setdefault(subject.stratum(by), []).append(subject)
    return [strata[name] for name in sorted(strata)]
