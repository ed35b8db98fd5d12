"""Why this answer: which patches a target depends on, and how far to trust that."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from typing import Annotated, Any, Literal

import numpy as np

from vitviz.core.counted import head_name
from vitviz.core.data.attribution import (
    READ_BY_HEAD,
    SIGNED,
    AttributionMap,
    AttributionQuery,
    Fill,
    Method,
    one_filling,
)
from vitviz.core.data.drawing import (
    Drawing,
    HeadTiles,
    Panel,
    PixelSpace,
)
from vitviz.core.data.geometry import Box, TokenGrid
from vitviz.core.data.plots import Table
from vitviz.core.data.selection import Selection
from vitviz.core.data.trace import Trace
from vitviz.core.language import _
from vitviz.core.measures.faithfulness import RANDOM_MAPS
from vitviz.core.notation import shown_number
from vitviz.core.progress import Unsupported
from vitviz.views import view
from vitviz.views.answers import trust
from vitviz.views.answers.method_words import METHODS, look_of, method_sentences
from vitviz.views.options import Look, OptionHelp
from vitviz.views.shared import model_questions, picture_layers
from vitviz.views.shared.own_mark import MARK, mark_words, own_mark

WalkStart = Literal["what the head reads", "the chosen token"]
LayerOfMap = Literal["chosen layer", "last layer"]
MapTest = Literal[
    "in the background",
    "not asked",
    "in short",
    "in short, with random weights",
    "deletion and insertion",
    "random weights",
]


def sharper(
    trace: Trace, selection: Selection, **options: Any
) -> Iterator[Mapping[str, str | int]]:
    """One random map after another, then random weights, where the test is left to the window.

    What is known already is shown at once; a map that follows the cursor is not tested.
    """
    if options["test"] != "in the background":
        return
    if options["of"] == "the chosen token" and selection.hover is not None:
        return
    names = "method", "of", "at", "start", "steps", "window", "fill", "noise", "seed"
    query = query_of(trace, selection, *(options[name] for name in names))
    known = trust.steps_known(trace, query, options["fill"])
    for maps in range(min(known, RANDOM_MAPS + 1), RANDOM_MAPS + 1):
        yield {"test": "in short", "maps": maps}
    yield {"test": "in short, with random weights"}


@view(
    "why",
    title="Why this answer",
    shows=(
        "Which patches does the answer depend on? A target is one number of the model's answer: "
        "the "
        "predicted class unless another is chosen. The map shows, by the chosen method, how "
        "much each "
        "patch speaks for it, or in signed methods against it. Methods disagree, so the map can "
        "be put to "
        "the test: patches are hidden in its order and the fall of the answer is compared with "
        "that of "
        "random maps and of plain attention; or the model's weights are made random, part by "
        "part, which a "
        "map of what was learned must notice."
    ),
    formula="; ".join(f"{name}: {words.formula}" for name, words in METHODS.items()),
    source="; ".join(f"{name}: {words.source}" for name, words in METHODS.items())
    + "; tests of a map: Petsiuk et al. 2018, arXiv:1806.07421; Adebayo et al. 2018, arXiv:1810.03292",
    follows=("token", "layer", "head", "target"),
    order=32,
    shown=False,
    sharper=sharper,
)
def draw(
    trace: Trace,
    selection: Selection,
    *,
    method: Annotated[Method, OptionHelp("How the map is computed")] = "relevance",
    of: Annotated[
        WalkStart,
        OptionHelp(
            "Where walks begin and rows are taken: what the head reads, or the chosen token"
        ),
    ] = "what the head reads",
    at: Annotated[
        LayerOfMap, OptionHelp("The layer of Grad-CAM, LayerCAM and gradient x attention")
    ] = "last layer",
    start: Annotated[
        int, OptionHelp("Number of first layers left out of walks and LeGrad", 0, 100, 1)
    ] = 0,
    steps: Annotated[
        int,
        OptionHelp(
            "Steps of integrated gradients, samples of SmoothGrad, masks of RISE", 1, 4000, 1
        ),
    ] = 20,
    window: Annotated[int, OptionHelp("Side of an occluded square, in patches", 1, 16, 1)] = 1,
    fill: Annotated[
        Fill,
        OptionHelp(
            "What hidden patches show; with drop their tokens are left out, with impute their "
            "surroundings foretell them"
        ),
    ] = "mean",
    noise: Annotated[
        float, OptionHelp("SmoothGrad's noise, as a share of the range", 0, 1, 0.01)
    ] = 0.15,
    seed: Annotated[int, OptionHelp("Another number draws other noise and masks", 0, 999, 1)] = 0,
    test: Annotated[
        MapTest,
        OptionHelp(
            "Put the map to the test; takes some hundred passes. In the background: a window "
            "does it "
            "while nothing else is asked, in short; in files that is the same as not asked"
        ),
    ] = "in the background",
    maps: Annotated[
        int, OptionHelp("Random maps that the map is compared with", 0, 100, 1)
    ] = RANDOM_MAPS,
    mark: Annotated[str, MARK] = "",
    look: Look = Look(),
) -> Drawing:
    """The map over the picture, its layers or tests beside it.

    VitvizError for a mark that is no box in the picture.
    """
    query = query_of(trace, selection, method, of, at, start, steps, window, fill, noise, seed)
    try:
        found = trust.attribution(trace, query)
        tested = _tested(trace, found, query, test, fill, maps)
    except Unsupported as why:
        return model_questions.refused(trace, "why", _("Why this answer"), why)
    large = map_panel(trace, selection, found, look_of(method, look))
    marked = own_mark(trace, found.patches, found.grid, mark)
    if tested.facts:
        title = f"{large.title}: {tested.words}" if tested.words else large.title
        large = replace(large, title=title, facts=(*large.facts, *tested.facts))
    if marked is not None:
        large = marked.on(large)
    layers = () if found.layers is None else (_layer_tiles(trace, found, look),)
    title = _("Why {name}: {method}{where}").format(
        name=found.name, method=_(method), where=_where(trace, query)
    )
    signed = (_("Values below zero speak against it."),) if method in SIGNED else ()
    said = (
        *mark_words(marked),
        *signed,
        *method_sentences(method),
        *found.notes,
        *tested.sentences,
    )
    rows = ((large, *layers), *((tested.panels,) if tested.panels else ()))
    return Drawing("why", title, rows, picture_layers.caption(trace, _value_words(found), *said))


def query_of(
    trace: Trace,
    selection: Selection,
    method: Method,
    of: WalkStart,
    at: LayerOfMap,
    start: int,
    steps: int,
    window: int,
    fill: Fill,
    noise: float,
    seed: int,
) -> AttributionQuery:
    """What a selection and the view's options ask for."""
    last = trace.layers[-1].grid if trace.layers else trace.grid
    token = READ_BY_HEAD if of == "what the head reads" else selection.token(last, trace.crop)
    layer = None if at == "last layer" or not trace.layers else selection.layer(len(trace.layers))
    start = min(start, max(len(trace.layers) - 1, 0))
    filled = fill if method == "occlusion" else one_filling(fill)
    return AttributionQuery(
        selection.target,
        method,
        token,
        layer,
        selection.head,
        start,
        steps,
        noise,
        window,
        filled,
        seed,
    ).plain()


@dataclass(frozen=True, slots=True)
class _Tested:
    """What a test of a map adds to its drawing: panels below it, sentences in the caption; to the map
    itself words behind its title and numbers.
    """

    panels: tuple[Panel, ...] = ()
    sentences: tuple[str, ...] = ()
    words: str = ""
    facts: tuple[tuple[str, str], ...] = ()


def _tested(
    trace: Trace,
    found: AttributionMap,
    query: AttributionQuery,
    test: MapTest,
    fill: Fill,
    maps: int,
) -> _Tested:
    match test:
        case "in the background" | "not asked":
            return _Tested()
        case "in short" | "in short, with random weights":
            try:
                return _in_short(trace, found, query, fill, maps, "weights" in test)
            except Unsupported as why:
                return _Tested(sentences=(_("Not tested: {why}.").format(why=why),))
        case "deletion and insertion":
            number = trust.trust_number(trace, found, fill, maps=max(maps, 1))
            read = trust.reading(trace, query.target)
            return _Tested(
                trust.trust_panels(trace, number, read),
                (*trust.trust_sentences(number), trust.conventions(read, fill, max(maps, 1))),
            )
        case "random weights":
            ranks = trust.randomised_ranks(trace, query, _random_stages(trace))
            rows = tuple((name, f"{one:.2f}", f"{two:.2f}") for name, one, two in ranks)
            table = Table((_("at random"), _("rank correlation"), _("of |map|")), rows)
            extent = Box(0, 0, len(rows) + 1, 0.5 * sum(table.widths))
            panel = Panel((table,), extent, _("The map when weights are random"))
            return _Tested((panel,), (trust.unchanged_words(ranks),))


def _random_stages(trace: Trace) -> tuple[int, ...]:
    depth = trace.model.depth
    return tuple(dict.fromkeys((1, 2, 1 + depth // 2, 1 + depth)))


def _in_short(
    trace: Trace,
    found: AttributionMap,
    query: AttributionQuery,
    fill: Fill,
    maps: int,
    all_of_it: bool,
) -> _Tested:
    """The trust number beside the map, as far as so many random maps tell."""
    if not maps:
        return _Tested(facts=trust.short_facts(None))
    number = trust.trust_number(trace, found, fill, maps=maps)
    read = trust.reading(trace, query.target)
    trust.remember_steps(trace, query, fill, min(maps, RANDOM_MAPS))
    ranks: trust.RandomStages = ()
    said: tuple[str, ...] = (trust.conventions(read, fill, maps),)
    if all_of_it:
        ranks = trust.randomised_ranks(trace, query, _random_stages(trace))
        trust.remember_steps(trace, query, fill, RANDOM_MAPS + 1)
        said = (*said, trust.unchanged_words(ranks))
    facts = trust.short_facts(number, ranks[:1])
    return _Tested(sentences=said, words=trust.short_words(number), facts=facts)


def _value_words(found: AttributionMap) -> str:
    return _("{upper}{name}: {value}.").format(
        upper=found.name[:1].upper(), name=found.name[1:], value=shown_number(found.value, 4)
    )


def _where(trace: Trace, query: AttributionQuery) -> str:
    said = ""
    if query.layer is not None:
        said += f", {trace.layer_name(query.layer)}"
    if query.head is not None:
        said += f", {head_name(query.head)}"
    if query.token != READ_BY_HEAD:
        grid = trace.layers[-1].grid if trace.layers else trace.grid
        said += _(", from {token}").format(token=picture_layers.token_words(grid, query.token))
    return said


def map_panel(
    trace: Trace, selection: Selection, found: AttributionMap, look: Look, *, title: str = ""
) -> Panel:
    """The map over the picture; signed ones turn their colours at zero."""
    values = picture_layers.on_grid(found.patches, found.grid)
    label = _(METHODS[found.query.method].label)
    scale = picture_layers.scale_of(values, look, label)
    over = picture_layers.over_picture(trace, selection, values, scale, look, found.grid)
    named = tuple((name, shown_number(value)) for name, value in found.prefix)
    patches = (_("patches"), shown_number(float(found.patches.sum())))
    return Panel(
        over,
        trace.crop.frame,
        title or _("What speaks for {name}").format(name=found.name),
        PixelSpace(trace.crop, found.grid if _finer(found.grid, trace.grid) else trace.grid),
        scale if look.heat else None,
        (*named, patches, *found.facts),
    )


def _finer(grid: TokenGrid, other: TokenGrid) -> bool:
    return (grid.rows, grid.cols) == (other.rows, other.cols)


def _layer_tiles(trace: Trace, found: AttributionMap, look: Look) -> Panel:
    """Every layer's own map of LeGrad, small."""
    assert found.layers is not None
    grid, count = found.grid, len(found.layers)
    across = int(np.ceil(np.sqrt(count)))
    down = -(-count // across)
    values = np.full((down * across, grid.rows, grid.cols), np.nan, np.float32)
    values[:count] = picture_layers.on_grid(found.layers, grid)
    tiles_values = values.reshape(down, across, grid.rows, grid.cols)
    robust = replace(look, range="robust") if look.range == "map" else look
    tiles = picture_layers.tiles_of(tiles_values, robust, "LeGrad")
    heads = tuple(min(across, count - row * across) for row in range(down))
    labels, extent = picture_layers.axes(down, across, (grid.rows, grid.cols))
    space = HeadTiles(trace.crop, grid, down, heads, by_layer=False)
    return Panel(
        (tiles, labels), extent, _("Each layer's part, in reading order"), space, tiles.scale
    )
