"""The network of Figure 5 and section 4.2: one VGG-16 per modality, Facial Attention, parts, a fused classifier."""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple

import torch
from torch import Tensor, nn
from torch.nn import functional

from gemax_cli.learn.loss import EPSILON, peak_cells
from gemax_cli.learn.settings import CELL, IMAGE, part_side

BLOCKS = ((64, 64), (128, 128), (256, 256, 256), (512, 512, 512), (512, 512, 512))  # VGG-16, configuration D
BOTTLENECK = 8  # 512 / 64, section 4.2
DROPOUT = 0.5


@dataclass(frozen=True)
class NetworkShape:
    """What decides the layers.

    Attributes:
        channels: of the image of each stream by its name, such as {"texture": 3, "depth": 1}.
        classes: count.
        parts: N_M, attention maps and parts per stream; 0 leaves Facial Attention out.
        whole: the whole image goes to the fused classifier, beside the parts.
        size: side of the images, pixels; a multiple of 32.
        width: multiplies the channels of all layers.
        batch_norm: after every convolution.
        auxiliary_of_map: auxiliary classifiers see the 49 cells of a map, not the features under it.
        shared_parts: both streams take the parts where the mean of their maps peaks.
    """

    channels: dict[str, int]
    classes: int
    parts: int = 2
    whole: bool = True
    size: int = IMAGE
    width: float = 1.0
    batch_norm: bool = True
    auxiliary_of_map: bool = False
    shared_parts: bool = False

    @property
    def features(self) -> int:
        """Channels of the last convolution: 512 at width 1."""
        return scaled(BLOCKS[-1][-1], self.width)

    @property
    def part_side(self) -> int:
        """Side of a part in pixels."""
        return part_side(self.size)

    @property
    def scales(self) -> int:
        """Images per stream that reach the fused classifier: the whole one and the parts."""
        return self.whole + self.parts


class Prediction(NamedTuple):
    """What the network gives for a batch.

    Attributes:
        logits: (batch, classes) of the fused classifier.
        auxiliary: (streams x N_M, batch, classes).
        maps: per stream, (batch, N_M, rows, columns), each summing to one.
        constrained: the same values for L_FA: of their gradient only a share passes to the convolutions.
        corners: per stream, (batch, N_M, 2) top and left pixel of each part.
    """

    logits: Tensor
    auxiliary: Tensor
    maps: dict[str, Tensor]
    constrained: dict[str, Tensor]
    corners: dict[str, Tensor]


def scaled(channels: int, width: float) -> int:
    """A layer's channels at a width, at least one."""
    return max(1, round(channels * width))


class ScaleNorm(nn.BatchNorm2d):
    """Batch norm with running statistics for whole images and others for parts; its weights are shared.

    A part is a face at 2.3 times the scale: its features have other means, and one running mean over both fits neither.
    Measured on simulated subjects, a small network after the same training: tested with joint statistics it was right
    on 43 % of its training maps and 38 % of unseen subjects' ones, with statistics of their own on 85 % and 83 %.
    """

    part_mean: Tensor
    part_var: Tensor

    def __init__(self, channels: int) -> None:
        super().__init__(channels)
        self.register_buffer("part_mean", torch.zeros(channels))
        self.register_buffer("part_var", torch.ones(channels))
        self.of_parts = False

    def forward(self, images: Tensor) -> Tensor:
        """Normalise with the statistics of the batch, or in evaluation with the running ones."""
        if not self.of_parts:
            return super().forward(images)
        statistics = self.part_mean, self.part_var
        return functional.batch_norm(
            images, *statistics, self.weight, self.bias, self.training, self.momentum or 0.0, self.eps
        )


def vgg16(channels: int, width: float = 1.0, batch_norm: bool = True) -> nn.Sequential:
    """The convolutions of VGG-16; layers are numbered as in torchvision's ``vgg16_bn`` (``vgg16`` without batch norm).

    Weights: normal, Kaiming's variance over the fan-out.
    """
    layers: list[nn.Module] = []
    for block in BLOCKS:
        for full in block:
            outputs = scaled(full, width)
            convolution = nn.Conv2d(channels, outputs, 3, padding=1)
            nn.init.kaiming_normal_(convolution.weight, mode="fan_out", nonlinearity="relu")
            nn.init.zeros_(convolution.bias if convolution.bias is not None else torch.empty(0))
            layers += [convolution, *([ScaleNorm(outputs)] if batch_norm else []), nn.ReLU(inplace=True)]
            channels = outputs
        layers.append(nn.MaxPool2d(2))
    return nn.Sequential(*layers)


class FacialAttention(nn.Module):
    """Attention maps of a stream, section 3.4: features to query vectors to maps.

    The auto-encoder is 512-64-512 with ReLU, one for each map: a shared one could give each map no query of its own.
    Its last bias is 1 for the channels c with c mod N_M = i and 0 for the others, so that the maps start on different
    channels; maps that start alike stay alike. Each map is divided by its sum: unnormalised, L_FA has no lower bound.
    """

    def __init__(self, channels: int, parts: int) -> None:
        super().__init__()
        self.encoders = nn.ModuleList(self._encoder(channels, parts, i) for i in range(parts))

    @staticmethod
    def _encoder(channels: int, parts: int, number: int) -> nn.Sequential:
        hidden = max(1, channels // BOTTLENECK)
        last = nn.Linear(hidden, channels)
        with torch.no_grad():
            last.bias.copy_(torch.arange(channels) % parts == number)
        return nn.Sequential(nn.Linear(channels, hidden), nn.ReLU(), last, nn.ReLU())

    def forward(self, features: Tensor) -> Tensor:
        """Maps (batch, N_M, rows, columns) of features (batch, channels, rows, columns)."""
        pooled = features.mean((2, 3))
        queries = torch.stack([encoder(pooled) for encoder in self.encoders], 1)
        maps = torch.einsum("bnc,bcyx->bnyx", queries, features).float() / features.shape[1]
        return maps / (maps.sum((2, 3), keepdim=True) + EPSILON)


def pass_share(values: Tensor, share: float) -> Tensor:
    """The values themselves; ``share`` of their gradient goes back."""
    constant = values.detach()
    return constant + share * (values - constant)


def part_corners(cells: Tensor, shape: NetworkShape) -> Tensor:
    """Top and left pixel, (..., 2), of the box about the centre of each cell, shifted to lie within the image.

    Args:
        cells: (...) index of the cell, counted along the rows.
        shape: for the sizes of image and part.
    """
    columns = shape.size // CELL
    centres = torch.stack([cells // columns, cells % columns], -1) * CELL + CELL // 2
    return (centres - shape.part_side // 2).clamp(0, shape.size - shape.part_side)


def cut_parts(images: Tensor, corners: Tensor, shape: NetworkShape) -> Tensor:
    """The part of each image at its corner, resized to the image's size.

    Args:
        images: (batch, channels, rows, columns).
        corners: (batch, 2) top and left pixel.
        shape: for the sizes of image and part.
    """
    offsets = torch.arange(shape.part_side, device=images.device)
    rows, columns = (corners[:, i, None] + offsets for i in (0, 1))
    batch = torch.arange(len(images), device=images.device)[:, None, None]
    parts = images.permute(0, 2, 3, 1)[batch, rows[:, :, None], columns[:, None, :]].permute(0, 3, 1, 2)
    return functional.interpolate(parts, size=(shape.size, shape.size), mode="bilinear", align_corners=False)


class Stream(nn.Module):
    """One modality: convolutions shared by the whole image and its parts, Facial Attention, auxiliary classifiers."""

    def __init__(self, channels: int, shape: NetworkShape) -> None:
        super().__init__()
        self.shape = shape
        self.features = vgg16(channels, shape.width, shape.batch_norm)
        self.attention = FacialAttention(shape.features, shape.parts)
        inputs = (shape.size // CELL) ** 2 if shape.auxiliary_of_map else shape.features
        self.auxiliary = nn.ModuleList(nn.Linear(inputs, shape.classes) for _ in range(shape.parts))

    def classify_maps(self, features: Tensor, maps: Tensor) -> list[Tensor]:
        """Logits (batch, classes) of each auxiliary classifier.

        It sees the features under its map, their mean weighted by the map, as MA-CNN does. A map alone ("after the
        ChaPool layer") would have to tell an expression from where it is. The mean is the global average of f * M_i
        times the number of cells: without that factor the features are 49 times smaller than those of the fused
        classifier, and on simulated subjects the auxiliary classifiers stayed near chance (sum of the cross-entropies
        after 14 epochs 2.8, with it 1.5; accuracies did not differ beyond chance).
        """
        if self.shape.auxiliary_of_map:
            seen = maps.flatten(2)
        else:
            seen = torch.einsum("bcyx,bnyx->bnc", features, maps.to(features.dtype))
        return [classifier(seen[:, i]) for i, classifier in enumerate(self.auxiliary)]

    def pool_parts(self, parts: Tensor) -> Tensor:
        """(batch, channels): mean of the features over each part."""
        norms = [layer for layer in self.features if isinstance(layer, ScaleNorm)]
        for norm in norms:
            norm.of_parts = True
        pooled: Tensor = self.features(parts).mean((2, 3))
        for norm in norms:
            norm.of_parts = False
        return pooled


class FacialAttentionNet(nn.Module):
    """The whole network: streams by name, and the classifier that fuses their images and parts.

    VGG's own head would have 617 million weights for the six times (512, 7, 7) features. We average each over its
    cells: 6 x 512 to dropout to one linear layer; 29.7 million parameters in all.
    """

    def __init__(self, shape: NetworkShape, fa_gradient: float = 0.01) -> None:
        """Make the layers.

        Args:
            shape: what decides them.
            fa_gradient: share of L_FA's gradient that passes to the convolutions; the attention layers get all of it.
                With all of it the classifiers do not learn, without any both parts show the same piece of the face.
        """
        super().__init__()
        self.shape, self.fa_gradient = shape, fa_gradient
        self.streams = nn.ModuleDict({name: Stream(channels, shape) for name, channels in shape.channels.items()})
        self.dropout = nn.Dropout(DROPOUT)
        self.classifier = nn.Linear(len(self.streams) * shape.scales * shape.features, shape.classes)

    def forward(self, images: dict[str, Tensor]) -> Prediction:
        """Classify a batch: for each stream, (batch, channels, size, size)."""
        streams: dict[str, Stream] = dict(self.streams.items())  # type: ignore[arg-type]
        features = {name: stream.features(images[name]) for name, stream in streams.items()}
        pooled = {name: [value.mean((2, 3))] * self.shape.whole for name, value in features.items()}
        if not self.shape.parts:
            return Prediction(self._fuse(pooled), torch.empty(0), {}, {}, {})
        maps = {name: stream.attention(features[name]) for name, stream in streams.items()}
        constrained = {
            name: stream.attention(pass_share(features[name], self.fa_gradient)) for name, stream in streams.items()
        }
        auxiliary = [logits for name, s in streams.items() for logits in s.classify_maps(features[name], maps[name])]
        corners = self._corners(maps)
        for name, stream in streams.items():
            parts = [cut_parts(images[name], corners[name][:, i], self.shape) for i in range(self.shape.parts)]
            pooled[name] += stream.pool_parts(torch.cat(parts)).chunk(self.shape.parts)
        return Prediction(self._fuse(pooled), torch.stack(auxiliary), maps, constrained, corners)

    def _corners(self, maps: dict[str, Tensor]) -> dict[str, Tensor]:
        """Corners of the parts of each stream; no gradient passes through the place of a peak."""
        if self.shape.shared_parts:
            mean = torch.stack(list(maps.values())).mean(0)
            maps = dict.fromkeys(maps, mean)
        return {name: part_corners(peak_cells(value), self.shape) for name, value in maps.items()}

    def _fuse(self, pooled: dict[str, list[Tensor]]) -> Tensor:
        """(batch, classes): logits from the pooled features of all images and parts."""
        logits: Tensor = self.classifier(self.dropout(torch.cat([v for values in pooled.values() for v in values], 1)))
        return logits
