"""One fold: trained, tested, written."""

from __future__ import annotations

import hashlib
import platform
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch

from gemax_cli import __version__
from gemax_cli.errors import SettingsError
from gemax_cli.learn.data import FoldScans, fold_scans, load_faces, pairs_to_test, training_pairs, with_shared_cuts
from gemax_cli.learn.faces import save_faces
from gemax_cli.learn.model import FacialAttentionNet
from gemax_cli.learn.result import WEIGHTS, Fold, FoldResult, confusion, fold_folder, subject_accuracy, write_result
from gemax_cli.learn.run import RunHeader, TrainOptions, TrainReporter
from gemax_cli.learn.train import Tested, Trained, predict, train_network
from gemax_cli.learn.weights import first_weights, save_weights
from gemax_cli.loader.stack import FaceStack
from gemax_cli.paths import as_path
from gemax_cli.splits.model import Split


@dataclass(frozen=True, eq=False)
class FoldTrainer:
    """All that the folds of a run have in common.

    Attributes:
        header: of the run.
        stack: all scans of the split.
        run: folder of the results.
        device: that computes.
        set_weights: sets first weights; None without.
        save_weights: write those of every fold.
    """

    header: RunHeader
    stack: FaceStack
    run: Path
    device: torch.device
    set_weights: Callable[[FacialAttentionNet], None] | None
    save_weights: bool

    @classmethod
    def prepare(cls, header: RunHeader, split: Split, run: Path, options: TrainOptions) -> FoldTrainer:
        """Load the scans and find the device; raises what ``load_stack`` raises, and SettingsError."""
        if options.threads:
            torch.set_num_threads(options.threads)
        device = device_named(options.device)
        init = first_weights(as_path(options.init)) if options.init is not None else None
        stack = load_faces(header.out, split, header.settings)
        return cls(header, stack, run, device, init, options.save_weights)

    def train(self, key: Fold, reporter: TrainReporter) -> FoldResult:
        """Train and test a fold and write its files, the result last."""
        started, settings = time.perf_counter(), self.header.settings
        scans = fold_scans(self.stack, *key, settings.val_subjects)
        stack = with_shared_cuts(self.stack, scans.train) if settings.mapping == "dataset" else self.stack
        trained = train_network(
            stack,
            scans,
            settings,
            seed=fold_seed(settings.seed, key),
            device=self.device,
            first_weights=self.set_weights,
            report=lambda epoch, loss: reporter.epoch(key, epoch, loss),
        )
        again = predict(trained, stack, training_pairs(stack, scans.train, settings), settings, self.device)
        tested = predict(trained, stack, pairs_to_test(stack, scans.test, settings), settings, self.device)
        seconds = time.perf_counter() - started
        result = self._result(key, scans, trained, again, tested, seconds)
        self._write(result, trained, tested, stack, scans)
        return result

    def _result(
        self, key: Fold, scans: FoldScans, trained: Trained, again: Tested, tested: Tested, seconds: float
    ) -> FoldResult:
        header, settings, classes = self.header, self.header.settings, self.stack.classes
        truth = self.stack.labels[scans.test]
        right = tested.predicted == truth
        learned = np.repeat(self.stack.labels[scans.train], len(again.predicted) // len(scans.train))
        return FoldResult(
            round=key[0],
            fold=key[1],
            accuracy=float(right.mean()),
            train_accuracy=float((again.predicted == learned).mean()),
            classes=classes,
            confusion=confusion(truth, tested.predicted, len(classes)),
            subject_accuracy=subject_accuracy(self.stack.groups[scans.test], right),
            attention_same_cell=tested.same_cell,
            curves=trained.curves,
            normalisation=trained.constants,
            fitted_on=tuple(sorted(set(self.stack.groups[scans.train].tolist()))),
            train_scans=len(scans.train),
            test_scans=len(scans.test),
            parameters=sum(values.numel() for values in trained.net.parameters()),
            depth_mm=self.stack.depth_mm,
            map=settings.map,
            tau=settings.taus,
            mapping=settings.mapping,
            settings=settings,
            init_sha256=header.init_sha256,
            split=header.split,
            split_sha256=header.split_sha256,
            device=device_label(self.device),
            threads=torch.get_num_threads(),
            versions=versions(),
            seconds=seconds,
        )

    def _write(self, result: FoldResult, trained: Trained, tested: Tested, stack: FaceStack, scans: FoldScans) -> None:
        place = fold_folder(self.run, result.key)
        place.mkdir(exist_ok=True)
        if self.save_weights:
            save_weights(trained.net, place / WEIGHTS)
        if tested.maps and result.fold == 0:  # ten faces of each round are enough to look at
            save_faces(
                place, stack, pairs_to_test(stack, scans.test, self.header.settings), tested, self.header.settings
            )
        write_result(self.run, result)


def fold_seed(seed: int, key: Fold) -> int:
    """The seed of a fold, the same whichever folds were trained before it."""
    return int.from_bytes(hashlib.sha256(f"{seed}/{key[0]}/{key[1]}".encode()).digest()[:4], "big")


def device_named(name: str) -> torch.device:
    """The device of a name; "auto" is a GPU where there is one.

    Raises:
        SettingsError: PyTorch does not know it, or cannot use it here.
    """
    if name == "auto":
        return torch.device("cuda" if torch.cuda.is_available() else "cpu")
    try:
        device = torch.device(name)
        torch.empty(0, device=device)
    except (RuntimeError, AssertionError, NotImplementedError) as error:
        reason = str(error).splitlines()[0][:100]
        raise SettingsError(f"device {name}: PyTorch cannot use it ({reason}): give auto, cpu or cuda.") from error
    return device


def device_label(device: torch.device) -> str:
    """A device with the name of its hardware, as far as PyTorch knows it."""
    return f"{device} ({torch.cuda.get_device_name(device)})" if device.type == "cuda" else str(device)


def versions() -> dict[str, str]:
    """Of what computes a result."""
    return {
        "gemax": __version__,
        "torch": str(torch.__version__),
        "numpy": np.__version__,
        "python": platform.python_version(),
    }
