"""One range for drawings side by side, and nothing else about them changed."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from vitviz.core.colors import ColorScale
from vitviz.core.data.drawing import Drawing, Heat, HeatTiles, Panel
from vitviz.core.data.geometry import Box
from vitviz.core.data.plots import Axis, Curve, Plot
from vitviz.core.data.selection import Selection
from vitviz.core.drawings.shared_ranges import in_ranges, kept_ranges, ranges, with_ranges
from vitviz.views import find

BOX = Box(0, 0, 10, 10)


def heat(low: float, high: float, label: str = "attention") -> Panel:
    scale = ColorScale(low, high, label=label)
    return Panel((Heat(np.array([[low, high]], np.float32), BOX, scale),), BOX, bar=scale)


def tiles(low: list[float], high: list[float], bar: ColorScale) -> Panel:
    ends = np.array([low], np.float32), np.array([high], np.float32)
    return Panel((HeatTiles(np.zeros((1, 2, 3, 3), np.float32), *ends, bar),), BOX, bar=bar)


def drawing(*panels: Panel) -> Drawing:
    return Drawing("view", "View", (panels,))


def test_the_range_holds_all_columns() -> None:
    one, two = drawing(heat(0.0, 0.2)), drawing(heat(0.1, 0.9))
    shared = ranges([one, two])
    (wide,) = with_ranges(one, shared).panels
    assert wide.bar == ColorScale(0.0, 0.9, label="attention")
    assert isinstance(wide.layers[0], Heat)
    assert wide.layers[0].scale == wide.bar
    assert wide.layers[0].values is one.panels[0].layers[0].values  # type: ignore[union-attr]


def test_a_drawing_alone_or_of_the_same_range_is_left_as_it_is() -> None:
    one = drawing(heat(0.0, 0.2))
    assert with_ranges(one, ranges([one])) is one
    assert with_ranges(one, ranges([one, drawing(heat(0.1, 0.2))])) is one


def test_other_quantities_keep_their_ranges() -> None:
    one, two = drawing(heat(0, 1), heat(0, 5)), drawing(heat(0, 2, "entropy"), heat(0, 7))
    shared = ranges([one, two])
    first, second = with_ranges(one, shared).panels
    assert first is one.panels[0]
    assert second.bar is not None
    assert second.bar.high == 7
    signed = drawing(replace(heat(-1, 1), bar=ColorScale(-1, 1, "vik", "attention")))
    assert ranges([one, signed]) == {}


def plot(layers: int, high: float, label: str = "how far") -> Panel:
    curve = Curve(np.arange(1.0, layers + 1), np.full(layers, high / 2))
    axes = Axis("layer", 0.5, layers + 0.5, whole=True), Axis(label, 0.0, high)
    return Panel((Plot((curve,), *axes),), BOX)


def test_plots_side_by_side_share_both_axes() -> None:
    shallow, deep = drawing(plot(3, 9.0)), drawing(plot(6, 4.0))
    shared = ranges([shallow, deep])
    for one in (shallow, deep):
        (panel,) = with_ranges(one, shared).panels
        (wide,) = panel.layers
        assert isinstance(wide, Plot)
        assert (wide.x, wide.y) == (Axis("layer", 0.5, 6.5, whole=True), Axis("how far", 0.0, 9.0))
        assert wide.curves is one.panels[0].layers[0].curves  # type: ignore[union-attr]
    other = drawing(plot(6, 4.0, "how wide"))
    (panel,) = with_ranges(other, ranges([shallow, other])).panels
    assert panel.layers[0].y == Axis("how wide", 0.0, 4.0)  # type: ignore[union-attr]


def test_a_recipe_keeps_the_axes_that_plots_shared() -> None:
    one, two = drawing(heat(0.0, 0.2), plot(3, 9.0)), drawing(heat(0.1, 0.9), plot(6, 4.0))
    wide = with_ranges(two, ranges([one, two]))
    for kept in (wide.ranges, kept_ranges(wide)):
        again = in_ranges(two, kept)
        assert again.panels[0].bar == wide.panels[0].bar
        assert again.panels[1].layers[0].x == wide.panels[1].layers[0].x  # type: ignore[union-attr]
        assert again.panels[1].layers[0].y == wide.panels[1].layers[0].y  # type: ignore[union-attr]


def test_many_maps_of_one_range_get_the_wide_one_and_relative_ones_stay() -> None:
    whole = tiles([0, 0], [2, 2], ColorScale(0, 2, label="attention"))
    wider = tiles([0, 0], [3, 3], ColorScale(0, 3, label="attention"))
    (panel,) = with_ranges(drawing(whole), ranges([drawing(whole), drawing(wider)])).panels
    assert isinstance(panel.layers[0], HeatTiles)
    assert panel.layers[0].high.tolist() == [[3, 3]]
    relative = tiles([0, 1], [2, 5], ColorScale(0, 1, label="relative attention"))
    other = tiles([0, 2], [1, 9], ColorScale(0, 1, label="relative attention"))
    assert ranges([drawing(relative), drawing(other)]) == {}


def test_real_views_share_what_they_colour_alike(tiny_trace: Any) -> None:
    first = find("heads").draw(tiny_trace, Selection(depth=0.0))
    last = find("heads").draw(tiny_trace, Selection(depth=1.0))
    shared = ranges([first, last])
    assert shared
    ends = [
        (panel.bar.low, panel.bar.high)
        for one in (first, last)
        for panel in with_ranges(one, shared).panels[:1]
        if panel.bar is not None
    ]
    assert len(set(ends)) == 1


def test_maps_that_reach_beyond_their_range_share_their_percentiles() -> None:
    random = np.random.default_rng(0)
    drawings = []
    for largest in (0.02, 0.02, 1.0):
        values = random.uniform(0, 0.02, (14, 14)).astype(np.float32)
        values[0, 0] = largest
        low, high = np.percentile(values, (1, 99))
        scale = ColorScale(float(low), float(high), label="attention", below=True, above=True)
        box = Box(0, 0, 14, 14)
        drawings.append(
            Drawing("heads", "", ((Panel((Heat(values, box, scale),), box, bar=scale),),))
        )
    every = np.concatenate([each.values.ravel() for each in map(heat_of, drawings)])
    (ends,) = ranges(drawings).values()
    assert ends == pytest.approx(np.percentile(every, (1, 99)))
    assert ends[1] < 0.03, "one corner empties no other map"


def heat_of(drawing: Drawing) -> Heat:
    (layer,) = drawing.panels[0].layers
    assert isinstance(layer, Heat)
    return layer
