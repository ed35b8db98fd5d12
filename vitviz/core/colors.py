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


@dataclass(frozen=True, slots=True)
class ColorScale:
    """A range, its colour table and what the numbers are; what a colour bar shows."""

    low: float
    high: float
    table: ColorTable = "viridis"
    label: str = ""
    unit: str = ""


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
) -> UInt8[np.ndarray, "..."]:
    """Values to 0..255 of a table: `low` and below to 0, `high` and above to 255, NaN to 0.

    An empty range (low == high) maps everything to 0. `low` and `high` may be arrays that broadcast.
    """
    width = np.asarray(high, np.float32) - np.asarray(low, np.float32)
    factor = np.where(width > 0, np.float32(255) / np.where(width > 0, width, 1), 0)
    scaled = (np.clip(values, low, high) - low) * factor + np.float32(0.5)
    index: UInt8[np.ndarray, "..."] = np.nan_to_num(scaled, copy=False, nan=0.0).astype(np.uint8)
    return index


def colored(
    values: Float32[np.ndarray, "row col"], scale: ColorScale
) -> UInt8[np.ndarray, "row col rgb"]:
    """A map in the colours of its scale."""
    picked: UInt8[np.ndarray, "row col rgb"] = table_colors(scale.table)[
        color_index(values, scale.low, scale.high)
    ]
    return picked


__getattr__ = renamed("core.colors", "core.colors")
