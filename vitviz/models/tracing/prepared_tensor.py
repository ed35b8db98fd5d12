"""A tensor that is prepared already, read by the model as it stands, with a picture of it to show."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence

import numpy as np
import torch
from einops import rearrange, repeat
from jaxtyping import Float, UInt8
from torch import Tensor

from vitviz.core.data.geometry import Crop
from vitviz.core.data.trace import Picture
from vitviz.core.progress import BadImage
from vitviz.models.loading.preprocess import PreparedPicture, Preprocess

NOTE = "a prepared tensor, read as it is; shown with its normalisation taken off"


def pictures_in(
    tensor: Float[Tensor, "picture channel row col"], want: Preprocess, channels: int
) -> tuple[tuple[Picture, PreparedPicture], ...]:
    """Each picture of a batch, with what the model reads: exactly these numbers.

    BadImage, with the numbers, for a tensor that the model cannot read as it stands.
    """
    _check(tensor, want.size, channels)
    return tuple(
        _one(rearrange(one, "channel row col -> 1 channel row col"), want, f"tensor {at + 1}")
        for at, one in enumerate(tensor.detach().to("cpu", torch.float32))
    )


def _check(tensor: Tensor, size: tuple[int, int], channels: int) -> None:
    if not tensor.is_floating_point():
        raise BadImage(
            f"a prepared tensor holds floats, and this one {str(tensor.dtype).removeprefix('torch.')}; "
            "normalise it as the model wants it, or give the picture as a uint8 array (row col channel)"
        )
    if tuple(tensor.shape[1:]) != (channels, *size) or not len(tensor):
        raise BadImage(
            f"the tensor has the shape {tuple(tensor.shape)}, and this model reads (pictures, "
            f"{channels}, {size[0]}, {size[1]}); resize it, or load the model with input_size="
        )
    if not bool(torch.isfinite(tensor).all()):
        raise BadImage("the tensor holds numbers that are not finite; look for a division by zero")


def _one(
    values: Float[Tensor, "1 channel row col"], want: Preprocess, name: str
) -> tuple[Picture, PreparedPicture]:
    pixels = shown(values, want.mean, want.std)
    key = hashlib.sha256(values.contiguous().numpy().tobytes()).hexdigest()
    picture = Picture(name, "", pixels, key, note=NOTE)
    crop = Crop(want.size, want.size, (1.0, 1.0), (0.0, 0.0))
    return picture, PreparedPicture(pixels, pixels, crop.frame, crop, values)


def shown(
    values: Float[Tensor, "1 channel row col"], mean: Sequence[float], std: Sequence[float]
) -> UInt8[np.ndarray, "row col rgb"]:
    """Colours for a normalised tensor: its normalisation taken off; of many channels the first three,
    each over its own range.
    """
    found = rearrange(values[0], "channel row col -> row col channel").numpy().astype(np.float64)
    if found.shape[-1] == len(mean):
        found = found * np.asarray(std) + np.asarray(mean)
    if found.shape[-1] < 3:
        found = repeat(found[..., 0], "row col -> row col rgb", rgb=3)
    elif found.shape[-1] > 3:
        first = found[..., :3]
        low, high = first.min(axis=(0, 1)), first.max(axis=(0, 1))
        found = (first - low) / np.where(high > low, high - low, 1)
    pixels: UInt8[np.ndarray, "row col rgb"] = np.clip(np.rint(255 * found), 0, 255).astype(
        np.uint8
    )
    pixels.setflags(write=False)
    return pixels
