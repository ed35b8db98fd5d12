"""The size of picture that somebody's module reads: as it says itself, or as it turns out."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import torch
from torch import Tensor, nn

from vitviz.core.data.evidence import Evidence
from vitviz.core.progress import BadModel
from vitviz.models.families.anatomy import timm_anatomy
from vitviz.models.record.token_map.noise_pictures import PictureSides, PixelRun

TRIED = (224, 256, 384, 32, 64, 96, 128, 28, 48, 512, 192, 336, 448, 518, 1024)
"""Sides tried of a module that says nothing, the likeliest first."""

NAMES = ("image_size", "img_size", "input_size")


def first_float(module: nn.Module) -> Tensor:
    """A weight that has the module's device and number type. BadModel for a module without weights."""
    parts = (*module.parameters(), *module.buffers())
    found = next((each for each in parts if each.is_floating_point()), None)
    if found is None:
        raise BadModel(
            f"{type(module).__name__} has no weights, so there is nothing in it to look at"
        )
    return found


def channels_read(module: nn.Module) -> int:
    """Channels of the first convolution; three where there is none."""
    convolution = next((each for each in module.modules() if isinstance(each, nn.Conv2d)), None)
    return 3 if convolution is None else convolution.in_channels


def picture_size(
    module: nn.Module, run: PixelRun, wanted: PictureSides | None
) -> tuple[PictureSides, Evidence]:
    """(rows, cols) of a picture that the module answers, with how that is known.

    BadModel, with the module's own words, where it answers none, or not the one that was `wanted`.
    """
    if wanted is not None:
        _answers(module, run, wanted)
        return wanted, Evidence("input size", _said(wanted), "known", "input_size= says so")
    named = dict.fromkeys(_named(module))
    for size in named:
        if _refusal(module, run, size) is None:
            return size, Evidence("input size", _said(size), "known", "the module says so itself")
    sides = [(side, side) for side in TRIED if (side, side) not in named]
    why: Exception | None = None
    for size in sides:
        refused = _refusal(module, run, size)
        if refused is None:
            because = "the module takes it and says nothing else; input_size= says it"
            return size, Evidence("input size", _said(size), "assumed", because)
        why = why or refused
    raise unanswered(module, sides[0] if sides else (224, 224), why)


def _named(module: nn.Module) -> Iterator[PictureSides]:
    """Sizes that the module or a part of it has among its attributes, the outermost first."""
    for part in module.modules():
        config = getattr(part, "config", None)
        vision = getattr(config, "vision_config", None)
        for holder in (part, vision, config):
            for name in NAMES:
                size = _pair(getattr(holder, name, None)) if holder is not None else None
                if size is not None:
                    yield size
        trained = timm_anatomy(part).config
        if len(trained.get("input_size") or ()) == 3:
            yield (int(trained["input_size"][1]), int(trained["input_size"][2]))


def _pair(value: Any) -> PictureSides | None:
    if isinstance(value, int) and not isinstance(value, bool):
        value = (value, value)
    if isinstance(value, list | tuple) and len(value) == 2:
        rows, cols = value
        if isinstance(rows, int) and isinstance(cols, int) and min(rows, cols) >= 8:
            return (rows, cols)
    return None


def _said(size: PictureSides) -> str:
    return f"{size[1]} × {size[0]} pixels"


def _answers(module: nn.Module, run: PixelRun, size: PictureSides) -> None:
    why = _refusal(module, run, size)
    if why is not None:
        raise unanswered(module, size, why)


def _refusal(module: nn.Module, run: PixelRun, size: PictureSides) -> Exception | None:
    """Why the module does not take a picture of that size; None where it does."""
    like = first_float(module)
    pixels = torch.zeros(1, channels_read(module), *size, device=like.device, dtype=like.dtype)
    try:
        with torch.no_grad():
            run(pixels)
    except BadModel:
        raise
    except Exception as error:  # whatever somebody's own module raises
        return error
    return None


def unanswered(module: nn.Module, size: PictureSides, why: Exception | None) -> BadModel:
    """The sentence for a module that cannot be run, with an encoder inside it that can be, if any."""
    name = type(module).__name__
    words = str(why).strip().splitlines() if why is not None else []
    because = f"{type(why).__name__}: {words[0][:140]}" if words else "no reason given"
    inside = image_encoder(module)
    if inside:
        return BadModel(
            f"{name} does not take a picture alone ({because}); the image encoder inside it does: load "
            f"that with vitviz.load(module.{inside})"
        )
    other = _reads_otherwise(module)
    if other:
        return BadModel(
            f"{name} reads {other}, not pictures; choose a model that reads pictures alone"
        )
    return BadModel(
        f"{name} could not be run with a picture of {_said(size)} ({because}); say how it is called "
        "with call=lambda module, pixels: ..., and its size with input_size="
    )


WORDS = 1000
"""Entries from which a table of embeddings is taken for a vocabulary."""


def _reads_otherwise(module: nn.Module) -> str:
    """What a module reads that has no way into it for pictures; "" for one that may read some."""
    kinds = {type(each) for each in module.modules()}
    if nn.Conv2d in kinds:
        return ""
    if nn.Conv3d in kinds:
        return "films (its convolutions have three axes)"
    tables = (each for each in module.modules() if isinstance(each, nn.Embedding))
    return "words" if any(each.num_embeddings >= WORDS for each in tables) else ""


ENCODERS = (
    "vision_model",
    "vision_tower",
    "visual",
    "vision_encoder",
    "image_encoder",
    "vision_module",
    "encoder_q",
    "vit",
    "backbone",
    "encoder",
)
"""What models of several inputs call the part that reads pictures."""


def image_encoder(module: nn.Module) -> str:
    """The path of a part that takes a picture alone; "" where none is found."""
    for name, part in module.named_modules():
        if name.rpartition(".")[2] in ENCODERS and any(
            isinstance(each, nn.Conv2d) for each in part.modules()
        ):
            sizes = dict.fromkeys([*_named(part), *((side, side) for side in TRIED)])
            if any(_refusal(part, part, size) is None for size in sizes):
                return str(name)
    return ""
