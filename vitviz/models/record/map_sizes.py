"""The sizes of the maps that a pass makes of the picture, as they follow from strides, never guessed.

Every convolution, pooling and interpolation says how many rows and columns it makes of a map and how
far apart these lie in the picture. What a model merges by reshaping (Swin's patches) halves a map, up
or down where a side is odd. A sequence of tokens is a map only of one of these sizes.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor
from torch.nn import functional

from vitviz.core.data.geometry import TokenGrid

_Sides = tuple[int, int]


@dataclass(frozen=True, slots=True)
class MapSize:
    """A map of `rows` x `cols` cells that lie `step` (rows, cols) model pixels apart."""

    rows: int
    cols: int
    step: tuple[float, float]

    @property
    def grid(self) -> TokenGrid:
        """Its cells as tokens without a prefix."""
        return TokenGrid(self.rows, self.cols, self.step)

    def merged(self, up: bool) -> MapSize:
        """Two by two cells as one; an odd row or column stays as one of its own, or is left out."""
        rows, cols = ((-(-side // 2) if up else side // 2) for side in (self.rows, self.cols))
        return MapSize(max(rows, 1), max(cols, 1), (2 * self.step[0], 2 * self.step[1]))


_STRIDED = {torch.conv2d, torch.max_pool2d, functional.avg_pool2d}
_RESIZED = {
    functional.interpolate,
    functional.adaptive_avg_pool2d,
    functional.adaptive_max_pool2d,
    functional.pixel_unshuffle,
}
MAPPING = frozenset(_STRIDED | _RESIZED)
"""torch's functions that make one map of another."""


class SeenMaps:
    """What maps a pass has made so far, of so many pictures at once."""

    def __init__(self, pictures: int = 1) -> None:
        """`pictures` go through the pass together; sizes are said for one."""
        self._pictures = pictures
        self._found: dict[_Sides, MapSize] = {}
        self._frozen: tuple[MapSize, ...] | None = None

    @property
    def sizes(self) -> tuple[MapSize, ...]:
        """All of them, in the order in which they were first made."""
        if self._frozen is None:
            self._frozen = tuple(self._found.values())
        return self._frozen

    def see(self, func: Any, args: Sequence[Any], kwargs: dict[str, Any], result: Any) -> None:
        """One of the `MAPPING` functions has run."""
        given = args[0] if args else kwargs.get("input")
        if not (isinstance(given, Tensor) and isinstance(result, Tensor)):
            return
        if result.ndim != 4 or result.shape[0] != self._pictures:
            return
        before, after = _sides(given), _sides(result)
        source = self._source(before)
        if after in self._found or source is None:
            return
        stride = _stride(func, args, kwargs) if func in _STRIDED else None
        if stride is None:
            step = tuple(
                one * old / new for one, old, new in zip(source.step, before, after, strict=True)
            )
        else:
            step = tuple(one * by for one, by in zip(source.step, stride, strict=True))
        self._found[after] = MapSize(*after, (float(step[0]), float(step[1])))
        self._frozen = None

    def _source(self, sides: _Sides) -> MapSize | None:
        """The map that was given: the picture at first, later one that was made, padded or not."""
        if not self._found:
            picture = MapSize(*sides, (1.0, 1.0))
            self._found[sides] = picture
            return picture
        if sides in self._found:
            return self._found[sides]
        padded = [
            each
            for each in self._found.values()
            if 0 <= sides[0] - each.rows <= PADDED and 0 <= sides[1] - each.cols <= PADDED
        ]
        if padded:
            return padded[-1]
        halved = [each for each in closure(self.sizes) if (each.rows, each.cols) == sides]
        return halved[0] if len(halved) == 1 else None


PADDED = 8
"""Most rows and columns that are put around a map before a convolution."""


def _sides(tensor: Tensor) -> _Sides:
    return int(tensor.shape[-2]), int(tensor.shape[-1])


def _stride(func: Any, args: Sequence[Any], kwargs: dict[str, Any]) -> _Sides | None:
    """The stride that a convolution or a pooling was called with."""
    at = 3 if func is torch.conv2d else 2
    found = kwargs.get("stride", args[at] if len(args) > at else None)
    if found is None or found == []:
        found = 1 if func is torch.conv2d else kwargs.get("kernel_size", args[1])
    if isinstance(found, int):
        return found, found
    sides = tuple(int(each) for each in found)
    return (sides[0], sides[-1]) if sides else None


def closure(sizes: Iterable[MapSize]) -> tuple[MapSize, ...]:
    """These maps and all that merging two by two cells makes of them, each size once."""
    found: dict[_Sides, MapSize] = {}
    for size in sizes:
        found.setdefault((size.rows, size.cols), size)
    for size in tuple(found.values()):
        for up in (True, False):
            smaller = size
            while max(smaller.rows, smaller.cols) > 1:
                smaller = smaller.merged(up)
                found.setdefault((smaller.rows, smaller.cols), smaller)
    return tuple(found.values())


def map_of(tokens: int, sizes: Sequence[MapSize]) -> TokenGrid | None:
    """The one map of so many cells; None where no size, or more than one, has that many.

    A map that was made counts before what merging might have made of another.
    """
    for known in (sizes, closure(sizes)):
        fitting = [each for each in known if each.rows * each.cols == tokens]
        if fitting:
            return fitting[0].grid if len(fitting) == 1 else None
    return None


def map_sized(rows: int, cols: int, sizes: Sequence[MapSize]) -> TokenGrid | None:
    """The map of so many rows and columns; None where strides make none."""
    found = (each for each in closure(sizes) if (each.rows, each.cols) == (rows, cols))
    return next((each.grid for each in found), None)
