"""One head's row: a query meets every key, softmax makes shares, the values are summed by them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated, Literal

import numpy as np
from einops import einsum, rearrange
from jaxtyping import Float32, UInt8

from vitviz.core.colors import ColorScale
from vitviz.core.counted import head_name
from vitviz.core.data.drawing import Drawing, DrawnLayer, Heat, Panel, PixelSpace, Raster
from vitviz.core.data.drawing.diagram import Diagram, DiagramArrow, DiagramBox
from vitviz.core.data.drawing.token_rows import RowsPart, TokenRows
from vitviz.core.data.geometry import Box, Spot
from vitviz.core.data.selection import Selection
from vitviz.core.data.trace import Trace
from vitviz.core.language import _, pgettext
from vitviz.core.notation import shown_number
from vitviz.core.progress import Unsupported
from vitviz.views import view
from vitviz.views.learn.patches import patch_pixels
from vitviz.views.options import Look, OptionHelp
from vitviz.views.shared import heads_over_depth, model_questions, picture_layers, token_matrices
from vitviz.views.shared.cache_per_trace import kept

TopKeys = tuple[int, ...]


@dataclass(frozen=True, slots=True, eq=False)
class HeadRow:
    """All numbers of one query in one head: what it meets, its shares, and what it takes away.

    `others` is the part of the sum that comes from keys that are not listed.
    """

    query: Float32[np.ndarray, "dim"]
    keys: Float32[np.ndarray, "key dim"]
    values: Float32[np.ndarray, "key dim"]
    scores: Float32[np.ndarray, "key"]
    weights: Float32[np.ndarray, "key"]
    answer: Float32[np.ndarray, "dim"]
    biased: bool
    scale: float


@view(
    "head_row",
    title="One head's row",
    shows=(
        "How one token looks, in one head, with the model's own numbers. Its query is "
        "multiplied with "
        "the key of every token, and softmax turns these scores into shares that sum to 1; the "
        "values "
        "summed by the shares are what the token takes away from this head. The tokens with the "
        "largest shares are listed, all others stand together in one line, and the maps have the "
        "scores and the shares of all patches."
    ),
    formula="sⱼ = q · kⱼ / √d (+ bias);  aⱼ = exp(sⱼ) / Σ exp(s);  z = Σ aⱼ vⱼ",
    source="Vaswani et al. 2017, arXiv:1706.03762, eq. 1; Dosovitskiy et al. 2020, arXiv:2010.11929, "
    "appendix A",
    follows=("token", "layer", "head"),
    order=96,
    applies=heads_over_depth.layers_needed,
    shown=False,
)
def draw(
    trace: Trace,
    selection: Selection,
    *,
    keys: Annotated[
        int, OptionHelp("How many tokens are listed, those with most first", 2, 16, 1)
    ] = 8,
    look: Look = Look(),
) -> Drawing:
    """The row as a picture, beside the scores and shares over the picture.

    Unsupported for a model without attention among tokens.
    """
    model_questions.check_attends(trace)
    layer = selection.layer(len(trace.layers))
    try:
        row = _row_of(trace, selection, layer)
    except Unsupported as why:
        return model_questions.refused(
            trace,
            "head_row",
            _("One head's row"),
            why,
            _("Another layer or model may have it; see Heads."),
        )
    grid = trace.grid
    token, head = selection.token(grid, trace.crop), _head(trace, selection, layer)
    order = tuple(int(each) for each in np.argsort(-row.weights, kind="stable")[:keys])
    own = trace.layers[layer].shares.rows(token)[head]
    apart = float(np.abs(own - row.weights).max())
    said = [
        _("Shares differ from the model's own by {value} at most.").format(
            value=shown_number(apart, 1)
        ),
        _(
            "Vectors are coloured around zero, queries and keys in one range, values and their "
            "sum in "
            "ranges of their own."
        ),
    ]
    if selection.head is None:
        said.insert(0, _("All heads are chosen; this is the first."))
    if trace.layers[layer].before is not None:
        said.append(_("This model mixes its heads after the softmax; the row is from before."))
    where = f"{picture_layers.layer_words(trace, layer)}, {head_name(head)}"
    return Drawing(
        "head_row",
        _("{where}: what {token} takes away").format(
            where=where, token=picture_layers.token_words(grid, token)
        ),
        ((_picture(trace, row, token, order), *_maps(trace, selection, row, look)),),
        picture_layers.caption(trace, *said),
    )


def _head(trace: Trace, selection: Selection, layer: int) -> int:
    heads = trace.layers[layer].shares.heads
    return 0 if selection.head is None else min(selection.head, heads - 1)


def _row_of(trace: Trace, selection: Selection, layer: int) -> HeadRow:
    token = selection.token(trace.grid, trace.crop)
    return head_row(trace, layer, _head(trace, selection, layer), token)


@kept(most=8)
def head_row(trace: Trace, layer: int, head: int, token: int) -> HeadRow:
    """One query in one head of a layer. Unsupported where q, k and v are not told apart."""
    found = model_questions.vectors(trace, layer)
    if found.biased and found.bias is None:
        raise Unsupported(
            _(
                "the scores of {layer} of {called} are masked, so its rows are no "
                "softmax of q · k alone"
            ).format(layer=trace.layer_name(layer), called=trace.model.called)
        )
    query, keys, values = found.query[head, token], found.key[head], found.value[head]
    scores = einsum(query, keys, "dim, key dim -> key") * found.scale
    if found.bias is not None:
        scores = scores + found.bias[head, token]
    raised = np.exp(scores - scores.max())
    weights = (raised / raised.sum()).astype(np.float32)
    answer = einsum(weights, values, "key, key dim -> dim")
    return HeadRow(
        query, keys, values, scores.astype(np.float32), weights, answer, found.biased, found.scale
    )


# The picture, in lines of height 1: the query above, a line a token, the others, the sum below.

_KEY, _SCORE, _SHARE, _VALUE, _END = (4.2, 10.4), 13.4, 17.2, (17.8, 24.0), 24.6
_TOP = 4.6
"""Where the listed tokens begin."""


def _picture(trace: Trace, row: HeadRow, token: int, order: TopKeys) -> Panel:
    grid = trace.grid
    listed, rest = len(order), len(row.weights) - len(order)
    bottom = _TOP + listed + (1 if rest else 0)
    high = bottom + 2.6
    asked = token_matrices.signed_scale(row.query, row.keys, label=_("query and keys"))
    weighted = rearrange(row.weights, "key -> key 1") * row.values
    given = token_matrices.signed_scale(weighted[list(order)])
    total = token_matrices.signed_scale(row.answer)
    layers: list[DrawnLayer] = [
        *_thumb(trace, token, Box(1.9, 0.2, 3.5, 1.8)),
        token_matrices.matrix(row.query[None], _strip(2.3, _KEY), asked),
        token_matrices.matrix(row.answer[None], _strip(bottom + 1.2, _VALUE), total),
    ]
    for at, key in enumerate(order):
        top = _TOP + at
        layers += _thumb(trace, key, Box(top + 0.06, 0.2, top + 0.94, 1.08))
        layers.append(token_matrices.matrix(row.keys[key][None], _strip(top, _KEY), asked))
        layers.append(token_matrices.matrix(weighted[key][None], _strip(top, _VALUE), given))
    if rest:
        others = row.answer - weighted[list(order)].sum(axis=0)
        layers.append(token_matrices.matrix(others[None], _strip(bottom - 1, _VALUE), given))
    layers.append(_bars(row, order))
    layers.append(_diagram(trace, row, token, order, bottom))
    rows = TokenRows(trace.crop, grid, (RowsPart(Box(_TOP, 0, _TOP + listed, _END), order),))
    extent = Box(0, 0, high, _END)
    return Panel(tuple(layers), extent, _("q · k, softmax, sum of values"), rows, weight=1.6)


def _strip(top: float, between: tuple[float, float]) -> Box:
    return Box(top + 0.14, between[0], top + 0.86, between[1])


def _thumb(trace: Trace, token: int, box: Box) -> tuple[Raster, ...]:
    """The pixels of a token's patch; nothing of a token without one."""
    place = trace.grid.place(token)
    if place is None:
        return ()
    pixels: UInt8[np.ndarray, "row col rgb"] = patch_pixels(trace)[place]
    return (Raster(pixels, box, smooth=False),)


def _bars(row: HeadRow, order: TopKeys) -> Diagram:
    """The shares as lengths, the largest as long as there is room."""
    most = max(float(row.weights.max()), 1e-12)
    room = _SHARE - _SCORE - 0.4
    lines = [
        DiagramArrow(
            (
                Spot(_TOP + at + 0.88, _SCORE + 0.4),
                Spot(_TOP + at + 0.88, _SCORE + 0.4 + room * float(row.weights[key]) / most),
            ),
            "chosen",
            head=False,
        )
        for at, key in enumerate(order)
    ]
    return Diagram((), tuple(lines))


def _diagram(trace: Trace, row: HeadRow, token: int, order: TopKeys, bottom: float) -> Diagram:
    grid, dim = trace.grid, len(row.query)

    rest = len(row.weights) - len(order)
    boxes = [
        _text(
            _("query of {name}: {dim} numbers").format(name=grid.name(token), dim=dim),
            1.35,
            _KEY[0],
            _SCORE + 2,
        ),
        _text(_("keys"), 3.6, _KEY[0], _KEY[1]),
        _text("q · k / √d" + (_(" + bias") if row.biased else ""), 3.6, _KEY[1], _SCORE, "right"),
        _text("softmax", 3.6, _SCORE, _SHARE, "right"),
        _text(_("share × value"), 3.6, _VALUE[0], _VALUE[1]),
        _text(pgettext("of numbers", "sum"), bottom + 1.2, _SHARE - 2, _VALUE[0] - 0.3, "right"),
    ]
    for at, key in enumerate(order):
        top = _TOP + at
        boxes += [
            _text(grid.name(key), top, 1.3, _KEY[0] - 0.1),
            _text(_signed(row.scores[key]), top, _KEY[1], _SCORE, "right"),
            _text(f"{row.weights[key]:.3f}", top, _SCORE, _SHARE, "right"),
        ]
    if rest:
        others = float(row.weights.sum() - row.weights[list(order)].sum())
        boxes += [
            _text(_("the other {rest} together").format(rest=rest), bottom - 1, 0.2, _KEY[1]),
            _text(f"{others:.3f}", bottom - 1, _SCORE, _SHARE, "right"),
        ]
    boxes.append(_text(_("sum 1.000"), bottom, _SCORE - 1, _SHARE, "right"))
    middle = (_KEY[0] + _KEY[1]) / 2
    value = (_VALUE[0] + _VALUE[1]) / 2
    arrows = (
        DiagramArrow((Spot(3.2, middle), Spot(_TOP + 0.05, middle))),
        DiagramArrow((Spot(bottom, value), Spot(bottom + 1.3, value)), "chosen"),
    )
    return Diagram(tuple(boxes), arrows)


def _text(
    words: str, top: float, left: float, right: float, align: Literal["left", "right"] = "left"
) -> DiagramBox:
    """A text of one line."""
    return DiagramBox(words, Box(top + 0.1, left, top + 0.9, right), frame=False, align=align)


def _signed(value: float) -> str:
    return f"{value:.2f}".replace("-", "−")


def _maps(trace: Trace, selection: Selection, row: HeadRow, look: Look) -> tuple[Panel, Panel]:
    """The scores and the shares of all patches, over the picture."""
    grid = trace.grid
    scores = picture_layers.on_grid(row.scores[grid.patches], grid)
    shares = picture_layers.on_grid(row.weights[grid.patches], grid)
    most = float(np.abs(scores).max()) or 1.0
    signed = ColorScale(-most, most, "vik", _("score"))
    scale = picture_layers.scale_of(shares, look, _("attention"))
    front = tuple((name, f"{row.weights[index]:.3f}") for index, name in enumerate(grid.prefix[:4]))
    space, asked = PixelSpace(trace.crop, grid), grid.name(selection.token(grid, trace.crop))
    marks = picture_layers.marks(trace, selection)
    return (
        Panel(
            (Heat(scores, grid.frame, signed), *marks),
            trace.crop.frame,
            _("Scores of all patches"),
            space,
            signed,
            query=asked,
        ),
        Panel(
            picture_layers.over_picture(trace, selection, shares, scale, look),
            trace.crop.frame,
            _("Softmax: shares of all patches"),
            space,
            scale,
            (*front, (_("patches"), f"{row.weights[grid.patches].sum():.3f}")),
            query=asked,
        ),
    )
