"""Two maps laid over each other where both models saw the picture, and how alike they are, in numbers.

Maps of two grids meet in rectangles inside which both are constant: cut at the edges of both grids,
they hold the two maps exactly, whatever the patch sizes and crops. All numbers are integrals over
these rectangles, so nothing is resampled. Places are shares of the upright picture, 0 to 1 each way,
so that also two pictures of different sizes lie over each other.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import lru_cache
from typing import NamedTuple

import numpy as np
from einops import rearrange
from jaxtyping import Float32, Float64, Int64

from vitviz.core.data.geometry import Box, Crop, TokenGrid
from vitviz.core.data.selection import Place, Selection
from vitviz.core.language import _
from vitviz.core.notation import shown_number
from vitviz.core.progress import Unsupported

CellValues = Float64[np.ndarray, "row col"]
FINEST = 512
"""Most cells of a drawn raster each way; where edges of both grids need more, centres decide."""

MOST = 40
"""Most parts of a common grid each way, for numbers that compare every token with every other."""

_SAME = 1e-9

AxisShares = Float64[np.ndarray, "part row"]


class Seen(NamedTuple):
    """What a map lies on: a model's grid, and what its crop saw of the picture."""

    grid: TokenGrid
    crop: Crop


@dataclass(frozen=True, slots=True, eq=False)
class OverlapAxis:
    """One direction of an overlap: `edges` as shares of the picture, and between two neighbouring
    edges the row (or col) of either grid. `even` has the cell at each step of an even raster: the
    coarsest that meets all edges, if there is one of up to FINEST steps; else FINEST steps, each the
    cell at its centre.
    """

    edges: Float64[np.ndarray, "edge"]
    one: Int64[np.ndarray, "cell"]
    other: Int64[np.ndarray, "cell"]
    even: Int64[np.ndarray, "step"]

    @property
    def lengths(self) -> Float64[np.ndarray, "cell"]:
        """Length of each cell, as a share of the picture."""
        lengths: Float64[np.ndarray, "cell"] = np.diff(self.edges)
        return lengths

    def parts(self, one: int, other: int) -> tuple[AxisShares, AxisShares]:
        """The coarser grid's rows as common parts: the shares by area of either grid's rows in each.

        `one` and `other` are how many rows the grids have; more than MOST parts are put together.
        """
        coarse = self.one if len(set(self.one)) <= len(set(self.other)) else self.other
        _, part = np.unique(coarse, return_inverse=True)
        part = part // -(-(int(part.max()) + 1) // MOST)
        return self._shares(part, self.one, one), self._shares(part, self.other, other)

    def _shares(
        self, part: Int64[np.ndarray, "cell"], rows: Int64[np.ndarray, "cell"], count: int
    ) -> AxisShares:
        shares: AxisShares = np.zeros((int(part.max()) + 1, count))
        np.add.at(shares, (part, rows), self.lengths)
        shares /= shares.sum(axis=1)[:, None]
        return shares


@dataclass(frozen=True, slots=True, eq=False)
class Overlap:
    """Two grids cut into the rectangles they share, down (`rows`) and across (`cols`)."""

    rows: OverlapAxis
    cols: OverlapAxis

    @property
    def weights(self) -> CellValues:
        """The area of each rectangle; together 1."""
        areas: CellValues = np.outer(self.rows.lengths, self.cols.lengths)
        areas /= areas.sum()
        return areas

    @property
    def share(self) -> float:
        """How much of the picture both models saw, 0 to 1."""
        return float(np.outer(self.rows.lengths, self.cols.lengths).sum())

    def one(self, values: Float32[np.ndarray, "own_row own_col"]) -> CellValues:
        """The first model's map, rectangle by rectangle."""
        picked: CellValues = values[np.ix_(self.rows.one, self.cols.one)].astype(np.float64)
        return picked

    def other(self, values: Float32[np.ndarray, "own_row own_col"]) -> CellValues:
        """The second model's map, rectangle by rectangle."""
        picked: CellValues = values[np.ix_(self.rows.other, self.cols.other)].astype(np.float64)
        return picked

    def evenly(self, cells: CellValues) -> Float32[np.ndarray, "step_row step_col"]:
        """Rectangles as an even raster that can be drawn over `box`."""
        raster: Float32[np.ndarray, "step_row step_col"] = cells[
            np.ix_(self.rows.even, self.cols.even)
        ].astype(np.float32)
        return raster

    def box(self, crop: Crop) -> Box:
        """Where the overlap lies in a model's pixels."""
        down, across = crop.original
        rows, cols = self.rows.edges, self.cols.edges
        return crop.box_to_model(
            Box(rows[0] * down, cols[0] * across, rows[-1] * down, cols[-1] * across)
        )


@lru_cache(maxsize=64)
def overlap(one: Seen, other: Seen) -> Overlap:
    """Where two models saw the same part of the picture, cut at the edges of both grids.

    Unsupported where there is no such part.
    """
    (rows_one, cols_one), (rows_other, cols_other) = _edges(one), _edges(other)
    rows, cols = _axis(rows_one, rows_other), _axis(cols_one, cols_other)
    if rows is None or cols is None:
        raise Unsupported(
            _("the two models saw no part of the picture in common; fit the whole picture to both")
        )
    return Overlap(rows, cols)


def _edges(seen: Seen) -> tuple[Float64[np.ndarray, "edge"], Float64[np.ndarray, "edge"]]:
    """Edges of a grid's rows and cols, as shares of the picture."""
    grid, crop = seen
    down, across = (
        ((corner + np.arange(count + 1) * size - offset) / scale) / original
        for count, size, corner, offset, scale, original in zip(
            (grid.rows, grid.cols),
            grid.cell,
            grid.corner,
            crop.offset,
            crop.scale,
            crop.original,
            strict=True,
        )
    )
    return down, across


def _axis(
    one: Float64[np.ndarray, "edge"], other: Float64[np.ndarray, "other"]
) -> OverlapAxis | None:
    start, end = max(one[0], other[0], 0.0), min(one[-1], other[-1], 1.0)
    if end - start <= _SAME:
        return None
    every = np.sort(np.concatenate([one, other, [start, end]]))
    inside = every[(every >= start) & (every <= end)]
    edges = inside[np.concatenate([[True], np.diff(inside) > _SAME])]
    middles = (edges[:-1] + edges[1:]) / 2
    return OverlapAxis(edges, _index(one, middles), _index(other, middles), _even(edges))


def _even(edges: Float64[np.ndarray, "edge"]) -> Int64[np.ndarray, "step"]:
    places = (edges - edges[0]) / (edges[-1] - edges[0])
    counts = range(len(edges) - 1, FINEST)
    steps = next((count for count in counts if _whole(places * count)), FINEST)
    return _index(places, (np.arange(steps) + 0.5) / steps)


def _index(
    edges: Float64[np.ndarray, "edge"], places: Float64[np.ndarray, "cell"]
) -> Int64[np.ndarray, "cell"]:
    return np.clip(np.searchsorted(edges, places, side="right") - 1, 0, len(edges) - 2)


def _whole(numbers: Float64[np.ndarray, "edge"]) -> bool:
    return bool(np.abs(numbers - np.rint(numbers)).max() < 1e-6)


def density(cells: CellValues, weights: CellValues) -> CellValues:
    """A map as a distribution over the shared part: 1 is an even spread, its mean by area.

    A token's share counts as spread over its patch, so maps of large and small patches compare.
    Unsupported for a map with negative values or nothing in it.
    """
    if cells.min() < 0:
        raise Unsupported(
            _("the map has negative values (down to {min}), so it is no distribution").format(
                min=shown_number(cells.min())
            )
        )
    total = (cells * weights).sum()
    if total <= 0:
        raise Unsupported(_("the map is zero wherever both models saw the picture"))
    spread: CellValues = cells / total
    return spread


def correlation(one: CellValues, other: CellValues, weights: CellValues) -> float:
    """Pearson's correlation by area, -1 to 1; NaN where a map is constant."""
    first, second = (cells - (cells * weights).sum() for cells in (one, other))
    covariance = (first * second * weights).sum()
    spread = np.sqrt((first**2 * weights).sum() * (second**2 * weights).sum())
    tiny = 1e-12 * max(float(np.abs(one).max() * np.abs(other).max()), 1e-300)
    return float(covariance / spread) if spread > tiny else float("nan")


def intersection(one: CellValues, other: CellValues, weights: CellValues) -> float:
    """Histogram intersection of two maps as distributions: the share they have in common, 0 to 1."""
    first, second = density(one, weights), density(other, weights)
    return float((np.minimum(first, second) * weights).sum())


def jensen_shannon(one: CellValues, other: CellValues, weights: CellValues) -> float:
    """Jensen-Shannon distance of two maps as distributions: 0 the same, 1 nowhere in common.

    The square root of the divergence in bits (Endres and Schindelin 2003).
    """
    first, second = density(one, weights), density(other, weights)
    middle = (first + second) / 2
    divergence = (_information(first, middle, weights) + _information(second, middle, weights)) / 2
    return float(np.sqrt(np.clip(divergence, 0, 1)))


def _information(first: CellValues, second: CellValues, weights: CellValues) -> float:
    """Kullback and Leibler's divergence in bits; nothing counts where there is nothing."""
    ratio = np.divide(first, second, out=np.ones_like(first), where=first > 0)
    return float((first * np.log2(ratio) * weights).sum())


def pooled(
    features: Float32[np.ndarray, "layer patch dim"],
    grid: TokenGrid,
    rows: AxisShares,
    cols: Float64[np.ndarray, "across col"],
) -> Float32[np.ndarray, "layer pooled dim"]:
    """Patch tokens averaged by area over the parts of a common grid, in reading order."""
    laid = rearrange(
        features, "layer (row col) dim -> layer row col dim", row=grid.rows, col=grid.cols
    )
    down, across = rows.astype(np.float32), cols.astype(np.float32)
    mixed = np.einsum("pr,lrcd->lpcd", down, laid, optimize=True)
    mixed = np.einsum("qc,lpcd->lpqd", across, mixed, optimize=True)
    parts: Float32[np.ndarray, "layer part dim"] = rearrange(
        mixed, "layer row col dim -> layer (row col) dim"
    )
    return parts


def carried(selection: Selection, here: Crop, there: Crop) -> Selection:
    """A selection as it is meant in another picture: at the same share of its height and width."""
    if here.original == there.original:
        return selection
    return replace(
        selection,
        pin=_scaled(selection.pin, here, there),
        hover=None if selection.hover is None else _scaled(selection.hover, here, there),
    )


def resized(crop: Crop, original: tuple[int, int]) -> Crop:
    """The same crop of a picture that had another size: what lies at the same share of it."""
    down, across = (own / new for own, new in zip(crop.original, original, strict=True))
    return replace(
        crop, original=original, scale=(crop.scale[0] * down, crop.scale[1] * across), orientation=1
    )


def _scaled(place: Place, here: Crop, there: Crop) -> Place:
    if place.spot is None:
        return place
    down, across = (new / old for new, old in zip(there.original, here.original, strict=True))
    return replace(
        place, spot=replace(place.spot, row=place.spot.row * down, col=place.spot.col * across)
    )
