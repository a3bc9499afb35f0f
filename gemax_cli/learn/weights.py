"""First weights of the convolutions, from a file of torchvision's VGG-16, and weights of a trained network."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from gemax_cli.errors import ExtraMissing, SettingsError, not_installed
from gemax_cli.learn.model import FacialAttentionNet, Stream
from gemax_cli.stack.atomic import replacing

FIRST = "features.0.weight"
RGB = 3


def first_weights(path: Path) -> Callable[[FacialAttentionNet], None]:
    """What sets the convolutions of every stream to those of a file; nothing in the file is executed.

    Names are those of torchvision's ``vgg16_bn`` (``vgg16`` without batch norm); layers of its classifier are ignored.
    A stream of another number of channels than three gets the mean of the three, scaled so that equal channels give the
    same sums.

    Args:
        path: .pth or .safetensors.

    Raises:
        SettingsError: the file cannot be read, or its layers are not those of the network.
        ExtraMissing: it is .safetensors, and that library is not installed.
    """
    weights = {name: value for name, value in _read(path).items() if name.startswith("features.")}
    if not isinstance(weights.get(FIRST), Tensor) or weights[FIRST].ndim != 4:
        raise SettingsError(f"{path}: has no {FIRST} of a convolution: give weights of torchvision's vgg16_bn.")

    def set_weights(net: FacialAttentionNet) -> None:
        """Set those of every stream."""
        for stream in net.streams.values():
            _set(stream, weights, path)

    return set_weights


def _set(stream: Any, weights: dict[str, Tensor], path: Path) -> None:
    own: Stream = stream
    channels = own.state_dict()[FIRST].shape[1]
    first = weights[FIRST]
    if channels != RGB:
        first = first.mean(1, keepdim=True).expand(-1, channels, -1, -1) * (RGB / channels)
    layers = {name.removeprefix("features."): value for name, value in {**weights, FIRST: first}.items()}
    for name in [name for name in layers if name.endswith(".running_mean")]:  # parts begin with those of whole images
        layer = name.removesuffix(".running_mean")
        layers |= {f"{layer}.part_mean": layers[name], f"{layer}.part_var": layers[f"{layer}.running_var"]}
    try:
        own.features.load_state_dict(layers)
    except RuntimeError as error:
        reason = str(error).splitlines()[-1].strip()[:160]
        raise SettingsError(
            f"{path}: does not fit the network ({reason}): give weights of torchvision's vgg16_bn and width 1."
        ) from error


def _read(path: Path) -> dict[str, Tensor]:
    read = _read_safetensors if path.suffix.lower() == ".safetensors" else _read_torch
    try:
        weights = read(path)
    except ExtraMissing:
        raise
    except Exception as error:  # both libraries raise many kinds of errors for damaged files
        reason = (str(error).splitlines() or [type(error).__name__])[0][:120]
        raise SettingsError(f"{path}: cannot be read ({reason}): give a .pth or .safetensors file.") from error
    return weights if isinstance(weights, dict) else {}


def _read_torch(path: Path) -> Any:
    return torch.load(path, map_location="cpu", weights_only=True)


def _read_safetensors(path: Path) -> Any:
    try:
        from safetensors.torch import load_file
    except ImportError as error:
        raise ExtraMissing(not_installed(f"{path}:", "safetensors")) from error
    return load_file(path)


def save_weights(net: FacialAttentionNet, path: Path) -> None:
    """Write all weights of a network for ``torch.load``, whole or not at all; the same weights give the same bytes."""
    with replacing(path) as temporary, temporary.open("wb") as file:
        torch.save(net.state_dict(), file)  # of a path, the temporary's name would stand in the file
