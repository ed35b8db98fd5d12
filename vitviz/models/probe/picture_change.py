"""The picture itself changed before the model reads it: turned, moved, blurred, darkened."""

from __future__ import annotations

import math
from dataclasses import replace

import numpy as np
import torch
from einops import rearrange
from jaxtyping import Float
from torch import Tensor
from torch.nn import functional

from vitviz.core.data.intervention import Intervention
from vitviz.models.loading.preprocess import PreparedPicture, Preprocess, tensor_of

ModelInput = Float[Tensor, "1 channel row col"]


def with_picture_changed(
    prepared: PreparedPicture, want: Preprocess, change: Intervention
) -> PreparedPicture:
    """What the model is to read, and is shown as having read; the very same where nothing changes."""
    if not change.changes_picture:
        return prepared
    values = changed_picture(tensor_of(prepared, want), want, change)
    mean, std = (torch.tensor(each)[:, None, None] for each in (want.mean, want.std))
    shown = (values[0] * std + mean).clamp(0, 1).mul(255).round().to(torch.uint8)
    pixels = rearrange(shown.expand(3, -1, -1), "rgb row col -> row col rgb").numpy()
    pixels = np.ascontiguousarray(pixels)
    pixels.setflags(write=False)
    frame = prepared.crop.frame
    return replace(prepared, pixels=pixels, seen=pixels, seen_box=frame, values=values)


def changed_picture(values: ModelInput, want: Preprocess, change: Intervention) -> ModelInput:
    """The model's input darkened, blurred, then turned about its middle and moved.

    What comes in from outside is 0: the mean grey of the training pictures.
    """
    if change.darkened:
        black = (-torch.tensor(want.mean) / torch.tensor(want.std))[None, :, None, None]
        values = black + (values - black) * (1 - change.darkened)
    if change.blurred > 0:
        values = _blurred(values, change.blurred)
    if change.turned or any(change.moved):
        values = _placed(values, change)
    return values.contiguous()


def _blurred(values: ModelInput, sigma: float) -> ModelInput:
    """Under a Gaussian of that sigma; beyond the edge the edge goes on."""
    half = max(math.ceil(3 * sigma), 1)
    at = torch.arange(-half, half + 1, dtype=torch.float64)
    bell = torch.exp(-(at**2) / (2 * sigma**2))
    bell = (bell / bell.sum()).to(values)
    channels = values.shape[1]
    wide = functional.pad(values, (half, half, half, half), mode="replicate")
    down = functional.conv2d(
        wide, bell.view(1, 1, -1, 1).repeat(channels, 1, 1, 1), groups=channels
    )
    return functional.conv2d(
        down, bell.view(1, 1, 1, -1).repeat(channels, 1, 1, 1), groups=channels
    )


def _placed(values: ModelInput, change: Intervention) -> ModelInput:
    """Turned clockwise about the middle, then moved; between pixels by straight lines."""
    rows, cols = values.shape[-2:]
    angle = math.radians(change.turned)
    cos, sin = math.cos(angle), math.sin(angle)
    down, right = change.moved
    # Where each pixel comes from, in a plane from -1 to 1 along both sides of the picture.
    x, y = -2 * right, -2 * down
    shape = cols / rows
    turn = torch.tensor(
        [
            [cos, sin / shape, cos * x + sin / shape * y],
            [-sin * shape, cos, -sin * shape * x + cos * y],
        ],
        dtype=values.dtype,
    )
    places = functional.affine_grid(turn[None], list(values.shape), align_corners=False)
    return functional.grid_sample(values, places, align_corners=False)
