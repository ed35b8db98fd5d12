"""A map against a mark that somebody drew: how much of it lies inside, and how well it fits.

Zhang et al. 2018, pointing game, arXiv:1608.00507; Wang et al. 2020, share inside a box (Score-CAM);
GridPG, Rao et al. 2022, arXiv:2205.10435.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from jaxtyping import Bool, Float

from vitviz.core.data.geometry import Box, TokenGrid
from vitviz.core.language import _
from vitviz.core.measures.pixel_owners import pixel_owners
from vitviz.core.progress import VitvizError

MapValues = Float[np.ndarray, "patch"]
Coverage = Float[np.ndarray, "patch"]


@dataclass(frozen=True, slots=True)
class MarkFit:
    """How a map lies to a mark: the share of its positive part inside, whether its highest patch is,
    the best intersection over union of any threshold, and what all patches alike would give.
    """

    inside: float
    hit: bool
    overlap: float
    threshold: float
    by_area: float

    def facts(self) -> tuple[tuple[str, str], ...]:
        """As numbers beside a map."""
        return (
            (_("in the mark"), _("{inside:.0%} of the map").format(inside=self.inside)),
            (_("its area"), f"{self.by_area:.0%}"),
            (_("highest patch"), _("inside") if self.hit else _("outside")),
            (_("best overlap"), f"{self.overlap:.2f}"),
        )

    def words(self) -> str:
        """In a sentence."""
        hit = (
            _("its highest patch lies inside") if self.hit else _("its highest patch lies outside")
        )
        return _(
            "{inside:.0%} of the map lies in the mark, which covers {by_area:.0%} of "
            "the patches; {hit}; best intersection over union {overlap:.2f}."
        ).format(inside=self.inside, by_area=self.by_area, hit=hit, overlap=self.overlap)


def box_coverage(box: Box, grid: TokenGrid) -> Coverage:
    """How much of each patch a box of model pixels covers, 0 to 1. VitvizError where it is none."""
    covered = np.zeros(grid.rows * grid.cols)
    for patch in range(len(covered)):
        own = grid.box(len(grid.prefix) + patch)
        assert own is not None
        shared = own.clip(box)
        covered[patch] = shared.height * shared.width / (own.height * own.width)
    if covered.sum() == 0:
        raise VitvizError(
            _("the mark lies outside of what the model sees of the picture; draw it anew")
        )
    return covered


def mask_coverage(mask: Bool[np.ndarray, "row col"], grid: TokenGrid) -> Coverage:
    """How much of each patch a mask over the model's pixels covers, 0 to 1.

    VitvizError where it covers nothing that the model sees.
    """
    owner = pixel_owners(grid, mask.shape[0], mask.shape[1]).ravel()
    count = grid.rows * grid.cols
    inside = np.bincount(owner, weights=mask.ravel().astype(float), minlength=count)
    covered: Coverage = inside / np.maximum(np.bincount(owner, minlength=count), 1)
    if covered.sum() == 0:
        raise VitvizError(_("the mask is empty where the model looks; mark something it sees"))
    return covered


def mark_fit(values: MapValues, covered: Coverage) -> MarkFit:
    """A map's fit to a mark, given how much of each patch the mark covers."""
    positive = np.maximum(values.astype(np.float64), 0)
    total = positive.sum()
    inside = float((positive * covered).sum() / total) if total > 0 else 0.0
    overlap, threshold = _best_overlap(values.astype(np.float64), covered)
    hit = bool(covered[int(np.argmax(values))] >= 0.5)
    return MarkFit(inside, hit, overlap, threshold, float(covered.mean()))


def _best_overlap(values: np.ndarray, covered: Coverage) -> tuple[float, float]:
    """The best intersection over union of {map >= threshold} with the mark, over all thresholds."""
    order = np.argsort(-values, kind="stable")
    shared = np.cumsum(covered[order])
    union = covered.sum() + np.cumsum(1 - covered[order])
    fits = shared / union
    # A threshold takes all patches of one value or none.
    last_of_value = np.append(np.diff(values[order]) != 0, True)
    fits = np.where(last_of_value, fits, -1)
    best = int(np.argmax(fits))
    return float(fits[best]), float(values[order][best])


def quarter_share(values: MapValues, grid: TokenGrid, row: int, col: int, across: int = 2) -> float:
    """GridPG: the share of a map's positive part in one cell of a mosaic of pictures."""
    positive = np.maximum(values.astype(np.float64), 0).reshape(grid.rows, grid.cols)
    total = positive.sum()
    if total <= 0:
        return 1.0 / across**2
    down = [round(each * grid.rows / across) for each in (row, row + 1)]
    right = [round(each * grid.cols / across) for each in (col, col + 1)]
    return float(positive[down[0] : down[1], right[0] : right[1]].sum() / total)


def quarter_of_highest(values: MapValues, grid: TokenGrid, across: int = 2) -> tuple[int, int]:
    """The pointing game in a mosaic: (row, column) of the cell that a map's highest patch is in."""
    row, col = divmod(int(np.argmax(values)), grid.cols)
    ends_down, ends_right = (
        [round(each * side / across) for each in range(1, across)]
        for side in (grid.rows, grid.cols)
    )
    return int(np.searchsorted(ends_down, row, "right")), int(
        np.searchsorted(ends_right, col, "right")
    )
