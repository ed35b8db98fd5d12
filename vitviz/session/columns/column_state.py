"""What a column is about to show: one closed state, changed by events in one pure function.

A column is asked for a model and a picture. From there it waits for its turn, loads, shows, fails or
is stopped; what was shown before stays on screen meanwhile. `step` is the only place that says what
follows from what; `column_words` says all of it in words.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import assert_never

from vitviz.core.data.selection import Selection
from vitviz.core.data.trace import Trace
from vitviz.core.language import N_, _
from vitviz.session.work.request import ModelRequest

NO_MODEL = N_("no model is chosen; pick one from the list or open a checkpoint file")


@dataclass(frozen=True, slots=True)
class TraceTarget:
    """What a trace is kept under: the model as asked for, and the picture's key."""

    model: ModelRequest
    picture: str


@dataclass(frozen=True, slots=True)
class Empty:
    """Nothing is asked for that could be shown: no picture, or its trace was let go."""


@dataclass(frozen=True, slots=True)
class Queued:
    """It begins when nothing that is seen needs the model's lane any more."""


@dataclass(frozen=True, slots=True)
class Loading:
    """Its model is being loaded, or is reading the picture."""


@dataclass(frozen=True, slots=True)
class Shown:
    """What was asked for is on screen."""


@dataclass(frozen=True, slots=True)
class Failed:
    """It could not be had; `why` is a sentence."""

    why: str


@dataclass(frozen=True, slots=True)
class Stopped:
    """Somebody stopped it; `why` says what, and what now."""

    why: str


Phase = Empty | Queued | Loading | Shown | Failed | Stopped


@dataclass(frozen=True, slots=True, eq=False)
class ShownTrace:
    """A trace on screen, with what it was made of."""

    target: TraceTarget
    trace: Trace


@dataclass(frozen=True, slots=True)
class BrokenModel:
    """A model that cannot be used; it is not tried again until somebody asks."""

    model: ModelRequest
    why: str


@dataclass(frozen=True, slots=True)
class ColumnState:
    """One column's state: what is asked for, how far it is, and what is on screen meanwhile.

    `model` and `picture` (a key) are what was asked for last. `worked` is the last model that made a
    trace, `given_up` one that somebody stopped, `again` what is to be chosen once it shows.
    """

    phase: Phase = Empty()
    model: ModelRequest | None = None
    picture: str | None = None
    shown: ShownTrace | None = None
    worked: ModelRequest | None = None
    broken: BrokenModel | None = None
    given_up: ModelRequest | None = None
    again: Selection | None = None

    @property
    def target(self) -> TraceTarget | None:
        """What the trace that is asked for will be kept under; None without a picture."""
        if self.model is None or self.picture is None:
            return None
        return TraceTarget(self.model, self.picture)

    @property
    def on_screen(self) -> TraceTarget | None:
        """What the trace on screen was made of."""
        return None if self.shown is None else self.shown.target

    @property
    def why(self) -> str:
        """Why there is nothing new to see; "" where nothing went wrong."""
        return self.phase.why if isinstance(self.phase, Failed | Stopped) else ""

    @property
    def busy(self) -> bool:
        """Whether it is loading or reading."""
        return isinstance(self.phase, Loading)

    @property
    def waits(self) -> bool:
        """Whether its turn has not come."""
        return isinstance(self.phase, Queued)

    @property
    def falls_back_to(self) -> ModelRequest | None:
        """After a failure or a stop: the model that worked before, where that is another one."""
        return self.worked if self.why and self.worked != self.model else None


@dataclass(frozen=True, slots=True)
class Wanted:
    """A model and a picture are asked for, at once (`now`) or when there is time."""

    model: ModelRequest
    picture: str | None
    now: bool = True


@dataclass(frozen=True, slots=True, eq=False)
class TraceCame:
    """A trace is there."""

    target: TraceTarget
    trace: Trace


@dataclass(frozen=True, slots=True)
class ModelCame:
    """The model is loaded."""

    model: ModelRequest


@dataclass(frozen=True, slots=True)
class WorkFailed:
    """Loading or reading failed; `lasting` where trying again would fail again."""

    model: ModelRequest
    why: str
    lasting: bool = False


@dataclass(frozen=True, slots=True)
class WorkStopped:
    """Somebody stopped what was `doing` with a model."""

    model: ModelRequest
    doing: str


@dataclass(frozen=True, slots=True)
class TriedAgain:
    """A model may be tried again that could not be used; `also_stopped` ones too."""

    also_stopped: bool = False


@dataclass(frozen=True, slots=True)
class TraceLetGo:
    """There is no room for a trace that nobody sees; it is made again when it is wanted."""


@dataclass(frozen=True, slots=True)
class PictureClosed:
    """The picture is gone; there is none to show."""


@dataclass(frozen=True, slots=True)
class ColumnChanged:
    """Another model or picture is about to be asked for; what went wrong before is forgotten."""


@dataclass(frozen=True, slots=True)
class SelectionKept:
    """What is to be chosen again once the column shows what it showed before (None: no longer)."""

    selection: Selection | None


ColumnEvent = (
    Wanted
    | TraceCame
    | ModelCame
    | WorkFailed
    | WorkStopped
    | TriedAgain
    | TraceLetGo
    | PictureClosed
    | ColumnChanged
    | SelectionKept
)


def step(state: ColumnState, event: ColumnEvent) -> ColumnState:
    """What a column is after an event. Pure: the same state and event give the same state."""
    match event:
        case Wanted():
            return _wanted(state, event)
        case TraceCame(target, trace):
            if target != state.target:
                return state  # another one is wanted by now
            shown = ShownTrace(target, trace)
            return replace(state, phase=Shown(), shown=shown, worked=target.model)
        case ModelCame(model):
            waits_for_it = state.busy and state.picture is None and model == state.model
            return replace(state, phase=Empty()) if waits_for_it else state
        case WorkFailed(model, why, lasting):
            broken = BrokenModel(model, why) if lasting else state.broken
            return replace(state, phase=Failed(why), broken=broken, again=None)
        case WorkStopped(model, doing):
            back = state.worked is not None and state.worked != model
            then = _("what was shown before is back") if back else _("“Read again” goes on")
            why = _("{doing} was stopped; {then}").format(doing=doing, then=then)
            return replace(state, phase=Stopped(why), model=model, given_up=model, again=None)
        case TriedAgain(also_stopped):
            given_up = None if also_stopped else state.given_up
            return replace(state, broken=None, given_up=given_up)
        case TraceLetGo():
            phase: Phase = Empty() if isinstance(state.phase, Shown) else state.phase
            return replace(state, shown=None, phase=phase)
        case PictureClosed():
            return replace(state, phase=Empty(), picture=None, shown=None)
        case ColumnChanged():
            phase = Empty() if state.why or state.waits else state.phase
            return replace(state, phase=phase, again=None)
        case SelectionKept(selection):
            phase = Empty() if state.why and selection is not None else state.phase
            return replace(state, again=selection, phase=phase)
        case _:
            assert_never(event)


def _wanted(state: ColumnState, event: Wanted) -> ColumnState:
    """A wish: refused at once where there is no model or a broken one, else queued or begun."""
    given_up = None if event.model == state.given_up else state.given_up
    wanted = replace(state, model=event.model, picture=event.picture, given_up=given_up)
    if not event.model.name:
        return replace(wanted, phase=Failed(_(NO_MODEL)), again=None)
    if state.broken is not None and event.model == state.broken.model:
        return replace(wanted, phase=Failed(state.broken.why), again=None)
    if wanted.target is not None and wanted.target == state.on_screen:
        return replace(wanted, phase=Shown())
    return replace(wanted, phase=Loading() if event.now else Queued())
