"""What ``gemax train`` does: the folds of a split one after the other, each with its result in RUN."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from importlib.util import find_spec
from pathlib import Path

from gemax_cli import __version__
from gemax_cli.errors import ExtraMissing, RunConflict, RunDamaged, SettingsError, not_installed
from gemax_cli.learn.result import RESULT, Fold, FoldResult, fold_folder, read_result
from gemax_cli.learn.settings import TrainSettings
from gemax_cli.paths import AnyPath, as_path
from gemax_cli.scans.raw_file import sha256_of
from gemax_cli.splits.files import read_split
from gemax_cli.splits.model import Split
from gemax_cli.stack.atomic import write_atomically
from gemax_cli.stack.folder import OutputFolder, Shard
from gemax_cli.typed_json import from_json

HEADER = "train.json"


@dataclass(frozen=True)
class TrainOptions:
    """How a training runs; nothing here is part of what a fold gives.

    Attributes:
        device: "auto" takes a GPU where there is one; else as PyTorch names them: "cpu", "cuda", "cuda:1".
        threads: of the processor; None takes PyTorch's own number. Results are equal for equal numbers of threads.
        rounds: only the first rounds of the split; None for all.
        folds: only the first folds of each round; None for all.
        shard: (i, n): only every n-th fold from the i-th, for several machines on one RUN.
        save_weights: write the weights of every fold.
        init: first weights of the convolutions, a file of torchvision's ``vgg16_bn``.
    """

    device: str = "auto"
    threads: int | None = None
    rounds: int | None = None
    folds: int | None = None
    shard: Shard | None = None
    save_weights: bool = False
    init: AnyPath | None = None

    def __post_init__(self) -> None:
        for name, value in (("rounds", self.rounds), ("folds", self.folds), ("threads", self.threads)):
            if value is not None and value < 1:
                raise SettingsError(f"{name} is {value}: give 1 or more.")
        if self.shard and not 1 <= self.shard[0] <= self.shard[1]:
            raise SettingsError(f"shard is {self.shard}: give (i, n) with 1 <= i <= n.")


@dataclass(frozen=True)
class RunHeader:
    """train.json: what all folds of a run have in common.

    Attributes:
        gemax: version that began the run.
        out: the output folder, absolute.
        split: name of the split.
        split_sha256: of its file.
        init_sha256: of the file of first weights; "" without.
        settings: of the training.
    """

    gemax: str
    out: str
    split: str
    split_sha256: str
    init_sha256: str
    settings: TrainSettings


@dataclass(frozen=True)
class TrainSummary:
    """Results of a training: all folds that it was asked for, by round and fold, and how many were there before."""

    results: tuple[FoldResult, ...]
    there_before: int


class TrainReporter:
    """Told how a training goes on; every method does nothing."""

    def planned(self, folds: int, there_before: int, epochs: int) -> None:
        """Before the first fold: folds to train, folds that are there, epochs of each."""

    def epoch(self, key: Fold, epoch: int, loss: float) -> None:
        """After an epoch, counted from 1, with its mean loss."""

    def finished(self, result: FoldResult) -> None:
        """After a fold, its files in place."""


def train(
    out: AnyPath,
    run: AnyPath,
    split: str,
    settings: TrainSettings | None = None,
    options: TrainOptions | None = None,
    reporter: TrainReporter | None = None,
) -> TrainSummary:
    """Train and test the recognition network on the folds of a split (sections 3.4, 4 and 5 of the paper).

    Each fold writes RUN/r000-f00/result.json. A fold that has one is skipped, so a killed run goes on where it was when
    the same call is made again.

    Args:
        out: a folder that ``gemax convert`` wrote.
        run: folder of the results; one run has one split and one set of settings.
        split: name of a split in ``out``.
        settings: how to train; None takes the defaults.
        options: device, which folds, weights.
        reporter: told of every epoch.

    Raises:
        ExtraMissing: PyTorch is not installed.
        SettingsError: there is no such split, depth or device.
        RunConflict: ``run`` holds results of other settings.
        FolderInUse: another process trains these folds.
        ScanError: an image is missing or damaged.
        OutputError: ``out`` or ``run`` is damaged or cannot be written to.
    """
    if find_spec("torch") is None:
        raise ExtraMissing(not_installed("gemax train", "torch"))
    settings, options = settings or TrainSettings(), options or TrainOptions()
    chosen, place = read_split(OutputFolder(out), split), OutputFolder(run)
    header = _header(as_path(out), chosen, settings, options)
    with place.explained():
        place.path.mkdir(parents=True, exist_ok=True)
        with place.locked(options.shard):
            _claim(place.path, header)
            return _train_folds(header, chosen, place.path, options, reporter or TrainReporter())


def chosen_folds(
    split: Split, rounds: int | None = None, folds: int | None = None, shard: Shard | None = None
) -> list[Fold]:
    """The folds of the first rounds, the first of each; of a shard every n-th."""
    found = [(number, fold) for number in split.rounds[:rounds] for fold in split.folds(number)[:folds]]
    return found[shard[0] - 1 :: shard[1]] if shard else found


def _header(out: Path, split: Split, settings: TrainSettings, options: TrainOptions) -> RunHeader:
    init = _sha256(as_path(options.init)) if options.init is not None else ""
    return RunHeader(__version__, str(out.resolve()), split.name, split.header.csv_sha256, init, settings)


def read_header(run: Path) -> RunHeader:
    """Read RUN/train.json.

    Raises:
        RunDamaged: it is missing or damaged.
    """
    path = run / HEADER
    try:
        return from_json(RunHeader, json.loads(path.read_text(encoding="utf-8")))
    except FileNotFoundError:
        raise RunDamaged(f"{run}: has no {HEADER}: give a folder that gemax train wrote.") from None
    except (OSError, ValueError, RecursionError) as error:
        raise RunDamaged(f"{path}: is damaged ({error}): train into another folder.") from error


def _sha256(path: Path) -> str:
    try:
        return sha256_of(path)
    except OSError as error:
        raise SettingsError(f"{path}: cannot be read ({error.strerror}): give a file of weights.") from error


def _claim(run: Path, header: RunHeader) -> None:
    """Write train.json, or compare with the one that is there.

    Raises:
        RunConflict: the run has other settings, another split or other first weights.
    """
    if not (run / HEADER).is_file():
        write_atomically(run / HEADER, (json.dumps(asdict(header), indent=2) + "\n").encode("ascii"))
        return
    changes = ", ".join(_changes(read_header(run), header))
    if changes:
        raise RunConflict(f"{run}: was trained with other values of {changes}: give another folder for this run.")


def _changes(old: RunHeader, new: RunHeader) -> Iterator[str]:
    """Names of what differs; a moved output folder and another version of gemax do not count."""
    before, after = asdict(old), asdict(new)
    yield from (name for name in ("split", "split_sha256", "init_sha256") if before[name] != after[name])
    yield from (name for name, value in after["settings"].items() if before["settings"][name] != value)


def _train_folds(
    header: RunHeader, split: Split, run: Path, options: TrainOptions, reporter: TrainReporter
) -> TrainSummary:
    folds = chosen_folds(split, options.rounds, options.folds, options.shard)
    there = {key: read_result(path) for key in folds if (path := fold_folder(run, key) / RESULT).is_file()}
    todo = [key for key in folds if key not in there]
    reporter.planned(len(todo), len(there), header.settings.epochs)
    results = dict(there)
    if todo:
        from gemax_cli.learn.fold import FoldTrainer

        trainer = FoldTrainer.prepare(header, split, run, options)
        for key in todo:
            results[key] = trainer.train(key, reporter)
            reporter.finished(results[key])
    return TrainSummary(tuple(results[key] for key in folds), len(there))
