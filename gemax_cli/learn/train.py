"""Training and testing the network on the two sides of a fold."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, cast

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.nn import functional
from torch.optim.lr_scheduler import StepLR
from torch.utils.data import DataLoader

from gemax_cli.learn.data import (
    FaceSamples,
    FoldScans,
    Images,
    Pairs,
    Scans,
    channels_of,
    moments_of,
    normalise,
    pairs_to_test,
    training_pairs,
)
from gemax_cli.learn.loss import losses
from gemax_cli.learn.model import FacialAttentionNet, NetworkShape
from gemax_cli.learn.result import Curves, finite
from gemax_cli.learn.settings import TrainSettings
from gemax_cli.loader.stack import FaceStack, Normalisation

BETAS, WEIGHT_DECAY = (0.9, 0.999), 1e-3  # of Adam, section 4.2
CPU = torch.device("cpu")
DECAYS, DECAY = 3, 0.1  # the learning rate is divided by ten after each third of the epochs
EpochReport = Callable[[int, float], None]
"""Called after each epoch with its number, from 1, and the mean loss."""


@dataclass(frozen=True, eq=False)
class Trained:
    """A trained network with the normalisation of its images and the curves of its training."""

    net: FacialAttentionNet
    normalisation: Normalisation
    curves: Curves

    @property
    def constants(self) -> dict[str, tuple[tuple[float, ...], ...]]:
        """By stream, means and standard deviations, grey 0..255."""
        return {name: moments_of(self.normalisation, name) for name in self.net.shape.channels}


@dataclass(frozen=True, eq=False)
class Tested:
    """What a network says of n samples.

    Attributes:
        predicted: (n,) class numbers.
        maps: attention maps by stream, (n, N_M, rows, columns) float32; empty without Facial Attention.
        corners: by stream, (n, N_M, 2) top and left pixel of each part in the network's image.
    """

    predicted: NDArray[np.int64]
    maps: dict[str, NDArray[np.float32]]
    corners: dict[str, NDArray[np.int64]]

    @property
    def same_cell(self) -> dict[str, float]:
        """By stream, the share of samples of which two maps peak in one cell."""
        peaks = {name: np.sort(own.reshape(*own.shape[:2], -1).argmax(2), axis=1) for name, own in self.maps.items()}
        return {name: float((np.diff(cells, axis=1) == 0).any(1).mean()) for name, cells in peaks.items()}


def network_shape(settings: TrainSettings, channels: dict[str, int], classes: int) -> NetworkShape:
    """The network that the settings ask for."""
    return NetworkShape(
        channels=channels,
        classes=classes,
        parts=settings.parts,
        whole=settings.whole,
        size=settings.size,
        width=settings.width,
        batch_norm=settings.batch_norm,
        auxiliary_of_map=settings.auxiliary == "map",
        shared_parts=settings.share_parts,
    )


def train_network(
    stack: FaceStack,
    scans: FoldScans,
    settings: TrainSettings,
    *,
    seed: int = 0,
    device: torch.device = CPU,
    first_weights: Callable[[FacialAttentionNet], None] | None = None,
    report: EpochReport | None = None,
) -> Trained:
    """Train a network; random numbers come from ``seed`` alone and the caller's generators stay as they are.

    Args:
        stack: the images.
        scans: those to train on; the held out ones are tested after every epoch, and nothing is chosen by it.
        settings: how.
        seed: of first weights, order of the samples, mirroring, dropout.
        device: that computes.
        first_weights: sets the network's weights before the training.
        report: told of every epoch.
    """
    channels = channels_of(stack, settings.stream_names)
    with _seeded(seed, device):
        shape = network_shape(settings, channels, len(stack.classes))
        net = FacialAttentionNet(shape, settings.attention_gradient)
        if first_weights:
            first_weights(net)
        cast(Any, net).to(device, memory_format=_layout(device))
        trainer = _Trainer(net, stack, stack.normalisation(scans.train), settings, device)
        curves = trainer.train(scans, seed, report)
    return Trained(net, trainer.normalisation, curves)


def predict(
    trained: Trained, stack: FaceStack, pairs: Pairs, settings: TrainSettings, device: torch.device = CPU
) -> Tested:
    """Classify samples, (scan, tau) pairs of a stack."""
    return _Trainer(trained.net, stack, trained.normalisation, settings, device).test(pairs)


@contextmanager
def _seeded(seed: int, device: torch.device) -> Iterator[None]:
    """Random numbers of ``seed`` and deterministic convolutions."""
    devices = [device] if device.type == "cuda" else []
    with torch.random.fork_rng(devices), torch.backends.cudnn.flags(benchmark=False, deterministic=True):
        torch.manual_seed(seed)
        yield


def _layout(device: torch.device) -> torch.memory_format:
    return torch.channels_last if device.type == "cuda" else torch.contiguous_format


@dataclass(frozen=True, eq=False)
class _Trainer:
    """A network with all it takes to train and to test it."""

    net: FacialAttentionNet
    stack: FaceStack
    normalisation: Normalisation
    settings: TrainSettings
    device: torch.device

    def train(self, scans: FoldScans, seed: int, report: EpochReport | None) -> Curves:
        """Run all epochs; returns their curves."""
        settings = self.settings
        optimiser = torch.optim.Adam(self.net.parameters(), settings.learning_rate, BETAS, weight_decay=WEIGHT_DECAY)
        schedule = StepLR(optimiser, math.ceil(settings.epochs / DECAYS), DECAY)
        order, random = torch.Generator().manual_seed(seed), np.random.default_rng(seed)
        means, validation = [], []
        for epoch in range(settings.epochs):
            means.append(self._epoch(self._samples(scans.train, random), order, optimiser))
            schedule.step()
            if len(scans.validation):
                validation.append(self._accuracy(scans.validation))
            if report:
                report(epoch + 1, sum(means[-1]))
        classification, attention = zip(*means, strict=True)
        return Curves(finite(map(sum, means)), finite(classification), finite(attention), tuple(validation))

    def _samples(self, scans: Scans, random: np.random.Generator) -> FaceSamples:
        """The samples of an epoch, half of them mirrored."""
        pairs = training_pairs(self.stack, scans, self.settings, random)
        mirrored = random.random(len(pairs)) < 0.5 if self.settings.flip else None
        return FaceSamples(self.stack, pairs, self.settings.stream_names, mirrored)

    def _accuracy(self, scans: Scans) -> float:
        found = self.test(pairs_to_test(self.stack, scans, self.settings))
        return float((found.predicted == self.stack.labels[scans]).mean())

    def _epoch(
        self, samples: FaceSamples, order: torch.Generator, optimiser: torch.optim.Optimizer
    ) -> tuple[float, float]:
        """One pass over the samples; the means of the two parts of the loss."""
        self.net.train()
        sums = torch.zeros(2, device=self.device)
        for images, labels in DataLoader(samples, self.settings.batch_size, shuffle=True, generator=order):
            sums += len(labels) * self._step(images, labels.to(self.device), optimiser)
        classification, attention = (sums / len(samples)).tolist()
        return classification, attention

    def _step(self, images: Images, labels: Tensor, optimiser: torch.optim.Optimizer) -> Tensor:
        """One step of the optimiser; the two parts of the loss, (2,)."""
        with self._half_precision():
            found = self.net(self._prepare(images))
        loss = losses(found.logits, found.auxiliary, found.constrained.values(), labels, self.settings.fa_weight)
        optimiser.zero_grad()
        loss.total.backward()
        optimiser.step()
        return torch.stack(loss).detach()

    def _half_precision(self) -> torch.autocast:
        return torch.autocast(self.device.type, torch.bfloat16, enabled=self.device.type == "cuda")

    def _prepare(self, images: Images) -> Images:
        """Images of a batch as the network takes them: on its device, normalised, of its size."""
        there = {name: own.to(self.device) for name, own in images.items()}
        return {name: self._resized(own) for name, own in normalise(there, self.normalisation).items()}

    def _resized(self, images: Tensor) -> Tensor:
        side = self.settings.size
        if images.shape[-2:] != (side, side):
            smaller = side < images.shape[-1]
            images = functional.interpolate(images, (side, side), mode="area" if smaller else "bilinear")
        return images.contiguous(memory_format=_layout(self.device))

    def test(self, pairs: Pairs) -> Tested:
        """Classify samples."""
        self.net.eval()
        samples = FaceSamples(self.stack, pairs, self.settings.stream_names)
        # with a generator of its own it draws nothing from the caller's
        batches = DataLoader(samples, self.settings.batch_size, generator=torch.Generator())
        with torch.inference_mode(), self._half_precision():
            found = [self.net(self._prepare(images)) for images, _ in batches]
        return Tested(
            torch.cat([batch.logits.argmax(1) for batch in found]).cpu().numpy(),
            {name: torch.cat([batch.maps[name] for batch in found]).float().cpu().numpy() for name in found[0].maps},
            {name: torch.cat([batch.corners[name] for batch in found]).cpu().numpy() for name in found[0].corners},
        )
