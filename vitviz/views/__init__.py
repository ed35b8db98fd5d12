"""Views: pure functions from what was measured to what should be drawn. One file a view."""

from __future__ import annotations

import importlib
import inspect
import pkgutil
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cache
from importlib.metadata import entry_points
from typing import Any, Literal, TypeVar

from vitviz.core.data.badge import clauses
from vitviz.core.data.drawing import Drawing
from vitviz.core.data.recipe import Recipe, run_of
from vitviz.core.data.selection import Selection
from vitviz.core.data.trace import Trace
from vitviz.core.progress import VitvizError
from vitviz.views.options import ALL_OPEN, Option, arguments, options_of

Draw = Callable[..., Drawing]
Follows = Literal["token", "layer", "head", "word", "target"]
Applies = Callable[[Trace], str]
_F = TypeVar("_F", bound=Draw)


def always(_trace: Trace) -> str:
    """Every trace has something to show."""
    return ""


def never(_trace: Trace) -> bool:
    """No trace calls for it."""
    return False


@dataclass(frozen=True, slots=True)
class View:
    """A view as the window, the command line and the help see it.

    `follows` says which parts of the selection it depends on: it is redrawn only when one of them
    changes. `shows`, `formula` and `source` are its help page. `order` sorts the board. `applies`
    says why a trace has nothing for it to show, "" where it has; `shown` whether it is on the board
    at first, `comes` whether it comes onto it by itself for a trace; `traces` is 2 for a view that
    compares two, and `pairs` says whether such a view also takes what both models did with further
    pictures. `many` says whether a view of one trace also takes what the model did with further
    pictures.
    """

    name: str
    title: str
    shows: str
    formula: str
    source: str
    follows: frozenset[Follows]
    order: int
    function: Draw
    options: tuple[Option, ...]
    applies: Applies = always
    shown: bool = True
    comes: Callable[[Trace], bool] = never
    traces: int = 1
    pairs: bool = False
    many: bool = False
    prepares: Callable[..., Iterator[None]] | None = None

    def ahead(
        self, trace: Trace, selection: Selection, values: Mapping[str, Any] | None = None
    ) -> Iterator[None]:
        """Makes, a step at a time, what the next drawings are likely to need and the view remembers;
        nothing where it has no such thing."""
        if self.prepares is None:
            return iter(())
        chosen = {**{option.name: option.default for option in self.options}, **(values or {})}
        return self.prepares(trace, selection, **arguments(self.function, chosen))

    def takes_all(self, values: Mapping[str, Any]) -> bool:
        """Whether these options ask for every open picture, not for this one alone."""
        chosen = {**{option.name: option.default for option in self.options}, **values}
        return self.many and any(str(value).startswith(ALL_OPEN) for value in chosen.values())

    def draw(
        self,
        trace: Trace,
        selection: Selection,
        values: Mapping[str, Any] | None = None,
        other: Trace | None = None,
        also: Sequence[tuple[Trace, Trace]] = (),
        others: Sequence[Trace] = (),
    ) -> Drawing:
        """The drawing for flat option values; `other` is what a view of two traces compares with,
        `also` further pictures through both models, for a view that takes `pairs`, `others` further
        pictures through the model, for one that takes `many`.

        VitvizError for a wrong option or a missing trace, Unsupported for a map that cannot be
        computed exactly."""
        chosen = dict(values or {})
        both = (trace,) if self.traces == 1 else (trace, other)
        if None in both:
            raise VitvizError(
                f"{self.title} compares two models or pictures; choose another one too"
            )
        more: dict[str, Any] = {"also": tuple(also)} if self.pairs else {}
        if self.many:
            more = {"others": _further(trace, [*others, *(one for one, _ in also)])}
        drawing = self.function(*both, selection, **more, **arguments(self.function, chosen))
        recipe = _recipe(trace, selection)
        if "target" in self.follows:
            recipe += (("target", str(selection.target)),)
        if more.get("others"):
            recipe += (("further pictures", str(len(more["others"]))),)
        if self.traces == 2 and other is not None:
            recipe += tuple((f"against {name}", value) for name, value in _made_by(other))
        given = tuple(sorted(chosen.items()))
        made = Recipe(
            self.name,
            given,
            replace(selection, target=selection.target.written()),
            run_of(trace),
            run_of(other) if self.traces == 2 and other is not None else None,
            tuple((run_of(one), run_of(two)) for one, two in also) if self.pairs else (),
            tuple(run_of(one) for one in more.get("others", ())),
        )
        said = selection.instead(trace.grid, trace.crop) if "token" in self.follows else ""
        caption = (
            f"{said[:1].upper()}{said[1:]}. {drawing.caption}".rstrip() if said else drawing.caption
        )
        own = [each.badge for each in both if each is not None]
        known = drawing.known or clauses(own)
        return replace(
            drawing, options=given, recipe=recipe, made=made, caption=caption, known=known
        )


def _further(trace: Trace, others: Sequence[Trace]) -> tuple[Trace, ...]:
    """The traces of other pictures through the same model, one a picture."""
    found = {trace.picture.key: trace}
    for other in others:
        same = other.model.name == trace.model.name
        if (
            same
            and other.model.weights_hash == trace.model.weights_hash
            and other.grid == trace.grid
        ):
            found.setdefault(other.picture.key, other)
    return tuple(found.values())[1:]


def _made_by(trace: Trace) -> tuple[tuple[str, str], ...]:
    """The model and the picture, so that nobody takes them for others."""
    return (
        ("model", trace.model.called),
        ("weights", trace.model.weights_hash or trace.model.weights),
        ("precision", trace.model.precision),
        ("patch", " × ".join(map(str, trace.model.patch))),
        ("how known", trace.badge.clause),
        ("picture", trace.picture.name),
        ("picture key", trace.picture.key),
    )


def _recipe(trace: Trace, selection: Selection) -> tuple[tuple[str, str], ...]:
    """What a figure must say to be made again: model, picture and what was chosen."""
    head = selection.head
    layer = (
        f"{trace.number(selection.layer(len(trace.layers)))} of {max(trace.calls, trace.depths)}"
    )
    word = selection.word(trace.grid, trace.crop)
    across = (trace.grid.words or (1, 1))[1]
    return (
        *_made_by(trace),
        ("token", trace.grid.name(selection.token(trace.grid, trace.crop))),
        *(() if word is None else (("word", str(divmod(word, across))),)),
        ("layer", layer),
        ("head", "all" if head is None else str(head + 1)),
    )


_registered: dict[str, View] = {}


def view(
    name: str,
    *,
    title: str,
    shows: str,
    formula: str,
    source: str,
    follows: tuple[Follows, ...] = (),
    order: int = 100,
    applies: Applies = always,
    shown: bool = True,
    comes: Callable[[Trace], bool] = never,
    traces: Literal[1, 2] = 1,
    ahead: Callable[..., Iterator[None]] | None = None,
) -> Callable[[_F], _F]:
    """Registers `draw(trace, selection, *, options...) -> Drawing` as a view.

    With `traces=2` it is `draw(trace, other, selection, *, options...)`, which may take `also` behind
    the selection: pairs of traces of further pictures through the same two models; a view of one trace
    may take `others`, traces of further pictures. `ahead(trace, selection, *, options...)` makes what
    neighbouring tokens need, a step at a time, while nothing is asked. ValueError when the name is
    taken: two views never share one.
    """

    def register(function: _F) -> _F:
        known = _registered.get(name)
        if known is not None and known.function.__module__ != function.__module__:
            raise ValueError(
                f"the view {name!r} is in {known.function.__module__} already, "
                f"{function.__module__} needs another name"
            )
        _registered[name] = View(
            name,
            title,
            shows,
            formula,
            source,
            frozenset(follows),
            order,
            function,
            options_of(function),
            applies,
            shown,
            comes,
            traces,
            "also" in inspect.signature(function).parameters,
            "others" in inspect.signature(function).parameters,
            ahead,
        )
        return function

    return register


@cache
def views() -> dict[str, View]:
    """All views by name, in the board's order: those of this package and of `vitviz.views` plugins."""
    for module in pkgutil.walk_packages(__path__, f"{__name__}."):
        importlib.import_module(module.name)
    for entry in entry_points(group="vitviz.views"):
        entry.load()
    return dict(sorted(_registered.items(), key=lambda item: (item[1].order, item[0])))


def find(name: str) -> View:
    """The view of that name. VitvizError listing the views there are."""
    known = views()
    if name not in known:
        raise VitvizError(f"there is no view {name!r}; there are: {', '.join(known)}")
    return known[name]
