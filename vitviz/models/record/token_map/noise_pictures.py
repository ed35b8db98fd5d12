"""Passes over pictures of noise of which parts are exchanged, and what that changes in every token."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import Any

import numpy as np
import torch
from jaxtyping import Bool, Float32
from torch import Tensor, nn

from vitviz.core.progress import Unsupported
from vitviz.models.record.token_map.silenced_attention import SilencedCall, silenced_pass

TOGETHER = 8
"""Pictures of a pass. A pass over many costs less than many over one."""

PictureSides = tuple[int, int]
PixelRun = Callable[[Tensor], Any]
Masks = Bool[np.ndarray, "pattern row col"]
Magnitudes = list[Float32[np.ndarray, "*lead slot"]]
CallSides = tuple[Magnitudes, Magnitudes | None]
"""What was measured of a call's keys, and of its queries where these were seen."""

TensorMeasure = Callable[[Tensor, Tensor], Float32[np.ndarray, "*lead slot"]]


class NoisePictures:
    """A picture of noise for one model, and passes over it and over changed ones."""

    def __init__(
        self, module: nn.Module, run: PixelRun, size: PictureSides, like: Tensor, channels: int = 3
    ) -> None:
        """`size` is (rows, cols) in pixels; `like` has the device and number type that `run` takes."""
        self.module, self.run, self.size, self._like = module, run, size, like
        chance = torch.Generator().manual_seed(0)
        shape = (1, channels, *size)
        self.noise, self._other = (torch.randn(shape, generator=chance) for _ in range(2))
        # In half precision two places in a batch differ by more than rounding in one of them.
        self._together = TOGETHER if like.dtype == torch.float32 else 1
        self.passes = [0, 0]
        """Pictures that went through the whole model, and through its entrance alone."""

    def masked(self, masks: Masks) -> list[Tensor]:
        """The noise with what each mask covers exchanged for other noise."""
        return [torch.where(torch.from_numpy(each), self._other, self.noise) for each in masks]

    def calls(self, others: Sequence[Tensor], *, only_first: bool) -> Iterator[list[SilencedCall]]:
        """The silenced calls for the noise itself, then for each other picture."""
        pictures = [self.noise, *others]
        at = 0
        while at < len(pictures):
            some = pictures[at : at + self._together]
            found = self._pass(torch.cat(some), only_first)
            if found is None:
                self._together = 1
                continue
            yield from found
            at += len(some)

    def check_repeats(self) -> None:
        """Unsupported for a model whose tokens are others each time. In one pass they may be alike."""
        for one, other in zip(
            *(next(self.calls([], only_first=True)) for _ in range(2)), strict=True
        ):
            if one.values.shape != other.values.shape or not torch.equal(one.values, other.values):
                raise Unsupported(
                    "its tokens are others each time for the same picture, as if some were left out or "
                    "changed at random; switch that off (a mask ratio of 0, say)"
                )

    def _pass(self, pixels: Tensor, only_first: bool) -> list[list[SilencedCall]] | None:
        """Each picture's calls; None where they cannot be told apart, and one at a time is needed."""
        count = len(pixels)
        given = pixels.to(self._like.device, self._like.dtype)
        try:
            calls = silenced_pass(self.module, self.run, given, only_first=only_first)
        except Exception:
            if count == 1:
                raise
            return None
        if count > 1 and any(each.values.ndim < 3 or len(each.values) % count for each in calls):
            return None
        self.passes[only_first] += count
        return [[each.part(at, count) for each in calls] for at in range(count)]


def changes(
    pictures: NoisePictures, masks: Masks, *, only_first: bool
) -> tuple[list[SilencedCall], list[CallSides]]:
    """How much each slot of each call changes under each mask, over the largest number of all slots."""
    return measured(pictures, pictures.masked(masks), _largest, only_first=only_first)


def measured(
    pictures: NoisePictures, others: Sequence[Tensor], measure: TensorMeasure, *, only_first: bool
) -> tuple[list[SilencedCall], list[CallSides]]:
    """The calls for the noise, and what is measured between each and the same call for the others.

    Unsupported where a model does something else with another picture.
    """
    passes = pictures.calls(others, only_first=only_first)
    first = next(passes)
    found: list[CallSides] = [([], None if each.query is None else []) for each in first]
    for calls in passes:
        if len(calls) != len(first):
            raise Unsupported(
                f"it makes {len(first)} attention calls for one picture and {len(calls)} for another, "
                "so its tokens cannot be followed"
            )
        for before, now, (keys, asking) in zip(first, calls, found, strict=True):
            keys.append(_compared(before.values, now.values, measure))
            if asking is not None and before.query is not None and now.query is not None:
                asking.append(_compared(before.query, now.query, measure))
    return first, found


def _compared(
    before: Tensor, now: Tensor, measure: TensorMeasure
) -> Float32[np.ndarray, "*lead slot"]:
    if before.shape != now.shape:
        raise Unsupported(
            f"its tokens are {tuple(before.shape)} for one picture and {tuple(now.shape)} for another: "
            "it drops or merges tokens by what they hold, so they have no fixed place"
        )
    return measure(before, now)


def _largest(before: Tensor, now: Tensor) -> Float32[np.ndarray, "*lead slot"]:
    most = before.abs().max().float().clamp_min(1e-30)
    found: Float32[np.ndarray, "*lead slot"] = (
        ((now - before).abs().amax(-1).float() / most).cpu().numpy()
    )
    return found


def blots(size: PictureSides) -> Masks:
    """Everything, then random squares of several sizes: windows differ under these, heads do not."""
    chance = np.random.default_rng(1)
    found = [np.ones(size, np.bool_)]
    for parts in (2, 5, 11, 23):
        height, width = (-(-each // parts) for each in size)
        squares = chance.random((parts, parts)) < 0.5
        found.append(squares.repeat(height, 0).repeat(width, 1)[: size[0], : size[1]])
    return np.stack(found)
