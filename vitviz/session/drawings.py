"""Views drawn in the background: only the visible ones, only when what they follow has changed."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import asdict, dataclass
from typing import Any

from vitviz.core.drawing import Drawing
from vitviz.core.progress import Progress
from vitviz.core.selection import Selection
from vitviz.core.trace import Trace
from vitviz.session.jobs import Jobs
from vitviz.session.log import sentence
from vitviz.views import find
from vitviz.views.options import Look, Value


@dataclass(frozen=True, slots=True, eq=False)
class Scene:
    """All that a drawing is made from, besides the view."""

    trace: Trace
    selection: Selection
    look: Look
    options: Mapping[str, Mapping[str, Value]]
    look_chosen: frozenset[str] = frozenset()
    """What of the look somebody chose; the rest is left to each view's own defaults."""

    def values(self, view: str) -> dict[str, Any]:
        """A view's flat options: the shared look as far as it was chosen, then its own."""
        takes = {option.name for option in find(view).options if option.group == "look"}
        shared = {name: getattr(self.look, name) for name in takes & self.look_chosen}
        return {**shared, **self.options.get(view, {})}


def chosen_of(look: Look) -> frozenset[str]:
    """What of a remembered look differs from the usual one."""
    usual, kept = asdict(Look()), asdict(look)
    return frozenset(name for name in kept if kept[name] != usual[name])


class Drawings:
    """Asks the draw lane for the drawings of the views that somebody sees."""

    def __init__(
        self,
        jobs: Jobs,
        ready: Callable[[str, Drawing], None],
        failed: Callable[[str, str], None],
    ) -> None:
        self.wanted: tuple[str, ...] = ()
        self.latest: dict[str, Drawing] = {}
        self._jobs = jobs
        self._ready = ready
        self._failed = failed
        self._trace: Trace | None = None

    def draw(self, views: Iterable[str], scene: Scene) -> None:
        """Has these views drawn, as far as they are wanted."""
        self._trace = scene.trace
        for view in views:
            if view in self.wanted:
                self._draw(view, scene)

    def forget(self) -> None:
        """Drops all drawings and those on the way."""
        self._trace = None
        self.latest.clear()

    def following(self, old: Selection, new: Selection) -> list[str]:
        """The wanted views that depend on what differs between two selections."""
        changed = set()
        if (old.pin, old.hover) != (new.pin, new.hover):
            changed.add("token")
        if old.depth != new.depth:
            changed.add("layer")
        if old.head != new.head:
            changed.add("head")
        return [view for view in self.wanted if find(view).follows & changed]

    def looking(self) -> list[str]:
        """The wanted views that are coloured by the shared look."""
        return [
            view
            for view in self.wanted
            if any(option.group == "look" for option in find(view).options)
        ]

    def _draw(self, view: str, scene: Scene) -> None:
        shown, values = find(view), scene.values(view)

        def work(_: Progress) -> Drawing:
            return shown.draw(scene.trace, scene.selection, values)

        def done(drawing: Drawing) -> None:
            if scene.trace is self._trace and view in self.wanted:
                self.latest[view] = drawing
                self._ready(view, drawing)

        def failed(error: Exception) -> None:
            if scene.trace is self._trace and view in self.wanted:
                self.latest.pop(view, None)
                self._failed(view, sentence(error, f"drawing {shown.title}"))

        self._jobs.submit(("draw", view), work, lane="draw", done=done, failed=failed)
