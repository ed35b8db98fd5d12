"""Hugging Face's preprocessor_config.json as exact preprocessing: resize, crop, rescale, normalise."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

from vitviz.core.data.evidence import Evidence
from vitviz.models.loading.checkpoint.open_clip_config import KIND as OPEN_CLIP
from vitviz.models.loading.preprocess import Preprocess

_RESAMPLING = {0: "nearest", 1: "lanczos", 2: "bilinear", 3: "bicubic", 4: "box", 5: "hamming"}
"""Pillow's numbers, which the files have."""
_BICUBIC = ("clip", "bit", "siglip", "deit", "beit", "efficient", "dinov2")
"""Kinds of processors whose resize is bicubic where the file does not say it; bilinear in others."""
_UNKNOWN = ("do_pad", "do_flip_channel_order", "do_reduce_labels", "do_convert_grayscale")
"""Steps that change pixels and that are not made here."""


_PILLOWS = Evidence(
    "resize",
    "bicubic as Pillow has it",
    "assumed",
    "no config.json beside the file says which transformers it was, and since 5 it is torchvision's, "
    "which differs by up to 3 of 255",
)


@dataclass(frozen=True, slots=True)
class ProcessorReading:
    """The preprocessing of a file, None where it holds none; `why` says what of it is not followed."""

    preprocess: Preprocess | None = None
    why: str = ""
    evidence: tuple[Evidence, ...] = ()
    """That nobody knows whose resize it was, where that matters."""


def processed(config: Mapping[str, Any], usual: Preprocess, version: str = "") -> ProcessorReading:
    """The preprocessing that a processor's file describes; what it does not say is the library's usual.

    `usual` gives the model's own size (rows, cols) and its channels. Pixels equal the library's within
    1/255. Where a step is unknown here, nothing of the file's sizes is followed and `why` says which.
    `version` is of the transformers that wrote it: since 5 they resize as torchvision does, before that
    as Pillow does, unless the processor is called fast.
    """
    if not any(
        key in config for key in ("image_mean", "size", "do_resize", "image_processor_type")
    ):
        return ProcessorReading()
    odd = [key for key in _UNKNOWN if config.get(key) and key != "do_reduce_labels"]
    if odd:
        return ProcessorReading(
            None, f"preprocessor_config.json asks for {odd[0]}, which vitviz does not do"
        )
    kind = str(config.get("image_processor_type") or config.get("feature_extractor_type") or "")
    sizes = _sizes(config, kind.lower(), usual.size)
    if isinstance(sizes, str):
        return ProcessorReading(None, sizes)
    resize, crop = sizes
    mean, std = _numbers(config, len(usual.mean))
    made_for = crop or (resize if len(resize) == 2 else usual.size)
    interpolation = _resampling(config, kind.lower())
    of_torch = interpolation in ("bilinear", "bicubic")
    fast = kind.endswith("Fast") or (kind != OPEN_CLIP and int(_major(version) or 0) >= 5)
    unknown = interpolation == "bicubic" and not (fast or _major(version) or kind == OPEN_CLIP)
    return ProcessorReading(
        replace(
            usual,
            mean=mean,
            std=std,
            interpolation=interpolation,
            crop_pct=1.0,
            crop_mode="center",
            resize=resize,
            resize_for=(made_for[0], made_for[-1]),
            centre="rounded" if kind == OPEN_CLIP else "floor",
            resizer="torchvision" if fast and of_torch else "pillow",
        ),
        evidence=(_PILLOWS,) if unknown else (),
    )


def _major(version: str) -> str:
    """The first number of a version, "" where it is none."""
    first = version.partition(".")[0]
    return first if first.isascii() and first.isdigit() and len(first) < 4 else ""


def _sizes(
    config: Mapping[str, Any], kind: str, size: tuple[int, int]
) -> tuple[tuple[int, ...], tuple[int, int] | None] | str:
    """(the shorter edge, or rows and cols, after the resize; what is cut out of its middle), or why
    the file is not followed.
    """
    if not config.get("do_resize", True):
        return "preprocessor_config.json resizes nothing, and vitviz's pictures have any size"
    wanted = config.get("size", {"height": size[0], "width": size[1]})
    if isinstance(wanted, int):
        edge = config.get("do_center_crop", False) or "clip" in kind or "convnext" in kind
        wanted = {"shortest_edge": wanted} if edge else {"height": wanted, "width": wanted}
    match wanted:
        case {"height": int(rows), "width": int(cols)}:
            resize: tuple[int, ...] = (rows, cols)
        case {"shortest_edge": int(edge), **rest} if not rest.get("longest_edge"):
            resize = (edge,)
        case _:
            return (
                f"preprocessor_config.json has the size {str(wanted)[:60]}, which is not followed"
            )
    if "convnext" in kind and len(resize) == 1:
        return _convnext(resize[0], config)
    crop = _pair(config.get("crop_size", size)) if config.get("do_center_crop") else None
    if len(resize) == 1 and crop is None:
        return "preprocessor_config.json keeps a picture's proportions and cuts nothing off"
    return resize, crop


def _convnext(
    edge: int, config: Mapping[str, Any]
) -> tuple[tuple[int, ...], tuple[int, int] | None]:
    """Below 384 pixels a part of the middle, from there on the whole picture squashed."""
    if edge >= 384:
        return (edge, edge), None
    share = float(config.get("crop_pct") or 224 / 256)
    return (int(edge / share),), (edge, edge)


def _pair(value: Any) -> tuple[int, int]:
    match value:
        case {"height": int(rows), "width": int(cols)}:
            return rows, cols
        case [int(rows), int(cols)] | (int(rows), int(cols)):
            return rows, cols
        case int(side):
            return side, side
    return 0, 0


def _resampling(config: Mapping[str, Any], kind: str) -> str:
    usual = 3 if any(word in kind for word in _BICUBIC) else 2
    found = config.get("resample", usual)
    return _RESAMPLING.get(found if isinstance(found, int) else usual, "bilinear")


def _numbers(
    config: Mapping[str, Any], channels: int
) -> tuple[tuple[float, ...], tuple[float, ...]]:
    """Mean and std for pixels of 0 to 1, whatever the file rescales them by."""
    rescaled = config.get("do_rescale", True)
    factor = 255 * float(config.get("rescale_factor", 1 / 255)) if rescaled else 255.0
    mean, std = (0.0,) * channels, (1.0,) * channels
    if config.get("do_normalize", True):
        mean = _several(config.get("image_mean"), 0.5, channels)
        std = _several(config.get("image_std"), 0.5, channels)
    if math.isclose(factor, 1, rel_tol=1e-4):
        return mean, std
    return tuple(each / factor for each in mean), tuple(each / factor for each in std)


def _several(value: Any, usual: float, channels: int) -> tuple[float, ...]:
    if isinstance(value, list | tuple) and len(value) == channels:
        return tuple(map(float, value))
    return (float(value) if isinstance(value, int | float) else usual,) * channels
