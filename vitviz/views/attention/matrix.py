"""Attention as a plain matrix: whoever looks down, whatever is looked at across."""

from __future__ import annotations

from math import ceil
from typing import Annotated, Literal

import numpy as np
from jaxtyping import Float32

from vitviz.core.data.attention import Attention
from vitviz.core.data.drawing import Drawing, Heat, Outlines, Panel
from vitviz.core.data.geometry import Box
from vitviz.core.data.selection import Selection
from vitviz.core.data.trace import Layer, Matrix, Trace
from vitviz.core.language import _
from vitviz.core.progress import Unsupported
from vitviz.views import view
from vitviz.views.options import Look, OptionHelp
from vitviz.views.shared import picture_layers
from vitviz.views.shared.cache_per_trace import kept

Which = Literal["automatic", "among tokens", "others"]

CELLS = 512
"""Most rows and columns drawn; larger matrices are averaged down."""


def without(trace: Trace) -> str:
    """Why there is no matrix to show, "" where there is."""
    if trace.layers or trace.matrices:
        return ""
    return _("{called} has no attention map but that of its pools").format(
        called=trace.model.called
    )


@view(
    "matrix",
    title="Attention matrix",
    shows=(
        "One attention map as the model computes it: each row is one that looks, each column one "
        "that is looked at. Where a model attends between channels, or between tokens whose "
        "place in "
        "the picture is not known, this is the only true way to show it. In a map among tokens the "
        "chosen token's row is outlined."
    ),
    formula="A = softmax(q kᵀ / √d + bias), whole",
    source="Vaswani et al. 2017, arXiv:1706.03762; between channels: El-Nouby et al. 2021, "
    "arXiv:2106.09681",
    follows=("token", "layer", "head"),
    order=93,
    applies=without,
    shown=False,
    comes=lambda trace: bool(trace.matrices),
)
def draw(
    trace: Trace,
    selection: Selection,
    *,
    which: Annotated[
        Which,
        OptionHelp(
            "Maps among tokens, or the others; automatic takes the others where there are some"
        ),
    ] = "automatic",
    look: Look = Look(),
) -> Drawing:
    """The chosen layer and head, whole. Unsupported where the model has no such maps."""
    if why := without(trace):
        raise Unsupported(why)
    entries = _entries(trace, which)
    number = selection.layer(len(entries))
    entry = entries[number]
    heads = entry.attention.heads
    head = None if selection.head is None else min(selection.head, heads - 1)
    shape = entry.attention.queries, entry.attention.keys
    step = max(1, ceil(max(shape) / CELLS))
    values = _matrix(trace, entry, head, step)
    scale = picture_layers.scale_of(values, look, _("attention"))
    extent = Box(0, 0, *shape)
    panel = Panel(
        (Heat(values, extent, scale), *_row(trace, entry, selection)),
        extent,
        f"{_axes(entry)}, {picture_layers.head_words(head, heads)}",
        bar=scale,
        facts=((_("rows"), str(shape[0])), (_("columns"), str(shape[1]))),
    )
    return Drawing(
        "matrix",
        _("Attention matrix {number} of {count} ({name})").format(
            number=number + 1, count=len(entries), name=entry.name
        ),
        ((panel,),),
        picture_layers.caption(trace, *_words(entry, step)),
    )


def _entries(trace: Trace, which: Which) -> tuple[Layer | Matrix, ...]:
    tokens: tuple[Layer | Matrix, ...] = trace.layers
    others: tuple[Layer | Matrix, ...] = trace.matrices
    match which:
        case "automatic":
            return others or tokens
        case "among tokens":
            found, what = tokens, _("among tokens of the picture")
        case "others":
            found, what = others, _("but those among tokens of the picture")
    if not found:
        raise Unsupported(
            _("{called} has no maps {what}; choose automatic").format(
                called=trace.model.called, what=what
            )
        )
    return found


@kept()
def _matrix(
    trace: Trace, entry: Layer | Matrix, head: int | None, step: int
) -> Float32[np.ndarray, "query_run key_run"]:
    """Means over squares of `step` entries; what is left over at the far edges is left out."""
    attention: Attention = entry.attention
    if step == 1:
        return attention.matrix(head)
    return attention.overview(head, step=step)


def _row(trace: Trace, entry: Layer | Matrix, selection: Selection) -> tuple[Outlines, ...]:
    if isinstance(entry, Matrix):
        return ()
    token = selection.token(entry.grid, trace.crop)
    return (Outlines((Box(token, 0, token + 1, entry.attention.keys),), "chosen"),)


def _axes(entry: Layer | Matrix) -> str:
    if isinstance(entry, Layer):
        return _("Each row a token that looks, each column one that is looked at")
    return _("Each row a {rows}, each column a {cols}").format(rows=entry.rows, cols=entry.cols)


def _words(entry: Layer | Matrix, step: int) -> tuple[str, ...]:
    averaged = (_("Averaged over {step} × {step} entries.").format(step=step),) if step > 1 else ()
    if isinstance(entry, Layer):
        return averaged
    groups = (
        _(" Groups stand one after the other: {groups}.").format(groups=entry.groups)
        if entry.groups > 1
        else ""
    )
    return (
        _("Not laid over the picture: {why}.{groups}").format(why=entry.why, groups=groups),
        *averaged,
    )
