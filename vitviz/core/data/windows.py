"""Windows: groups of tokens that look only at each other, and where they lie in the picture."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np
from einops import rearrange
from jaxtyping import Int

from vitviz.core.data.geometry import Box, TokenGrid

PADDING = -1
"""Stands where a window reaches over the edge of the picture: no token of it."""

WindowNumbers = Int[np.ndarray, "row col"]
WindowTokens = Int[np.ndarray, "window key"]


@dataclass(frozen=True, slots=True, eq=False)
class TokenWindows:
    """Which tokens attend together: every query of a window looks at the keys of that window alone.

    `queries` and `keys` are tokens in the order in which the model holds them; `PADDING` where a slot
    is no token. `regions` says which slots of a window really see each other, where a shifted window
    joins opposite edges of the picture and a mask keeps them apart; None where all do.
    """

    queries: Int[np.ndarray, "window query"]
    keys: Int[np.ndarray, "window key"]
    regions: Int[np.ndarray, "window key"] | None = None

    @property
    def overlap(self) -> bool:
        """Whether some token is looked at in several windows; then padding belongs to them."""
        real = self.keys[self.keys != PADDING]
        return bool(np.unique(real).size < real.size)

    def slots(self, token: int) -> Int[np.ndarray, "slot place"]:
        """(window, query slot) of a token; several where windows overlap."""
        found: Int[np.ndarray, "slot place"] = np.argwhere(self.queries == token)
        return found

    def key_slots(self, token: int) -> Int[np.ndarray, "slot place"]:
        """(window, key slot) of a token that is looked at."""
        found: Int[np.ndarray, "slot place"] = np.argwhere(self.keys == token)
        return found

    def seen_from(self, token: int) -> Int[np.ndarray, "key"]:
        """The tokens that a token can look at, in ascending order; none for one in no window."""
        found = [self._keys(window, slot) for window, slot in self.slots(token)]
        seen = np.unique(np.concatenate(found)) if found else np.empty(0, self.keys.dtype)
        real: Int[np.ndarray, "key"] = seen[seen != PADDING]
        return real

    def seeing(self, token: int) -> Int[np.ndarray, "query"]:
        """The tokens that can look at a token, in ascending order; none for one in no window."""
        found = [self._queries(window, slot) for window, slot in self.key_slots(token)]
        seen = np.unique(np.concatenate(found)) if found else np.empty(0, self.queries.dtype)
        real: Int[np.ndarray, "query"] = seen[seen != PADDING]
        return real

    def _queries(self, window: int, slot: int) -> Int[np.ndarray, "query"]:
        queries: Int[np.ndarray, "query"] = self.queries[window]
        if self.regions is not None:
            region = self.regions[window]
            queries = queries[region == region[slot]]
        return queries

    def _keys(self, window: int, slot: int) -> Int[np.ndarray, "key"]:
        keys: Int[np.ndarray, "key"] = self.keys[window]
        if self.regions is not None:
            region = self.regions[window]
            keys = keys[region == region[slot]]
        return keys


def whole(rows: int, cols: int) -> WindowNumbers:
    """The tokens of a grid without prefix, in reading order."""
    numbers: WindowNumbers = rearrange(np.arange(rows * cols), "(row col) -> row col", row=rows)
    return numbers


def squares(numbers: WindowNumbers, size: tuple[int, int]) -> WindowTokens:
    """Neighbouring tokens in windows of `size` (rows, cols), padded at the bottom and the right."""
    padded = _padded(numbers, size)
    cut: WindowTokens = rearrange(
        padded, "(down row) (across col) -> (down across) (row col)", row=size[0], col=size[1]
    )
    return cut


def combs(numbers: WindowNumbers, size: tuple[int, int]) -> WindowTokens:
    """Tokens spread over the whole grid, `size` (rows, cols) of them at equal steps."""
    cut: WindowTokens = rearrange(
        numbers, "(row down) (col across) -> (down across) (row col)", row=size[0], col=size[1]
    )
    return cut


def shifted(numbers: WindowNumbers, size: tuple[int, int], shift: tuple[int, int]) -> TokenWindows:
    """Windows over a grid that was rolled up and left by `shift`, as in Swin.

    A mask keeps apart what the roll has brought together from opposite edges.
    """
    rolled = np.roll(numbers, (-shift[0], -shift[1]), axis=(0, 1))
    keys = squares(rolled, size)
    if not any(shift):
        return TokenWindows(keys, keys)
    rows, cols = _padded(numbers, size).shape
    down = np.arange(rows) >= rows - shift[0] if shift[0] else np.zeros(rows, bool)
    across = np.arange(cols) >= cols - shift[1] if shift[1] else np.zeros(cols, bool)
    wrapped = 2 * down[:, None].astype(np.intp) + across[None].astype(np.intp)
    return TokenWindows(keys, keys, squares(wrapped, size))


def _padded(
    numbers: WindowNumbers, size: tuple[int, int]
) -> Int[np.ndarray, "padded_row padded_col"]:
    short = [(0, -count % side) for count, side in zip(numbers.shape, size, strict=True)]
    return np.pad(numbers, short, constant_values=PADDING)


def boxes_of(tokens: Iterable[int], grid: TokenGrid) -> tuple[Box, ...]:
    """Patch tokens as few rectangles of model pixels: runs along a row, equal runs put together."""
    places = sorted(place for token in tokens if (place := grid.place(int(token))) is not None)
    runs: list[tuple[int, int, int]] = []
    for row, col in places:
        if runs and runs[-1][0] == row and runs[-1][2] == col:
            runs[-1] = (row, runs[-1][1], col + 1)
        else:
            runs.append((row, col, col + 1))
    open_boxes: dict[tuple[int, int], tuple[int, int]] = {}
    done: list[tuple[int, int, int, int]] = []
    for row, left, right in runs:
        top, bottom = open_boxes.get((left, right), (row, row))
        if bottom != row:
            done.append((top, left, bottom, right))
            top = row
        open_boxes[left, right] = (top, row + 1)
    done += [(top, left, bottom, right) for (left, right), (top, bottom) in open_boxes.items()]
    (first, begin), (height, width) = grid.corner, grid.cell
    return tuple(
        Box(
            first + top * height,
            begin + left * width,
            first + bottom * height,
            begin + right * width,
        )
        for top, left, bottom, right in sorted(done)
    )
