"""How much each head matters to an answer: taken out and measured, and as a gradient foretells it."""

from __future__ import annotations

from typing import Annotated, Literal

import numpy as np
from jaxtyping import Float32

from vitviz.core.counted import head_name
from vitviz.core.data.attribution import HeadImportance
from vitviz.core.data.drawing import Drawing, Listed, Panel
from vitviz.core.data.plots import Curve, Plot, Whose, axis
from vitviz.core.data.selection import Selection
from vitviz.core.data.target import Target
from vitviz.core.data.trace import Trace
from vitviz.core.language import _
from vitviz.core.measures.faithfulness import rank_correlation
from vitviz.core.notation import shown_number
from vitviz.core.progress import Unsupported
from vitviz.views import view
from vitviz.views.options import OptionHelp
from vitviz.views.shared import heads_over_depth, model_questions, picture_layers
from vitviz.views.shared.cache_per_trace import kept

HeadReplacement = Literal["zero", "mean"]


@view(
    "head_importance",
    title="Head importance",
    shows=(
        "Which heads does an answer need? Each head's output is replaced, by zeros or by its "
        "mean over the "
        "tokens, and the model runs again: the fall of the target is the head's importance "
        "(below zero: "
        "the answer is surer without it). Beside it what a single gradient foretells, and how "
        "well the two "
        "agree. Heads that can replace each other all seem unimportant one by one."
    ),
    formula="t − t[o_h → 0 or its mean]; first order: Σ g · (o_h − what is put in its place)",
    source="Michel, Levy and Neubig 2019, arXiv:1905.10650",
    follows=("layer", "head", "target"),
    order=35,
    applies=heads_over_depth.layers_needed,
    shown=False,
)
def draw(
    trace: Trace,
    selection: Selection,
    *,
    replaced: Annotated[
        HeadReplacement, OptionHelp("What is put in place of a head's output")
    ] = "zero",
) -> Drawing:
    """Every head over the depth, and measured against foretold."""
    try:
        found = _importance(trace, selection.target, replaced)
    except Unsupported as why:
        return model_questions.refused(trace, "head_importance", _("Head importance"), why)
    spread = tuple(_heads_of(row) for row in found.ablated)
    agreed = rank_correlation(*_both(found))
    layer = selection.layer(len(spread))
    depth = heads_over_depth.panel(
        trace,
        spread,
        selection,
        _("Every head taken out"),
        _("fall of the target"),
        low=None,
        facts=heads_over_depth.of_layer(trace, spread, layer, "{:+.3f}"),
    )
    how = _("zeros") if replaced == "zero" else _("its mean over the tokens")
    said = _(
        "{upper}{name}: {value}; each head's output replaced by {how}, one pass a "
        "head. Rank correlation with the first order: {agreed:.2f}."
    ).format(
        upper=found.name[:1].upper(),
        name=found.name[1:],
        value=shown_number(found.value, 4),
        how=how,
        agreed=agreed,
    )
    return Drawing(
        "head_importance",
        _("What {name} needs of each head").format(name=found.name),
        ((depth, _against(trace, found, selection, agreed)),),
        picture_layers.caption(trace, said),
    )


@kept(most=4)
def _importance(trace: Trace, target: Target, replaced: HeadReplacement) -> HeadImportance:
    return model_questions.source_of(trace).head_importance(target, replaced)


def _heads_of(row: Float32[np.ndarray, "head"]) -> np.ndarray:
    found: np.ndarray = row[np.isfinite(row)].astype(np.float64)
    return found


def _both(found: HeadImportance) -> tuple[np.ndarray, np.ndarray]:
    """Measured and foretold of the heads that have both."""
    there = np.isfinite(found.ablated) & np.isfinite(found.first_order)
    return found.ablated[there], found.first_order[there]


def _against(trace: Trace, found: HeadImportance, selection: Selection, agreed: float) -> Panel:
    there = np.argwhere(np.isfinite(found.ablated) & np.isfinite(found.first_order))
    measured, foretold = (each.astype(np.float64) for each in _both(found))
    owners = tuple(
        Whose(f"{trace.layer_name(int(layer))} {head_name(head)}", int(layer), int(head))
        for layer, head in there
    )
    chosen = selection.layer(len(found.ablated))
    marked = np.array(
        [layer == chosen and selection.head in (None, head) for layer, head in there], bool
    )
    line = np.array([min(foretold.min(initial=0), 0), max(foretold.max(initial=0), 0)])
    curves = (
        Curve(line, line, _("equal"), tone="quiet"),
        Curve(foretold, measured, _("a head"), "points", whose=owners),
        Curve(foretold[marked], measured[marked], _("chosen"), "points", "chosen"),
    )
    plot = Plot(
        curves, axis(_("as the gradient foretells"), foretold), axis(_("measured"), measured)
    )
    facts = ((_("rank correlation"), f"{agreed:.2f}"), (_("heads"), str(len(measured))))
    return Panel(
        (plot,),
        heads_over_depth.EXTENT,
        _("Measured against foretold"),
        Listed(len(found.ablated)),
        facts=facts,
    )
