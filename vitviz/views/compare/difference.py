"""One map minus another: two models, patch sizes or pictures, and how alike their maps are."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Annotated, Literal, NamedTuple

import numpy as np
from einops import reduce
from jaxtyping import Float32

from vitviz.core.colors import ColorScale, ColorTable, Lay
from vitviz.core.counted import head_name
from vitviz.core.data.drawing import Drawing, DrawnLayer, Grid, Panel, PixelSpace
from vitviz.core.data.geometry import Box
from vitviz.core.data.selection import Selection
from vitviz.core.data.trace import Layer, Trace
from vitviz.core.language import N_, _
from vitviz.core.measures.overlap import (
    CellValues,
    Overlap,
    Seen,
    carried,
    correlation,
    intersection,
    jensen_shannon,
    overlap,
    resized,
)
from vitviz.core.progress import Unsupported
from vitviz.views import view
from vitviz.views.attention.rollout_runs import RolloutWalk, fused_row, head_rows
from vitviz.views.options import LAY, OPACITY, OptionHelp
from vitviz.views.shared import picture_layers, two_traces

DifferenceOf = Literal["rollout", "attention", "class attention"]
EVEN = N_("(1: even share)")


@dataclass(frozen=True, slots=True)
class DifferenceOver:
    """How maps lie over the picture."""

    lay: Annotated[Lay, OptionHelp(LAY)] = "fade"
    opacity: Annotated[float, OptionHelp(OPACITY, 0, 1, 0.05)] = 0.65
    smooth: Annotated[bool, OptionHelp("Interpolate between cells; off shows flat ones")] = False
    heat: Annotated[bool, OptionHelp("Show the map; off shows the bare picture")] = True
    grid: Annotated[bool, OptionHelp("Show the patch grid over the picture")] = False


class ComparedMap(NamedTuple):
    """A trace's map on its patches, what it is called, and the share that falls on patches."""

    values: Float32[np.ndarray, "row col"]
    seen: Seen
    words: str
    share: float


class BoxedMap(NamedTuple):
    """A map's numbers, where they lie in model pixels, and their colours."""

    values: Float32[np.ndarray, "row col"]
    box: Box
    scale: ColorScale


def _applies(trace: Trace) -> str:
    if trace.layers:
        return ""
    return _("{called} has no attention over the picture whose maps could be compared").format(
        called=trace.model.called
    )


@view(
    "difference",
    title="Difference",
    shows=(
        "Where do two models, two patch sizes or two pictures differ? Both maps are spread over "
        "the "
        "part of the picture that both saw, so that large and small patches compare, and the "
        "second "
        "is taken from the first: 1 means by as much as the whole map would have everywhere, were "
        "it even. Correlation, intersection and distance say in one number each how alike they are."
    ),
    formula="A / mean(A) − B / mean(B), by area; intersection Σ min(p, q); distance √JS(p, q) in "
    "bits, with p and q the maps as distributions",
    source="vitviz; intersection: Swain and Ballard 1991; distance: Endres and Schindelin 2003",
    follows=("token", "word", "layer", "head"),
    order=60,
    applies=_applies,
    shown=False,
    traces=2,
)
def draw(
    trace: Trace,
    against: Trace,
    selection: Selection,
    *,
    maps: Annotated[
        DifferenceOf,
        OptionHelp("Rollout or attention from the chosen token, or the class token's attention"),
    ] = "rollout",
    colours: Annotated[Literal["vik", "CET-D1"], OptionHelp("Colours of the difference")] = "vik",
    reach: Annotated[
        float | None,
        OptionHelp("Largest difference that the colours tell; empty: this map's own", 0.01, 100),
    ] = None,
    beside: Annotated[bool, OptionHelp("Show the two maps beside their difference")] = True,
    table: Annotated[
        Literal["viridis", "magma", "inferno", "cividis"], OptionHelp("Colours of the two maps")
    ] = "viridis",
    look: DifferenceOver = DifferenceOver(),
) -> Drawing:
    """The difference large over the first picture, the two maps smaller beside it.

    Unsupported where a model has no such map on its grid, or the two have none to compare.
    """
    moved = carried(selection, trace.crop, against.crop)
    first, second = _map(trace, selection, maps), _map(against, moved, maps)
    shared = overlap(first.seen, second.seen)
    one, two = shared.one(first.values), shared.other(second.values)
    means = [_mean(cells, shared, each) for cells, each in ((one, trace), (two, against))]
    names = two_traces.names(trace, against)
    change = one / means[0] - two / means[1]
    scale = _scale(change, colours, reach)
    large = BoxedMap(shared.evenly(change), shared.box(trace.crop), scale)
    panels = [_panel(trace, selection, large, "Difference", look)]
    panels[0] = replace(panels[0], facts=_alike(one, two, shared))
    if beside:
        heats = _heats((first, second), means, table, _what(maps))
        short = two_traces.short(names)
        left = _panel(trace, selection, heats[0], short[0], look)
        right = _as_here(_panel(against, moved, heats[1], short[1], look), against, trace)
        panels += [replace(left, facts=_shares(first)), replace(right, facts=_shares(second))]
    said = (
        _("{second} shows: {words}.").format(second=names[1], words=second.words)
        if second.words != first.words
        else ""
    )
    return Drawing(
        "difference",
        _("{words}: {first} minus {second}").format(
            words=first.words, first=names[0], second=names[1]
        ),
        (tuple(panels),),
        two_traces.caption(
            trace,
            against,
            shared.share,
            _("Each map is divided by its mean over the part that both saw."),
            said,
        ),
    )


def _map(trace: Trace, selection: Selection, kind: DifferenceOf) -> ComparedMap:
    """The map that was asked for, on the patches. Unsupported where this trace has none."""
    if kind == "rollout":
        return _rollout(trace, selection)
    layer = _layer(trace, selection.layer(len(trace.layers)))
    token = selection.token(layer.grid, trace.crop)
    if kind == "class attention":
        if "class" not in layer.grid.prefix:
            raise Unsupported(
                _("{called} has no class token; choose rollout or attention as the map").format(
                    called=trace.model.called
                )
            )
        token = layer.grid.prefix.index("class")
    row = _headed(trace, layer.attention.rows(token), selection.head)
    words = _("Attention of {token}, {layer}, {head}").format(
        token=picture_layers.token_words(layer.grid, token),
        layer=trace.layer_name(trace.layers.index(layer)),
        head=picture_layers.head_words(selection.head, layer.attention.heads),
    )
    return _laid(row, Seen(layer.keys, trace.crop), words)


def _layer(trace: Trace, number: int) -> Layer:
    """The layer of that number. Unsupported where its attention is not among the patches."""
    if not trace.layers:
        raise Unsupported(
            _("{called} has no attention that could be verified").format(called=trace.model.called)
        )
    layer = trace.layers[number]
    sizes = layer.attention.queries, layer.attention.keys
    if sizes != (layer.grid.tokens, layer.keys.tokens):
        raise Unsupported(
            _(
                "{layer} of {called} has {first} queries and {second} keys, which do not "
                "lie on its grid; choose another layer"
            ).format(
                layer=trace.layer_name(number),
                called=trace.model.called,
                first=sizes[0],
                second=sizes[1],
            )
        )
    return layer


def _rollout(trace: Trace, selection: Selection) -> ComparedMap:
    token, end = selection.token(trace.grid, trace.crop), selection.layer(len(trace.layers)) + 1
    walk = RolloutWalk(0.5, 0.0, 0, end)
    if selection.head is None:
        row, which = fused_row(trace, token, walk, "mean"), _("mean of heads")
    else:
        row = _headed(trace, head_rows(trace, token, walk), selection.head)
        which = head_name(selection.head)
    who = picture_layers.token_words(trace.grid, token)
    words = _("Rollout from {who}, {layer}, {which}").format(
        who=who, layer=trace.layer_name(end - 1), which=which
    )
    return _laid(row, two_traces.seen(trace), words)


def _headed(
    trace: Trace, rows: Float32[np.ndarray, "head key"], head: int | None
) -> Float32[np.ndarray, "key"]:
    if head is None:
        return reduce(rows, "head key -> key", "mean")
    if head >= len(rows):
        raise Unsupported(
            _(
                "{called} has {count} heads here, and {head} is chosen; choose one "
                "that both have, or all together"
            ).format(called=trace.model.called, count=len(rows), head=head_name(head))
        )
    row: Float32[np.ndarray, "key"] = rows[head]
    return row


def _laid(row: Float32[np.ndarray, "key"], seen: Seen, words: str) -> ComparedMap:
    patches = row[seen.grid.patches]
    return ComparedMap(
        picture_layers.on_grid(patches, seen.grid), seen, words, float(patches.sum())
    )


def _mean(cells: CellValues, shared: Overlap, trace: Trace) -> float:
    mean = float((cells * shared.weights).sum())
    if mean <= 0:
        raise Unsupported(
            _(
                "the map of {called} is not above zero where both saw the picture, so it "
                "cannot be compared; choose another layer or head"
            ).format(called=trace.model.called)
        )
    return mean


def _scale(
    change: CellValues, colours: Literal["vik", "CET-D1"], reach: float | None
) -> ColorScale:
    """Colours that turn at zero, as far up as down."""
    reach = reach or float(np.abs(change).max()) or 1.0
    return ColorScale(-reach, reach, colours, _("difference {even}").format(even=_(EVEN)))


def _what(kind: DifferenceOf) -> str:
    return "contribution" if kind == "rollout" else "attention"


def _heats(
    maps: Sequence[ComparedMap],
    means: Sequence[float],
    table: ColorTable,
    label: str,
) -> list[BoxedMap]:
    """Both maps in multiples of an even share, in one range."""
    own = [each.values / np.float32(mean) for each, mean in zip(maps, means, strict=True)]
    low = min(0.0, *(float(each.min()) for each in own))
    scale = ColorScale(low, max(float(each.max()) for each in own), table, f"{label} {_(EVEN)}")
    return [
        BoxedMap(values, each.seen.grid.frame, scale)
        for values, each in zip(own, maps, strict=True)
    ]


def _alike(one: CellValues, other: CellValues, shared: Overlap) -> tuple[tuple[str, str], ...]:
    """How alike the maps are; no distribution has negative values."""
    weights = shared.weights
    numbers = {"correlation": correlation(one, other, weights)}
    if min(one.min(), other.min()) >= 0:
        numbers[_("intersection")] = intersection(one, other, weights)
        numbers[_("distance (JS)")] = jensen_shannon(one, other, weights)
    return tuple((name, f"{value:.3f}") for name, value in numbers.items())


def _shares(one: ComparedMap) -> tuple[tuple[str, str], ...]:
    return ((_("on patches"), f"{one.share:.3f}"), (_("elsewhere"), f"{1 - one.share:.3f}"))


def _as_here(panel: Panel, other: Trace, trace: Trace) -> Panel:
    """The panel, pointing at places of the first picture: the second may have another size."""
    crop = resized(other.crop, trace.crop.original)
    return replace(panel, space=PixelSpace(crop, other.grid))


def _panel(
    trace: Trace, selection: Selection, heat: BoxedMap, title: str, look: DifferenceOver
) -> Panel:
    grid = trace.grid
    layers: tuple[DrawnLayer, ...] = (
        *picture_layers.map_over(picture_layers.picture(trace), *heat, look),
        *((Grid(grid.frame, grid.rows, grid.cols),) if look.grid else ()),
        *picture_layers.marks(trace, selection),
    )
    return Panel(
        layers,
        trace.crop.frame,
        title,
        PixelSpace(trace.crop, grid),
        heat.scale if look.heat else None,
        query=grid.name(selection.token(grid, trace.crop)),
    )
