"""Which layers of two models say the same: every layer of one against every layer of the other."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated, Literal
from weakref import ref

import numpy as np
from jaxtyping import Float32, Float64

from vitviz.core.colors import ColorScale
from vitviz.core.counted import layer_name
from vitviz.core.data.drawing import Drawing, Heat, LayerPairs, Outlines, Panel
from vitviz.core.data.geometry import Box
from vitviz.core.data.selection import Selection
from vitviz.core.data.trace import Trace
from vitviz.core.language import _
from vitviz.core.measures.cka import cka, picture_batch, token_batch
from vitviz.core.measures.overlap import overlap
from vitviz.core.progress import Unsupported
from vitviz.views import view
from vitviz.views.options import OptionHelp
from vitviz.views.shared import picture_layers, two_traces
from vitviz.views.shared.cache_per_trace import kept

SamplesOf = Literal["patches", "pictures"]
TracePair = tuple[Trace, Trace]
Alike = Float64[np.ndarray, "layer other"]


@view(
    "cka",
    title="Layers compared",
    shows=(
        "Do two models say the same, and where in their depth? Each cell compares one layer of the "
        "first model with one of the second by how alike they find the patches of the picture, or "
        "the open pictures: 1 is the same up to rotation and scale, 0 nothing in common. Click a "
        "cell to go to that depth."
    ),
    formula="CKA = HSIC(K, L) / √(HSIC(K, K) · HSIC(L, L)), HSIC unbiased (diagonals zero) and "
    "averaged over the pictures before the ratio; K = X Xᵀ, L = Y Yᵀ",
    source="Kornblith et al. 2019, arXiv:1905.00414; Nguyen, Raghu and Kornblith 2021, "
    "arXiv:2010.15327, eq. 3",
    follows=("layer",),
    order=70,
    shown=False,
    traces=2,
)
def draw(
    trace: Trace,
    against: Trace,
    selection: Selection,
    pairs: Sequence[TracePair] = (),
    *,
    samples: Annotated[
        SamplesOf,
        OptionHelp("What is compared: patch with patch, or picture with picture (4 or more open)"),
    ] = "patches",
    table: Annotated[
        Literal["viridis", "magma", "inferno", "cividis"], OptionHelp("Colour table")
    ] = "magma",
    span: Annotated[
        Literal["0 to 1", "own"],
        OptionHelp("What the colours reach over: 0 to 1, or the values' own range"),
    ] = "0 to 1",
) -> Drawing:
    """Layers down against layers across, with the chosen depth outlined.

    Unsupported where a picture was closed meanwhile, or a model can no longer be asked.
    """
    every = _every(trace, against, pairs)
    alike = _alike(trace, tuple((ref(one), ref(two)) for one, two in every), samples)
    names = two_traces.names(trace, against)
    short = two_traces.short(names)
    where = selection.layer(len(alike)), selection.layer(alike.shape[1])
    scale = _scale(alike, span == "0 to 1", table)
    return Drawing(
        "cka",
        _("Layers of {first} (down) against {second} (across)").format(
            first=names[0], second=names[1]
        ),
        ((_panel(alike, where, scale, short),),),
        two_traces.caption(
            trace,
            against,
            _share(every) if samples == "patches" else 1.0,
            *_words(every, samples),
            pictures=len(every),
        ),
    )


def _every(trace: Trace, other: Trace, pairs: Sequence[TracePair]) -> tuple[TracePair, ...]:
    """The pairs of traces, one a picture; the shown one first."""
    found = {(trace.picture.key, other.picture.key): (trace, other)}
    for one, two in pairs:
        found.setdefault((one.picture.key, two.picture.key), (one, two))
    return tuple(found.values())


@kept(most=4)
def _alike(
    _trace: Trace, every: tuple[tuple[ref[Trace], ref[Trace]], ...], samples: SamplesOf
) -> Alike:
    """All pairs of layers. Weak, so that what is remembered keeps no other trace alive."""
    traces = [(_there(one), _there(other)) for one, other in every]
    where = [(two_traces.seen(one), two_traces.seen(other)) for one, other in traces]
    said = [(_features(one), _features(other)) for one, other in traces]
    if samples == "patches":
        return cka(token_batch(*each, seen) for each, seen in zip(said, where, strict=True))
    return cka([picture_batch([one for one, _ in said], [two for _, two in said], where)])


def _there(trace: ref[Trace]) -> Trace:
    found = trace()
    if found is None:
        raise Unsupported(_("one of the pictures was closed meanwhile; draw again"))
    return found


def _features(trace: Trace) -> Float32[np.ndarray, "layer token dim"]:
    if trace.source is None:
        raise Unsupported(
            _("{called} can no longer be asked; open the picture again").format(
                called=trace.model.called
            )
        )
    return trace.source.features()


def _share(every: Sequence[TracePair]) -> float:
    return min(overlap(two_traces.seen(one), two_traces.seen(other)).share for one, other in every)


def _scale(
    alike: Alike, whole: bool, table: Literal["viridis", "magma", "inferno", "cividis"]
) -> ColorScale:
    low, high = (0.0, 1.0) if whole else (float(np.nanmin(alike)), float(np.nanmax(alike)))
    return ColorScale(low, high, table, "CKA")


def _panel(
    alike: Alike, where: tuple[int, int], scale: ColorScale, names: tuple[str, str]
) -> Panel:
    rows, cols = alike.shape
    labels, extent = picture_layers.axes(rows, cols, (1, 1), gap=0)
    chosen = picture_layers.tile_box(*where, (1, 1), gap=0)
    heat = Heat(alike.astype(np.float32), Box(0, 0, rows, cols), scale)
    return Panel(
        (heat, labels, Outlines((chosen,), "chosen")),
        extent,
        _("{first} down, {second} across").format(first=names[0], second=names[1]),
        LayerPairs(rows, cols, names),
        scale,
        _facts(alike, where, names),
    )


def _facts(
    alike: Alike, where: tuple[int, int], names: tuple[str, str]
) -> tuple[tuple[str, str], ...]:
    """The chosen pair, and the layer of the other model that is most alike."""
    layer, other = where
    facts = [
        (
            _("{layer} and {other}").format(layer=layer_name(layer, "layers"), other=other + 1),
            f"{alike[layer, other]:.3f}",
        )
    ]
    if np.isfinite(alike[layer]).any():
        best = int(np.nanargmax(alike[layer]))
        facts.append(
            (
                _("most like {layer}").format(layer=layer_name(layer)),
                f"{best + 1} ({alike[layer, best]:.3f})",
            )
        )
    facts.append((_("mean of all"), f"{np.nanmean(alike):.3f}"))
    return tuple(facts)


def _words(every: Sequence[TracePair], samples: SamplesOf) -> tuple[str, ...]:
    """What the samples were, and how they were put over each other."""
    count = len(every)
    if samples == "pictures":
        return (
            _("{count} pictures as samples, each by the mean of its patch tokens.").format(
                count=count
            ),
        )
    one, other = every[0]
    of = (
        _("one picture")
        if count == 1
        else _("{count} pictures, averaged before the ratio").format(count=count)
    )
    differ = two_traces.seen(one) != two_traces.seen(other)
    finer = _(" The finer grid is averaged over the coarser one's patches.") if differ else ""
    return (
        _("Patch tokens after each block as samples, of {of}.{finer}").format(of=of, finer=finer),
    )
