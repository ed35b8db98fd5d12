"""A picture as the model wants it: resized, cropped or padded exactly as timm's evaluation does."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, replace
from functools import partial
from typing import Any, Literal

import numpy as np
import torch
from einops import rearrange
from jaxtyping import Float32, Shaped, UInt8
from PIL import Image
from torch import nn

from vitviz.core.data.geometry import Box, Crop
from vitviz.core.data.lazy_field import later, lazy_fields
from vitviz.core.data.trace import Fit, Picture
from vitviz.core.pictures.band_pixels import unit_values
from vitviz.core.pictures.decoding_size import LARGEST
from vitviz.core.progress import BadImage
from vitviz.models.families import anatomy_of
from vitviz.models.loading.live.measured_transform import MeasuredTransform

DISPLAYED = 768
"""Most pixels along the longer side of the part that is shown."""

_RESAMPLING = {
    "nearest": Image.Resampling.NEAREST,
    "bilinear": Image.Resampling.BILINEAR,
    "bicubic": Image.Resampling.BICUBIC,
    "lanczos": Image.Resampling.LANCZOS,
    "box": Image.Resampling.BOX,
    "hamming": Image.Resampling.HAMMING,
}


@dataclass(frozen=True, slots=True)
class Preprocess:
    """What a model expects of its pictures: size (rows, cols), resize, crop and normalisation.

    `resize` is what a picture becomes before the middle is cut out: (shorter edge) or (rows, cols), for
    a model that reads `resize_for`, in proportion for another size; () goes by `crop_pct`. `centre` is
    how a middle between two pixels is rounded: as torchvision does it, or down as transformers does.
    `resizer` is whose resize it is: they differ by up to 3 of 255 where bicubic overshoots.
    """

    size: tuple[int, int]
    mean: tuple[float, ...] = (0.485, 0.456, 0.406)
    std: tuple[float, ...] = (0.229, 0.224, 0.225)
    interpolation: str = "bicubic"
    crop_pct: float = 1.0
    crop_mode: str = "center"
    resize: tuple[int, ...] = ()
    resize_for: tuple[int, int] = (0, 0)
    centre: Literal["rounded", "floor"] = "rounded"
    resizer: Literal["pillow", "torchvision"] = "pillow"
    transform: MeasuredTransform | None = None
    """Somebody's own function that makes the tensor, in place of all the above."""


@lazy_fields("seen")
@dataclass(frozen=True, eq=False)
class PreparedPicture:
    """The pixels that the model reads, what is shown of the picture, and where both lie.

    `seen` is made at the first look: another resize, which no number needs. `values` is the tensor
    itself where it is not these pixels normalised: it was given, or parts of it were exchanged for
    numbers that no pixel of 8 bits has.
    """

    pixels: UInt8[np.ndarray, "row col rgb"]
    seen: UInt8[np.ndarray, "row col rgb"]
    seen_box: Box
    crop: Crop
    values: Float32[torch.Tensor, "1 channel row col"] | None = None


def preprocess_of(config: Mapping[str, Any]) -> Preprocess:
    """A timm data config, or a bundled model's card, as `Preprocess`."""
    rows, cols = config["input_size"][-2:]
    return Preprocess(
        size=(int(rows), int(cols)),
        mean=tuple(map(float, config["mean"])),
        std=tuple(map(float, config["std"])),
        interpolation=str(config.get("interpolation") or "bicubic"),
        crop_pct=float(config.get("crop_pct") or 0.875),
        crop_mode=str(config.get("crop_mode") or "center"),
    )


def channels_of(module: nn.Module) -> int:
    """How many channels a model reads; three where nothing says otherwise."""
    found = anatomy_of(module).channels
    if found:
        return found
    convolution = next((each for each in module.modules() if isinstance(each, nn.Conv2d)), None)
    return 3 if convolution is None else convolution.in_channels


def for_channels(want: Preprocess, channels: int) -> Preprocess:
    """The same with one mean and deviation for each channel: for other than three, their average."""
    if channels == len(want.mean) or want.transform is not None:
        return want
    mean, std = (sum(values) / len(values) for values in (want.mean, want.std))
    return replace(want, mean=(mean,) * channels, std=(std,) * channels)


def prepare(picture: Picture, want: Preprocess, fit: Fit = "crop") -> PreparedPicture:
    """The picture as the model reads it: "crop" is the model's own way, "pad" and "squash" keep all.

    "crop" equals `timm.data.create_transform` for evaluation, pixel for pixel.

    A model of other channels than one or three reads as many bands of the picture's file. BadImage
    for a picture that has not so many, or is too long and thin.
    """
    if want.transform is not None:
        return _transformed(picture, want.transform)
    bands = None if len(want.mean) in (1, 3) else _bands_of(picture, len(want.mean))
    original = picture.size
    resized = _resized_size(original, want, fit)
    _check_length(picture.name, resized)
    offset = (
        _centred(resized[0], want.size[0], want.centre),
        _centred(resized[1], want.size[1], want.centre),
    )
    image = picture.image
    if resized != original:
        image = _resize(image, resized, want)
    fill = tuple(round(255 * value) for value in want.mean)[:3]
    if (fit == "crop" and want.crop_mode != "border") or len(fill) < 3:
        fill = (0, 0, 0)
    pixels = _placed(np.asarray(image), want.size, offset, fill)
    values = None if bands is None else _values_of(bands, resized, offset, want)
    scale = (resized[0] / original[0], resized[1] / original[1])
    crop = Crop(original, want.size, scale, offset, picture.orientation)
    return PreparedPicture(
        pixels, later(partial(_shown, picture, crop)), crop.box_to_model(crop.seen), crop, values
    )


def _transformed(picture: Picture, transform: MeasuredTransform) -> PreparedPicture:
    """What somebody's own function makes of a picture; `fit` is its own affair."""
    crop = transform.crop(picture.size, picture.orientation)
    values = transform.tensor(Image.fromarray(picture.pixels))
    return PreparedPicture(
        transform.shown(values),
        later(partial(_shown, picture, crop)),
        crop.box_to_model(crop.seen),
        crop,
        values,
    )


def tensor_of(
    prepared: PreparedPicture, want: Preprocess
) -> Float32[torch.Tensor, "1 channel row col"]:
    """What the model reads, in float32 on the CPU."""
    return normalised(prepared.pixels, want) if prepared.values is None else prepared.values


def normalised(
    pixels: UInt8[np.ndarray, "row col rgb"], want: Preprocess
) -> Float32[torch.Tensor, "1 channel row col"]:
    """The pixels as the tensor that the model reads, of one picture; grey for a model of one channel.

    Grey is the luma of ITU-R BT.601, as Pillow has it; what is grey stays as it is.
    """
    if len(want.mean) == 1:
        pixels = np.asarray(Image.fromarray(pixels).convert("L"))[..., None]
    values = torch.from_numpy(np.array(pixels)).to(torch.float32).div_(255)
    picture = rearrange(values, "row col rgb -> 1 rgb row col").contiguous()
    mean = rearrange(torch.tensor(want.mean), "rgb -> rgb 1 1")
    std = rearrange(torch.tensor(want.std), "rgb -> rgb 1 1")
    return picture.sub_(mean).div_(std)


def _resized_size(original: tuple[int, int], want: Preprocess, fit: Fit) -> tuple[int, int]:
    """Rows and cols after the resize, before the crop or the padding."""
    rows, cols = original
    target = tuple(math.floor(side / want.crop_pct) for side in want.size)
    if fit == "squash":
        return want.size
    if fit == "pad":
        ratio = max(rows / want.size[0], cols / want.size[1])
        return max(1, round(rows / ratio)), max(1, round(cols / ratio))
    if want.resize:
        return _as_said(original, want)
    if want.crop_mode == "squash":
        # One number for torchvision's Resize would be the shorter edge; timm gives it two.
        return target[0], target[1]
    if want.crop_mode == "border":
        ratio = max(rows / target[0], cols / target[1])
        return round(rows / ratio), round(cols / ratio)
    if target[0] == target[1]:
        if rows <= cols:
            return target[0], int(target[0] * cols / rows)
        return int(target[0] * rows / cols), target[0]
    ratio = min(rows / target[0], cols / target[1])
    return round(rows / ratio), round(cols / ratio)


def _resize(image: Image.Image, resized: tuple[int, int], want: Preprocess) -> Image.Image:
    """The picture at another size (rows, cols), as the processor that is meant makes it."""
    resampling = _RESAMPLING.get(want.interpolation, Image.Resampling.BICUBIC)
    if want.resizer == "pillow":
        return image.resize((resized[1], resized[0]), resampling)
    from torchvision.transforms import InterpolationMode
    from torchvision.transforms.v2 import functional

    pixels = rearrange(torch.from_numpy(np.array(image)), "row col rgb -> rgb row col")
    made = functional.resize(
        pixels, list(resized), interpolation=InterpolationMode(want.interpolation), antialias=True
    )
    return Image.fromarray(rearrange(made, "rgb row col -> row col rgb").contiguous().numpy())


def _as_said(original: tuple[int, int], want: Preprocess) -> tuple[int, int]:
    """Rows and cols after the resize that a processor's file names, in proportion to the size read."""
    (rows, cols), (high, wide) = original, want.resize_for
    if len(want.resize) == 2:
        return (
            round(want.resize[0] * want.size[0] / high),
            round(want.resize[1] * want.size[1] / wide),
        )
    edge = round(want.resize[0] * min(want.size) / min(high, wide))
    return (edge, int(edge * cols / rows)) if rows <= cols else (int(edge * rows / cols), edge)


def _bands_of(picture: Picture, channels: int) -> Float32[np.ndarray, "row col band"]:
    """The bands that a model of so many channels reads, in 0..1: those that were chosen, else all.

    BadImage where the picture has another number of them.
    """
    there = 3 if picture.every is None else picture.bands
    chosen = picture.choice.bands if len(picture.choice.bands) == channels else ()
    if picture.every is None or there < channels:
        raise BadImage(
            f"this model reads {channels} channels and {picture.name} is opened with {there}; open a "
            f"TIFF or .npy of {channels} bands, or give it a tensor, prepared as it was trained: "
            "vitviz.trace(model, tensor)"
        )
    if not chosen and there != channels:
        raise BadImage(
            f"{picture.name} has {there} bands and this model reads {channels}; say which, in its "
            f"order, from 1: --bands {','.join(map(str, range(1, channels + 1)))}"
        )
    return unit_values(picture.every.array, chosen or picture.every.bands)


def _values_of(
    bands: Float32[np.ndarray, "row col band"],
    resized: tuple[int, int],
    offset: tuple[int, int],
    want: Preprocess,
) -> Float32[torch.Tensor, "1 band row col"]:
    """The bands resized, cut out and normalised, each as a colour would be."""
    resampling = _RESAMPLING.get(want.interpolation, Image.Resampling.BICUBIC)
    size, channels = (resized[1], resized[0]), bands.shape[-1]
    made = np.zeros((*resized, channels), np.float32)
    for at in range(channels):
        band = Image.fromarray(np.ascontiguousarray(bands[..., at]))
        made[..., at] = np.asarray(band.resize(size, resampling))
    values = torch.from_numpy(_placed(made, want.size, offset, (0,) * channels).copy())
    read = values.sub_(torch.tensor(want.mean)).div_(torch.tensor(want.std))
    return rearrange(read, "row col band -> 1 band row col").contiguous()


def _check_length(name: str, resized: tuple[int, int]) -> None:
    """A thread-thin picture, resized by its shorter side, would fill the memory before the crop."""
    if resized[0] * resized[1] > LARGEST:
        raise BadImage(
            f"{name} is so long and thin that its centre crop needs a resize to "
            f"{resized[1]} × {resized[0]} pixels; fit the whole picture instead"
        )


def _centred(size: int, target: int, centre: Literal["rounded", "floor"]) -> int:
    """Where the resized picture begins in the model's frame: negative when it is cropped."""
    if centre == "floor" and size >= target:
        return -((size - target) // 2)
    return (target - size) // 2 if target > size else -round((size - target) / 2)


def _placed(
    image: Shaped[np.ndarray, "row col channel"],
    size: tuple[int, int],
    offset: tuple[int, int],
    fill: tuple[int, ...],
) -> Shaped[np.ndarray, "seen_row seen_col channel"]:
    frame = np.empty((*size, image.shape[-1]), image.dtype)
    frame[:] = fill
    top, left = max(offset[0], 0), max(offset[1], 0)
    part = image[max(-offset[0], 0) :, max(-offset[1], 0) :][: size[0] - top, : size[1] - left]
    frame[top : top + part.shape[0], left : left + part.shape[1]] = part
    frame.setflags(write=False)
    return frame


def _shown(
    picture: Picture, crop: Crop, _prepared: object = None
) -> UInt8[np.ndarray, "row col rgb"]:
    """The part that the model saw, in the model's proportions, sharper than the model saw it."""
    seen, placed = crop.seen, crop.box_to_model(crop.seen)
    longest = min(DISPLAYED, max(math.ceil(max(seen.height, seen.width)), *crop.model))
    zoom = longest / max(placed.height, placed.width)
    size = (max(1, round(placed.width * zoom)), max(1, round(placed.height * zoom)))
    box = (seen.left, seen.top, seen.right, seen.bottom)
    shown = np.asarray(picture.image.resize(size, Image.Resampling.BICUBIC, box=box), np.uint8)
    shown.setflags(write=False)
    return shown
