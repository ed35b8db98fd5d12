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
from vitviz.core.language import ENGLISH, _, language
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

    >>> from vitviz.core.data.selection import Selection
    >>> from vitviz.views import find
    >>> rollout = find("rollout")
    >>> rollout.title, sorted(rollout.follows), rollout.traces
    ('Attention rollout', ['head', 'layer', 'token', 'word'], 1)
    >>> rollout.draw(trace, Selection(), {"fuse": "max"}).title
    'Attention rollout from the class token: layers 6 to 1, heads fused by max'
    >>> find("rolout")
    Traceback (most recent call last):
    vitviz.core.progress.VitvizError: there is no view 'rolout'; there are: patches, heads, ...

    `follows` says which parts of the selection it depends on: it is redrawn only when one of them
    changes. `shows`, `formula` and `source` are its help page. `order` sorts the board. `applies`
    says why a trace has nothing for it to show, "" where it has; `shown` whether it is on the board
    at first, `comes` whether it comes onto it by itself for a trace; `traces` is 2 for a view that
    compares two. `pairs_word` is the name of the argument that takes what both models did with
    further pictures, `more_word` of the one for further pictures through one model; "" where it has
    none.
    """

    name: str
    english_title: str
    english_shows: str
    english_formula: str
    english_source: str
    follows: frozenset[Follows]
    order: int
    function: Draw
    options: tuple[Option, ...]
    applies: Applies = always
    shown: bool = True
    comes: Callable[[Trace], bool] = never
    traces: int = 1
    pairs_word: str = ""
    more_word: str = ""
    prepares: Callable[..., Iterator[None]] | None = None
    sharpens: Callable[..., Iterator[Mapping[str, Any]]] | None = None

    @property
    def title(self) -> str:
        """Its heading, in the language spoken here."""
        return _(self.english_title)

    @property
    def shows(self) -> str:
        """What it shows, in the language spoken here."""
        return _(self.english_shows)

    @property
    def formula(self) -> str:
        """Its formula, whose words are in the language spoken here."""
        return _(self.english_formula)

    @property
    def source(self) -> str:
        """Where it is from, in the language spoken here."""
        return _(self.english_source)

    @property
    def painted(self) -> Option | None:
        """The option that is painted on a picture, None without one."""
        return next((option for option in self.options if option.paints), None)

    @property
    def chapter(self) -> str:
        """What it is about: the room that its file lies in ("attention"); "others" for a plugin's."""
        parts = self.function.__module__.split(".")
        inside = parts[:2] == ["vitviz", "views"] and len(parts) > 3
        return parts[2] if inside else "others"

    @property
    def takes_pairs(self) -> bool:
        """Whether such a view also takes what both models did with further pictures."""
        return bool(self.pairs_word)

    @property
    def takes_more(self) -> bool:
        """Whether it also takes what the model did with further pictures."""
        return bool(self.more_word)

    def ahead(
        self, trace: Trace, selection: Selection, values: Mapping[str, Any] | None = None
    ) -> Iterator[None]:
        """Makes, a step at a time, what the next drawings are likely to need and the view remembers;
        nothing where it has no such thing.
        """
        if self.prepares is None:
            return iter(())
        chosen = {**{option.name: option.default for option in self.options}, **(values or {})}
        return self.prepares(trace, selection, **arguments(self.function, chosen))

    def sharper(
        self, trace: Trace, selection: Selection, values: Mapping[str, Any] | None = None
    ) -> tuple[dict[str, Any], ...]:
        """The option values that a window draws it with one after another, the quickest first; the
        given ones alone where it has no such thing.
        """
        given = dict(values or {})
        if self.sharpens is None:
            return (given,)
        chosen = {**{option.name: option.default for option in self.options}, **given}
        found = self.sharpens(trace, selection, **arguments(self.function, chosen))
        return tuple({**given, **more} for more in found) or (given,)

    def takes_all(self, values: Mapping[str, Any]) -> bool:
        """Whether these options ask for every open picture, not for this one alone."""
        chosen = {**{option.name: option.default for option in self.options}, **values}
        return self.takes_more and any(str(value).startswith(ALL_OPEN) for value in chosen.values())

    def draw(
        self,
        trace: Trace,
        selection: Selection,
        values: Mapping[str, Any] | None = None,
        against: Trace | None = None,
        pairs: Sequence[tuple[Trace, Trace]] = (),
        more: Sequence[Trace] = (),
    ) -> Drawing:
        """The drawing for flat option values; `against` is what a view of two traces compares with,
        `pairs` further pictures through both models and `more` further pictures through the one, for a
        view that takes them.

        VitvizError for a wrong option or a missing trace, Unsupported for a map that cannot be
        computed exactly.
        """
        chosen = dict(values or {})
        both = (trace,) if self.traces == 1 else (trace, against)
        if None in both:
            raise VitvizError(
                _("{title} compares two models or pictures; choose another one too").format(
                    title=_(self.title)
                )
            )
        given: dict[str, Any] = {self.pairs_word: tuple(pairs)} if self.takes_pairs else {}
        further = (
            _further(trace, [*more, *(one for one, _unused in pairs)]) if self.takes_more else ()
        )
        if self.takes_more:
            given = {self.more_word: further}
        drawing = self.function(*both, selection, **given, **arguments(self.function, chosen))
        with language(ENGLISH):  # what is kept with a figure reads alike whoever drew it
            recipe = _recipe(trace, selection)
            if "target" in self.follows:
                recipe += (("target", str(selection.target)),)
            if further:
                recipe += (("further pictures", str(len(further))),)
            if self.traces == 2 and against is not None:
                recipe += tuple((f"against {name}", value) for name, value in _made_by(against))
        options = tuple(sorted(chosen.items()))
        made = Recipe(
            self.name,
            options,
            replace(selection, target=selection.target.written()),
            run_of(trace),
            run_of(against) if self.traces == 2 and against is not None else None,
            tuple((run_of(one), run_of(two)) for one, two in pairs) if self.takes_pairs else (),
            tuple(run_of(one) for one in further),
        )
        said = selection.instead(trace.grid, trace.crop) if "token" in self.follows else ""
        caption = (
            _("{upper}{said}. {caption}")
            .format(upper=said[:1].upper(), said=said[1:], caption=drawing.caption)
            .rstrip()
            if said
            else drawing.caption
        )
        own = [each.badge for each in both if each is not None]
        known = drawing.known or clauses(own)
        return replace(
            drawing, options=options, recipe=recipe, made=made, caption=caption, known=known
        )


def _word(function: Draw, word: str, once: str) -> str:
    """The name of an argument in a view's signature: today's, or that of vitviz 0.1; "" without."""
    there = inspect.signature(function).parameters
    return word if word in there else once if once in there else ""


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
        *((("called", trace.model.title),) if trace.model.title != trace.model.called else ()),
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
    sharper: Callable[..., Iterator[Mapping[str, Any]]] | None = None,
) -> Callable[[_F], _F]:
    """Registers `draw(trace, selection, *, options...) -> Drawing` as a view.

    >>> from vitviz.core.data.drawing import Drawing, Panel, Raster
    >>> from vitviz.views import view
    >>> @view("read", title="Pixels", shows="What the model reads.", formula="x", source="vitviz")
    ... def draw_read(trace, selection, *, smooth: bool = False):
    ...     frame = trace.crop.frame
    ...     return Drawing("read", "Pixels", ((Panel((Raster(trace.pixels, frame, smooth),), frame),),))
    >>> draw_read(trace, None).panels[0].extent
    Box(top=0, left=0, bottom=160, right=160)

    - `name` is what `vitviz.draw` takes, `title` its heading; `shows`, `formula` and `source` are
      its help page, in words that a user reads.
    - `follows` are the parts of the selection that it depends on: "token", "layer", "head", "word",
      "target". `order` sorts the board.
    - `applies(trace)` says why a trace has nothing for it to show, "" where it has; `shown` is
      whether it is on the board at first; `comes(trace)` whether it comes onto it by itself.
    - With `traces=2` it is `draw(trace, against, selection, *, options...)`, which may take `pairs`
      behind the selection: traces of further pictures through the same two models; a view of one
      trace may take `more`, traces of further pictures.
    - `ahead(trace, selection, *, options...)` makes what neighbouring tokens need, a step at a
      time, while nothing is asked. `sharper(trace, selection, *, options...)` says with which option
      values a window draws it one after another, the quickest first.

    The keyword arguments are the options: form, flags, export and help come from their types and
    defaults. Returns the function as it was. Raises ValueError when the name is taken: two views
    never share one. README has a whole view; an entry point of the group `vitviz.views` brings a
    plugin's.
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
            _word(function, "pairs", "also"),
            _word(function, "more", "others"),
            ahead,
            sharper,
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
        raise VitvizError(
            _("there is no view {name!r}; there are: {known}").format(
                name=name, known=", ".join(known)
            )
        )
    return known[name]
