"""One view drawn again and again while one thing changes: for a page of small ones, or an animation."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from itertools import product
from typing import Any

import numpy as np

from vitviz.core.counted import head_name
from vitviz.core.data.drawing import Drawing
from vitviz.core.data.recipe import PageRecipe
from vitviz.core.data.selection import place_of
from vitviz.core.data.trace import Trace
from vitviz.core.drawings.drawing_sheet import MAIN, main_panel
from vitviz.core.language import _
from vitviz.core.notation import shown_number
from vitviz.core.progress import Progress, VitvizError, silent
from vitviz.session.app.first_choices import place_named
from vitviz.session.figure.run_steps import labels_of, run_steps
from vitviz.session.figure.sweep_steps import SweepStep, SweepSubject, Swept
from vitviz.views import View, find, views
from vitviz.views.options import Option, OptionValue
from vitviz.views.shared.attention_unit import comparable, uneven

MOST = 4096
"""Drawings at most; nobody looks at more."""
STEPS = 9
"""How many values of a number are tried between its ends."""


def steps(view: View, subject: SweepSubject, text: str) -> list[SweepStep]:
    """The stops of "layer", "head", "token", "view", "picture", "model", "size", "columns" or of an
    option's name, all or as listed after "=".

    Layers and heads count from 0 and may be ranges ("layer=0,3,6-11"); tokens and runs are divided by
    ";" ("token=class;7,7", "picture=a.jpg;b.jpg", "size=32;16;8"). VitvizError for what does not exist.
    """
    name, _, listed = text.partition("=")
    match name:
        case "picture" | "model" | "size" | "columns":
            return run_steps(view, subject, name, listed)
        case "layer":
            layers = len(subject.trace.layers)
            return [_layer(at, subject.trace) for at in _numbers(name, listed, layers)]
        case "head":
            return [_head(at) for at in _numbers(name, listed, subject.trace.heads)]
        case "token":
            return _tokens(subject, listed)
        case "view":
            return [shown(find(word), {}) for word in _listed_views(subject, listed)]
        case _:
            return _options(view, name, listed)


def sweep(
    view: View,
    subject: SweepSubject,
    ways: Sequence[Sequence[SweepStep]],
    progress: Progress = silent,
) -> list[Drawing]:
    """A drawing for every stop; with two ways, for every pair of theirs, the first way outermost.

    VitvizError when there would be more than anybody looks at.
    """
    stops = list(product(*ways))
    if not 0 < len(stops) <= MOST:
        raise VitvizError(
            _("that makes {count} drawings; choose 1 to {most} of them").format(
                count=len(stops), most=MOST
            )
        )
    subjects, found = [], []
    names = [" ".join(step.label for step in stop) for stop in stops]
    for at, stop in enumerate(stops):  # models run here, where another run is asked for
        progress(at, len(stops), names[at])
        subjects.append(_changed(subject, stop))
    apart = uneven(one.trace.grid for one in subjects)
    for at, one in enumerate(subjects):
        progress(at, len(stops), names[at])
        values = comparable(one.view or view, one.values, beside_others=apart)
        found.append(replace(one, values=values).draw(view))
    progress(len(stops), len(stops))
    return found


def _changed(subject: SweepSubject, stop: Sequence[SweepStep]) -> SweepSubject:
    for step in sorted(stop, key=lambda step: step.what != "columns"):
        subject = step.change(subject)
    return subject.settled()


def sheet_of(
    view: View, drawings: Sequence[Drawing], ways: Sequence[Sequence[SweepStep]]
) -> PageRecipe:
    """How the drawings of a sweep lie on a page: side by side, or the first way downwards."""
    wide = len(ways[-1])
    labels = labels_of(ways[-1], [drawings[at::wide] for at in range(wide)])
    swept = {step.what for way in ways for step in way}
    title = _title(view, drawings, swept)
    panel = MAIN if "view" in swept else main_panel(drawings[0])
    if len(ways) == 2:
        lines = [drawings[at : at + wide] for at in range(0, len(drawings), wide)]
        rows = labels_of(ways[0], lines)
        return PageRecipe(title, "", len(labels), labels, rows, panel)
    if swept == {"view"}:
        return PageRecipe(title, "", 1, labels, (), None)
    return PageRecipe(title, "", across(len(drawings)), labels, (), panel)


def _title(view: View, drawings: Sequence[Drawing], swept: set[Swept]) -> str:
    """What is on the page, and what is the same for all of it: the token, the layer, the heads."""
    said = dict(set.intersection(*(set(drawing.recipe) for drawing in drawings)))
    several = "view" in swept
    called = said.get("called") or said.get("model") or said.get("picture", "")
    parts = [called if several else view.title]
    for name in ("token", "layer", "head"):
        value = said.get(name)
        if value and name not in swept and (several or name in view.follows):
            parts.append(_said(name, value))
    return ", ".join(filter(None, parts))


def _said(name: str, value: str) -> str:
    if name == "token":
        return (
            _("from token {value}").format(value=value)
            if value.startswith("(")
            else _("from the {value} token").format(value=value)
        )
    return _("all heads") if value == "all" else f"{name} {value}"


def shown(view: View, values: Mapping[str, OptionValue]) -> SweepStep:
    """Another view of the same."""

    def change(subject: SweepSubject) -> SweepSubject:
        return replace(subject, view=view, values=values)

    return SweepStep(view.title, change, "view")


def _listed_views(subject: SweepSubject, listed: str) -> list[str]:
    """The views that are named, or all that show one picture of one model."""
    if listed:
        return [word.strip() for word in listed.split(",")]
    return [
        name
        for name, view in views().items()
        if view.traces == 1 and not view.applies(subject.trace)
    ]


def across(count: int) -> int:
    """How many drawings stand in a row, so that the page is a little wider than high."""
    if count <= 4:
        return count
    return next(
        (size for size in (4, 3, 5, 6) if count % size == 0 and count <= size * size),
        int(np.ceil(np.sqrt(count * 1.2))),
    )


def _numbers(what: str, listed: str, count: int) -> list[int]:
    if not listed:
        return list(range(count))
    found: list[int] = []
    for part in listed.split(","):
        first, dash, last = part.partition("-")
        try:
            found += range(int(first), int(last if dash else first) + 1)
        except ValueError:
            raise VitvizError(
                _("{part!r} is no {what}; list numbers such as {what}=0,2,5-8").format(
                    part=part, what=what
                )
            ) from None
    for at in found:
        if not 0 <= at < count:
            raise VitvizError(
                _("there is no {what} {at}; there are 0 to {count}").format(
                    what=what, at=at, count=count - 1
                )
            )
    return found


def _layer(at: int, trace: Trace) -> SweepStep:
    layers = trace.depths

    def change(subject: SweepSubject) -> SweepSubject:
        return replace(subject, selection=subject.selection.with_layer(at, layers))

    return SweepStep(trace.layer_name(at), change, "layer")


def _head(at: int) -> SweepStep:
    def change(subject: SweepSubject) -> SweepSubject:
        return replace(subject, selection=replace(subject.selection, head=at))

    return SweepStep(head_name(at), change, "head")


def _tokens(subject: SweepSubject, listed: str) -> list[SweepStep]:
    trace = subject.trace
    if listed:
        places = [place_named(word.strip(), trace) for word in listed.split(";")]
    else:
        places = [place_of(token, trace.grid, trace.crop) for token in range(trace.grid.tokens)]

    def step(place: Any) -> SweepStep:
        def change(subject: SweepSubject) -> SweepSubject:
            return replace(subject, selection=replace(subject.selection, pin=place, hover=None))

        token = place.token(trace.grid, trace.crop)
        return SweepStep("token" if token is None else trace.grid.name(token), change, "token")

    return [step(place) for place in places]


def _options(view: View, name: str, listed: str) -> list[SweepStep]:
    option = next((each for each in view.options if each.name == name), None)
    if option is None:
        runs = ("picture", "model", "size", "columns")
        named = ("layer", "head", "token", "view", *runs, *(each.name for each in view.options))
        names = ", ".join(named)
        raise VitvizError(
            _("{view} has nothing called {name!r} to go over; there are: {names}").format(
                view=view.name, name=name, names=names
            )
        )
    values = [_value(option, word) for word in listed.split(",")] if listed else _all(option)

    def step(value: OptionValue) -> SweepStep:
        def change(subject: SweepSubject) -> SweepSubject:
            return replace(subject, values={**subject.values, name: value})

        shown = shown_number(value) if isinstance(value, float) else str(value)
        return SweepStep(f"{name.replace('_', ' ')} {shown}", change)

    return [step(value) for value in values]


def _all(option: Option) -> list[OptionValue]:
    match option.kind:
        case "choice":
            return list(option.choices)
        case "switch":
            return [False, True]
        case "number" | "integer" if option.low is not None and option.high is not None:
            between = np.linspace(option.low, option.high, STEPS)
            if option.kind == "integer":
                return list(dict.fromkeys(int(each) for each in between))
            return [round(float(each), 6) for each in between]
        case _:
            raise VitvizError(
                _("{name} has no first and last value; list some, such as {name}=1,2").format(
                    name=option.name
                )
            )


def _value(option: Option, word: str) -> OptionValue:
    try:
        match option.kind:
            case "number":
                return float(word)
            case "integer":
                return int(word)
            case "switch":
                return {"true": True, "on": True, "false": False, "off": False}[word.lower()]
            case _:
                return word
    except (KeyError, ValueError):
        raise VitvizError(
            _("{word!r} is no value of {name}").format(word=word, name=option.name)
        ) from None
