"""What the model takes the picture for."""

from __future__ import annotations

from typing import Annotated

from vitviz.core.data.drawing import Bars, Drawing, Message, Panel
from vitviz.core.data.geometry import Box
from vitviz.core.data.prediction import share_words
from vitviz.core.data.selection import Selection
from vitviz.core.data.trace import Trace
from vitviz.core.language import N_, _
from vitviz.views import view
from vitviz.views.options import OptionHelp
from vitviz.views.shared import picture_layers
from vitviz.views.shared.cache_per_trace import kept


@view(
    "predictions",
    title="Predictions",
    shows=(
        "The classes that the model finds most probable for this picture, best first. Where it "
        "chooses one class of several, the probabilities of all together make 1. Where a "
        "picture may "
        "be of several classes or of none, and where there is one class alone, each has a "
        "probability "
        "of its own. A model without a classification head has none."
    ),
    formula="z = W · readout + b; p = softmax(z) over two classes or more, 1 / (1 + e⁻ᶻ) for each by "
    "itself or for one alone",
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
        reason = trace.predictions_note or _("This model has no classification head.")
        panel = Panel((Message(reason),), Box(0, 0, 1, 4), _("Most probable classes"))
        return Drawing(
            "predictions", _("No predictions"), ((panel,),), picture_layers.caption(trace)
        )
    classes = trace.model.classes
    bars = Bars(
        tuple(each.name for each in best),
        tuple(each.share for each in best),
        tuple(share_words(each, classes, trace.model.scores) for each in best),
    )
    prompts = bool(trace.model.prompts)
    facts = ((_("prompts") if prompts else _("classes"), str(classes)),) if classes else ()
    heading = _("Prompts") if prompts else _("Most probable classes")
    panel = Panel((bars,), Box(0, 0, len(best), 1), heading, facts=facts)
    first = share_words(best[0], classes, trace.model.scores)
    title = (
        f"{best[0].name}: {first}"
        if classes == 1
        else _("Most probable: {name}, {first}").format(name=best[0].name, first=first)
    )
    if trace.model.weights == "untrained":
        title += _(" (untrained weights: these are chance)")
    said = _said(trace)
    return Drawing("predictions", title, ((panel,),), picture_layers.caption(trace, *said))


def _said(trace: Trace) -> tuple[str, ...]:
    """How to read the numbers, where they are no probabilities of classes that exclude each other."""
    classes, prompts = trace.model.classes, bool(trace.model.prompts)
    match trace.model.scores:
        case "cosine":
            return (_(COSINE),)
        case "sigmoid":
            return (_(EACH if classes > 1 else ALONE),)
        case "softmax":
            return (_(PROMPTS),) if prompts else ()


PROMPTS = N_("Among these prompts alone (softmax): the picture may be of none of them.")
COSINE = N_("One prompt alone: the cosine with the picture; among several the model chooses.")
EACH = N_(
    "Each class is yes or no by itself (sigmoid): the probabilities need not make 1 together."
)
ALONE = N_("One class alone, yes or no: its logit and the sigmoid of it.")
