"""The scans of a fold as a torch dataset, on top of ``load_stack``."""

from __future__ import annotations

from dataclasses import replace
from typing import NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.utils.data import Dataset

from gemax_cli.learn.settings import TrainSettings
from gemax_cli.loader.load import GEMAX, load_stack
from gemax_cli.loader.stack import FaceStack, Normalisation
from gemax_cli.paths import AnyPath
from gemax_cli.splits.model import Split

Images = dict[str, Tensor]
"""By stream: (channels, rows, columns) uint8 of a sample, or with a batch before."""
Item = tuple[Images, int]
"""The images of a sample and its class."""
Scans = NDArray[np.intp]
"""Numbers of scans in a stack."""
Pairs = NDArray[np.intp]
"""(samples, 2) numbers of scan and tau."""


def load_faces(out: AnyPath, split: Split, settings: TrainSettings) -> FaceStack:
    """All scans of a split with the maps of training and test; raises what ``load_stack`` raises."""
    taus = sorted({*settings.taus, settings.test_tau}) if settings.map == GEMAX else None
    stacks = [
        load_stack(
            out,
            split=split,
            taus=taus,
            map_name=name,
            depth_mm=settings.depth_mm,
            texture="texture" in settings.stream_names and not i,
        )
        for i, name in enumerate(settings.map_names)
    ]
    channels = tuple(channel for stack in stacks for channel in stack.channels)
    maps = np.concatenate([stack.maps for stack in stacks], 1) if stacks[1:] else stacks[0].maps
    return replace(stacks[0], maps=maps, channels=channels)


class FoldScans(NamedTuple):
    """The scans of a fold.

    Attributes:
        train: the network learns from them.
        validation: held out of the training subjects; none by default.
        test: of the subjects that the fold tests.
    """

    train: Scans
    validation: Scans
    test: Scans


def fold_scans(stack: FaceStack, round_number: int, fold: int, val_subjects: int = 0) -> FoldScans:
    """The scans of a fold; the first ``val_subjects`` training subjects by the split's fold and name are held out."""
    train, test = stack.train_test(fold, round_number)
    names = np.unique(stack.groups[train])
    held = np.isin(stack.groups[train], names[: min(val_subjects, len(names) - 1)])
    return FoldScans(train[~held], train[held], test)


def with_shared_cuts(stack: FaceStack, train: Scans) -> FaceStack:
    """The stack with maps by the cuts of the pooled histogram of the training scans, one look-up table per tau."""
    everything = np.arange(len(stack))
    maps = [stack.apply_cuts(everything, stack.fit_cuts(train, tau)) for tau in stack.taus]
    return replace(stack, maps=np.stack(maps, 1))


def training_pairs(
    stack: FaceStack, scans: Scans, settings: TrainSettings, random: np.random.Generator | None = None
) -> Pairs:
    """The samples of one epoch; ``random`` draws a tau of each scan where the settings say so."""
    channels = [stack.taus.index(tau) for tau in settings.taus] if stack.taus else [0]
    return stack.pairs(scans, random if settings.tau_sampling == "draw" else None, channels)


def pairs_to_test(stack: FaceStack, scans: Scans, settings: TrainSettings) -> Pairs:
    """Each scan once, with the test's tau."""
    return stack.pairs(scans, channels=[stack.taus.index(settings.test_tau) if stack.taus else 0])


class FaceSamples(Dataset[Item]):
    """Samples of a stack. A sample is mirrored as a whole, never one of its images alone (``Sample.flipped``)."""

    def __init__(
        self, stack: FaceStack, pairs: Pairs, streams: tuple[str, ...], mirrored: NDArray[np.bool_] | None = None
    ) -> None:
        """Make the dataset.

        Args:
            stack: the scans.
            pairs: (samples, 2) numbers of scan and tau. A comparison map has no tau, all of its channels are taken.
            streams: "texture", "depth" or both.
            mirrored: (samples,) which ones to mirror; None for none.
        """
        self.stack, self.pairs, self.streams, self.mirrored = stack, pairs, streams, mirrored

    def __len__(self) -> int:
        return len(self.pairs)

    def __getitem__(self, index: int) -> Item:
        scan, channel = self.pairs[index].tolist()
        sample = self.stack.sample(scan, channel if self.stack.taus else None)
        if self.mirrored is not None and self.mirrored[index]:
            sample = sample.flipped()
        images = {"depth": sample.maps}
        if sample.texture is not None:
            images["texture"] = sample.texture.transpose(2, 0, 1)
        return {name: torch.from_numpy(images[name]) for name in self.streams}, sample.label


def channels_of(stack: FaceStack, streams: tuple[str, ...]) -> dict[str, int]:
    """Channels of the images of each stream."""
    return {name: 3 if name == "texture" else 1 if stack.taus else len(stack.channels) for name in streams}


def moments_of(constants: Normalisation, stream: str) -> tuple[tuple[float, ...], tuple[float, ...]]:
    """Means and standard deviations of a stream, one for all channels of a depth map."""
    if stream == "texture":
        return constants.texture_mean, constants.texture_std
    return (constants.map_mean,), (constants.map_std,)


def normalise(images: Images, constants: Normalisation) -> Images:
    """Images as float32 of mean 0 and deviation 1 over the valid pixels that the constants were measured on."""
    return {name: _normalised(own, *moments_of(constants, name)) for name, own in images.items()}


def _normalised(images: Tensor, mean: tuple[float, ...], deviation: tuple[float, ...]) -> Tensor:
    means, deviations = (torch.tensor(v, device=images.device)[:, None, None] for v in (mean, deviation))
    return (images.float() - means) / deviations.clamp_min(1.0)
