"""The logit as an account: what every head took from every patch, every MLP, and the rest."""

from __future__ import annotations

from dataclasses import replace
from typing import Annotated, Literal

import numpy as np
from jaxtyping import Float32

from vitviz.core.colors import DIVERGING
from vitviz.core.counted import head_name, layer_name
from vitviz.core.data.attribution import LogitLedger
from vitviz.core.data.drawing import Drawing, HeadTiles, Listed, Panel, PixelSpace
from vitviz.core.data.geometry import Box
from vitviz.core.data.plots import Table, Whose
from vitviz.core.data.selection import Selection
from vitviz.core.data.target import Target
from vitviz.core.data.trace import Trace
from vitviz.core.language import _
from vitviz.core.notation import shown_number, signed_number
from vitviz.core.progress import Unsupported
from vitviz.views import view
from vitviz.views.options import Look, OptionHelp
from vitviz.views.shared import model_questions, picture_layers
from vitviz.views.shared.cache_per_trace import kept

LedgerPart = Literal["all layers", "chosen layer", "chosen head"]


@view(
    "ledger",
    title="Ledger",
    shows=(
        "The number behind an answer, as an account. A class's logit reads the stream of tokens "
        "after "
        "the last block, and the stream is the sum of what was put into it: so, with the scale "
        "of the last "
        "norm held at its value, the logit is exactly the sum of what each head of each layer "
        "took from "
        "each token, what each MLP added, and the embedding and biases. The map shows what "
        "attention took "
        "from each patch, for (red) or against (blue) the class. It is the direct effect only: "
        "what a "
        "patch's token holds in a later layer was itself mixed before."
    ),
    formula="t = Σ_l Σ_h Σ_j A_hij (v_hj W_O^h) · u + Σ_l MLP_l · u + x₀ · u + biases, "
    "u = ∂t/∂x_L with the last norm's scale held",
    source="Elhage et al. 2021, A Mathematical Framework for Transformer Circuits; for vision "
    "Gandelsman et al. 2024, arXiv:2310.05916",
    follows=("layer", "head", "target"),
    order=34,
    shown=False,
)
def draw(
    trace: Trace,
    selection: Selection,
    *,
    over: Annotated[
        LedgerPart,
        OptionHelp("What the map adds up: all layers, the chosen one, or one head of it"),
    ] = "all layers",
    look: Look = Look(table="vik"),
) -> Drawing:
    """The account over the picture, head by head, and as a table."""
    try:
        found = _account(trace, selection.target)
    except Unsupported as why:
        return model_questions.refused(trace, "ledger", _("Ledger"), why)
    layer = selection.layer(len(found.heads))
    head = None if selection.head is None else min(selection.head, found.heads.shape[1] - 1)
    look = look if look.table in DIVERGING else replace(look, table="vik")
    large = _large(trace, selection, found, over, layer, head, look)
    error = abs(found.sum - found.total)
    said = _(
        "All entries sum to {sum:.5f}, the model's own number is {total:.5f} (apart "
        "by {apart}). Direct effects only, the last norm's scale held{stages}."
    ).format(sum=found.sum, total=found.total, apart=shown_number(error, 2), stages=_stages(trace))
    return Drawing(
        "ledger",
        _("What {name} is made of").format(name=found.name),
        ((large, _atlas(trace, found, look)), (_table(found, layer),)),
        picture_layers.caption(trace, said),
    )


def _stages(trace: Trace) -> str:
    """What holds where layers have other tokens, as a clause."""
    if all(layer.keys == trace.grid for layer in trace.layers):
        return ""
    return _(
        " and those between stages; what a coarser token gave is shared evenly by the patches that it "
        "covers"
    )


@kept(most=4)
def _account(trace: Trace, target: Target) -> LogitLedger:
    return model_questions.source_of(trace).ledger(target)


def _large(
    trace: Trace,
    selection: Selection,
    found: LogitLedger,
    over: LedgerPart,
    layer: int,
    head: int | None,
    look: Look,
) -> Panel:
    match over:
        case "all layers":
            row, words = found.heads.sum(axis=(0, 1)), _("all layers and heads")
        case "chosen layer":
            row, words = found.heads[layer].sum(axis=0), layer_name(layer)
        case "chosen head":
            row = found.heads[layer].sum(axis=0) if head is None else found.heads[layer, head]
            which = _("all heads") if head is None else head_name(head)
            words = f"{layer_name(layer)}, {which}"
    grid = trace.grid
    values = picture_layers.on_grid(row[grid.patches].astype(np.float32), grid)
    scale = picture_layers.scale_of(values, look, _("part of the logit"))
    named = tuple((name, signed_number(float(row[at]))) for at, name in enumerate(grid.prefix))
    patches = (_("patches"), signed_number(float(row[grid.patches].sum())))
    return Panel(
        picture_layers.over_picture(trace, selection, values, scale, look),
        trace.crop.frame,
        _("What attention took from each patch: {words}").format(words=words),
        PixelSpace(trace.crop, grid),
        scale if look.heat else None,
        (*named, patches),
    )


def _atlas(trace: Trace, found: LogitLedger, look: Look) -> Panel:
    """Every head's entries as a small map, layers down and heads across."""
    grid = trace.grid
    layers, heads = found.heads.shape[:2]
    counts = tuple(layer.attention.heads for layer in trace.layers)
    values: Float32[np.ndarray, "tile_row tile_col row col"] = picture_layers.on_grid(
        found.heads[..., grid.patches], grid
    )
    if len(counts) == layers and min(counts) < heads:
        values = values.copy()
        for at, count in enumerate(counts):
            values[at, count:] = np.nan
    robust = replace(look, range="robust") if look.range == "map" else look
    tiles = picture_layers.tiles_of(values, robust, _("part of the logit"))
    labels, extent = picture_layers.axes(layers, heads, (grid.rows, grid.cols))
    space = HeadTiles(
        trace.crop, grid, layers, counts if len(counts) == layers else (heads,) * layers
    )
    return Panel(
        (tiles, labels), extent, _("Every head: layers down, heads across"), space, tiles.scale
    )


def _table(found: LogitLedger, layer: int) -> Panel:
    rows = [("embedding", "", "", signed_number(found.embedding), signed_number(found.embedding))]
    total = found.embedding
    owners = [Whose(_("the embedding"))]
    for at, (heads, mlp, bias) in enumerate(
        zip(found.heads.sum(axis=(1, 2)), found.mlps, found.biases, strict=True)
    ):
        total += float(heads) + float(mlp) + float(bias)
        rows.append(
            (
                layer_name(at),
                signed_number(heads),
                signed_number(mlp),
                signed_number(bias),
                signed_number(total),
            )
        )
        owners.append(Whose(layer_name(at), at))
    rows.append(
        (
            _("head's bias"),
            "",
            "",
            signed_number(found.constant),
            signed_number(total + found.constant),
        )
    )
    owners.append(Whose(_("the head's bias")))
    table = Table(
        (_("part"), _("attention"), _("MLP"), _("constants"), _("so far")),
        tuple(rows),
        layer + 1,
        tuple(owners),
    )
    extent = Box(0, 0, len(rows) + 1, 0.5 * sum(table.widths))
    return Panel((table,), extent, _("The account"), Listed(len(found.heads)))
