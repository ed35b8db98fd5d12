"""How the answer comes about: what the head would say of a token after every layer."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Annotated, Literal

import numpy as np
from jaxtyping import Float32, Float64

from vitviz.core.counted import layer_name
from vitviz.core.data.drawing import Drawing, Listed, Message, Panel, PixelSpace
from vitviz.core.data.geometry import Box
from vitviz.core.data.plots import Axis, Curve, Plot, Table, Tone, Whose
from vitviz.core.data.selection import Selection
from vitviz.core.data.trace import Trace
from vitviz.core.language import N_, _
from vitviz.core.progress import Unsupported, VitvizError
from vitviz.views import view
from vitviz.views.options import Look, OptionHelp
from vitviz.views.shared import model_questions, picture_layers
from vitviz.views.shared.cache_per_trace import kept

LONGEST = 20
"""Letters of a class's name in the table."""

EARLY = N_("Before the last layer the head was never trained to read these tokens.")
COMPARED = N_("Of all tokens only what the model pools was trained to be compared with prompts.")

Read = Literal["the chosen token", "all that the head reads"]
LabelShares = Float32[np.ndarray, "layer label"]


@view(
    "lens",
    title="Class token and early answers",
    shows=(
        "The class token starts the same for every picture and gathers the answer layer by layer. "
        "The curve shows how near the chosen token is to what it becomes in the end; the table, "
        "what "
        "the model's head would answer after each layer if all that it reads were that token, "
        "or of "
        "all that it reads: the class token, two tokens with a head each, or all patches; the map, "
        "how probable each patch alone would find the class. Only what the head reads after the "
        "last "
        "layer is the model's answer."
    ),
    formula="cos(xₗ, x_last); p = softmax(head(norm(xₗ))), a sigmoid where a picture may be of several "
    "classes or there is one alone, with the head's own pooling of norm(Xₗ) "
    "for all that it reads",
    source="nostalgebraist 2020, Interpreting GPT: the logit lens; Vilas et al. 2023, arXiv:2310.18969",
    follows=("token", "layer"),
    order=84,
    shown=False,
)
def draw(
    trace: Trace,
    selection: Selection,
    *,
    label: Annotated[
        str,
        OptionHelp(
            "The class for curve and map, by name or number; empty takes the model's answer"
        ),
    ] = "",
    read: Annotated[
        Read,
        OptionHelp("What the head is given: the chosen token alone, or what it reads in the end"),
    ] = "the chosen token",
    top: Annotated[int, OptionHelp("How many answers the table lists", 1, 5, 1)] = 5,
    look: Look = Look(),
) -> Drawing:
    """The token's way, the class over the patches, and the best answers of every layer.

    VitvizError for a class that is not there, or a name that several share.
    """
    token = selection.token(trace.grid, trace.crop)
    layer = model_questions.depth_of(trace, selection)
    who = picture_layers.token_words(trace.grid, token)
    alone = read == "the chosen token"
    try:
        answer = _readout(trace)
        shares = _of_token(trace, token) if alone else answer
        number = _class(trace, label)
    except Unsupported as why:
        message = Message(picture_layers.sentence(why))
        panels = (
            _way(trace, token, layer, ()),
            Panel((message,), Box(0, 0, 3, 4), _("No early answers")),
        )
        return Drawing(
            "lens",
            _("How {who} turns to its end").format(who=who),
            (panels,),
            picture_layers.caption(trace),
        )
    name = _short(model_questions.label(trace, number))
    lines = [
        ProbableLabel(shares[:, number], _("probability of {name}").format(name=name), "chosen")
    ]
    if alone and not np.allclose(shares, answer, atol=1e-4):
        lines.append(
            ProbableLabel(
                answer[:, number], _("{name} by all that the head reads").format(name=name), "third"
            )
        )
    above = _way(trace, token, layer, lines), _map(trace, selection, number, layer, look)
    title = _("What the head would answer from {who}").format(
        who=who if alone else _("all that it reads")
    )
    return Drawing(
        "lens",
        title,
        (above, (_table(trace, shares, layer, token, top),)),
        picture_layers.caption(trace, _(EARLY), *((_(COMPARED),) if trace.model.prompts else ())),
        implied=(("label", model_questions.label(trace, _answer(trace))),),
    )


@dataclass(frozen=True, slots=True)
class ProbableLabel:
    """A line of the class's probability over the layers."""

    shares: Float32[np.ndarray, "layer"]
    name: str
    tone: Tone


@kept(most=64)
def _of_token(trace: Trace, token: int) -> LabelShares:
    """What the head would answer from one token after every layer."""
    return model_questions.shares(
        trace, model_questions.source_of(trace).logits(model_questions.features(trace)[:, token])
    )


@kept(most=1)
def _readout(trace: Trace) -> LabelShares:
    """What the head would answer from all that it reads after every layer; the last is the answer."""
    return model_questions.shares(trace, model_questions.source_of(trace).readout())


def _class(trace: Trace, label: str) -> int:
    """The class that is meant. VitvizError, with the likeliest, for one that there is not, and for a
    name that several share.
    """
    labels, wanted = model_questions.source_of(trace).labels, label.strip().lower()
    if not wanted:
        return _answer(trace)
    count = trace.model.classes
    number = wanted.removeprefix("class ")
    if number.isdecimal() and int(number) < count:
        return int(number)
    found = [
        rank for index, name in enumerate(labels) if (rank := _fits(name.lower(), wanted, index))
    ]
    if not found:
        first = trace.predictions[0].name if trace.predictions else "0"
        raise VitvizError(
            _(
                "there is no class {label!r} among the {count} of this model; try "
                "{first!r} or a number from 0 to {last}"
            ).format(label=label, count=count, first=first, last=count - 1)
        )
    best = min(found)
    named = [index for *_, index in found if labels[index].lower().partition(" (")[0] == wanted]
    if len(named) > 1 and labels[best[-1]].lower() != wanted:
        listed = ", ".join(f"{labels[index]}: {index}" for index in named)
        raise VitvizError(
            _("{label!r} is the name of {count} classes; say which by its number: {listed}").format(
                label=label, count=len(named), listed=listed
            )
        )
    return best[-1]


def _fits(name: str, wanted: str, index: int) -> tuple[bool, bool, int] | None:
    """How well a name fits, the best least: whole words before parts of them; None for not at all."""
    if wanted not in name:
        return None
    whole = re.search(rf"\b{re.escape(wanted)}\b", name) is not None
    return not whole, not name.startswith(wanted), index


def _answer(trace: Trace) -> int:
    """The model's own answer, as a number."""
    return trace.predictions[0].index if trace.predictions else 0


@kept(most=64)
def _nearness(trace: Trace, token: int) -> Float64[np.ndarray, "layer"]:
    """The cosine of a token after every layer with what it is after the last."""
    found = model_questions.features(trace)[:, token].astype(np.float64)
    length = np.linalg.norm(found, axis=1)
    near: Float64[np.ndarray, "layer"] = (found @ found[-1]) / np.where(
        length > 0, length * length[-1], 1
    )
    return near


def _way(trace: Trace, token: int, layer: int, lines: Sequence[ProbableLabel]) -> Panel:
    near = _nearness(trace, token)
    depths = np.arange(1.0, len(near) + 1)
    whose = tuple(Whose(layer_name(index), index) for index in range(len(near)))
    curves = [Curve(depths, near, _("cosine to its end"), "line", "second", whose)]
    for one in lines:
        curves.append(Curve(depths, one.shares.astype(float), one.name, "line", one.tone, whose))
    marks = [
        Curve(depths[[layer]], each.y[[layer]], kind="points", tone=each.tone) for each in curves
    ]
    low = min(0.0, float(near.min()))
    up = Axis(_("cosine, and probability") if lines else _("cosine"), low, 1.0)
    plot = Plot((*curves, *marks), Axis(_("layer"), 0.5, len(near) + 0.5, whole=True), up)
    front = ", ".join(trace.grid.prefix) or "none"
    facts = (
        (_("put in front"), front),
        (_("cosine after {layer}").format(layer=layer_name(layer)), f"{near[layer]:.3f}"),
    )
    return Panel(
        (plot,),
        Box(0, 0, 3, 4),
        _("The way of {token}").format(token=picture_layers.token_words(trace.grid, token)),
        Listed(len(near)),
        facts=facts,
    )


def _map(trace: Trace, selection: Selection, number: int, layer: int, look: Look) -> Panel:
    shares = model_questions.probabilities(trace, layer)[:, number]
    values = picture_layers.on_grid(shares[trace.grid.patches], trace.grid)
    scale = picture_layers.scale_of(values, look, _("probability"))
    facts = tuple((name, f"{shares[at]:.3f}") for at, name in enumerate(trace.grid.prefix))
    name = _short(model_questions.label(trace, number))
    return Panel(
        picture_layers.over_picture(trace, selection, values, scale, look),
        trace.crop.frame,
        _("“{name}” from every patch, {layer}").format(name=name, layer=layer_name(layer)),
        PixelSpace(trace.crop, trace.grid),
        scale if look.heat else None,
        facts,
    )


def _table(trace: Trace, shares: LabelShares, layer: int, token: int, top: int) -> Panel:
    best = np.argsort(-shares, axis=1)[:, :top]
    near = _nearness(trace, token)
    rows = tuple(
        (
            str(index + 1),
            f"{near[index]:.2f}",
            *(
                f"{_short(model_questions.label(trace, int(each)))} {shares[index, each]:.0%}"
                for each in order
            ),
        )
        for index, order in enumerate(best)
    )
    columns = ("layer", "cosine", *("1st", "2nd", "3rd", "4th", "5th")[: best.shape[1]])
    whose = tuple(Whose(layer_name(index), index) for index in range(len(rows)))
    table = Table(columns, rows, layer, whose)
    wide = 0.5 * sum(table.widths)
    return Panel(
        (table,),
        Box(0, 0, len(rows) + 1, wide),
        _("The best answers after every layer"),
        Listed(len(rows)),
    )


def _short(name: str) -> str:
    """A class's name with few letters; what tells it from another of the same name stays."""
    if len(name) <= LONGEST:
        return name
    first, bracket, apart = name.partition(" (")
    if not bracket or len(apart) > LONGEST - 4:
        return f"{name[: LONGEST - 1]}…"
    return f"{first[: max(LONGEST - len(apart) - 3, 1)].rstrip()}… ({apart}"
