"""One range for drawings side by side: one colour, and one height in a plot, means one value in all."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace

import numpy as np

from vitviz.core.colors import DIVERGING, ROBUST, ColorScale
from vitviz.core.data.drawing import Drawing, DrawnLayer, Heat, HeatTiles, Panel
from vitviz.core.data.plots import Axis, Plot

Key = tuple[int, str, str, str]
"""A panel's position in its drawing, and the label, unit and colour table of its numbers; of a plot its
label, and which of its sides that is.
"""
SharedRanges = Mapping[Key, tuple[float, float]]


def ranges(drawings: Sequence[Drawing], *, every: bool = True) -> SharedRanges:
    """The range that holds the numbers of all drawings, for each panel that more than one has.

    Without `every` only of drawings whose option asks for one range of the page.

    Panels belong together that are at one position, of one quantity and in one colour table. Maps
    that are coloured by their place in a range of their own ("relative") stay so. Plots belong
    together side by side: where both have one quantity along it.
    """
    found: dict[Key, list[ColorScale | Axis]] = {}
    clipped: dict[Key, list[Panel]] = {}
    for drawing in drawings:
        if not every and dict(drawing.options).get("range") != "page":
            continue
        for at, panel in enumerate(drawing.panels):
            if panel.bar is not None and any(_coloured_by(panel.bar, one) for one in panel.layers):
                found.setdefault(_key(at, panel.bar), []).append(panel.bar)
                clipped.setdefault(_key(at, panel.bar), []).append(panel)
            if (plot := _plot(panel)) is not None:
                for key, side in _sides(at, plot):
                    found.setdefault(key, []).append(side)
    return {
        key: _robust(clipped.get(key, ()))
        or (min(scale.low for scale in scales), max(scale.high for scale in scales))
        for key, scales in found.items()
        if len(scales) > 1
    }


def _range_of(panels: Sequence[Panel]) -> tuple[float, float]:
    """One range for maps of one quantity."""
    bars = [panel.bar for panel in panels if panel.bar is not None]
    alike = len({(bar.low, bar.high) for bar in bars}) == 1
    wide = min(bar.low for bar in bars), max(bar.high for bar in bars)
    return wide if alike else _robust(panels) or wide


def _robust(panels: Sequence[Panel]) -> tuple[float, float] | None:
    """The percentiles of all maps together, where some reach beyond their own; else None.

    The widest of their ranges would be that of the map with the largest values, and empty the others.
    """
    bars = [panel.bar for panel in panels if panel.bar is not None]
    if not any(bar.below or bar.above for bar in bars):
        return None
    every = np.concatenate(
        [np.ravel(values) for panel in panels for values in _values_of(panel, panel.bar)]
    )
    low, high = (float(end) for end in np.percentile(every[~np.isnan(every)], ROBUST))
    if bars[0].table in DIVERGING:
        low, high = -max(-low, high), max(-low, high)
    return (low, high) if low < high else None


def _values_of(panel: Panel, bar: ColorScale | None) -> list[np.ndarray]:
    """The numbers that a panel's bar is about."""
    return [
        layer.values
        for layer in panel.layers
        if bar is not None and isinstance(layer, Heat | HeatTiles) and _coloured_by(bar, layer)
    ]


def with_ranges(drawing: Drawing, shared: SharedRanges) -> Drawing:
    """The drawing in these ranges; the very same one where they change nothing."""
    if not shared:
        return drawing
    at, rows = 0, []
    for row in drawing.rows:
        rows.append(tuple(_ranged(panel, at + i, shared) for i, panel in enumerate(row)))
        at += len(row)
    same = all(
        a is b
        for old, new in zip(drawing.rows, rows, strict=True)
        for a, b in zip(old, new, strict=True)
    )
    if same:
        return drawing
    other: dict[int, tuple[tuple[float, float], ...]] = {}
    for at, low, high in drawing.ranges:
        other[at] = (*other.get(at, ()), (low, high))
    for at, (old, new) in enumerate(
        zip(drawing.panels, (p for row in rows for p in row), strict=True)
    ):
        if new is not old:
            other[at] = _ends(new)
    kept = tuple((at, *ends) for at, several in sorted(other.items()) for ends in several)
    return replace(drawing, rows=tuple(rows), ranges=kept)


def kept_ranges(drawing: Drawing) -> list[tuple[int, float, float]]:
    """The range of every panel that has one, as `in_ranges` takes them: what a recipe keeps."""
    return [(at, *ends) for at, panel in enumerate(drawing.panels) for ends in _ends(panel)]


def _ends(panel: Panel) -> tuple[tuple[float, float], ...]:
    """What a panel's range says again: of its colours, or of a plot along x, then along y."""
    if (plot := _plot(panel)) is not None:
        return (plot.x.low, plot.x.high), (plot.y.low, plot.y.high)
    return () if panel.bar is None else ((panel.bar.low, panel.bar.high),)


def one_for_each_quantity(drawing: Drawing) -> Drawing:
    """The drawing with one range for each quantity, wherever on the page its panels are.

    What is coloured by its place in a range of its own ("relative") stays so. `ranges` of the drawing
    remain what its recipe says.
    """
    alike: dict[tuple[str, str, str], list[Panel]] = {}
    for panel in drawing.panels:
        bar = panel.bar
        if bar is not None and any(_coloured_by(bar, layer) for layer in panel.layers):
            alike.setdefault(_quantity(bar), []).append(panel)
    wide = {quantity: _range_of(panels) for quantity, panels in alike.items()}

    def ranged(panel: Panel) -> Panel:
        ends = None if panel.bar is None else wide.get(_quantity(panel.bar))
        return panel if ends is None else _in_range(panel, ends)

    rows = tuple(tuple(map(ranged, row)) for row in drawing.rows)
    return replace(drawing, rows=_with_one_bar(rows))


def _with_one_bar(rows: tuple[tuple[Panel, ...], ...]) -> tuple[tuple[Panel, ...], ...]:
    """The bars of one range say together whether some map of theirs goes beyond it."""
    beyond: dict[ColorScale, tuple[bool, bool]] = {}
    for panel in (each for row in rows for each in row if each.bar is not None):
        assert panel.bar is not None
        below, above = beyond.get(_inside(panel.bar), (False, False))
        beyond[_inside(panel.bar)] = below or panel.bar.below, above or panel.bar.above

    def marked(panel: Panel) -> Panel:
        if panel.bar is None:
            return panel
        below, above = beyond[_inside(panel.bar)]
        bar = replace(panel.bar, below=below, above=above)
        layers = tuple(
            _scaled(layer, bar) if _coloured_by(panel.bar, layer) else layer
            for layer in panel.layers
        )
        return panel if bar == panel.bar else replace(panel, bar=bar, layers=layers)

    return tuple(tuple(map(marked, row)) for row in rows)


def _inside(bar: ColorScale) -> ColorScale:
    return replace(bar, below=False, above=False)


def _quantity(scale: ColorScale) -> tuple[str, str, str]:
    return scale.label, scale.unit, scale.table


def in_ranges(drawing: Drawing, kept: Sequence[tuple[int, float, float]]) -> Drawing:
    """The drawing with these panels in these ranges, (panel, low, high): as it was beside others."""
    panels, shared = drawing.panels, dict[Key, tuple[float, float]]()
    for at, panel in enumerate(panels):
        ends = [(low, high) for which, low, high in kept if which == at]
        if (plot := _plot(panel)) is not None:
            keys = [key for key, _ in _sides(at, plot)]
        else:
            keys = [] if panel.bar is None else [_key(at, panel.bar)]
        shared.update(zip(keys, ends, strict=False))
    return with_ranges(drawing, shared)


def _key(at: int, scale: ColorScale) -> Key:
    return at, scale.label, scale.unit, scale.table


def _plot(panel: Panel) -> Plot | None:
    return next((layer for layer in panel.layers if isinstance(layer, Plot)), None)


def _sides(at: int, plot: Plot) -> tuple[tuple[Key, Axis], tuple[Key, Axis]]:
    return ((at, plot.x.label, "", "x"), plot.x), ((at, plot.y.label, "", "y"), plot.y)


def _ranged_plot(panel: Panel, plot: Plot, at: int, shared: SharedRanges) -> Panel:
    sides = [(shared.get(key, (side.low, side.high)), side) for key, side in _sides(at, plot)]
    if all(ends == (side.low, side.high) for ends, side in sides):
        return panel
    x, y = (replace(side, low=ends[0], high=ends[1]) for ends, side in sides)
    wide = replace(plot, x=x, y=y)
    layers = tuple(wide if layer is plot else layer for layer in panel.layers)
    return replace(panel, layers=layers)


def _ranged(panel: Panel, at: int, shared: SharedRanges) -> Panel:
    if (plot := _plot(panel)) is not None:
        return _ranged_plot(panel, plot, at, shared)
    wide = None if panel.bar is None else shared.get(_key(at, panel.bar))
    return panel if wide is None else _in_range(panel, wide)


def _in_range(panel: Panel, wide: tuple[float, float]) -> Panel:
    """The panel's maps, as far as its bar is about them, in another range."""
    bar = panel.bar
    if bar is None or wide == (bar.low, bar.high):
        return panel
    if not any(_coloured_by(bar, layer) for layer in panel.layers):
        return panel
    scale = _scale_between(panel, bar, *wide)
    layers = tuple(
        _scaled(layer, scale) if _coloured_by(bar, layer) else layer for layer in panel.layers
    )
    return replace(panel, layers=layers, bar=scale)


def _scale_between(panel: Panel, bar: ColorScale, low: float, high: float) -> ColorScale:
    """The panel's scale with other ends, and whether its numbers go beyond these."""
    scale = replace(bar, low=low, high=high)
    narrower = bar.below or bar.above or low > bar.low or high < bar.high
    values = _values_of(panel, bar)
    if not narrower or not values:
        return scale
    least, most = min(map(np.nanmin, values)), max(map(np.nanmax, values))
    below = bool(least < low) and (bar.below or low > bar.low)
    above = bool(most > high) and (bar.above or high < bar.high)
    return replace(scale, below=below, above=above)


def _coloured_by(bar: ColorScale, layer: DrawnLayer) -> bool:
    """Whether the colour bar is about this layer, from its lowest to its highest value."""
    match layer:
        case Heat():
            return layer.scale == bar
        case HeatTiles():
            one = bool(np.all(layer.low == np.float32(bar.low)))
            return one and bool(np.all(layer.high == np.float32(bar.high)))
        case _:
            return False


def _scaled(layer: DrawnLayer, scale: ColorScale) -> DrawnLayer:
    match layer:
        case Heat():
            return replace(layer, scale=scale)
        case HeatTiles():
            low = np.full_like(layer.low, scale.low)
            return replace(layer, scale=scale, low=low, high=np.full_like(layer.high, scale.high))
        case _:
            return layer
