"""Numbers into colours: one function for the screen and for paper, so that both agree."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from typing import Literal

import numpy as np
from jaxtyping import Float32, UInt8

from vitviz.core.old_paths import renamed
from vitviz.core.resources import resource

ColorTable = Literal["viridis", "magma", "inferno", "cividis", "gray", "CET-L19", "vik", "CET-D1"]
"""Colour tables: perceptually uniform ones, and diverging ones (vik, CET-D1) for signed values."""

DIVERGING = ("vik", "CET-D1")
ROBUST = (1.0, 99.0)
"""The percentiles between which a robust range lies."""

Lay = Literal["fade", "light", "tint", "contours", "map alone"]
"""How a map lies over a picture: opacity follows the value over the picture in grey, the picture is
darkened where the value is low, one opacity for all, lines of equal value, or no picture at all."""


@dataclass(frozen=True, slots=True)
class ColorScale:
    """A range, its colour table and what the numbers are; what a colour bar shows.

    `log` divides the range by powers instead of evenly. `below` and `above` say that there are numbers
    beyond its ends, which have the colours of the ends.
    """

    low: float
    high: float
    table: ColorTable = "viridis"
    label: str = ""
    unit: str = ""
    log: bool = False
    below: bool = False
    above: bool = False

    @property
    def words(self) -> str:
        """What the numbers are, for a colour bar."""
        return " ".join(filter(None, (self.label, self.unit, "(log)" if self.powers else "")))

    @property
    def powers(self) -> bool:
        """Whether the colours are divided by powers: only a range above zero can be."""
        return self.log and 0 < self.low < self.high


@cache
def table_colors(table: ColorTable) -> UInt8[np.ndarray, "256 rgb"]:
    """The 256 colours of a table, lowest first. KeyError for an unknown name."""
    with np.load(resource("tables.npz")) as tables:
        colors: UInt8[np.ndarray, "256 rgb"] = tables[table]
    colors.setflags(write=False)
    return colors


def color_index(
    values: Float32[np.ndarray, "..."],
    low: float | Float32[np.ndarray, "..."],
    high: float | Float32[np.ndarray, "..."],
    log: bool = False,
) -> UInt8[np.ndarray, "..."]:
    """Values to 0..255 of a table: `low` and below to 0, `high` and above to 255, NaN to 0.

    An empty range (low == high) maps everything to 0. `low` and `high` may be arrays that broadcast.
    With `log`, both above zero, equal factors are equally far apart.
    """
    if log:
        ends = np.log(np.asarray(low, np.float32)), np.log(np.asarray(high, np.float32))
        return color_index(np.log(np.clip(values, low, high)), *ends)
    width = np.asarray(high, np.float32) - np.asarray(low, np.float32)
    factor = np.where(width > 0, np.float32(255) / np.where(width > 0, width, 1), 0)
    scaled = (np.clip(values, low, high) - low) * factor + np.float32(0.5)
    index: UInt8[np.ndarray, "..."] = np.nan_to_num(scaled, copy=False, nan=0.0).astype(np.uint8)
    return index


def colored(
    values: Float32[np.ndarray, "row col"], scale: ColorScale
) -> UInt8[np.ndarray, "row col rgb"]:
    """A map in the colours of its scale."""
    picked: UInt8[np.ndarray, "row col rgb"] = table_colors(scale.table)[scale_index(values, scale)]
    return picked


def scale_index(values: Float32[np.ndarray, "..."], scale: ColorScale) -> UInt8[np.ndarray, "..."]:
    """Values to 0..255 of a scale's table."""
    return color_index(values, scale.low, scale.high, scale.powers)


__getattr__ = renamed("core.colors", "core.colors")
