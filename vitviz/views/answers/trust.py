"""The trust number of a map: deletion and insertion beside chance and the last layer's attention."""

from __future__ import annotations

from threading import Lock
from typing import Literal
from weakref import WeakKeyDictionary

import numpy as np
from jaxtyping import Bool, Float32, Float64

from vitviz.core.data.attribution import (
    AttributionMap,
    AttributionQuery,
    Fill,
    TargetReading,
)
from vitviz.core.data.drawing import Panel
from vitviz.core.data.geometry import Box
from vitviz.core.data.plots import Axis, Curve, Plot
from vitviz.core.data.target import Target
from vitviz.core.data.trace import Trace
from vitviz.core.language import _, ngettext
from vitviz.core.measures.faithfulness import (
    RANDOM_MAPS,
    STEPS,
    MaskingCurves,
    RoadNumber,
    TrustNumber,
    curves,
    end_sets,
    hidden_sets,
    hiding_order,
    quotient_words,
    rank_correlation,
    road_of,
    road_sets,
    step_counts,
)
from vitviz.core.notation import shown_number
from vitviz.core.progress import Unsupported
from vitviz.views.shared import model_questions
from vitviz.views.shared.cache_per_trace import kept

EXTENT = Box(0, 0, 3, 4)
HiddenAnswerRows = Float32[np.ndarray, "pass output"]
RandomStages = tuple[tuple[str, float, float], ...]


@kept(most=64)
def attribution(trace: Trace, query: AttributionQuery) -> AttributionMap:
    """The map, asked for once."""
    return model_questions.source_of(trace).attribution(query)


@kept(most=64)
def reading(trace: Trace, target: Target) -> TargetReading:
    """Where the target stands in the model's answers."""
    return model_questions.source_of(trace).target_reading(target)


def trust_number(
    trace: Trace, found: AttributionMap, fill: Fill, *, maps: int = RANDOM_MAPS
) -> TrustNumber:
    """A map's curves, those of chance (once a picture and fill) and of attention.

    Unsupported for a map over other patches than the trace's.
    """
    patches = _check_patches(trace, found)
    target = found.query.target
    read = reading(trace, target)
    chance = tuple(
        _curves(trace, read, target, _random_order(patches, seed), fill) for seed in range(maps)
    )
    own = _curves(trace, read, target, tuple(hiding_order(found.patches).tolist()), fill)
    return TrustNumber(own, chance, _of_attention(trace, read, target, fill))


def _check_patches(trace: Trace, found: AttributionMap) -> int:
    """How many patches there are, where the map has as many."""
    patches = trace.grid.rows * trace.grid.cols
    if len(found.patches) != patches:
        raise Unsupported(
            _(
                "the map has {cells} cells and the picture {patches} patches, so "
                "patches cannot be hidden by it"
            ).format(cells=len(found.patches), patches=patches)
        )
    return patches


def road_number(trace: Trace, found: AttributionMap) -> RoadNumber:
    """ROAD of a map: removed patches show what is around them. Unsupported as `trust_number`."""
    _check_patches(trace, found)
    return _road(trace, found.query.target, tuple(hiding_order(found.patches).tolist()))


def road_of_chance(trace: Trace, target: Target, maps: int = RANDOM_MAPS) -> RoadNumber:
    """The mean ROAD of random maps, once a picture."""
    patches = trace.grid.rows * trace.grid.cols
    every = [_road(trace, target, _random_order(patches, seed)) for seed in range(maps)]
    return RoadNumber(
        float(np.mean([each.most_first for each in every])),
        float(np.mean([each.least_first for each in every])),
    )


def _road(trace: Trace, target: Target, order: tuple[int, ...]) -> RoadNumber:
    read = reading(trace, target)
    answers = _road_answers(trace, _same_readout(target, read), order)
    return road_of(read.score(answers, probability=True))


@kept(most=64)
def _road_answers(trace: Trace, target: Target, order: tuple[int, ...]) -> HiddenAnswerRows:
    return _answers(trace, target, road_sets(np.array(order)), "impute")


_steps_done: WeakKeyDictionary[Trace, dict[tuple[AttributionQuery, Fill], int]] = (
    WeakKeyDictionary()
)
_steps_lock = Lock()


def steps_known(trace: Trace, query: AttributionQuery, fill: Fill) -> int:
    """How many random maps a map has been compared with while its trace lives; one more than
    `RANDOM_MAPS` where it has met random weights too.
    """
    with _steps_lock:
        return _steps_done.get(trace, {}).get((query, fill), 0)


def remember_steps(trace: Trace, query: AttributionQuery, fill: Fill, steps: int) -> None:
    """Says that so many steps of a map's test cost nothing any more."""
    with _steps_lock:
        done = _steps_done.setdefault(trace, {})
        done[query, fill] = max(steps, done.get((query, fill), 0))


def _of_attention(
    trace: Trace, read: TargetReading, target: Target, fill: Fill
) -> MaskingCurves | None:
    try:
        plain = attribution(trace, AttributionQuery(target, "attention").plain())
    except Unsupported:
        return None
    if len(plain.patches) != trace.grid.rows * trace.grid.cols:
        return None
    return _curves(trace, read, target, tuple(hiding_order(plain.patches).tolist()), fill)


def _random_order(patches: int, seed: int) -> tuple[int, ...]:
    return tuple(np.random.default_rng(seed).permutation(patches).tolist())


def _curves(
    trace: Trace, read: TargetReading, target: Target, order: tuple[int, ...], fill: Fill
) -> MaskingCurves:
    asking = _same_readout(target, read)
    ends = _end_answers(trace, asking, fill)
    inner = _inner_answers(trace, asking, order, fill)
    scores = [read.score(each, probability=True) for each in (ends, inner)]
    return MaskingCurves(*curves(scores[0], scores[1]))


def _same_readout(target: Target, read: TargetReading) -> Target:
    """One target for all that are read off the same answers, so that another one runs nothing anew."""
    match read.readout:
        case "answer":
            return target if target.kind == "function" else Target("output", index=0)
        case "embedding":
            return Target("feature", index=0)
        case "lens":
            return Target("lens", index=0, layer=read.layer)


@kept(most=4)
def _end_answers(trace: Trace, target: Target, fill: Fill) -> HiddenAnswerRows:
    return _answers(trace, target, end_sets(trace.grid.rows * trace.grid.cols), fill)


@kept(most=64)
def _inner_answers(
    trace: Trace, target: Target, order: tuple[int, ...], fill: Fill
) -> HiddenAnswerRows:
    return _answers(trace, target, hidden_sets(np.array(order)), fill)


def _answers(
    trace: Trace, target: Target, hidden: Bool[np.ndarray, "pass patch"], fill: Fill
) -> HiddenAnswerRows:
    return model_questions.source_of(trace).hidden_answers(target, hidden, fill).answers


def conventions(read: TargetReading, fill: Fill, maps: int = RANDOM_MAPS) -> str:
    """All that changes a trust number, in a sentence."""
    what = _("its probability") if read.scores and read.against is None else _("its value")
    shows = {
        "mean": _("the model's mean grey"),
        "zero": _("black"),
        "blur": _("the picture blurred"),
        "drop": _("nothing, their tokens taken out"),
        "impute": _("what is around them foretells, with noise"),
    }[fill]
    mean = ngettext("mean of {maps} random map", "mean of {maps} random maps", maps).format(
        maps=maps
    )
    return _(
        "Deletion and insertion by patches in {steps} steps from 0 to 100 %, hidden "
        "ones show {shows}; area under {what} of {name}, by trapezoids; random: {mean}."
    ).format(steps=STEPS, shows=shows, what=what, name=read.name, mean=mean)


def trust_sentences(number: TrustNumber) -> tuple[str, ...]:
    """The quotients in words, with their standard errors."""
    said = []
    for which in (0, 1):
        times, error = number.against_chance(which)
        said.append(f"{quotient_words(times, which)} (± {error:.2f})")
    return (
        _("{upper}{first}; {second}.").format(
            upper=said[0][:1].upper(), first=said[0][1:], second=said[1]
        ),
    )


def trust_facts(number: TrustNumber) -> tuple[tuple[str, str], ...]:
    """The areas as numbers."""
    chance = number.chance_areas()
    spread = chance.std(axis=0, ddof=1) / np.sqrt(len(chance))
    facts = []
    for which, name in enumerate((_("deletion"), _("insertion"))):
        facts.append((name, f"{number.own.areas[which]:.3f}"))
        facts.append(
            (
                _("{name}, random").format(name=name),
                f"{chance[:, which].mean():.3f} ± {spread[which]:.3f}",
            )
        )
        if number.attention is not None:
            facts.append(
                (_("{name}, attention").format(name=name), f"{number.attention.areas[which]:.3f}")
            )
    return tuple(facts)


def short_words(number: TrustNumber) -> str:
    """Both quotients in a clause that goes on behind the map's title."""
    removing, keeping = (quotient_words(number.against_chance(which)[0], which) for which in (0, 1))
    return f"{removing}; {keeping}"


def short_facts(
    number: TrustNumber | None, ranks: RandomStages = ()
) -> tuple[tuple[str, str], ...]:
    """Both areas beside those of chance and of attention, the quotients, and what random weights do to
    the map; with places for what is not known yet.
    """
    if number is None:
        return (_("deletion"), "…"), (_("insertion"), "…")
    chance, maps = number.chance_areas(), len(number.chance)
    facts: list[tuple[str, str]] = []
    for which, name in enumerate((_("deletion"), _("insertion"))):
        times, error = number.against_chance(which)
        facts.append((name, shown_number(number.own.areas[which])))
        facts.append((_("{maps} random").format(maps=maps), _with_error(chance[:, which])))
        if number.attention is not None:
            facts.append((_("attention"), shown_number(number.attention.areas[which])))
        spread = f" ± {shown_number(error, 2)}" if np.isfinite(error) else ""
        facts.append((_("better"), f"{shown_number(times, 2)}{spread} ×"))
    return (
        *facts,
        *(
            (_("rank with {name} random").format(name=name), shown_number(one, 2))
            for name, one, _unused in ranks
        ),
    )


def _with_error(areas: Float64[np.ndarray, "map"]) -> str:
    """The mean over some maps, with its standard error where there are several."""
    mean = shown_number(float(areas.mean()))
    if len(areas) < 2:
        return mean
    error = float(areas.std(ddof=1) / np.sqrt(len(areas)))
    return f"{mean} ± {shown_number(error, 2)}"


def trust_panels(trace: Trace, number: TrustNumber, read: TargetReading) -> tuple[Panel, Panel]:
    """Both curves with chance and attention."""
    return (
        _panel(trace, number, read, "deletion", _("Most important patches hidden first")),
        _panel(trace, number, read, "insertion", _("Most important patches shown first")),
    )


def _panel(
    trace: Trace,
    number: TrustNumber,
    read: TargetReading,
    which: Literal["deletion", "insertion"],
    title: str,
) -> Panel:
    patches = trace.grid.rows * trace.grid.cols
    x = step_counts(patches).astype(np.float64)
    found = [(number.mean_of_chance(), _("random"), "quiet"), (number.own, _("this map"), "chosen")]
    if number.attention is not None:
        found.insert(1, (number.attention, _("attention"), "second"))
    lines = tuple(
        Curve(x, getattr(each, which), name, tone=tone)  # type: ignore[arg-type]
        for each, name, tone in found
    )
    shared = read.scores and read.against is None
    label = (_("probability of {name}") if shared else _("value of {name}")).format(name=read.name)
    highest = max(float(line.y.max()) for line in lines)
    lowest = min(0.0, *(float(line.y.min()) for line in lines))
    y = Axis(label, lowest, max(highest * 1.04, lowest + 1e-6))
    across = Axis(
        _("patches hidden") if which == "deletion" else _("patches shown"), 0, patches, True
    )
    times = number.against_chance(0 if which == "deletion" else 1)[0]
    facts = trust_facts(number)
    own = facts[: len(facts) // 2] if which == "deletion" else facts[len(facts) // 2 :]
    return Panel(
        (Plot(lines, across, y),),
        EXTENT,
        _("{title}: {times:.1f} × random").format(title=title, times=times),
        None,
        facts=own,
    )


@kept(most=16)
def randomised_ranks(
    trace: Trace, query: AttributionQuery, stages: tuple[int, ...]
) -> RandomStages:
    """(what is at random, rank correlation of the map, of its absolute value) after each stage."""
    plain = attribution(trace, query).patches
    found = []
    for count in stages:
        other = model_questions.source_of(trace).attribution_randomised(query, count).patches
        name = (
            _("the head")
            if count == 1
            else ngettext(
                "and the last {count} block", "and the last {count} blocks", count - 1
            ).format(count=count - 1)
        )
        signed, absolute = rank_correlation(plain, other), rank_correlation(abs(plain), abs(other))
        found.append((name, signed, absolute))
    return tuple(found)


def unchanged_words(ranks: RandomStages) -> str:
    """What the check says of a method: whether it looks at what the model learned."""
    last: Float64[np.ndarray, "stage"] = np.array([abs(each[1]) for each in ranks])
    if len(last) and last[-1] > 0.9:
        return _(
            "The map hardly changes when the model's weights are random: "
            "it says nothing of what was learned."
        )
    if len(last) and last[0] > 0.9:
        return _(
            "The map does not change with the head, "
            "so it does not depend on which class is asked about."
        )
    return _("The map changes when weights are random, as one of a learned answer must.")
