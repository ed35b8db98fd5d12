"""Which patch each pixel of the model belongs to, also where patches overlap or leave gaps."""

from __future__ import annotations

from itertools import pairwise

import numpy as np
from jaxtyping import Int

from vitviz.core.data.geometry import TokenGrid


def pixel_owners(grid: TokenGrid, rows: int, cols: int) -> Int[np.ndarray, "row col"]:
    """The patch, in reading order, whose middle is nearest to each of rows x cols pixels."""
    down = _nearest([_middle(grid, row, 0)[0] for row in range(grid.rows)], rows)
    across = _nearest([_middle(grid, 0, col)[1] for col in range(grid.cols)], cols)
    owner: Int[np.ndarray, "row col"] = down[:, None] * grid.cols + across[None]
    return owner


def _middle(grid: TokenGrid, row: int, col: int) -> tuple[float, float]:
    box = grid.box(grid.token(row, col))
    assert box is not None
    return box.centre.row, box.centre.col


def _nearest(middles: list[float], count: int) -> Int[np.ndarray, "pixel"]:
    """The middle nearest to each pixel of a line; on a border the later one."""
    borders = [(one + two) / 2 for one, two in pairwise(middles)]
    found: Int[np.ndarray, "pixel"] = np.searchsorted(
        np.array(borders), np.arange(count) + 0.5, side="right"
    )
    return found
