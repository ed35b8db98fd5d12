"""What if positions, patches, a head or words were other: answer and attention, before and after."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Annotated, Any, Literal

import numpy as np
from einops import reduce
from jaxtyping import Float32

from vitviz.core.counted import layer_name
from vitviz.core.data.drawing import Bars, Drawing, Message, Panel, PixelSpace
from vitviz.core.data.geometry import Box
from vitviz.core.data.intervention import (
    Inner,
    Intervention,
    Patches,
    PositionChange,
)
from vitviz.core.data.plots import Table
from vitviz.core.data.prediction import scored, share_words
from vitviz.core.data.selection import Selection
from vitviz.core.data.target import Target
from vitviz.core.data.trace import Trace
from vitviz.core.language import N_, _
from vitviz.core.measures.distance import drawable
from vitviz.core.notation import shown_number
from vitviz.core.progress import Unsupported
from vitviz.views import view
from vitviz.views.answers.changed_parts import chosen_heads, hidden_patches, without_outliers
from vitviz.views.answers.taken_out import falling_panel, named_heads
from vitviz.views.options import Look, OptionHelp
from vitviz.views.shared import heads_over_depth, model_questions, picture_layers
from vitviz.views.shared.cache_per_trace import kept

SHOWN = 5
ANSWERS = Box(0, 0, SHOWN, 2 * SHOWN)
OTHERS = N_("Another change may be possible: patches mixed up or made grey, say.")
VARIANTS = (
    Intervention(positions="removed"),
    Intervention(positions="shuffled"),
    Intervention(positions="sin-cos"),
    Intervention(patches="shuffled"),
    Intervention(positions="removed", patches="shuffled"),
)


def sharper(trace: Trace, _selection: Selection, **options: Any) -> Iterator[Mapping[str, str]]:
    """First what is changed, then the curve over how much of it."""
    if options["curve"] == "in the background" and options["painted"].strip() and trace.predictions:
        yield {"curve": "off"}
        yield {"curve": "on"}


OF_WORDS = (Intervention(inner="each word alone"), Intervention(inner="blocks off"))


@view(
    "whatif",
    title="What if",
    shows=(
        "Does it matter how places are told apart, and what do the words of a Transformer in "
        "Transformer add? The model runs once more with something changed: its positions "
        "(embeddings, "
        "rotations or a bias on the scores) removed or mixed up, embeddings replaced by fixed "
        "waves; "
        "the patches themselves mixed up; those that you paint made grey, or all others; heads "
        "taken "
        "out, or looking everywhere alike; neurons that write outliers into a few patches writing "
        "into an added token; the picture turned, moved, blurred or darkened; each "
        "word "
        "looking at itself alone, or the inner blocks, attention and MLP, adding nothing. "
        "Answer and attention stand side by side, before and after. "
        "The weights stay those that were trained without the change."
    ),
    formula="x = patches + P, with P → 0, P[order] or sin-cos(row, col) of the same mean length; "
    "rotations by angle 0 or those of place order[i]; bias 0 or B[order[i], order[j]]; "
    "words: A_in → I, or word + attention + MLP → word",
    source="Dosovitskiy et al. 2020, arXiv:2010.11929, table 8; Naseer et al. 2021, arXiv:2105.10497; "
    "sin-cos as in Chen, Xie and He 2021, arXiv:2104.02057; registers at test time: Jiang et al. 2025, "
    "arXiv:2506.08010",
    follows=("token", "layer", "head"),
    order=88,
    applies=heads_over_depth.layers_needed,
    shown=False,
    sharper=sharper,
)
def draw(
    trace: Trace,
    selection: Selection,
    *,
    positions: Annotated[
        PositionChange,
        OptionHelp("What is done to the positions of the patches", beside="together"),
    ] = "learned",
    patches: Annotated[
        Patches, OptionHelp("Whether patches stay where they are", beside="together")
    ] = "in place",
    masked: Annotated[
        Literal["none", "the pinned patch", "all around the pinned patch"],
        OptionHelp(
            "Which patches are made grey: exactly the mean of the model's pictures",
            beside="together",
        ),
    ] = "none",
    painted: Annotated[
        str,
        OptionHelp(
            "patches that you paint; as text TOP LEFT BOTTOM RIGHT in pixels of the picture, "
            "several "
            "with ; between them",
            beside="together",
            paints="patches",
        ),
    ] = "",
    paint: Annotated[
        Literal["hides", "keeps"],
        OptionHelp("Whether painted patches are made grey, or all others are"),
    ] = "hides",
    curve: Annotated[
        Literal["in the background", "off", "on"],
        OptionHelp(
            "What becomes of the answer as one hidden patch after another is; a window draws it "
            "while "
            "nothing else is asked, in files that is the same as off"
        ),
    ] = "in the background",
    heads: Annotated[
        Literal["all", "without the chosen head"],
        OptionHelp(
            "Take the chosen head of the chosen layer out (choose one in the atlas)",
            beside="together",
        ),
    ] = "all",
    without: Annotated[
        str,
        OptionHelp(
            "Further heads taken out: LAYER.HEAD counted from 1, with commas; Ctrl and a click "
            "in an "
            "atlas adds one or puts it back"
        ),
    ] = "",
    heads_give: Annotated[
        Literal["nothing", "an even look"],
        OptionHelp(
            "What heads that are taken out give instead: nothing, or the mean of all values, as if "
            "they looked at every token alike"
        ),
    ] = "nothing",
    outliers: Annotated[
        Literal["as they are", "to an added token", "taken out"],
        OptionHelp(
            "What the neurons write that make some patches far longer than all others: that, the same "
            "into one added token (a register at test time), or nothing",
            beside="together",
        ),
    ] = "as they are",
    neurons: Annotated[
        int, OptionHelp("How many neurons that write outliers are changed", 1, 500, 1)
    ] = 10,
    turned: Annotated[
        float, OptionHelp("The picture turned, in degrees", -180, 180, 1, beside="together")
    ] = 0.0,
    blurred: Annotated[
        float,
        OptionHelp(
            "The picture blurred: sigma in the model's pixels", 0, 30, 0.5, beside="together"
        ),
    ] = 0.0,
    darkened: Annotated[
        float, OptionHelp("The picture darkened, 1 is black", 0, 1, 0.05, beside="together")
    ] = 0.0,
    down: Annotated[
        float,
        OptionHelp(
            "The picture moved down, as a share of its height", -1, 1, 0.01, beside="together"
        ),
    ] = 0.0,
    right: Annotated[
        float,
        OptionHelp(
            "The picture moved right, as a share of its width", -1, 1, 0.01, beside="together"
        ),
    ] = 0.0,
    inner: Annotated[
        Inner,
        OptionHelp(
            "What the words of each patch do: as trained, each looks only at itself, or the inner "
            "blocks' attention and MLP add nothing",
            needs="words",
            beside="together",
        ),
    ] = "as trained",
    together: Annotated[
        bool,
        OptionHelp(
            "Change several things at once; off, a new change starts from the model as it is"
        ),
    ] = False,
    seed: Annotated[int, OptionHelp("Another number mixes in another way", 0, 999, 1)] = 0,
    every: Annotated[
        bool, OptionHelp("Run the usual changes too and list them all in a table")
    ] = False,
    look: Look = Look(range="view"),
) -> Drawing:
    """Attention and answer of both passes.

    VitvizError for a head that is not there, or not said as LAYER.HEAD.
    """
    taken = (*chosen_heads(trace, selection, heads), *named_heads(trace, without))
    change = Intervention(
        positions,
        patches,
        hidden_patches(trace, selection, masked, painted, paint),
        () if heads_give == "an even look" else taken,
        seed,
        inner,
        taken if heads_give == "an even look" else (),
        turned,
        blurred,
        darkened,
        (down, right),
    )
    try:
        change = without_outliers(trace, change, outliers, neurons)
        after = _changed(trace, change)
    except Unsupported as why:
        return model_questions.refused(trace, "whatif", _("What if"), why, _(OTHERS))
    maps = [_attention(each, selection) for each in (trace, after)]
    drawn = tuple(
        _map(one, selection, values, _whole(maps, look), look, name)
        for one, values, name in zip((trace, after), maps, _NAMES, strict=True)
    )
    rows = [drawn, (_answers(trace, _("Answer before")), _answers(after, _("Answer after"), trace))]
    if curve == "on" and len(change.masked) > 1 and trace.predictions:
        rows.append(
            (falling_panel(trace, change.masked, keeps=paint == "keeps" and bool(painted.strip())),)
        )
    if every:
        rows.append((_table(trace, change, selection),))
    return Drawing(
        "whatif",
        _title(trace, after, change),
        tuple(rows),
        _said(trace, change, maps),
        change=None if change.nothing else change.beside(trace.intervention),
    )


_NAMES = (N_("Before"), N_("After"))
AnswerMap = Float32[np.ndarray, "row col"]


@kept(most=8)
def _changed(trace: Trace, change: Intervention) -> Trace:
    if change.nothing:
        return trace
    return model_questions.source_of(trace).what_if(change.beside(trace.intervention))


def _attention(trace: Trace, selection: Selection) -> AnswerMap | None:
    """Where the chosen token looks in the chosen layer and head."""
    if not trace.layers:
        return None
    layer = trace.layers[selection.layer(len(trace.layers))]
    if not drawable(layer) or layer.pooled is not None:
        return None
    rows = layer.attention.rows(selection.token(layer.grid, trace.crop))
    head = selection.head
    row = (
        reduce(rows, "head key -> key", "mean") if head is None else rows[min(head, len(rows) - 1)]
    )
    values: AnswerMap = picture_layers.on_grid(row[layer.grid.patches], layer.grid)
    return values


def _whole(maps: list[AnswerMap | None], look: Look) -> picture_layers.ViewRange | None:
    """One range for both, so that one colour means one value."""
    there = [values for values in maps if values is not None]
    return picture_layers.view_range(look, *there) if there else None


def _map(
    trace: Trace,
    selection: Selection,
    values: AnswerMap | None,
    whole: picture_layers.ViewRange | None,
    look: Look,
    name: str,
) -> Panel:
    layer, frame = selection.layer(len(trace.layers)), trace.crop.frame
    which = picture_layers.head_words(selection.head, trace.heads)
    title = f"{_(name)}: {trace.layer_name(layer)}, {which}"
    if values is None:
        words = Message(_("This layer's attention is not among the tokens of one grid."))
        return Panel((words,), frame, title)
    scale = picture_layers.scale_of(values, look, _("attention"), whole)
    below = picture_layers.picture(trace)
    return Panel(
        (
            *picture_layers.map_over(below, values, trace.grid.frame, scale, look),
            *picture_layers.marks(trace, selection),
        ),
        frame,
        title,
        PixelSpace(trace.crop, trace.grid),
        scale if look.heat else None,
    )


def _answers(trace: Trace, title: str, first: Trace | None = None) -> Panel:
    best = trace.predictions[:SHOWN]
    if not best:
        return Panel((Message(trace.predictions_note or _("No head.")),), ANSWERS, title)
    if first is not None and first.predictions:
        was = first.predictions[0]
        title += _(", {name} now {share}").format(name=was.name, share=_share_of(trace, was.index))
    bars = Bars(
        tuple(each.name for each in best),
        tuple(each.share for each in best),
        tuple(share_words(each, trace.model.classes, trace.model.scores) for each in best),
    )
    return Panel((bars,), ANSWERS, title)


def _share_of(trace: Trace, index: int) -> str:
    """What becomes of a class; one that is not among the best ones kept is asked for."""
    found = next((each.share for each in trace.predictions if each.index == index), None)
    share = float(_every_share(trace)[index]) if found is None else found
    return _percent(share)


def _percent(share: float) -> str:
    """A share as a number, however small."""
    return f"{share:.1%}" if share >= 0.001 else f"{shown_number(100 * share, 1)}%"


@kept(most=1)
def _every_share(trace: Trace) -> Float32[np.ndarray, "label"]:
    """The probability of every class in a pass, asked for again."""
    nothing = np.zeros((1, trace.grid.rows * trace.grid.cols), bool)
    source = model_questions.source_of(trace)
    answers = source.hidden_answers(Target("output", index=0), nothing, "mean").answers
    return scored(answers[0], trace.model.scores)


def _title(trace: Trace, after: Trace, change: Intervention) -> str:
    if change.nothing:
        return _("Nothing is changed: choose what to try")
    if not (trace.predictions and after.predictions):
        return _("With {words}").format(words=change.words)
    before, then = (each.predictions[0] for each in (trace, after))
    stays = before.index == then.index
    if trace.model.classes == 1:
        result = _("{name} {share:.0%} instead of {before:.0%}").format(
            name=then.name, share=then.share, before=before.share
        )
    elif stays:
        result = _("still {name}, {share:.0%}").format(name=then.name, share=then.share)
    else:
        result = _("{name} instead of {before}").format(name=then.name, before=before.name)
    return _("With {words}: {result}").format(words=change.words, result=result)


def _said(trace: Trace, change: Intervention, maps: list[AnswerMap | None]) -> str:
    before, after = maps
    words = []
    if change.neurons:
        named = ", ".join(f"{layer_name(a)} neuron {b + 1}" for a, b in change.neurons[:5])
        more = f" and {len(change.neurons) - 5} more" if len(change.neurons) > 5 else ""
        words.append(f"Neurons found on this picture, strongest first: {named}{more}.")
    if before is not None and after is not None and before.std() > 0 and after.std() > 0:
        together = float(np.corrcoef(before.ravel(), after.ravel())[0, 1])
        words.append(_("Correlation of the two maps: {together:.2f}.").format(together=together))
    if change.masked:
        mean = " ".join(shown_number(each, 4) for each in trace.model.mean)
        words.append(
            _("Masked patches are grey: exactly the mean of the model's pictures ({mean}).").format(
                mean=mean
            )
        )
    if change.even:
        words.append(
            _("The map of a head that looks everywhere alike is the one it would have had.")
        )
    if change.patches == "shuffled" or change.masked or change.changes_picture:
        words.append(_("The picture after is what the model read."))
    return picture_layers.caption(trace, *words)


def _table(trace: Trace, change: Intervention, selection: Selection) -> Panel:
    """Every usual change beside the chosen one: what becomes of the answer."""
    of_words = OF_WORDS if trace.words is not None else ()
    every = dict.fromkeys((Intervention(), *VARIANTS, *of_words, change))
    rows = []
    for one in every:
        try:
            found = _changed(trace, one)
        except Unsupported:
            rows.append((one.words, _("cannot be done here"), "", "", ""))
            continue
        rows.append(_line(trace, found, one, selection))
    table = Table(
        (
            _("changed"),
            _("answer"),
            _("probability"),
            _("first answer now"),
            _("maps' correlation"),
        ),
        tuple(rows),
        list(every).index(change),
    )
    return Panel(
        (table,), Box(0, 0, len(rows) + 1, 0.5 * sum(table.widths)), _("The usual changes")
    )


def _line(
    trace: Trace, found: Trace, change: Intervention, selection: Selection
) -> tuple[str, str, str, str, str]:
    best = found.predictions[0] if found.predictions else None
    now = _share_of(found, trace.predictions[0].index) if best and trace.predictions else "–"
    one, other = _attention(trace, selection), _attention(found, selection)
    alike = "–"
    if one is not None and other is not None and one.std() > 0 and other.std() > 0:
        alike = f"{np.corrcoef(one.ravel(), other.ravel())[0, 1]:.2f}"
    name, share = (best.name, f"{best.share:.1%}") if best else ("–", "–")
    return change.words, name, share, now, alike
