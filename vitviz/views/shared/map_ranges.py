"""From where to where the colours of maps reach: each map, the whole view, robust, fixed."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from jaxtyping import Float32

from vitviz.core.colors import DIVERGING, ROBUST, ColorScale
from vitviz.core.data.drawing import HeatTiles
from vitviz.core.language import _
from vitviz.views.options import Look

GridMap = Float32[np.ndarray, "row col"]
Tiles = Float32[np.ndarray, "tile_row tile_col row col"]
TileEnds = Float32[np.ndarray, "tile_row tile_col"]


class ViewRange(NamedTuple):
    """The range of a view's maps: its ends, and whether there are numbers below and above them."""

    low: float
    high: float
    below: bool = False
    above: bool = False
    positive: bool = False
    """Whether all numbers are above zero, so that they can be divided by powers."""


def view_range(look: Look, *values: Float32[np.ndarray, "..."]) -> ViewRange:
    """The range that the look gives to maps that are coloured together; NaN has no say in it."""
    low, high = _span(values)
    least, most = low, high
    match look.range:
        case "fixed":
            low, high = sorted((look.low, look.high))
        case "robust":
            low, high = _robust(values)
        case _:
            pass
    if look.table in DIVERGING and look.range != "fixed":
        low, high = _even(low, high)
    return ViewRange(low, high, least < low, most > high, least > 0)


def _span(values: Sequence[Float32[np.ndarray, "..."]]) -> tuple[float, float]:
    return (
        float(min(np.fmin.reduce(each, axis=None) for each in values)),
        float(max(np.fmax.reduce(each, axis=None) for each in values)),
    )


def _robust(values: Sequence[Float32[np.ndarray, "..."]]) -> tuple[float, float]:
    """The percentiles; of values that are all but equal the whole range."""
    every = np.concatenate([np.ravel(each) for each in values])
    every = every[~np.isnan(every)]
    low, high = (float(end) for end in np.percentile(every, ROBUST))
    return (low, high) if low < high else _span(values)


def _even(low: float, high: float) -> tuple[float, float]:
    """A range as wide below zero as above it, so that a diverging table turns at zero."""
    reach = max(abs(low), abs(high)) or 1.0  # zero alone is in the middle of the table
    return -reach, reach


def scale_of(
    values: Float32[np.ndarray, "..."],
    look: Look,
    label: str,
    whole: tuple[float, float] | ViewRange | None = None,
    unit: str = "",
) -> ColorScale:
    """The range and colours of one map; `whole` is the range of the view where one serves all."""
    if whole is None or look.range == "map":
        found = view_range(look, values)
    elif isinstance(whole, ViewRange):
        found = whole
    else:
        found = view_range(look, values)
        if look.range in ("view", "page"):
            low, high = _even(*whole) if look.table in DIVERGING else whole
            found = found._replace(low=low, high=high, below=False, above=False)
    return _scale(found, look, label, unit)


def _scale(found: ViewRange, look: Look, label: str, unit: str) -> ColorScale:
    log = look.log and found.positive and look.table not in DIVERGING
    return ColorScale(found.low, found.high, look.table, label, unit, log, found.below, found.above)


def tiles_of(
    values: Tiles,
    look: Look,
    label: str,
    *,
    unit: str = "",
    ranged: Tiles | None = None,
    whole: ViewRange | None = None,
    gap: int = 1,
) -> HeatTiles:
    """Small maps with their ranges and what their colour bar says; `ranged` are the numbers that have
    a say in each tile's range, `whole` the range of the view where it is known.
    """
    own = values if ranged is None else ranged
    if look.range == "map":
        low, high = tile_ranges(own, look)
        return HeatTiles(
            values,
            low,
            high,
            ColorScale(0, 1, look.table, _("relative {label}").format(label=label)),
            gap,
        )
    scale = _scale(whole or view_range(look, own), look, label, unit)
    low, high = (np.full(values.shape[:2], end, np.float32) for end in (scale.low, scale.high))
    return HeatTiles(values, low, high, scale, gap)


def tile_ranges(values: Tiles, look: Look) -> tuple[TileEnds, TileEnds]:
    """The lowest and highest value of each tile's colours, by the look's range."""
    low: TileEnds = np.fmin.reduce(values, axis=(2, 3))
    if look.range != "map":
        found = view_range(look, values)
        return np.full_like(low, found.low), np.full_like(low, found.high)
    high: TileEnds = np.fmax.reduce(values, axis=(2, 3))
    if look.table in DIVERGING:
        reach = np.maximum(np.abs(low), np.abs(high))
        reach = np.where(reach == 0, np.float32(1), reach)
        return -reach, reach
    return low, high


def tiles_scale(low: np.ndarray, high: np.ndarray, look: Look, label: str) -> ColorScale:
    """What the colour bar beside many tiles says."""
    if look.range == "map":
        return ColorScale(0, 1, look.table, _("relative {label}").format(label=label))
    return ColorScale(float(np.nanmin(low)), float(np.nanmax(high)), look.table, label)


def ranges_words(look: Look, *scales: ColorScale) -> tuple[str, ...]:
    """What "relative" and robust mean beside many tiles, and where no logarithm can be had."""
    said = []
    if look.range == "map":
        said.append(
            _("Every small map has its own range, from its lowest value (0) to its highest (1).")
        )
    if look.range == "robust":
        said.append(
            _(
                "Colours reach from the 1st to the 99th percentile, of all small maps together; "
                "numbers "
                "beyond (an arrow on the bar) have the colours of the ends."
            )
        )
    if look.log and any(not scale.powers for scale in scales):
        said.append(
            _(
                "Linear where a map has its own range from 0 to 1, or numbers that are not "
                "above zero."
            )
        )
    return tuple(said)
