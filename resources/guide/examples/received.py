"""How much attention every patch gets, from all tokens and heads of a layer together."""

from einops import reduce

from vitviz.core.data.drawing import Drawing, Panel, PixelSpace
from vitviz.core.data.selection import Selection
from vitviz.core.data.trace import Trace
from vitviz.views import view
from vitviz.views.options import Look
from vitviz.views.shared import picture_layers


@view(
    "received",
    title="Attention received",
    shows="How much attention every patch gets from all tokens of the chosen layer together.",
    formula="r(key) = mean over heads and queries of A(head, query, key)",
    source="an example of vitviz's own",
    follows=("layer", "token"),
)
def draw(trace: Trace, selection: Selection, *, look: Look = Look()) -> Drawing:
    """One map over the picture."""
    number = selection.layer(len(trace.layers))
    layer = trace.layers[number]
    received = reduce(layer.attention.matrix(), "query key -> key", "mean")
    values = picture_layers.on_grid(received[layer.keys.patches], layer.keys)
    scale = picture_layers.scale_of(values, look, "mean attention")
    panel = Panel(
        picture_layers.over_picture(trace, selection, values, scale, look, layer.keys),
        trace.grid.frame,
        f"{trace.layer_name(number, 'Layer')}, all heads",
        space=PixelSpace(trace.crop, layer.keys),
        bar=scale,
    )
    return Drawing("received", "Where everybody looks", ((panel,),), picture_layers.caption(trace))
