"""Views drawn in the background: only the visible ones, only when what they follow has changed."""

from __future__ import annotations

from collections.abc import Callable, Hashable, Iterable, Mapping
from dataclasses import asdict, dataclass
from typing import Any

from vitviz.core.data.drawing import Drawing
from vitviz.core.data.selection import Selection
from vitviz.core.data.trace import Trace
from vitviz.core.language import _
from vitviz.core.progress import Progress, Unsupported, watching
from vitviz.session.work.jobs import Job, Jobs
from vitviz.session.work.log import sentence
from vitviz.views import Follows, find
from vitviz.views.options import Look, OptionValue
from vitviz.views.shared.attention_unit import comparable


@dataclass(frozen=True, slots=True, eq=False)
class DrawingScene:
    """All that a drawing is made from, besides the view."""

    trace: Trace
    selection: Selection
    look: Look
    options: Mapping[str, Mapping[str, OptionValue]]
    look_chosen: frozenset[str] = frozenset()
    """What of the look somebody chose; the rest is left to each view's own defaults."""
    against: Trace | None = None
    """What a view of two traces compares with."""
    pairs: tuple[tuple[Trace, Trace], ...] = ()
    """Further pictures as this model and the other one read them, as far as that is at hand."""
    beside_others: bool = False
    """Whether grids of other sizes stand beside it, so that shares do not compare."""

    def values(self, view: str) -> dict[str, Any]:
        """A view's flat options: the shared look as far as it was chosen, then its own."""
        own = {option.name: option.default for option in find(view).options if option.group}
        shared = {name: getattr(self.look, name) for name in own.keys() & self.look_chosen}
        shared = {name: value for name, value in shared.items() if value != own[name]}
        values = {**shared, **self.options.get(view, {})}
        return comparable(find(view), values, beside_others=self.beside_others)


def chosen_of(look: Look) -> frozenset[str]:
    """What of a remembered look differs from the usual one."""
    usual, kept = asdict(Look()), asdict(look)
    return frozenset(name for name in kept if kept[name] != usual[name])


def changed(trace: Trace, old: Selection, new: Selection) -> frozenset[Follows]:
    """What two selections make different for a trace: a cursor that moves inside one token's patch
    changes nothing, and a depth between two layers is one of them.
    """
    found: set[Follows] = set()
    if _tokens(trace, old) != _tokens(trace, new):
        found.add("token")
    if _word(trace, old) != _word(trace, new):
        found.add("word")
    if any(old.layer(count) != new.layer(count) for count in _depths(trace)):
        found.add("layer")
    if old.head != new.head:
        found.add("head")
    if old.target != new.target:
        found.add("target")
    return frozenset(found)


def _tokens(trace: Trace, selection: Selection) -> list[tuple[int | None, ...]]:
    """The pinned and the hovered token, in each grid that some layer has."""
    grids = dict.fromkeys((trace.grid, *(layer.grid for layer in trace.layers)))
    places = (selection.pin, selection.hover)
    return [
        tuple(None if place is None else place.token(grid, trace.crop) for place in places)
        for grid in grids
    ]


def _word(trace: Trace, selection: Selection) -> tuple[int, int | None] | None:
    if trace.grid.words is None:
        return None
    grid, crop = trace.grid, trace.crop
    return selection.token(grid, crop), selection.word(grid, crop)


def _depths(trace: Trace) -> tuple[int, ...]:
    return len(trace.layers), len(trace.words.layers) if trace.words else 1


@dataclass(frozen=True, slots=True, eq=False)
class SharperDrawings:
    """What a view will still be drawn with, more exactly each time, while its scene stays."""

    scene: DrawingScene
    values: tuple[Mapping[str, Any], ...]


class ColumnDrawings:
    """Asks the draw lane for the drawings of one column's views that somebody sees."""

    def __init__(
        self,
        jobs: Jobs,
        column: int,
        ready: Callable[[str], None],
        failed: Callable[[str, str], None],
    ) -> None:
        self.wanted: tuple[str, ...] = ()
        self.latest: dict[str, Drawing] = {}
        self._jobs, self._column = jobs, column
        self._ready, self._failed = ready, failed
        self._trace: Trace | None = None
        self._sharper: dict[str, SharperDrawings] = {}

    def draw(self, views: Iterable[str], scene: DrawingScene) -> None:
        """Has these views drawn, as far as they are wanted."""
        self._trace = scene.trace
        asked = [view for view in views if view in self.wanted]
        if asked:
            self._jobs.cancel(self._ahead)
            self._jobs.cancel(self._sharpening)
        for view in asked:
            self._draw(view, scene)

    def forget(self) -> None:
        """Drops all drawings and those on the way."""
        self._trace = None
        self.latest.clear()
        self._sharper.clear()

    def close(self) -> None:
        """Ends all drawing for this column."""
        for view in self.wanted:
            self._jobs.cancel(self.key(view))
        self._jobs.cancel(self._sharpening)
        self._jobs.cancel(self._ahead)
        self.forget()

    def key(self, view: str) -> Hashable:
        """What its job is called."""
        return ("draw", self._column, view)

    def following(
        self, old: Selection, new: Selection, trace: Trace, other: Trace | None
    ) -> list[str]:
        """The wanted views that depend on what differs between two selections."""
        alone = changed(trace, old, new)
        both = alone if other is None else alone | changed(other, old, new)
        return [
            view
            for view in self.wanted
            if find(view).follows & (alone if find(view).traces == 1 else both)
        ]

    def looking(self) -> list[str]:
        """The wanted views that are coloured by the shared look."""
        return [
            view
            for view in self.wanted
            if any(option.group == "look" for option in find(view).options)
        ]

    def _draw(self, view: str, scene: DrawingScene) -> None:
        shown = find(view)
        self._sharper.pop(view, None)

        def work(progress: Progress) -> tuple[Drawing, SharperDrawings]:
            if why := shown.applies(scene.trace):
                raise Unsupported(why)
            first, *further = shown.sharper(scene.trace, scene.selection, scene.values(view))
            with watching(progress):
                found = shown.draw(scene.trace, scene.selection, first, scene.against, scene.pairs)
            return found, SharperDrawings(scene, tuple(further))

        def done(found: tuple[Drawing, SharperDrawings]) -> None:
            drawing, further = found
            if scene.trace is self._trace and view in self.wanted:
                if further.values:
                    self._sharper[view] = further
                self.latest[view] = drawing
                self._ready(view)
                self._prepare(scene)

        def failed(error: Exception) -> None:
            if scene.trace is self._trace and view in self.wanted:
                self.latest.pop(view, None)
                self._failed(view, sentence(error, _("drawing {title}").format(title=shown.title)))

        self._jobs.submit(
            self.key(view),
            work,
            lane="draw",
            done=done,
            failed=failed,
            label=_("drawing {title}").format(title=shown.title),
            quiet=True,
        )

    @property
    def _ahead(self) -> Hashable:
        return ("ahead", self._column)

    def _prepare(self, scene: DrawingScene) -> None:
        """Once all is drawn and nobody asks for more, what a neighbouring token needs is made."""
        if any(self._jobs.awaits(self.key(view)) for view in self.wanted):
            return
        wanted = [view for view in self.wanted if find(view).prepares is not None]
        if not wanted:
            self._sharpen()
            return

        def work(progress: Progress) -> None:
            with watching(progress):
                for view in wanted:
                    if not find(view).applies(scene.trace):
                        for _ in find(view).ahead(scene.trace, scene.selection, scene.values(view)):
                            progress(0, 1)

        # What cannot be made is said where it is drawn.
        self._jobs.submit(
            self._ahead,
            work,
            lane="ahead",
            done=lambda _: self._sharpen(),
            failed=lambda _: self._sharpen(),
            quiet=True,
        )

    @property
    def _sharpening(self) -> Hashable:
        return ("sharper", self._column)

    def _sharpen(self) -> None:
        """Once nobody asks for more, a view that can be drawn more exactly is, a step at a time."""
        view = next((each for each in self.wanted if each in self._sharper), None)
        if view is None or any(self._jobs.awaits(self.key(each)) for each in self.wanted):
            return
        shown, steps = find(view), self._sharper[view]
        scene = steps.scene

        def work(progress: Progress) -> Drawing:
            with watching(progress):
                return shown.draw(
                    scene.trace, scene.selection, steps.values[0], scene.against, scene.pairs
                )

        def done(drawing: Drawing) -> None:
            if self._sharper.get(view) is not steps:
                return
            self._sharper.pop(view)
            if len(steps.values) > 1:
                self._sharper[view] = SharperDrawings(scene, steps.values[1:])
            self.latest[view] = drawing
            self._ready(view)
            self._sharpen()

        def failed(_error: Exception) -> None:
            if self._sharper.get(view) is steps:  # what was drawn before stays
                self._sharper.pop(view)
                self._sharpen()

        self._jobs.submit(
            self._sharpening,
            work,
            lane="ahead",
            done=done,
            failed=failed,
            label=_("testing {title}").format(title=shown.title),
            quiet=True,
        )

    def stopped(self, job: Job) -> None:
        """Says in the view that it was not drawn to its end; what gets no sharper stays as it is."""
        if job.key == self._sharpening:
            self._sharper.clear()
        for view in self.wanted:
            if job.key == self.key(view):
                self._failed(
                    view,
                    _("{label} was stopped; change what it shows to draw it again").format(
                        label=job.label
                    ),
                )
