"""What the model takes the picture for."""

from __future__ import annotations

from typing import Annotated

from vitviz.core.data.drawing import Bars, Drawing, Message, Panel
from vitviz.core.data.geometry import Box
from vitviz.core.data.selection import Selection
from vitviz.core.data.trace import Trace
from vitviz.views import view
from vitviz.views.options import OptionHelp
from vitviz.views.shared import picture_layers
from vitviz.views.shared.cache_per_trace import kept


@view(
    "predictions",
    title="Predictions",
    shows=(
        "The classes that the model finds most probable for this picture, best first. The "
        "probabilities of all its classes together make 1. A model without a classification head "
        "has none."
    ),
    formula="p = softmax(W · readout + b)",
    source="Dosovitskiy et al. 2020, arXiv:2010.11929, section 3.1",
    order=50,
)
def draw(
    trace: Trace,
    selection: Selection,
    *,
    top: Annotated[int, OptionHelp("How many classes are listed", 1, 20, 1)] = 5,
) -> Drawing:
    """The most probable classes as bars."""
    return _drawn(trace, top)


@kept()
def _drawn(trace: Trace, top: int) -> Drawing:
    best = trace.predictions[:top]
    if not best:
        reason = trace.predictions_note or "This model has no classification head."
        panel = Panel((Message(reason),), Box(0, 0, 1, 4), "Most probable classes")
        return Drawing("predictions", "No predictions", ((panel,),), picture_layers.caption(trace))
    bars = Bars(
        tuple(name for name, _ in best),
        tuple(share for _, share in best),
        tuple(_percent(share) for _, share in best),
    )
    facts = (("classes", str(trace.model.classes)),) if trace.model.classes else ()
    panel = Panel((bars,), Box(0, 0, len(best), 1), "Most probable classes", facts=facts)
    name, share = best[0]
    title = f"Most probable: {name}, {_percent(share)}"
    if trace.model.weights == "untrained":
        title += " (untrained weights: these are chance)"
    return Drawing("predictions", title, ((panel,),), picture_layers.caption(trace))


def _percent(share: float) -> str:
    if share < 0.0001:
        return "< 0.01%"
    return f"{share:.1%}" if share >= 0.01 else f"{share:.2%}"
