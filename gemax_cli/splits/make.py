"""Make a split of an output folder."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from gemax_cli.datasets.model import Dataset
from gemax_cli.datasets.registry import DATASETS
from gemax_cli.errors import NothingToConvert, SettingsError
from gemax_cli.paths import AnyPath
from gemax_cli.splits.files import check_name, csv_bytes, sha256, write_split
from gemax_cli.splits.kept import kept_scans, subjects_of
from gemax_cli.splits.model import ALGORITHM, Assignment, Split, SplitHeader, SplitSettings, SubjectCount
from gemax_cli.splits.order import Subject
from gemax_cli.splits.protocols import assign
from gemax_cli.stack.folder import OutputFolder


def split(out: AnyPath, name: str, settings: SplitSettings | None = None, *, overwrite: bool = False) -> Split:
    """Deal the subjects of an output folder to folds and write OUT/splits/NAME.csv and NAME.json.

    Membership is by subject, and the files hold it: scans converted later join their subject's fold, and subjects
    converted later join no fold until the split is made again.

    Args:
        out: a folder that ``gemax convert`` wrote.
        name: of the split, a plain name of a file.
        settings: protocol, seed and the rest; None takes the paper's protocol.
        overwrite: replace a split of this name that differs.

    Raises:
        SettingsError: a setting does not fit the folder, or another split has the name.
        NothingToConvert: the folder has no scan that the split could keep.
        OutputError: the folder is in use or cannot be written to.
    """
    check_name(name)
    folder, settings = OutputFolder(out), settings or SplitSettings()
    keeps = {dataset.name: settings.kept_of(dataset) for dataset in _datasets(settings)}
    scans = kept_scans(folder.records(), keeps)
    if not scans:
        raise NothingToConvert(f"{folder.path}: holds no scan of a known subject that the split keeps: convert some.")
    subjects = _by_dataset(subjects_of(scans))
    missing = [wanted for wanted in settings.datasets if DATASETS[wanted] not in subjects]
    if missing:
        raise SettingsError(f"{folder.path}: holds no scan of {missing[0]} that the split keeps: convert some.")
    rows = assign(subjects, settings)
    made = Split(name, _header(subjects, settings, rows), tuple(rows))
    write_split(folder, made, overwrite=overwrite)
    return made


def _datasets(settings: SplitSettings) -> list[Dataset]:
    """The databases that subjects may come from."""
    wanted = [dataset for dataset in DATASETS.values() if dataset.name in (settings.datasets or DATASETS)]
    if settings.protocol != "paper":
        return wanted
    if unused := [dataset for dataset in wanted if settings.datasets and not dataset.paper.expressions]:
        raise SettingsError(f"{unused[0].name}: the paper has no protocol for it: take kfold, loso or holdout.")
    return [dataset for dataset in wanted if dataset.paper.expressions]


def _by_dataset(subjects: Sequence[Subject]) -> dict[Dataset, list[Subject]]:
    names = sorted({subject.dataset for subject in subjects})
    return {DATASETS[name]: [subject for subject in subjects if subject.dataset == name] for name in names}


def _header(
    subjects: Mapping[Dataset, Sequence[Subject]], settings: SplitSettings, rows: Sequence[Assignment]
) -> SplitHeader:
    names = sorted(f"{one.dataset}/{one.subject}\n" for own in subjects.values() for one in own)
    return SplitHeader(
        algorithm=ALGORITHM,
        protocol=settings.protocol,
        fixed=settings.fixed,
        seed=settings.seed,
        rounds=settings.round_count,
        folds=settings.fold_count,
        stratify=settings.stratify,
        keeps={dataset.name: settings.kept_of(dataset) for dataset in subjects},
        counts={
            dataset.name: SubjectCount(len(own), settings.picks_of(dataset) or len(own))
            for dataset, own in subjects.items()
        },
        subjects_sha256=sha256("".join(names).encode("utf-8", "surrogatepass")),
        csv_sha256=sha256(csv_bytes(rows)),
    )
