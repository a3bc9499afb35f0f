"""Subjects drawn and dealt to folds. Each database by itself: another one in the folder moves nobody."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

from gemax_cli.datasets.model import Dataset
from gemax_cli.errors import SettingsError
from gemax_cli.splits.model import UNKNOWN, Assignment, SplitSettings
from gemax_cli.splits.order import Subject, deal, pick, shuffled


def assign(subjects: Mapping[Dataset, Sequence[Subject]], settings: SplitSettings) -> list[Assignment]:
    """Every picked subject's fold in every round, ordered by round, fold, dataset and subject.

    Args:
        subjects: of each database, those to draw from.
        settings: how.

    Raises:
        SettingsError: there are too few subjects to draw or to fill the folds, or nothing to stratify by.
    """
    for dataset, own in subjects.items():
        _check_size(dataset, len(own), settings)
    everybody = [subject for own in subjects.values() for subject in own]
    if len(everybody) < 2:
        raise SettingsError(f"there is one subject, {everybody[0].subject}, and nobody to train on: convert more.")
    _check_strata(everybody, settings)
    return sorted(row for number in range(settings.round_count) for row in _round(subjects, settings, number))


def _round(
    subjects: Mapping[Dataset, Sequence[Subject]], settings: SplitSettings, round_number: int
) -> Iterator[Assignment]:
    first = 0  # of loso, where every subject of every database has a fold of its own
    for dataset, own in subjects.items():
        drawn = shuffled(own, settings.seed, 0 if settings.fixed else round_number)
        picked = pick(drawn, settings.picks_of(dataset) or len(drawn), settings.stratify)
        picked = shuffled(picked, settings.seed, round_number)
        for subject, fold in deal(picked, settings.fold_count or len(picked), settings.stratify).items():
            yield Assignment(round_number, first + fold, subject.dataset, subject.subject)
        first += 0 if settings.fold_count else len(picked)


def _check_size(dataset: Dataset, there: int, settings: SplitSettings) -> None:
    wanted = settings.picks_of(dataset) or there
    if wanted > there:
        raise SettingsError(
            f"{dataset.name}: {wanted} subjects are to be drawn and {there} have the scans that the split keeps: "
            f"convert more, or draw fewer (pick = {there})."
        )
    if wanted < settings.fold_count:
        message = f"{wanted} subjects cannot fill {settings.fold_count} folds: convert more, or give fewer folds"
        raise SettingsError(f"{dataset.name}: {message}.")


def _check_strata(subjects: Sequence[Subject], settings: SplitSettings) -> None:
    for name in settings.stratify:
        if all(getattr(subject, name) == UNKNOWN for subject in subjects):
            raise SettingsError(f"{name} of no subject is known: leave it out of stratify.")
