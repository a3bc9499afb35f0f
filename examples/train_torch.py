"""A small network trained on one fold in PyTorch: (scan, tau) pairs, mirrored at random, tested on the first tau.

usage: python examples/train_torch.py OUT SPLIT [EPOCHS]
"""

from __future__ import annotations

import sys

import numpy as np
import torch
from torch import Tensor, nn
from torch.utils.data import DataLoader, Dataset

import gemax_cli as gemax


class Faces(Dataset):
    """Pairs of scan and tau; what moves is moved together by ``Sample.flipped``."""

    def __init__(self, stack: gemax.FaceStack, pairs: np.ndarray, constants: gemax.Normalisation, flip: bool) -> None:
        self.stack, self.pairs, self.constants, self.flip = stack, pairs, constants, flip

    def __len__(self) -> int:
        return len(self.pairs)

    def __getitem__(self, i: int) -> tuple[Tensor, int]:
        scan, channel = map(int, self.pairs[i])
        sample = self.stack.sample(scan, channel)
        if self.flip and torch.rand(()) < 0.5:
            sample = sample.flipped()
        grey = (torch.from_numpy(sample.maps.astype(np.float32)) - self.constants.map_mean) / self.constants.map_std
        return grey * torch.from_numpy(sample.valid), sample.label


def network(classes: int) -> nn.Module:
    layers: list[nn.Module] = []
    for before, after in ((1, 8), (8, 16), (16, 32), (32, 64)):
        layers += [nn.Conv2d(before, after, 3, stride=2, padding=1), nn.BatchNorm2d(after), nn.ReLU()]
    return nn.Sequential(*layers, nn.AdaptiveAvgPool2d(2), nn.Flatten(), nn.Dropout(0.3), nn.Linear(64 * 4, classes))


def main(out: str, split: str, epochs: int = 10) -> None:
    torch.manual_seed(0)
    stack = gemax.load_stack(out, split=split, round_number=0)
    train, test = stack.train_test(fold=0)
    constants = stack.normalisation(train)  # of the training subjects alone
    batches = DataLoader(Faces(stack, stack.pairs(train), constants, flip=True), batch_size=16, shuffle=True)
    tested = DataLoader(Faces(stack, np.array([(i, 0) for i in test]), constants, flip=False), batch_size=64)
    model = network(len(stack.classes))
    optimiser = torch.optim.Adam(model.parameters(), lr=1e-3)
    for epoch in range(epochs):
        model.train()
        losses = []
        for images, labels in batches:
            loss = nn.functional.cross_entropy(model(images), labels)
            optimiser.zero_grad()
            loss.backward()
            optimiser.step()
            losses.append(loss.item())
        model.eval()
        with torch.no_grad():
            right = [(model(images).argmax(1) == labels) for images, labels in tested]
        print(f"epoch {epoch}: loss {np.mean(losses):.3f}, accuracy {torch.cat(right).float().mean():.1%}")


if __name__ == "__main__":
    main(sys.argv[1], sys.argv[2], *map(int, sys.argv[3:]))
