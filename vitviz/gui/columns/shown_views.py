"""Which views are on, which of them have something to show, and which is in focus."""

from __future__ import annotations

from collections.abc import Collection, Mapping

from PySide6.QtCore import QObject, Signal

from vitviz.views import View


class ShownViews(QObject):
    """What was chosen of the views, for whoever lays them out.

    A view is on until somebody takes it off; one that a model calls for comes by itself.
    """

    changed = Signal()
    chosen = Signal()
    """Somebody put a view on or took one off; it goes before `changed`."""
    focus_changed = Signal(str)

    def __init__(self, views: Mapping[str, View]) -> None:
        super().__init__()
        self._names = tuple(views)
        self._first_hidden = frozenset(name for name, view in views.items() if not view.shown)
        self._hidden = set(self._first_hidden)
        self._impossible: frozenset[str] = frozenset()
        self._called: frozenset[str] = frozenset()
        self._answered: frozenset[str] = frozenset()
        """Those of the called that were taken off by hand, or by a choice of other views."""
        self._focus = ""

    @property
    def focus(self) -> str:
        """The view whose options and help are offered."""
        return self._focus

    @property
    def offered(self) -> tuple[str, ...]:
        """The views that are on and have something to show."""
        return tuple(
            name for name in self._names if self.is_shown(name) and name not in self._impossible
        )

    def is_shown(self, view: str) -> bool:
        """Whether a view is on."""
        return view not in self._hidden or view in self._called - self._answered

    def set_focus(self, view: str) -> None:
        """Chooses the view whose options and help are offered."""
        if view != self._focus and view in self._names:
            self._focus = view
            self.focus_changed.emit(view)

    def set_shown(self, view: str, on: bool) -> None:
        """Takes a view off, or puts it back."""
        self._hidden.discard(view) if on else self._hidden.add(view)
        self._answered |= {view}
        self.chosen.emit()
        self.changed.emit()

    def set_all_shown(self, names: Collection[str]) -> None:
        """Puts these views on and takes all others off."""
        self._hidden = set(self._names) - set(names)
        self._answered = self._called
        self.chosen.emit()
        self.changed.emit()

    def take_possible(self, names: Collection[str], called: Collection[str] = ()) -> None:
        """Only these views have something to show for this model; those that it calls for come by
        themselves, until somebody takes them off. Whoever says so lays out what follows.
        """
        calls = frozenset(called)
        if calls != self._called:
            self._answered = frozenset()
        self._impossible, self._called = frozenset(self._names) - frozenset(names), calls

    def state(self) -> str:
        """The views that were taken off, and those that were not, as text."""
        shown = set(self._names) - self._hidden
        return f"{' '.join(sorted(self._hidden))}|{' '.join(sorted(shown))}"

    def restore(self, state: str) -> None:
        """Takes that back; views that it does not know are as at first."""
        hidden, _, shown = state.partition("|")
        known = set(hidden.split()) | set(shown.split())
        self._hidden = set(hidden.split()) & set(self._names) | self._first_hidden - known
        self.changed.emit()

    def reset(self) -> None:
        """All views are as at first."""
        self._hidden, self._answered = set(self._first_hidden), frozenset()
        self.chosen.emit()
        self.changed.emit()
