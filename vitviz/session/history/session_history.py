"""Undo and redo: one stack of everything that changed what is shown, newest first."""

from __future__ import annotations

import time
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace

from psygnal import Signal

from vitviz.core.data.selection import Selection
from vitviz.core.data.trace import Picture
from vitviz.session.columns.columns import LiveColumn
from vitviz.session.columns.linked_selection import Affected, LinkedSelection
from vitviz.session.columns.visible_views import VisibleViews
from vitviz.session.columns.working_columns import WorkingColumns
from vitviz.session.history.history_step import HistoryStep, is_drag, step_between
from vitviz.session.history.shown_state import ShownState, keys
from vitviz.session.pictures.open_pictures import OpenPictures

_REMEMBERED = 200
_REMEMBERED_BYTES = 256 * 2**20
"""Of pictures that only the history still holds; the last step is kept whatever it holds."""
_ONE_DRAG = 1.0
"""Seconds between two values of one slider that are taken back together."""


@dataclass(frozen=True, slots=True)
class WindowChoices:
    """What a window adds to what is shown: `read` gives it as words, `show` takes it back."""

    read: Callable[[], Mapping[str, str]]
    show: Callable[[Mapping[str, str]], None]


class SessionHistory:
    """Compares what is shown with what was, after every change and whoever made it: no action can be
    forgotten, and what one action changes in several places is one step.

    A step keeps only what it changed, so that what came by itself meanwhile (the rest of a folder's
    pictures) stays. `later` calls back once the change that is being made is over.
    """

    changed = Signal()
    """Something else would be taken back, or done again."""

    def __init__(
        self,
        pictures: OpenPictures,
        columns: WorkingColumns,
        chosen: LinkedSelection,
        views: VisibleViews,
        later: Callable[[Callable[[], None]], None],
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._pictures, self._columns = pictures, columns
        self._chosen, self._views = chosen, views
        self._later, self._clock = later, clock
        self._window: WindowChoices | None = None
        self._done: list[HistoryStep] = []
        self._undone: list[HistoryStep] = []
        self._begun = self._due = self._moving = self._falls_back = self._paused = False
        self._closed = False
        self._at = float("-inf")
        self._late: set[str] = set()
        self._now = self._read()
        for signal in (
            columns.changed,
            columns.links_changed,
            columns.reference_changed,
            views.look_changed,
            views.range_changed,
            views.options_changed,
            pictures.closed,
            pictures.reordered,
        ):
            signal.connect(self.note)
        columns.active_changed.connect(self.absorb)
        chosen.chosen.connect(self._selected)
        pictures.arrived.connect(self._arrived)
        columns.trace_settled.connect(self._settled)
        columns.falls_back.connect(self._give_way)

    @property
    def undoes(self) -> str:
        """What `undo` would take back, in words; "" for nothing."""
        return self._done[-1].words if self._done and not self._paused else ""

    @property
    def redoes(self) -> str:
        """What `redo` would do again, in words; "" for nothing."""
        return self._undone[-1].words if self._undone and not self._paused else ""

    @property
    def pictures(self) -> frozenset[str]:
        """Keys of the pictures that some step would bring back."""
        return frozenset(picture.key for picture in _pictures_of((*self._done, *self._undone)))

    def include(self, window: WindowChoices) -> None:
        """Has what a window decides taken back too."""
        self._window = window
        self._now = self._read()

    def clear(self) -> None:
        """Forgets everything: something else is open now."""
        self._done, self._undone, self._due = [], [], False
        self._now = self._read()
        self.changed.emit()

    def close(self) -> None:
        """Lets go of the window, which is closed, and of a change that nobody can take back."""
        self._window, self._due, self._closed = None, False, True

    def note(self) -> None:
        """Something may be shown differently; what, is found out when the change is over."""
        if not (self._due or self._moving or self._paused or self._closed):
            self._due = True
            self._later(self._end_of_change)

    def pause(self) -> None:
        """What is shown from now on is for the moment, and will be given back: no change is a step."""
        self.settle()
        self._paused = True
        self.changed.emit()

    def resume(self) -> None:
        """What is shown was given back; what is different all the same is one step."""
        self._paused = False
        self.note()
        self.changed.emit()

    def settle(self) -> None:
        """Ends the change that is being made: what comes now is another step."""
        if self._due:
            self._take()

    def absorb(self) -> None:
        """Another column is active, or the window shows something else by itself: that is no step."""
        if not self._changing and not self._paused:
            self._now = replace(
                self._now,
                chosen=self._selections(),
                active=self._columns.active.id,
                window=self._window_now(),
            )

    @property
    def _changing(self) -> bool:
        """Whether a change is being made that has not been looked at."""
        return self._due or self._moving or self._columns.all != self._now.columns

    def undo(self) -> str:
        """Takes back what was changed last; what that was, "" where there is nothing."""
        self.settle()
        if not self._done or self._paused:
            return ""
        step = self._done.pop()
        self._undone.append(self._go(step.back).back)
        return self._told(step)

    def redo(self) -> str:
        """Does again what was taken back last; what that was, "" where there is nothing."""
        self.settle()
        if not self._undone or self._paused:
            return ""
        step = self._undone.pop()
        self._done.append(self._go(step))
        return self._told(step)

    def _told(self, step: HistoryStep) -> str:
        self._at = float("-inf")
        self.changed.emit()
        return step.words

    # What happens

    def _end_of_change(self) -> None:
        if self._due:
            self._take()

    def _take(self) -> None:
        self._due = False
        before, self._now = self._now, self._read()
        if not self._begun:
            return
        if self._falls_back:
            self._forget_what_failed()
            return
        before, late = self._joined_by_late(before)
        step = step_between(before, self._now)
        if step is not None:
            self._remember(step)
        elif late:
            self.changed.emit()

    def _remember(self, step: HistoryStep) -> None:
        last, now = (self._done[-1] if self._done else None), self._clock()
        if last is not None and now - self._at < _ONE_DRAG and is_drag(step, last):
            self._done[-1] = replace(last, after=step.after)
        else:
            self._done.append(step)
        self._at = now
        self._undone = []
        self._done = _within_bounds(self._done, {picture.key for picture in self._pictures})
        self.changed.emit()

    def _selected(self, affected: Affected) -> None:
        """Where somebody looks is kept for the step that comes next; another target is a step."""
        if self._changing or self._paused:
            return
        targets = self._now.targets
        if any(targets.get(live.id) != live.selection.target for live, _views in affected):
            self.note()
        else:
            self._now = replace(
                self._now, chosen=self._selections(), active=self._columns.active.id
            )

    def _arrived(self, pictures: Sequence[Picture], show: bool) -> None:
        if not show:
            self._late |= set(keys(pictures))
        self.note()

    def _joined_by_late(self, before: ShownState) -> tuple[ShownState, bool]:
        """Pictures that came after the first of theirs belong to the step that opened that one."""
        late, self._late = self._late, set()
        there = set(keys(before.pictures))
        came = tuple(one for one in self._now.pictures if one.key not in there)
        if not came or not late.issuperset(keys(came)):
            return before, False
        for at in reversed(range(len(self._done))):
            step = self._done[at]
            if set(keys(step.after.pictures)) > set(keys(step.before.pictures)):
                after = replace(step.after, pictures=(*step.after.pictures, *came))
                again = step_between(step.before, after)
                assert again is not None
                self._done[at] = replace(again, parts=step.parts)
                break
        return replace(before, pictures=(*before.pictures, *came)), True

    def _settled(self, _live: LiveColumn, _target: object) -> None:
        """The first trace is where the history begins."""
        if not self._begun:
            self._begun, self._due = True, False
            self._now = self._read()
        else:
            self.absorb()

    def _give_way(self) -> None:
        """A model that cannot be used is about to make way for the one that worked."""
        self.settle()
        self._falls_back = True

    def _forget_what_failed(self) -> None:
        """Neither asking for a model that failed nor what replaced it is a step."""
        self._falls_back = False
        for at in reversed(range(len(self._done))):
            if "columns" in self._done[at].parts:
                if self._done[at].before.columns == self._now.columns:
                    del self._done[at]
                    self.changed.emit()
                return

    # What is shown, read and put back

    def _read(self) -> ShownState:
        columns, views = self._columns, self._views
        return ShownState(
            pictures=self._pictures.open,
            columns=columns.all,
            reference=columns.reference.id,
            active=columns.active.id,
            chosen=self._selections(),
            links=columns.links,
            look=views.look,
            look_chosen=views.look_chosen,
            options={view: dict(values) for view, values in views.options.items() if values},
            one_range=views.one_range,
            window=self._window_now(),
        )

    def _selections(self) -> dict[int, Selection]:
        return {live.id: replace(live.selection, hover=None) for live in self._columns}

    def _window_now(self) -> Mapping[str, str]:
        return {} if self._window is None else dict(self._window.read())

    def _go(self, step: HistoryStep) -> HistoryStep:
        """From what a step has `before` to what it has `after`, which is shown now."""
        self._moving = True
        try:
            here = self._read()
            for put in (self._put_pictures, self._put_columns, self._put_looks, self._put_window):
                put(step)
        finally:
            self._moving = False
        self._now = self._read()
        # Where somebody looked when the step was taken back is where it is done again.
        return replace(step, before=replace(step.before, chosen=here.chosen, active=here.active))

    def _put_pictures(self, step: HistoryStep) -> None:
        if "pictures" in step.parts:
            self._pictures.become(
                _moved(self._pictures.open, step.before.pictures, step.after.pictures)
            )

    def _put_columns(self, step: HistoryStep) -> None:
        after = step.after
        if "columns" in step.parts:
            changed = {column.id for column in set(after.columns) - set(step.before.columns)}
            self._columns.become(
                after.columns, after.chosen, changed, reference=after.reference, active=after.active
            )
        if "pictures" in step.parts:
            self._columns.leave_closed()
        if "links" in step.parts:
            self._columns.take_links(after.links)
        if "targets" in step.parts:
            for column, target in after.targets.items():
                if self._columns.find(column) is not None:
                    self._chosen.select(column=column, target=target)

    def _put_looks(self, step: HistoryStep) -> None:
        after, views = step.after, self._views
        if "look" in step.parts:
            views.take_look(after.look, after.look_chosen)
        if "one_range" in step.parts:
            views.share_range(after.one_range)
        for part in sorted(step.parts):
            if part.startswith("options "):
                view = part.removeprefix("options ")
                views.take_options(view, dict(after.options.get(view, {})))

    def _put_window(self, step: HistoryStep) -> None:
        names = [part.removeprefix("window ") for part in step.parts if part.startswith("window ")]
        if names and self._window is not None:
            self._window.show({name: step.after.window.get(name, "") for name in names})


def _moved(
    now: Sequence[Picture], before: Sequence[Picture], after: Sequence[Picture]
) -> tuple[Picture, ...]:
    """The pictures that are open, with what a step took away and without what it brought; those that
    came by themselves meanwhile stay.
    """
    old, new = set(keys(before)), set(keys(after))
    if old == new:
        places = {key: at for at, key in enumerate(keys(after))}
        return tuple(sorted(now, key=lambda one: places.get(one.key, len(places))))
    moved = [picture for picture in now if picture.key not in old - new]
    for at, picture in enumerate(after):
        if picture.key not in old and picture.key not in keys(moved):
            moved.insert(at, picture)
    return tuple(moved)


def _pictures_of(steps: Sequence[HistoryStep]) -> Iterator[Picture]:
    for step in steps:
        if "pictures" in step.parts:
            yield from step.before.pictures
            yield from step.after.pictures


def _within_bounds(steps: Sequence[HistoryStep], open_now: Collection[str]) -> list[HistoryStep]:
    """The newest steps, as many as there may be and as long as their closed pictures have room."""
    held: set[str] = set(open_now)
    kept: list[HistoryStep] = []
    room = _REMEMBERED_BYTES
    for step in reversed(steps[-_REMEMBERED:]):
        for picture in _pictures_of([step]):
            if picture.key not in held:
                held.add(picture.key)
                room -= 3 * picture.size[0] * picture.size[1]
        if kept and room < 0:
            break
        kept.append(step)
    return kept[::-1]
