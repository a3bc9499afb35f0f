"""A LightningDataModule of one fold: maps and texture, mirrored together.

usage: python examples/lightning_module.py OUT SPLIT
"""

from __future__ import annotations

import sys
from typing import Any

import lightning
import numpy as np
import torch
from torch import Tensor, nn
from torch.utils.data import DataLoader, Dataset

import gemax_cli as gemax


class Scans(Dataset):
    """Maps of all tau and texture of some scans, (tau + 3, rows, columns) in 0..1, and the label."""

    def __init__(self, stack: gemax.FaceStack, scans: np.ndarray, flip: bool) -> None:
        self.stack, self.scans, self.flip = stack, scans, flip

    def __len__(self) -> int:
        return len(self.scans)

    def __getitem__(self, i: int) -> tuple[Tensor, int]:
        sample = self.stack[int(self.scans[i])]
        if self.flip and torch.rand(()) < 0.5:
            sample = sample.flipped()
        images = np.concatenate([sample.maps, np.moveaxis(sample.texture, -1, 0)])
        return torch.from_numpy(images.astype(np.float32) / 255), sample.label


class FoldData(lightning.LightningDataModule):
    """One fold of a split."""

    def __init__(self, out: str, split: str, fold: int = 0, batch_size: int = 16) -> None:
        super().__init__()
        self.out, self.split, self.fold, self.batch_size = out, split, fold, batch_size

    def setup(self, stage: str | None = None) -> None:
        self.stack = gemax.load_stack(self.out, split=self.split, round_number=0, texture=True)
        self.train, self.test = self.stack.train_test(self.fold)

    def train_dataloader(self) -> DataLoader:
        return DataLoader(Scans(self.stack, self.train, flip=True), self.batch_size, shuffle=True)

    def test_dataloader(self) -> DataLoader:
        return DataLoader(Scans(self.stack, self.test, flip=False), self.batch_size)


class Classifier(lightning.LightningModule):
    """The least that trains."""

    def __init__(self, channels: int, classes: int) -> None:
        super().__init__()
        self.net = nn.Sequential(nn.AdaptiveAvgPool2d(8), nn.Flatten(), nn.Linear(64 * channels, classes))

    def training_step(self, batch: Any, number: int) -> Tensor:
        return nn.functional.cross_entropy(self.net(batch[0]), batch[1])

    def test_step(self, batch: Any, number: int) -> None:
        self.log("accuracy", (self.net(batch[0]).argmax(1) == batch[1]).float().mean(), batch_size=len(batch[1]))

    def configure_optimizers(self) -> torch.optim.Optimizer:
        return torch.optim.Adam(self.parameters(), lr=1e-3)


def main(out: str, split: str) -> None:
    lightning.seed_everything(0)
    data = FoldData(out, split)
    data.setup()
    channels = len(data.stack.channels) + 3
    quiet = {"logger": False, "enable_checkpointing": False, "enable_progress_bar": False, "accelerator": "cpu"}
    trainer = lightning.Trainer(max_epochs=3, **quiet)
    model = Classifier(channels, len(data.stack.classes))
    trainer.fit(model, datamodule=data)
    (result,) = trainer.test(model, datamodule=data, verbose=False)
    print(f"accuracy {result['accuracy']:.1%} on {len(data.test)} scans of unseen subjects")


if __name__ == "__main__":
    main(sys.argv[1], sys.argv[2])
