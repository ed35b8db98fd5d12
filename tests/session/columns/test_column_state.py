"""A column's state: what follows from what, whatever comes in whatever order."""

from __future__ import annotations

from typing import Any

from hypothesis import given
from hypothesis import strategies as some

from vitviz.core.data.selection import Selection
from vitviz.session.columns.column_state import (
    NO_MODEL,
    ColumnChanged,
    ColumnEvent,
    ColumnState,
    Empty,
    Failed,
    Loading,
    ModelCame,
    PictureClosed,
    Queued,
    SelectionKept,
    Shown,
    Stopped,
    TraceCame,
    TraceLetGo,
    TraceTarget,
    TriedAgain,
    Wanted,
    WorkFailed,
    WorkStopped,
    step,
)
from vitviz.session.columns.column_words import badge_sign, card_words, doing_words
from vitviz.session.work.request import ModelRequest

MODELS = [ModelRequest("a"), ModelRequest("b"), ModelRequest("b", patch_size=8), ModelRequest("")]
models, pictures = some.sampled_from(MODELS), some.sampled_from([None, "cat", "dog"])
TRACE: Any = object()
targets = some.builds(TraceTarget, models, some.sampled_from(["cat", "dog"]))
events: some.SearchStrategy[ColumnEvent] = some.one_of(
    some.builds(Wanted, models, pictures, some.booleans()),
    some.builds(TraceCame, targets, some.just(TRACE)),
    some.builds(ModelCame, models),
    some.builds(WorkFailed, models, some.just("out of memory"), some.booleans()),
    some.builds(WorkStopped, models, some.just("reading")),
    some.builds(TriedAgain, some.booleans()),
    some.just(TraceLetGo()),
    some.just(PictureClosed()),
    some.just(ColumnChanged()),
    some.builds(SelectionKept, some.one_of(some.none(), some.just(Selection()))),
)


def after(*happened: ColumnEvent) -> ColumnState:
    state = ColumnState()
    for event in happened:
        state = step(state, event)
    return state


@given(some.lists(events, max_size=12))
def test_what_holds_after_any_events_in_any_order(happened: list[ColumnEvent]) -> None:
    state = after(*happened)
    assert after(*happened).phase == state.phase, "pure"
    if isinstance(state.phase, Shown):
        assert state.on_screen == state.target != None  # noqa: E711
    if isinstance(state.phase, Failed | Stopped):
        assert state.why
        assert badge_sign(state)
        assert card_words(state, "cat.png") == ("Nothing to show", state.why)
    else:
        assert (state.why, badge_sign(state)) == ("", "")
        assert card_words(state, "cat.png") == (doing_words(state, "cat.png"), "")
    assert "cat.png" in doing_words(state, "cat.png")
    if state.falls_back_to is not None:
        assert state.falls_back_to != state.model
    assert [state.busy, state.waits, bool(state.why)].count(True) <= 1


@given(some.lists(events, max_size=8), models, pictures)
def test_a_broken_model_is_refused_until_it_is_tried_again(
    happened: list[ColumnEvent], model: ModelRequest, picture: str | None
) -> None:
    state = step(after(*happened), WorkFailed(model, "it fits nothing", lasting=True))
    wanted = Wanted(model, picture)
    refused = step(state, wanted)
    assert refused.why == ("it fits nothing" if model.name else NO_MODEL)
    tried = step(step(state, TriedAgain()), wanted)
    assert isinstance(tried.phase, Loading | Shown) or not model.name


@given(some.lists(events, max_size=8), targets)
def test_a_trace_that_is_not_wanted_any_more_changes_nothing(
    happened: list[ColumnEvent], target: TraceTarget
) -> None:
    state = after(*happened)
    came = step(state, TraceCame(target, TRACE))
    assert (came is state) == (target != state.target)


def test_the_way_from_a_wish_to_a_picture_and_back() -> None:
    a, b = MODELS[0], MODELS[1]
    state = after(Wanted(a, "cat", now=False))
    assert isinstance(state.phase, Queued)
    state = step(state, Wanted(a, "cat"))
    assert isinstance(state.phase, Loading)
    state = step(state, ModelCame(a))
    assert state.busy, "it still reads the picture"
    state = step(state, TraceCame(TraceTarget(a, "cat"), TRACE))
    assert isinstance(state.phase, Shown)
    state = step(step(state, Wanted(b, "cat")), WorkStopped(b, "loading b"))
    assert state.why == "loading b was stopped; what was shown before is back"
    assert (state.falls_back_to, state.given_up) == (a, b)
    state = step(step(state, ColumnChanged()), Wanted(a, "cat"))
    assert isinstance(state.phase, Shown), "it is on screen already"
    assert state.given_up == b
    assert step(state, Wanted(b, "cat")).given_up is None
    assert isinstance(step(state, TraceLetGo()).phase, Empty)
    assert step(state, PictureClosed()).shown is None


def test_without_a_picture_the_model_alone_is_loaded() -> None:
    state = after(Wanted(MODELS[0], None))
    assert state.busy
    assert isinstance(step(state, ModelCame(MODELS[0])).phase, Empty)
