"""What the views of heads over depth share: every head as a point, of one picture or many."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Annotated, Literal

import numpy as np
from jaxtyping import Float64

from vitviz.core.counted import head_name
from vitviz.core.data.drawing import Listed, Panel
from vitviz.core.data.geometry import Box
from vitviz.core.data.plots import Curve, Plot, Whose, axis
from vitviz.core.data.selection import Selection
from vitviz.core.data.trace import Trace
from vitviz.core.language import _
from vitviz.core.progress import Unsupported
from vitviz.views.options import OptionHelp

PicturesOver = Literal["this picture", "all open pictures"]
OverOption = Annotated[PicturesOver, OptionHelp("One picture, or the mean over all that are open")]
"""Whether a number of heads is one picture's, or the mean over pictures."""
HeadSpread = tuple[Float64[np.ndarray, "head"] | None, ...]
"""One number for each head of each layer; None for a layer that has none."""

EXTENT = Box(0, 0, 3, 4)


def layers_needed(trace: Trace) -> str:
    """Why a trace has no attention among tokens with a place; "" where it has."""
    if trace.layers:
        return ""
    why = trace.matrices[0].why if trace.matrices else _("none could be verified")
    return _("{called} has no attention among the patches of the picture: {why}").format(
        called=trace.model.called, why=why
    )


def mean_of(values: Float64[np.ndarray, "..."]) -> Float64[np.ndarray, "..."]:
    """The mean over the first axis of what are numbers; NaN where none are."""
    there = np.isfinite(values)
    count = there.sum(axis=0)
    found: Float64[np.ndarray, "head"] = np.where(
        count > 0, np.where(there, values, 0).sum(axis=0) / np.maximum(count, 1), np.nan
    )
    return found


def averaged(
    trace: Trace,
    more: Sequence[Trace],
    over: PicturesOver,
    measure: Callable[[Trace], HeadSpread],
) -> tuple[HeadSpread, int]:
    """The numbers of one picture, or their mean over all, and how many pictures that is.

    Unsupported where no layer has them: no places, or attention below zero in every head.
    """
    traces = (trace, *more) if over == "all open pictures" else (trace,)
    found = [measure(each) for each in traces]
    if all(each is None for each in found[0]):
        raise Unsupported(
            _("{title} has no layer whose attention is among tokens with a place").format(
                title=trace.model.title
            )
        )
    if not any(each is not None and np.isfinite(each).any() for each in found[0]):
        raise Unsupported(
            _(
                "attention goes below zero in every head of {title}, so it is no share "
                "of a whole that could be spread or have a distance"
            ).format(title=trace.model.title)
        )
    mean = tuple(
        None if layers[0] is None else mean_of(np.stack(layers))
        for layers in zip(*found, strict=True)
    )
    return mean, len(traces)


def panel(
    trace: Trace,
    spread: HeadSpread,
    selection: Selection,
    title: str,
    label: str,
    *more: Curve,
    low: float | None = 0.0,
    high: float | None = None,
    facts: tuple[tuple[str, str], ...] = (),
) -> Panel:
    """Heads as points over the depth, the chosen ones marked, the layers' means as a line."""
    layers = len(spread)
    chosen = selection.layer(layers)
    points = [
        (layer, head, float(value))
        for layer, heads in enumerate(spread)
        for head, value in enumerate(() if heads is None else heads)
    ]
    whose = tuple(
        Whose(f"{trace.layer_name(layer)} {head_name(head)}", layer, head)
        for layer, head, _unused in points
    )
    depths, values = (np.array([each[at] for each in points], float) for at in (0, 2))
    marked = [
        (layer, value)
        for layer, head, value in points
        if layer == chosen and selection.head in (None, head)
    ]
    means = [np.nan if heads is None else float(mean_of(heads)) for heads in spread]
    curves = (
        *more,
        Curve(np.arange(1.0, layers + 1), np.array(means), _("mean of the heads"), tone="quiet"),
        Curve(depths + 1, values, _("a head"), "points", whose=whose),
        Curve(
            np.array([chosen + 1.0] * len(marked)),
            np.array([value for _unused, value in marked]),
            _("chosen"),
            "points",
            "chosen",
        ),
    )
    named = _("layer") if trace.calls == layers else _("layer, of those shown")
    across = axis(named, np.arange(layers), low=0.5, high=layers + 0.5, whole=True)
    drawn = [values, *(curve.y for curve in more)] if high is None else [values]
    plot = Plot(curves, across, axis(label, *drawn, low=low, high=high))
    return Panel((plot,), EXTENT, title, Listed(layers), facts=facts)


def of_layer(
    trace: Trace, spread: HeadSpread, layer: int, form: str = "{:.1f}"
) -> tuple[tuple[str, str], ...]:
    """The chosen layer's nearest and furthest head, as numbers."""
    heads = spread[layer]
    if heads is None or not np.isfinite(heads).any():
        return ()
    low, high = int(np.nanargmin(heads)), int(np.nanargmax(heads))
    mean = float(np.nanmean(heads))
    return (
        (_("{layer}, mean").format(layer=trace.layer_name(layer)), form.format(mean)),
        (_("least, {head}").format(head=head_name(low)), form.format(heads[low])),
        (_("most, {head}").format(head=head_name(high)), form.format(heads[high])),
    )


def shares_words(trace: Trace) -> tuple[str, ...]:
    """Said where heads are mixed after the softmax."""
    mixed = any(layer.before is not None for layer in trace.layers)
    return (_("Of the softmax, before the model mixes its heads."),) if mixed else ()


def pictures_words(count: int, over: PicturesOver) -> str:
    """How many pictures the numbers are of."""
    if over == "this picture":
        return _("Of this picture alone.")
    return (
        _("Mean over {count} pictures.").format(count=count)
        if count > 1
        else _("Of this picture: no other is open, or read yet.")
    )
