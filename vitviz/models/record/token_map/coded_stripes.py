"""Stripes that spell row and column numbers bit by bit: what changes under them says where it reads."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from jaxtyping import Bool, Float32, Int

CLEARLY = 1.5
"""How many times more a token must change under one stripe than under its opposite to read there."""


@dataclass(frozen=True, slots=True)
class Cells:
    """A picture of (rows, cols) pixels cut into cells of `height` x `width`; what is left over at the
    bottom and the right belongs to none.
    """

    rows: int
    cols: int
    height: int
    width: int

    @property
    def bits(self) -> tuple[int, int]:
        """Bits of a row's and of a column's number."""
        return _bits(self.rows), _bits(self.cols)


def _bits(count: int) -> int:
    return max(0, math.ceil(math.log2(count)))


def stripes(cells: Cells, size: tuple[int, int]) -> Bool[np.ndarray, "pattern row col"]:
    """For each bit of the row, then of the column: the pixels of cells that have it, then of those
    that have not.
    """
    down = _axis(cells.rows, cells.height, size[0])
    across = _axis(cells.cols, cells.width, size[1])
    inside_rows, inside_cols = down >= 0, across >= 0
    found = []
    for bit in range(cells.bits[0]):
        for wanted in (1, 0):
            rows = inside_rows & (((down >> bit) & 1) == wanted)
            found.append(rows[:, None] & inside_cols[None])
    for bit in range(cells.bits[1]):
        for wanted in (1, 0):
            cols = inside_cols & (((across >> bit) & 1) == wanted)
            found.append(inside_rows[:, None] & cols[None])
    return np.stack(found) if found else np.empty((0, *size), np.bool_)


def _axis(count: int, side: int, pixels: int) -> Int[np.ndarray, "pixel"]:
    """The cell of every pixel along an axis, -1 for none."""
    number = np.arange(pixels) // side
    return np.where(number >= count, -1, number)


@dataclass(frozen=True, slots=True, eq=False)
class Decoded:
    """Of every slot the cell that it reads, as row and column; where it reads several, the first one
    of a block of `2 ** row_levels` x `2 ** col_levels` cells. `nothing` reads none, `everything` all of
    them; `exact` says that no slot changed under a stripe and its opposite. `why` is what did not fit.
    """

    row: Int[np.ndarray, "slot"]
    col: Int[np.ndarray, "slot"]
    nothing: Bool[np.ndarray, "slot"]
    everything: Bool[np.ndarray, "slot"]
    row_levels: int
    col_levels: int
    exact: bool
    why: str = ""


def decode(changes: Float32[np.ndarray, "pattern slot"], cells: Cells, least: float) -> Decoded:
    """What slots read, from how much each changed under every stripe; less than `least` is nothing."""
    down = 2 * cells.bits[0]
    row, row_blur, row_any = _number(changes[:down], least)
    col, col_blur, col_any = _number(changes[down:], least)
    changed = row_any | col_any if len(changes) else np.zeros(changes.shape[1], np.bool_)
    all_rows, all_cols = (1 << cells.bits[0]) - 1, (1 << cells.bits[1]) - 1
    everything = changed & (row_blur == all_rows) & (col_blur == all_cols)
    everything &= all_rows + all_cols > 0
    if everything.all():
        everything[:] = False
    part = changed & ~everything
    row_levels, row_fits = _levels(row_blur[part])
    col_levels, col_fits = _levels(col_blur[part])
    why = "" if row_fits and col_fits else "what one token reads is no block of neighbouring cells"
    outside = (row[part] >= cells.rows).any() or (col[part] >= cells.cols).any()
    if not why and outside:
        why = f"tokens answer to rows and columns beyond {cells.rows} × {cells.cols} cells"
    both = np.minimum(changes[0::2], changes[1::2]) >= least
    exact = not bool(both[:, part].any())
    return Decoded(row, col, ~changed, everything, row_levels, col_levels, exact, why)


def _number(
    changes: Float32[np.ndarray, "pattern slot"], least: float
) -> tuple[Int[np.ndarray, "slot"], Int[np.ndarray, "slot"], Bool[np.ndarray, "slot"]]:
    """The number spelt, its bits that are not clear, and whether anything changed at all."""
    slots = changes.shape[1]
    number, blur = np.zeros(slots, np.intp), np.zeros(slots, np.intp)
    seen = np.zeros(slots, np.bool_)
    for bit in range(len(changes) // 2):
        on, off = changes[2 * bit], changes[2 * bit + 1]
        some = np.maximum(on, off) >= least
        seen |= some
        one = some & (on >= CLEARLY * off)
        unclear = some & ~one & (off < CLEARLY * on)
        number |= one.astype(np.intp) << bit
        blur |= unclear.astype(np.intp) << bit
    return number, blur, seen


def _levels(blur: Int[np.ndarray, "slot"]) -> tuple[int, bool]:
    """How many of the lowest bits are unclear, and whether no others are."""
    most = int(blur.max(initial=0))
    levels = most.bit_length()
    return levels, most == (1 << levels) - 1 or most == 0
