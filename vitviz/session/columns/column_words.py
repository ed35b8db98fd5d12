"""What a column's state is in words: one wording for headers, cards, the window's title and notices."""

from __future__ import annotations

from typing import assert_never

from vitviz.core.language import _
from vitviz.session.columns.column_state import (
    ColumnState,
    Empty,
    Failed,
    Loading,
    Queued,
    Shown,
    Stopped,
)


def badge_sign(state: ColumnState) -> str:
    """The badge of a column that does not show what was asked for; "" where nothing went wrong."""
    match state.phase:
        case Failed():
            return "! failed"
        case Stopped():
            return "! stopped"
        case Empty() | Queued() | Loading() | Shown():
            return ""
        case _:
            assert_never(state.phase)


def doing_words(state: ColumnState, picture: str) -> str:
    """What is being done for a picture of that name, or that it was not."""
    match state.phase:
        case Failed() | Stopped():
            return _("{picture} was not read").format(picture=picture)
        case Queued():
            return _("{picture} waits for its turn …").format(picture=picture)
        case Empty() | Loading() | Shown():
            return _("Reading {picture} …").format(picture=picture)
        case _:
            assert_never(state.phase)


def card_words(state: ColumnState, picture: str) -> tuple[str, str]:
    """What stands where a view would be: a line, and a hint below it."""
    if state.why:
        return _("Nothing to show"), state.why
    return doing_words(state, picture), ""
