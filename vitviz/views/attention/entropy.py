"""How widely every head spreads its attention."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated

from vitviz.core.data.drawing import Drawing
from vitviz.core.data.selection import Selection
from vitviz.core.data.trace import Trace
from vitviz.core.language import _
from vitviz.core.measures.distance import mean_entropy
from vitviz.views import view
from vitviz.views.options import OptionHelp
from vitviz.views.shared import heads_over_depth, picture_layers
from vitviz.views.shared.cache_per_trace import kept
from vitviz.views.shared.heads_over_depth import HeadSpread, OverOption


@view(
    "entropy",
    title="Attention entropy",
    shows=(
        "Does a head look at one token or at all of them? Each point is one head: low where it "
        "puts "
        "nearly everything on few tokens, high where it spreads evenly. Taken relative to the "
        "evenest that is possible, 1 is attention that is the same on every token."
    ),
    formula="H(head) = mean over tokens i of −Σⱼ Aᵢⱼ ln Aᵢⱼ; relative: H / ln(number of keys)",
    source="Vig and Belinkov 2019, arXiv:1906.04284, section 5; divided by ln T so that sizes compare",
    follows=("layer", "head"),
    order=82,
    applies=heads_over_depth.layers_needed,
    shown=False,
)
def draw(
    trace: Trace,
    selection: Selection,
    more: Sequence[Trace] = (),
    *,
    over: OverOption = "this picture",
    relative: Annotated[
        bool, OptionHelp("Divide by the entropy of attention that is even: 0 to 1")
    ] = True,
) -> Drawing:
    """Every head as a point, layers across."""
    found, count = heads_over_depth.averaged(
        trace, more, over, lambda each: _measured(each, relative)
    )
    layer = selection.layer(len(found))
    label = _("entropy, share of the evenest") if relative else _("entropy, nats")
    panel = heads_over_depth.panel(
        trace,
        found,
        selection,
        _("{count} layers, a point a head").format(count=len(found)),
        label,
        high=1.0 if relative else None,
        facts=heads_over_depth.of_layer(trace, found, layer, "{:.3f}"),
    )
    return Drawing(
        "entropy",
        _("How widely heads spread their attention, {layer}").format(
            layer=picture_layers.layer_words(trace, layer)
        ),
        ((panel,),),
        picture_layers.caption(
            trace,
            heads_over_depth.pictures_words(count, over),
            _("Mean over all tokens."),
            *heads_over_depth.shares_words(trace),
            *picture_layers.left_out(trace),
        ),
    )


@kept(most=2)
def _measured(trace: Trace, relative: bool) -> HeadSpread:
    return tuple(mean_entropy(layer, relative=relative) for layer in trace.layers)
