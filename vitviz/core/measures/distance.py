"""How far attention reaches and how widely it is spread, in pixels and shares, beside a convolution.

Mean attention distance as in Dosovitskiy et al. 2020, arXiv:2010.11929, figure 7 (right), and Raghu
et al. 2021, arXiv:2108.08810: over patch tokens alone, in model pixels.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache

import numpy as np
from einops import rearrange
from jaxtyping import Float32, Float64

from vitviz.core.data.attention import AttentionPlaces, AttentionSurvey
from vitviz.core.data.geometry import Box, Spot, TokenGrid
from vitviz.core.data.trace import Layer
from vitviz.core.language import _, ngettext

AttentionRows = Float32[np.ndarray, "query key"]


def centres(grid: TokenGrid) -> Float64[np.ndarray, "patch side"]:
    """The middle of every patch in model pixels, (row, col), in reading order."""
    (top, left), (height, width) = grid.corner, grid.cell
    down = top + (np.arange(grid.rows) + 0.5) * height
    across = left + (np.arange(grid.cols) + 0.5) * width
    both = np.stack(np.meshgrid(down, across, indexing="ij"))
    found: Float64[np.ndarray, "patch side"] = rearrange(both, "side row col -> (row col) side")
    return found


def distances_from(grid: TokenGrid, keys: TokenGrid, patch: int) -> Float32[np.ndarray, "key"]:
    """One row of `distances`, for however many patches."""
    down, across = rearrange(centres(grid)[patch] - centres(keys), "key side -> side key")
    found: Float32[np.ndarray, "key"] = np.hypot(down, across).astype(np.float32)
    return found


def drawable(layer: Layer) -> bool:
    """Whether a layer's queries and keys are the tokens of its grids."""
    attention = layer.attention
    return attention.queries == layer.grid.tokens and attention.keys == layer.keys.tokens


def below_zero(rows: AttentionRows | Float32[np.ndarray, "key"]) -> bool:
    """Whether rows are no shares of a whole: a difference of two softmaxes is not."""
    return float(rows.min()) < -1e-6


def mean_distance(layer: Layer, *, renormalise: bool) -> Float64[np.ndarray, "head"]:
    """Mean distance that each head looks, in model pixels: mean over patches of sum A D; NaN where its
    entries are no shares.

    Attention on prefix tokens has no distance and is left out; what is left is made to sum to 1
    where `renormalise` is on, else a head that looks at prefix tokens seems to look near.
    """
    survey = survey_of(layer)
    reached = survey.reached[:, layer.grid.patches].astype(np.float64)
    if renormalise:
        total = survey.among[:, layer.grid.patches]
        reached = np.divide(reached, total, where=total > 0, out=np.full_like(reached, np.nan))
    return _means(np.where(np.isnan(survey.entropy).any(axis=1, keepdims=True), np.nan, reached))


def mean_entropy(layer: Layer, *, relative: bool) -> Float64[np.ndarray, "head"]:
    """How widely each head spreads its attention: mean over all tokens of -sum A ln A, in nats; NaN
    where its entries are no shares.

    `relative` divides by the entropy of attention that is even over all keys there are: 0 to 1.
    """
    even = np.log(max(_visible(layer), 2)) if relative else 1.0
    found: Float64[np.ndarray, "head"] = survey_of(layer).entropy.mean(1, np.float64) / even
    return found


def survey_of(layer: Layer) -> AttentionSurvey:
    """One walk over a layer's maps, for distances and entropy alike."""
    return layer.shares.survey(_places(layer.grid, layer.keys) if drawable(layer) else None)


@cache
def _places(grid: TokenGrid, keys: TokenGrid) -> AttentionPlaces:
    """The middle of each patch; prefix tokens are nowhere."""
    found = []
    for each in (grid, keys):
        places = np.full((each.tokens, 2), np.nan, np.float32)
        places[each.patches] = centres(each)
        found.append(places)
    return AttentionPlaces(*found)


def _means(values: Float64[np.ndarray, "head query"]) -> Float64[np.ndarray, "head"]:
    """The mean of what there is of each head; NaN where there is nothing."""
    there = np.isfinite(values)
    total = np.where(there, values, 0.0).sum(axis=1)
    count = there.sum(axis=1)
    found: Float64[np.ndarray, "head"] = np.full(len(values), np.nan)
    np.divide(total, count, where=count > 0, out=found)
    return found


def _visible(layer: Layer) -> int:
    """How many keys a token can look at."""
    return layer.shares.keys if layer.windows is None else layer.windows.keys.shape[1]


def mass_within(
    shares: Float32[np.ndarray, "key"],
    apart: Float32[np.ndarray, "key"],
    radii: Float64[np.ndarray, "radius"],
) -> Float64[np.ndarray, "radius"]:
    """The share of the attention among patches that falls within each radius, 0 to 1."""
    order = np.argsort(apart, kind="stable")
    total = float(shares.sum())
    summed = np.concatenate([[0.0], np.cumsum(shares[order], dtype=np.float64)])
    found: Float64[np.ndarray, "radius"] = summed[np.searchsorted(apart[order], radii, "right")]
    return found / total if total > 0 else np.full(len(radii), np.nan)


def radius_of(
    shares: Float32[np.ndarray, "key"], apart: Float32[np.ndarray, "key"], mass: float
) -> float:
    """The least distance within which `mass` (0 to 1) of the attention among patches falls."""
    order = np.argsort(apart, kind="stable")
    summed = np.cumsum(shares[order], dtype=np.float64)
    if not summed.size or summed[-1] <= 0:
        return float("nan")
    return float(
        apart[order][min(np.searchsorted(summed, mass * summed[-1] - 1e-9), len(order) - 1)]
    )


@dataclass(frozen=True, slots=True)
class Convolutions:
    """Equal convolutions one after the other, of `kernel` x `kernel` cells of `cell` model pixels."""

    count: int
    kernel: int = 3
    stride: int = 1
    dilation: int = 1
    cell: tuple[float, float] = (1.0, 1.0)

    def field(self, count: int | None = None) -> int:
        """Cells along one side that one output of so many of them (None: all) depends on."""
        count = self.count if count is None else count
        steps = sum(int(self.stride**index) for index in range(count))
        return 1 + (self.kernel - 1) * self.dilation * steps

    def box(self, around: Spot, count: int | None = None) -> Box:
        """The pixels that one output depends on, around the middle of a patch."""
        side = float(self.field(count))
        down, across = side * self.cell[0] / 2, side * self.cell[1] / 2
        return Box(around.row - down, around.col - across, around.row + down, around.col + across)

    def reach(self, count: int | None = None) -> float:
        """Pixels from the middle to the edge of the field, the longer way."""
        return self.field(count) * max(self.cell) / 2

    @property
    def words(self) -> str:
        """What to call them."""
        more = [_("stride {stride}").format(stride=self.stride)] * (self.stride > 1)
        more += [_("dilation {dilation}").format(dilation=self.dilation)] * (self.dilation > 1)
        said = ngettext(
            "{count} convolution {kernel} × {kernel}",
            "{count} convolutions {kernel} × {kernel}",
            self.count,
        ).format(count=self.count, kernel=self.kernel)
        return ", ".join([said, *more])
