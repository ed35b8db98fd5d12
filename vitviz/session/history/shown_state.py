"""All that decides what is shown, as frozen values; what differs between two of them, in parts."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field

from vitviz.core.data.selection import Selection
from vitviz.core.data.target import Target
from vitviz.core.data.trace import Picture
from vitviz.session.columns.column import Column
from vitviz.session.columns.column_links import ColumnLinks
from vitviz.views.options import Look, OptionValue

ViewOptions = Mapping[str, Mapping[str, OptionValue]]


@dataclass(frozen=True, slots=True)
class ShownState:
    """One moment. `chosen` is what was chosen in each column, by its number; `window` is what the
    window adds (layout, views), as it names and understands it.

    A place, a layer and a head are where somebody looks, not what is shown: they make no step of their
    own, and come back with the column they belong to.
    """

    pictures: tuple[Picture, ...] = ()
    columns: tuple[Column, ...] = ()
    reference: int = 0
    active: int = 0
    chosen: Mapping[int, Selection] = field(default_factory=dict)
    links: ColumnLinks = field(default_factory=ColumnLinks)
    look: Look = Look()
    look_chosen: frozenset[str] = frozenset()
    options: ViewOptions = field(default_factory=dict)
    one_range: bool = True
    window: Mapping[str, str] = field(default_factory=dict)

    @property
    def targets(self) -> Mapping[int, Target]:
        """What maps of the answer are asked about, by the column's number."""
        return {column: selection.target for column, selection in self.chosen.items()}


def differing(before: ShownState, after: ShownState) -> frozenset[str]:
    """The parts of what is shown that are not the same; options and the window one by one, as
    "options heads" and "window layout".
    """
    return frozenset(_differing(before, after))


def _differing(before: ShownState, after: ShownState) -> Iterator[str]:
    if keys(before.pictures) != keys(after.pictures):
        yield "pictures"
    if (before.columns, before.reference) != (after.columns, after.reference):
        yield "columns"
    old, new = before.targets, after.targets
    if any(old[column] != new[column] for column in old.keys() & new.keys()):
        yield "targets"
    if before.links != after.links:
        yield "links"
    if (before.look, before.look_chosen) != (after.look, after.look_chosen):
        yield "look"
    if before.one_range != after.one_range:
        yield "one_range"
    for view in before.options.keys() | after.options.keys():
        if dict(before.options.get(view, {})) != dict(after.options.get(view, {})):
            yield f"options {view}"
    for name in before.window.keys() | after.window.keys():
        if before.window.get(name) != after.window.get(name):
            yield f"window {name}"


def keys(pictures: Sequence[Picture]) -> tuple[str, ...]:
    """By which pictures are told apart."""
    return tuple(picture.key for picture in pictures)
