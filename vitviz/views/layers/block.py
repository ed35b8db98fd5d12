"""One block, step by step: every shape, what the numbers are like, and the token's softmax row."""

from __future__ import annotations

from typing import Annotated

import numpy as np
from einops import reduce

from vitviz.core.data.block_steps import BlockStep
from vitviz.core.data.drawing import Drawing, Message, Panel
from vitviz.core.data.geometry import Box
from vitviz.core.data.plots import Table
from vitviz.core.data.selection import Selection
from vitviz.core.data.trace import Trace
from vitviz.core.language import _, pgettext
from vitviz.core.notation import shown_number
from vitviz.core.progress import Unsupported
from vitviz.views import view
from vitviz.views.options import OptionHelp
from vitviz.views.shared import heads_over_depth, model_questions, picture_layers


@view(
    "block",
    title="Inside a block",
    shows=(
        "A block normalises the tokens, lets them look at each other, adds what they found, and "
        "then "
        "sends each one through a small network of its own. The table has every step of the chosen "
        "layer with its true shape and what its numbers are like; below it stands where the chosen "
        "token looks, as the numbers of its softmax row."
    ),
    formula="x ← x + proj(softmax(q kᵀ / √d) v), with q, k, v of norm(x);  x ← x + MLP(norm(x))",
    source="Vaswani et al. 2017, arXiv:1706.03762; Dosovitskiy et al. 2020, arXiv:2010.11929, eqs. 1-4",
    follows=("token", "layer", "head"),
    order=85,
    applies=heads_over_depth.layers_needed,
    shown=False,
)
def draw(
    trace: Trace,
    selection: Selection,
    *,
    keys: Annotated[
        int, OptionHelp("How many entries of the softmax row are listed", 3, 40, 1)
    ] = 12,
) -> Drawing:
    """The steps of the chosen layer, and the softmax row of the chosen token.

    Unsupported for a model without attention among tokens.
    """
    model_questions.check_attends(trace)
    layer = selection.layer(len(trace.layers))
    title = _("{layer}, step by step").format(layer=trace.layer_name(layer, "Layer"))
    try:
        panel = _steps(trace, layer)
    except Unsupported as why:
        panel = Panel((Message(picture_layers.sentence(why)),), Box(0, 0, 3, 4), title)
    row = _row(trace, selection, layer, keys)
    said = _("Statistics are over all tokens and heads of this picture.")
    mixed = trace.layers[layer].before is not None
    more = (
        (_("This model mixes its heads after the softmax; the row is from before."),)
        if mixed
        else ()
    )
    return Drawing("block", title, ((panel,), (row,)), picture_layers.caption(trace, said, *more))


def _steps(trace: Trace, layer: int) -> Panel:
    found = model_questions.block(trace, layer)
    rows = tuple(_line(step) for step in found.steps)
    table = Table(
        (
            _("step"),
            _("axes"),
            _("shape"),
            _("mean"),
            _("std"),
            pgettext("of numbers", "least"),
            pgettext("of numbers", "most"),
        ),
        rows,
    )
    wide = 0.5 * sum(table.widths)
    return Panel((table,), Box(0, 0, len(rows) + 1, wide), found.name, weight=1.0)


def _line(step: BlockStep) -> tuple[str, ...]:
    numbers = (step.mean, step.std, step.low, step.high)
    shape = " × ".join(map(str, step.shape))
    return (step.name, step.axes, shape, *(_number(each) for each in numbers))


def _number(value: float) -> str:
    size = abs(value)
    said = shown_number(value, 2) if size and (size < 1e-3 or size >= 1e4) else f"{value:.3f}"
    return said.replace("-", "−")


def _row(trace: Trace, selection: Selection, layer: int, keys: int) -> Panel:
    """The largest entries of the softmax row, and what the others sum to."""
    one = trace.layers[layer]
    token = selection.token(one.grid, trace.crop)
    heads = one.shares.heads
    head = None if selection.head is None else min(selection.head, heads - 1)
    rows = one.shares.rows(token)
    row = reduce(rows, "head key -> key", "mean") if head is None else rows[head]
    order = np.argsort(-row)[:keys]
    entries = [(one.keys.name(int(key)), f"{row[key]:.4f}") for key in order]
    rest = float(row.sum() - row[order].sum())
    entries += [(_("the other {count}").format(count=len(row) - len(order)), f"{rest:.4f}")] * (
        len(row) > len(order)
    )
    entries.append((pgettext("of numbers", "sum"), f"{row.sum():.4f}"))
    table = _beside(entries)
    token_named = picture_layers.token_words(one.grid, token)
    title = _("Softmax row of {token_named}, {head}").format(
        token_named=token_named, head=picture_layers.head_words(head, heads)
    )
    box = Box(0, 0, len(table.rows) + 1, 0.5 * sum(table.widths))
    return Panel((table,), box, title)


ACROSS, BETWEEN = 4, "   "
"""Entries of the softmax row in one line, and what stands between them."""


def _beside(entries: list[tuple[str, str]]) -> Table:
    """Entries in the order of reading, several in a line."""
    across = min(ACROSS, len(entries))
    padded = [*entries, *([("", "")] * (-len(entries) % across))]
    lines = [padded[start : start + across] for start in range(0, len(padded), across)]
    return Table(_apart([(_("looks at"), _("weight"))] * across), tuple(map(_apart, lines)))


def _apart(pairs: list[tuple[str, str]]) -> tuple[str, ...]:
    """Pairs beside each other with an empty column between them, so that each stays together."""
    return tuple(text for pair in pairs for text in (*pair, BETWEEN))[:-1]
