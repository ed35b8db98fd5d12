"""What is drawn at each stop of a page: the run, the place and the options, and what changes there."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Literal, Protocol

from vitviz.core.data.drawing import Drawing
from vitviz.core.data.geometry import Spot
from vitviz.core.data.selection import Place, Selection
from vitviz.core.data.trace import Trace
from vitviz.session.work.request import ModelRequest
from vitviz.views import View
from vitviz.views.options import OptionValue

Change = Callable[["SweepSubject"], "SweepSubject"]
Swept = Literal["", "layer", "head", "token", "view", "picture", "model", "size", "columns"]
"""What differs from stop to stop; "" for an option."""


class RunSource(Protocol):
    """Where runs of other models and pictures come from; pictures go by name or key."""

    @property
    def pictures(self) -> Sequence[str]:
        """All that there are to go over."""

    def trace(self, request: ModelRequest, picture: str) -> Trace:
        """What a model does with a picture, kept for the next time."""


@dataclass(frozen=True, slots=True)
class SweptRun:
    """A model over a picture, before it has been run."""

    request: ModelRequest
    picture: str


@dataclass(frozen=True, slots=True)
class SweepSubject:
    """What is drawn, besides the view: the run, the place, the options.

    `run` is what the trace is to be of, `traced` what it is of; `runs` makes the one from the other.
    """

    trace: Trace
    selection: Selection
    values: Mapping[str, OptionValue]
    against: Trace | None = None
    pairs: Sequence[tuple[Trace, Trace]] = ()
    view: View | None = None
    run: SweptRun | None = None
    traced: SweptRun | None = None
    runs: RunSource | None = None

    def draw(self, view: View) -> Drawing:
        """The view of it, or its own, as if nothing had been drawn before: what views keep from one
        drawing for the next can change the last digits, and a figure must be the same when it is
        made again."""
        against = None if self.against is None else replace(self.against)
        view = self.view or view
        return view.draw(replace(self.trace), self.selection, self.values, against, self.pairs)

    def settled(self) -> SweepSubject:
        """The same with the trace of what is to be run."""
        if self.run is None or self.runs is None or self.run == self.traced:
            return self
        trace = self.runs.trace(self.run.request, self.run.picture)
        pin = _moved(self.selection.pin, self.trace, trace)
        selection = replace(self.selection, pin=pin, hover=None)
        return replace(self, trace=trace, selection=selection, traced=self.run)


def _moved(place: Place, before: Trace, now: Trace) -> Place:
    """The same place of what the model sees, where that is another picture."""
    if place.spot is None or before.picture.key == now.picture.key:
        return place
    seen, there, frame = before.crop.to_model(place.spot), before.crop.frame, now.crop.frame
    return Place(
        spot=now.crop.to_original(
            Spot(
                seen.row / there.height * frame.height,
                seen.col / there.width * frame.width,
            )
        )
    )


@dataclass(frozen=True, slots=True)
class SweepStep:
    """One stop on the way: what it is called, and what is different there."""

    label: str
    change: Change
    what: Swept = ""
