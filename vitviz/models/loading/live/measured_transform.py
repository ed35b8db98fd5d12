"""Somebody's own preprocessing as geometry and normalisation, measured by what it makes of pictures."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import torch
from einops import rearrange
from jaxtyping import Bool, Float32, UInt8
from PIL import Image
from torch import Tensor

from vitviz.core.data.geometry import Crop
from vitviz.core.progress import BadModel
from vitviz.models.record.token_map.noise_pictures import PictureSides

TransformFunction = Callable[[Image.Image], Any]

PROBED = (300, 400)
"""Rows and columns of the pictures that the normalisation is measured with."""

EDGES = (0.25, 0.4, 0.47)
"""Where edges are put, in shares of the picture: nearer where only the middle is seen."""

TURNED = (
    "transform= turns, mirrors or bends pictures, so maps cannot be laid over them; give the transform "
    "that is used for evaluation"
)

WHOLE = 0.35
"""Pixels within which a resized side and an offset are taken for whole numbers."""

STRAIGHT = 0.02
"""How far pixels may be from where the geometry says, in shares of the picture."""


@dataclass(frozen=True, slots=True, eq=False)
class MeasuredTransform:
    """A function from a picture to the tensor that a model reads, with what was measured of it.

    `mean` and `std` are those that it normalises values of 0 to 1 by; `size` is (rows, cols) of what it
    makes.
    """

    function: TransformFunction
    size: PictureSides
    mean: tuple[float, ...]
    std: tuple[float, ...]
    _crops: dict[PictureSides, Crop] = field(default_factory=dict)

    def tensor(self, picture: Image.Image) -> Float32[Tensor, "1 channel row col"]:
        """What the model reads of a picture, exactly. BadModel for another size than before."""
        found = _tensor(self.function, picture)
        if tuple(found.shape[-2:]) != self.size:
            raise BadModel(
                f"transform= makes {tuple(found.shape[-2:])} pixels of this picture and {self.size} of "
                "others; let it resize or crop to one size"
            )
        return found

    def crop(self, original: PictureSides, orientation: int) -> Crop:
        """Where the pixels of a picture of that size end up. BadModel where they are turned or bent."""
        if original not in self._crops:
            self._crops[original] = self._measured(original)
        found = self._crops[original]
        return Crop(original, self.size, found.scale, found.offset, orientation)

    def shown(
        self, values: Float32[Tensor, "1 channel row col"]
    ) -> UInt8[np.ndarray, "row col rgb"]:
        """The tensor as a picture: its normalisation taken off, one channel as grey."""
        found = rearrange(values[0].double(), "channel row col -> row col channel").numpy()
        found = found * np.asarray(self.std) + np.asarray(self.mean)
        colours = found if found.shape[-1] == 3 else np.repeat(found[..., :1], 3, axis=-1)
        pixels: UInt8[np.ndarray, "row col rgb"] = np.clip(np.rint(255 * colours), 0, 255).astype(
            np.uint8
        )
        pixels.setflags(write=False)
        return pixels

    def _measured(self, original: PictureSides) -> Crop:
        inside = self._values(_plain(original, 255)) - self._values(_plain(original, 0)) > 0.5
        lines = [self._line(original, axis, inside) for axis in (0, 1)]
        scale, offset = zip(*lines, strict=True)
        for axis in (0, 1):
            values = self._values(_ramp(original, axis))
            at = (np.arange(self.size[axis]) + 0.5 - offset[axis]) / scale[axis]
            expected = np.clip((at - 0.5) / max(1, original[axis] - 1), 0, 1)
            off = np.abs((expected[:, None] if axis == 0 else expected[None]) - values)[inside]
            if not off.size or np.quantile(off, 0.95) > STRAIGHT:
                raise BadModel(TURNED)
        return Crop(original, self.size, scale, offset)

    def _line(
        self, original: PictureSides, axis: int, inside: Bool[np.ndarray, "row col"]
    ) -> tuple[float, float]:
        """The scale and offset of an axis: model = original * scale + offset.

        From where two edges between white and black come to lie: however an edge is smoothed, as much
        white is left as lies before it.
        """
        within, sideways = (np.asarray(inside.any(axis=each)) for each in (1 - axis, axis))
        if not within.any():
            raise BadModel("transform= leaves nothing of a picture to see")
        first, last = int(within.argmax()), len(within) - int(within[::-1].argmax())
        middle = np.flatnonzero(sideways)
        across = int(middle[len(middle) // 2])
        for share in EDGES:
            edges = [round(original[axis] * each) for each in (share, 1 - share)]
            seen = (self._values(_edge(original, axis, each)) for each in edges)
            lines = (each[:, across] if axis == 0 else each[across] for each in seen)
            places = [first + float(np.clip(each[within], 0, 1).sum()) for each in lines]
            if edges[0] < edges[1] and first + 1 < places[0] < places[1] < last - 1:
                return _whole(edges, places, original[axis])
        raise BadModel(TURNED)

    def _values(self, picture: Image.Image) -> Float32[np.ndarray, "row col"]:
        """The first channel of what it makes, with its normalisation taken off."""
        found: Float32[np.ndarray, "row col"] = (
            self.tensor(picture)[0, 0].numpy() * self.std[0] + self.mean[0]
        )
        return found


def measured_transform(function: TransformFunction) -> MeasuredTransform:
    """What a transform does, tried on pictures. BadModel, in a sentence, for one that is no function of
    the picture alone, or makes no tensor (channel row col).
    """
    noise = Image.fromarray(np.random.default_rng(0).integers(0, 256, (*PROBED, 3), np.uint8))
    one, other = _tensor(function, noise), _tensor(function, noise)
    if one.shape != other.shape or not torch.equal(one, other):
        raise BadModel(
            "transform= makes another tensor of the same picture each time; give the transform that is "
            "used for evaluation, without augmentation"
        )
    black, grey, white = (_middle(_tensor(function, _plain(PROBED, each))) for each in (0, 51, 255))
    scale = white - black
    if not (scale > 1e-6).all() or not torch.allclose(
        grey, black + scale * 0.2, atol=0.02 * float(scale.max())
    ):
        raise BadModel(
            "transform= is no normalisation by a mean and a deviation, so what the model reads cannot "
            "be shown; give prepared tensors to vitviz.trace instead"
        )
    std = 1 / scale
    return MeasuredTransform(
        function,
        (int(one.shape[-2]), int(one.shape[-1])),
        tuple(round(float(each), 6) for each in -black * std),
        tuple(round(float(each), 6) for each in std),
    )


def _tensor(
    function: TransformFunction, picture: Image.Image
) -> Float32[Tensor, "1 channel row col"]:
    try:
        made = function(picture)
    except Exception as error:  # whatever somebody's own function raises
        raise BadModel(
            f"transform= fails on a picture ({type(error).__name__}: {str(error)[:120]}); it is given "
            "an RGB picture of PIL and must return a tensor (channel row col)"
        ) from error
    found = torch.from_numpy(made) if isinstance(made, np.ndarray) else made
    if not isinstance(found, Tensor) or found.ndim not in (3, 4) or not found.is_floating_point():
        kind = f"{found.dtype} of {tuple(found.shape)}" if isinstance(found, Tensor) else type(made)
        raise BadModel(
            f"transform= returns {kind} and not a tensor of floats (channel row col); end it with "
            "ToTensor and Normalize"
        )
    return found.detach().to("cpu", torch.float32).reshape(1, *found.shape[-3:])


def _middle(tensor: Float32[Tensor, "1 channel row col"]) -> Float32[Tensor, "channel"]:
    rows, cols = tensor.shape[-2:]
    return tensor[0, :, rows // 2, cols // 2].double()


def _plain(size: PictureSides, value: int) -> Image.Image:
    return Image.fromarray(np.full((*size, 3), value, np.uint8))


def _ramp(size: PictureSides, axis: int) -> Image.Image:
    """A picture that grows from black to white along an axis."""
    steps = np.linspace(0, 255, size[axis])
    values = np.rint(steps[:, None] if axis == 0 else steps[None]).astype(np.uint8)
    return Image.fromarray(np.repeat(np.broadcast_to(values, size)[..., None], 3, axis=2))


def _edge(size: PictureSides, axis: int, at: int) -> Image.Image:
    """A picture that is white before a row or column, and black from it on."""
    values = np.where(np.arange(size[axis]) < at, 255, 0).astype(np.uint8)
    spread = np.broadcast_to(values[:, None] if axis == 0 else values[None], size)
    return Image.fromarray(np.repeat(spread[..., None], 3, axis=2))


def _whole(edges: list[int], places: list[float], original: int) -> tuple[float, float]:
    """Scale and offset from two edges; resized sides and offsets are whole numbers of pixels."""
    scale = (places[1] - places[0]) / (edges[1] - edges[0])
    side = round(original * scale)
    if abs(side - original * scale) < WHOLE:
        scale = side / original
    found = [place - edge * scale for edge, place in zip(edges, places, strict=True)]
    offset = float(np.mean(found))
    nearest = round(offset)
    return float(scale), float(nearest if abs(nearest - offset) < WHOLE else offset)
