"""Matrices whose lines are tokens: which token lies under a position."""

from __future__ import annotations

from dataclasses import dataclass

from vitviz.core.data.geometry import Box, Crop, Spot, TokenGrid


@dataclass(frozen=True, slots=True)
class RowsPart:
    """A box whose lines, of one height, are these tokens from top to bottom."""

    box: Box
    tokens: tuple[int, ...]


@dataclass(frozen=True, slots=True)
class TokenRows:
    """Positions are lines of matrices, each line a token; the parts may lie anywhere in the panel.

    >>> from vitviz.core.data.geometry import Box, Spot
    >>> from vitviz.core.data.drawing.token_rows import RowsPart, TokenRows
    >>> rows = TokenRows(trace.crop, trace.grid, (RowsPart(Box(0, 0, 101, 64), tuple(range(101))),))
    >>> rows.token_at(Spot(3.5, 10)), rows.line(3)
    (3, Box(top=3.0, left=0, bottom=4.0, right=64))
    """

    crop: Crop
    grid: TokenGrid
    parts: tuple[RowsPart, ...]

    def token_at(self, spot: Spot) -> int | None:
        """The token whose line lies there."""
        for part in self.parts:
            if part.tokens and part.box.contains(spot):
                at = int((spot.row - part.box.top) / part.box.height * len(part.tokens))
                return part.tokens[min(at, len(part.tokens) - 1)]
        return None

    def line(self, token: int, part: int = 0) -> Box | None:
        """Where the line of a token lies in a part; None where it has none."""
        chosen = self.parts[part]
        if token not in chosen.tokens:
            return None
        high = chosen.box.height / len(chosen.tokens)
        top = chosen.box.top + chosen.tokens.index(token) * high
        return Box(top, chosen.box.left, top + high, chosen.box.right)

    def lines(self, token: int) -> tuple[Box, ...]:
        """All lines of a token."""
        found = (self.line(token, index) for index in range(len(self.parts)))
        return tuple(box for box in found if box is not None)
