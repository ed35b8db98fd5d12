"""The numbers inside a drawing: one named array a map, atlas, curve or list of bars."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import assert_never

import numpy as np
from einops import rearrange
from jaxtyping import Float32

from vitviz.core.colors import ColorScale
from vitviz.core.data.drawing.drawn_layers import Bars, Heat, HeatTiles
from vitviz.core.data.drawing.panel import HeadTiles, LayerPairs, Panel, TokenPairs, TokenTiles
from vitviz.core.data.plots import Plot


@dataclass(frozen=True, slots=True, eq=False)
class DrawingNumbers:
    """One array that is drawn: its name, its axes in order, and what its numbers are."""

    name: str
    axes: tuple[str, ...]
    values: Float32[np.ndarray, "..."]
    title: str
    scale: ColorScale | None = None
    names: tuple[str, ...] = ()
    """What stands at each place of the first axis, where that has a name."""


def panel_numbers(panels: Sequence[Panel]) -> tuple[DrawingNumbers, ...]:
    """Every map, atlas and list of bars of a drawing's panels; pictures are left out."""
    return tuple(
        found
        for at, panel in enumerate(panels, start=1)
        for found in _of_panel(panel, f"panel{at}")
    )


def _of_panel(panel: Panel, name: str) -> Iterator[DrawingNumbers]:
    count = 0
    for layer in panel.layers:
        if not isinstance(layer, Heat | HeatTiles | Bars | Plot):
            continue
        count += 1
        own = name if count == 1 else f"{name}_{count}"
        match layer:
            case Heat():
                yield DrawingNumbers(own, _heat_axes(panel), layer.values, panel.title, layer.scale)
            case HeatTiles():
                axes, values = _tiles(panel, layer)
                yield DrawingNumbers(own, axes, values, panel.title, layer.scale)
            case Bars():
                values = np.array(layer.values, np.float32)
                yield DrawingNumbers(own, ("name",), values, panel.title, names=layer.names)
            case Plot():
                for at, curve in enumerate(layer.curves, start=1):
                    both = np.stack([curve.x, curve.y], axis=-1).astype(np.float32)
                    title = f"{panel.title}: {curve.name or layer.y.label}"
                    whose = tuple(each.words for each in curve.whose)
                    yield DrawingNumbers(
                        f"{own}_curve{at}", ("point", "side"), both, title, names=whose
                    )
            case _:
                assert_never(layer)


def _heat_axes(panel: Panel) -> tuple[str, ...]:
    match panel.space:
        case LayerPairs():
            return "layer", "other_layer"
        case TokenPairs():
            return "query", "key"
        case _:
            return "row", "col"


def _tiles(panel: Panel, tiles: HeatTiles) -> tuple[tuple[str, ...], np.ndarray]:
    match panel.space:
        case HeadTiles(by_layer=True):
            return ("layer", "head", "row", "col"), tiles.values
        case HeadTiles() as space:
            heads = rearrange(tiles.values, "line head row col -> (line head) row col")
            return ("head", "row", "col"), heads[: sum(space.heads)]
        case TokenTiles() as space:
            patches = rearrange(tiles.values, "down across row col -> (down across) row col")
            return ("patch", "row", "col"), patches[: space.grid.rows * space.grid.cols]
        case _:
            return ("tile_row", "tile_col", "row", "col"), tiles.values
