"""What was lost of the columns and can be had again: one that was closed, its model, its picture."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace

from vitviz.core.data.selection import Selection
from vitviz.session.columns.column import Column

_REMEMBERED = 20


@dataclass(frozen=True, slots=True)
class KeptColumn:
    """A column as it was, where it was, and what was chosen in it."""

    index: int
    column: Column
    selection: Selection


@dataclass(frozen=True, slots=True)
class LostColumn:
    """What one step took away, said in `words`; it closed these columns, or changed them."""

    words: str
    columns: tuple[KeptColumn, ...]
    closed: bool = False


class ColumnHistory:
    """The last steps that took something away, newest last."""

    def __init__(self) -> None:
        self._steps: list[LostColumn] = []

    @property
    def words(self) -> str:
        """What would come back; "" where nothing would."""
        return self._steps[-1].words if self._steps else ""

    def remember(self, lost: LostColumn) -> None:
        """Keeps a step; very old ones are forgotten."""
        self._steps = [*self._steps, lost][-_REMEMBERED:]

    def last(self, matters: Callable[[LostColumn], bool]) -> LostColumn | None:
        """The newest step that still matters, which is taken back now; those after it are dropped."""
        while self._steps:
            if matters(step := self._steps.pop()):
                return step
        return None

    def renumber(self, old: int, new: int) -> None:
        """A column that came back has another number: what it was before is about that one."""
        self._steps = [
            replace(step, columns=tuple(_renumbered(kept, old, new) for kept in step.columns))
            for step in self._steps
        ]


def _renumbered(kept: KeptColumn, old: int, new: int) -> KeptColumn:
    same = kept.column.id != old
    return kept if same else replace(kept, column=replace(kept.column, id=new))
