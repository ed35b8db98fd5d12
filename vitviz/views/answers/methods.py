"""Several ways of asking why, side by side over one picture: where they agree and where not."""

from __future__ import annotations

from dataclasses import replace
from itertools import pairwise
from typing import Annotated, get_args

import numpy as np
from jaxtyping import Float32

from vitviz.core.colors import ColorScale
from vitviz.core.data.attribution import (
    AttributionMap,
    AttributionQuery,
    Fill,
    Method,
    one_filling,
)
from vitviz.core.data.drawing import Drawing, Heat, Label, Labels, Panel, PixelSpace
from vitviz.core.data.geometry import Box, Spot
from vitviz.core.data.selection import Selection
from vitviz.core.data.trace import Trace
from vitviz.core.language import _
from vitviz.core.measures.faithfulness import rank_correlation, ranks
from vitviz.core.progress import Unsupported, VitvizError
from vitviz.views import view
from vitviz.views.answers import trust
from vitviz.views.answers.method_words import look_of
from vitviz.views.answers.why import map_panel
from vitviz.views.options import Look, OptionHelp
from vitviz.views.shared import model_questions, picture_layers

USUAL = "relevance, LeGrad, gradient rollout, Grad-CAM, input x gradient, attention"
ACROSS = 3


@view(
    "methods",
    title="Methods compared",
    shows=(
        "Methods that answer the same question do not give the same map. Here several stand side "
        "by side "
        "over one picture and target, with the rank correlation of every two, and the patches "
        "on whose "
        "rank they disagree most. Agreement is no proof: methods of one kind share their faults. "
        "On wish "
        "each is put to the test of deletion and insertion against random maps."
    ),
    formula="ρ(ranks of one map, ranks of another); disagreement: deviation of a patch's rank, "
    "as a share of all patches",
    source="Neely et al. 2021, arXiv:2105.03287; tests: Petsiuk et al. 2018, arXiv:1806.07421",
    follows=("target",),
    order=33,
    shown=False,
)
def draw(
    trace: Trace,
    selection: Selection,
    *,
    methods: Annotated[str, OptionHelp("Which ones, with commas between")] = USUAL,
    steps: Annotated[
        int,
        OptionHelp(
            "Steps of integrated gradients, samples of SmoothGrad, masks of RISE", 1, 4000, 1
        ),
    ] = 20,
    fill: Annotated[Fill, OptionHelp("What hidden patches show")] = "mean",
    test: Annotated[
        bool, OptionHelp("Test each by deletion and insertion; takes some hundred passes")
    ] = False,
    look: Look = Look(),
) -> Drawing:
    """The maps, the matrix of their rank correlations, and where they disagree.

    VitvizError for a method that is not there.
    """
    found, refused = _maps(trace, selection, _named(methods), steps, fill)
    if not found:
        return model_questions.refused(
            trace, "methods", _("Methods compared"), Unsupported("; ".join(_once(refused)))
        )
    said = tuple(_("Not shown: {why}.").format(why=why) for why in refused)
    panels = [
        map_panel(trace, selection, each, look_of(each.query.method, look), title=each.query.method)
        for each in found
    ]
    if test:
        panels = [
            _tested(trace, panel, each, fill) for panel, each in zip(panels, found, strict=True)
        ]
        read = trust.reading(trace, selection.target)
        said = (*said, trust.conventions(read, fill))
    cuts = [*range(0, len(panels), ACROSS), len(panels)]
    rows = [tuple(panels[one:two]) for one, two in pairwise(cuts)]
    alike = [each for each in found if len(each.patches) == len(found[0].patches)]
    if len(alike) > 1:
        rows.append((_matrix(alike), _disagreement(trace, selection, alike, look)))
    title = _("Why {name}, by {count} methods").format(name=found[0].name, count=len(found))
    return Drawing("methods", title, tuple(rows), picture_layers.caption(trace, *said))


def _named(text: str) -> tuple[Method, ...]:
    """The methods in a list. VitvizError for one that there is not."""
    known = {name.lower(): name for name in get_args(Method)}
    wanted = [each.strip() for each in text.split(",") if each.strip()]
    unknown = [each for each in wanted if each.lower() not in known]
    if unknown or not wanted:
        raise VitvizError(
            _("there is no method {unknown}; there are: {known}").format(
                unknown=", ".join(unknown) or _("named"), known=", ".join(known.values())
            )
        )
    return tuple(dict.fromkeys(known[each.lower()] for each in wanted))


def _maps(
    trace: Trace, selection: Selection, methods: tuple[Method, ...], steps: int, fill: Fill
) -> tuple[list[AttributionMap], list[str]]:
    found, refused = [], []
    for method in methods:
        own = fill if method == "occlusion" else one_filling(fill)
        query = AttributionQuery(selection.target, method, steps=steps, fill=own)
        try:
            found.append(trust.attribution(trace, query.plain()))
        except Unsupported as why:
            refused.append(f"{method}, {why}")
    return found, refused


def _once(refused: list[str]) -> list[str]:
    """What was refused, in a sentence: a reason that all methods share is said once."""
    reasons = dict.fromkeys(each.partition(", ")[2] for each in refused)
    return list(reasons) if len(reasons) == 1 else refused


def _tested(trace: Trace, panel: Panel, found: AttributionMap, fill: Fill) -> Panel:
    """The panel with the map's trust number."""
    try:
        number = trust.trust_number(trace, found, fill)
    except Unsupported:
        return panel
    times = [number.against_chance(which) for which in (0, 1)]
    facts = tuple(
        (_("{name}, × random").format(name=name), f"{value:.2f} ± {error:.2f}")
        for name, (value, error) in zip(("deletion", "insertion"), times, strict=True)
    )
    return replace(panel, facts=facts)


def _matrix(found: list[AttributionMap]) -> Panel:
    count = len(found)
    values: Float32[np.ndarray, "row col"] = np.ones((count, count), np.float32)
    for one in range(count):
        for two in range(count):
            values[one, two] = rank_correlation(found[one].patches, found[two].patches)
    names = [each.query.method for each in found]
    down = tuple(Label(name, Spot(at + 0.5, -0.1), "right") for at, name in enumerate(names))
    across = tuple(Label(str(at + 1), Spot(-0.1, at + 0.5), "bottom") for at in range(count))
    numbers = tuple(
        Label(f"{values[row, col]:.2f}", Spot(row + 0.5, col + 0.5))
        for row in range(count)
        for col in range(count)
    )
    scale = ColorScale(-1, 1, "vik", _("rank correlation"))
    heat = Heat(values, Box(0, 0, count, count), scale)
    extent = Box(-0.6, -0.42 * count, count, count)
    labels = Labels((*down, *across))
    return Panel((heat, labels, Labels(numbers, "number")), extent, _("How alike"), None, scale)


def _disagreement(
    trace: Trace, selection: Selection, found: list[AttributionMap], look: Look
) -> Panel:
    every = np.stack([ranks(each.patches) for each in found]) / max(len(found[0].patches) - 1, 1)
    grid = found[0].grid
    values = picture_layers.on_grid(every.std(axis=0).astype(np.float32), grid)
    scale = picture_layers.scale_of(values, look, _("disagreement of ranks"))
    return Panel(
        picture_layers.over_picture(trace, selection, values, scale, look, grid),
        trace.crop.frame,
        _("Where they disagree"),
        PixelSpace(trace.crop, trace.grid),
        scale if look.heat else None,
    )
