"""Curves between two axes with numbers, and tables: what is drawn where numbers lie on no picture."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, field
from math import ceil, floor, log10
from typing import Literal

import numpy as np
from jaxtyping import Float

from vitviz.core.notation import shown_number

Tone = Literal["plain", "chosen", "second", "third", "quiet"]
"""What a curve is for; the theme decides how it looks."""

_NUMBER = re.compile(r"[<≥≤]?\s?[+\-−]?[\d.,]+(e[+\-−]?\d+)?\s?%?")
NEAR = 0.04
"""How far from a point, as a share of the plot's sides, one still points at it."""


@dataclass(frozen=True, slots=True)
class Whose:
    """What a point or a row belongs to: what to call it, its layer and its head, where it has some."""

    words: str = ""
    layer: int | None = None
    head: int | None = None


@dataclass(frozen=True, slots=True, eq=False)
class Curve:
    """Points, or a line through them; NaN leaves a gap. `whose` has an entry a point, or none."""

    x: Float[np.ndarray, "point"]
    y: Float[np.ndarray, "point"]
    name: str = ""
    kind: Literal["line", "points"] = "line"
    tone: Tone = "plain"
    whose: tuple[Whose, ...] = ()


@dataclass(frozen=True, slots=True)
class Axis:
    """What a plot's numbers are along one side, from where to where; `whole` ones have no fractions."""

    label: str
    low: float
    high: float
    whole: bool = False

    def share(self, values: Float[np.ndarray, "..."]) -> Float[np.ndarray, "..."]:
        """Where values lie between the ends, 0 to 1."""
        return (values - self.low) / ((self.high - self.low) or 1.0)

    def at(self, value: float) -> float:
        """Where one value lies between the ends, 0 to 1."""
        return (value - self.low) / ((self.high - self.low) or 1.0)

    def value(self, share: float) -> float:
        """What lies at a share between the ends: the other way round than `at`."""
        return self.low + share * (self.high - self.low)

    def ticks(self, most: int) -> tuple[float, ...]:
        """Round numbers inside the range, at most about so many."""
        reach = self.high - self.low
        if reach <= 0 or most < 1:
            return (self.low,)
        rough = reach / most
        power = 10.0 ** floor(log10(rough))
        step = next(each * power for each in (1, 2, 5, 10) if each * power >= rough * 0.999)
        step = max(step, 1.0) if self.whole else step
        first, last = ceil(self.low / step - 1e-9), floor(self.high / step + 1e-9)
        return tuple(round(index * step, 12) + 0.0 for index in range(first, last + 1))


@dataclass(frozen=True, slots=True)
class PlotPoint:
    """One point of a curve: what it belongs to, and where it lies along both axes."""

    whose: Whose
    x: float
    value: float


@dataclass(frozen=True, slots=True, eq=False)
class Plot:
    """Curves between two axes, the first below the others; it fills its panel.

    >>> plot = vitviz.draw("distance", trace).panels[0].layers[0]
    >>> plot.x.label, plot.y.label, plot.curves[0].x.shape  # (point)
    ('layer', 'mean attention distance, pixels', (6,))
    """

    curves: tuple[Curve, ...]
    x: Axis
    y: Axis

    def near(self, across: float, up: float) -> PlotPoint | None:
        """The point at these shares of the plot; None where there is none.

        What belongs to a layer or a head goes before what does not.
        """
        owned = [curve for curve in self.curves if curve.whose]
        others = [curve for curve in self.curves if not curve.whose]
        return self._nearest(owned, across, up) or self._nearest(others, across, up)

    def _nearest(self, curves: Sequence[Curve], across: float, up: float) -> PlotPoint | None:
        best: tuple[float, Curve, int] | None = None
        for curve in curves:
            if not len(curve.x):
                continue
            gaps = np.hypot(self.x.share(curve.x) - across, self.y.share(curve.y) - up)
            gaps = np.where(np.isfinite(gaps), gaps, np.inf)
            index = int(np.argmin(gaps))
            if gaps[index] <= NEAR and (best is None or gaps[index] < best[0]):
                best = float(gaps[index]), curve, index
        if best is None:
            return None
        _, curve, index = best
        x, value = float(curve.x[index]), float(curve.y[index])
        if curve.whose:
            return PlotPoint(curve.whose[index], x, value)
        said = f"{curve.name}, {self.x.label}" if curve.name else self.x.label
        return PlotPoint(Whose(f"{said} {shown_number(x, 4)}"), x, value)


@dataclass(frozen=True, slots=True)
class Table:
    """Rows of short texts and numbers below named columns; it fills its panel.

    >>> from vitviz.core.data.plots import Table
    >>> table = Table(("layer", "share"), (("1", "12%"), ("2", "9%")), chosen=1)
    >>> table.widths, table.numeric
    ((5, 5), (True, True))

    `chosen` is the row to mark; `whose` has an entry for each row, or none.
    """

    columns: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]
    chosen: int | None = None
    whose: tuple[Whose, ...] = field(default=())

    @property
    def widths(self) -> tuple[int, ...]:
        """Letters of the longest text of each column."""
        lines = (self.columns, *self.rows)
        return tuple(max(map(len, column)) for column in zip(*lines, strict=True))

    @property
    def numeric(self) -> tuple[bool, ...]:
        """Which columns hold numbers, and so stand with their ends below each other."""
        return tuple(
            bool(self.rows) and all(is_number(row[index]) for row in self.rows)
            for index in range(len(self.columns))
        )


def is_number(text: str) -> bool:
    """Whether a cell's text is a number, or stands where one is missing."""
    return text in ("", "–") or _NUMBER.fullmatch(text) is not None


def axis(
    label: str,
    *values: Sequence[float] | Float[np.ndarray, "..."],
    whole: bool = False,
    low: float | None = None,
    high: float | None = None,
) -> Axis:
    """An axis over all values with some air at both ends, unless `low` or `high` say where it ends."""
    every = np.concatenate([np.ravel(np.asarray(each, np.float64)) for each in values])
    every = every[np.isfinite(every)]
    least, most = (float(every.min()), float(every.max())) if every.size else (0.0, 1.0)
    air = 0.04 * (most - least) or 0.5
    return Axis(
        label, least - air if low is None else low, most + air if high is None else high, whole
    )
