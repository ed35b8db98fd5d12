"""Undo and redo: whatever was done, taking all of it back is the start, doing it again the end."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import numpy as np
import pytest
from home import Home
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from vitviz.core.data.geometry import Spot
from vitviz.core.data.intervention import Intervention
from vitviz.core.data.selection import Place
from vitviz.core.data.target import target_of
from vitviz.session.history.session_history import WindowChoices, _within_bounds
from vitviz.session.history.shown_state import ShownState, differing
from vitviz.session.session import Session
from vitviz.session.work.jobs import InlineJobs, Jobs
from vitviz.session.work.request import ModelRequest

COARSE = ModelRequest("test_vit", pretrained=False, patch_size=32)
FINE = ModelRequest("test_vit", pretrained=False, patch_size=16)
OTHER = ModelRequest("test_vit2", pretrained=False)
BROKEN = ModelRequest("test_resnet", pretrained=False)


def begun(photo: np.ndarray) -> Session:
    made = Session(InlineJobs(), save=lambda _settings: "")
    made.columns.use_model(COARSE)
    made.open([photo, photo[::-1]])
    made.views.want(("heads",))
    return made


@pytest.fixture
def session(photo: np.ndarray) -> Session:
    """A column over the first of two pictures: nothing to take back yet."""
    return begun(photo)


def state(session: Session) -> ShownState:
    return session.history._read()


def undo_all(session: Session) -> list[str]:
    said = []
    while words := session.history.undo():
        said.append(words)
    return said


def redo_all(session: Session) -> list[str]:
    said = []
    while words := session.history.redo():
        said.append(words)
    return said


def test_what_was_there_at_first_is_nothing_to_take_back(session: Session) -> None:
    assert (session.history.undoes, session.history.redoes) == ("", "")
    assert session.history.undo() == session.history.redo() == ""


def test_a_new_column_goes_first_whatever_was_done_before(session: Session) -> None:
    """It used to be the first column's former model that came back."""
    session.columns.use_model(FINE)
    session.columns.add_beside()
    first, added = session.columns
    assert session.history.undoes == "new column"
    assert session.history.undo() == "new column"
    assert list(session.columns) == [first]
    assert first.column.model == FINE
    assert session.columns.active is first
    assert session.history.redo() == "new column"
    assert [live.id for live in session.columns] == [first.id, added.id]
    assert session.columns.active.id == added.id
    assert session.columns.active.trace is not None
    assert undo_all(session) == ["new column", "other patch size"]
    assert first.column.model == COARSE


def test_each_kind_of_change_is_called_by_its_name(session: Session) -> None:
    first, second = session.pictures.open
    changes: list[tuple[Callable[[], object], str]] = [
        (lambda: session.columns.use_model(OTHER), "other model"),
        (lambda: session.columns.use_model(replace(OTHER, patch_size=20)), "other patch size"),
        (lambda: session.columns.show(second.key), "other picture"),
        (lambda: session.views.set_option("heads", "mixed", "softmax before"), "heads: mixed"),
        (lambda: session.views.set_options("rollout", {"keep": 0.3, "fuse": "min"}), "options"),
        (lambda: session.views.set_look(table="magma"), "colours of maps"),
        (lambda: session.chosen.ask_about(target_of("feature:3")), "other target"),
        (lambda: session.columns.add_beside(FINE), "new column"),
        (lambda: session.columns.move(session.columns.active.id, 0), "order of columns"),
        (lambda: session.columns.refer_to(session.columns.all[1].id), "column to compare with"),
        (lambda: session.chosen.link(depth=False), "links between columns"),
        (lambda: session.views.share_range(False), "range of colours"),
        (lambda: session.columns.close(session.columns.active.id), "closed column"),
        (lambda: session.pictures.close(first.key), "closed picture"),
    ]
    start = state(session)
    for change, words in changes:
        change()
        assert words in session.history.undoes
    end = state(session)
    assert [*reversed(undo_all(session))] == redo_all(session)
    assert not differing(end, state(session))
    assert len(undo_all(session)) == len(changes)
    assert not differing(start, state(session))


def test_a_what_if_as_a_column_is_taken_back(session: Session) -> None:
    changed = replace(COARSE, change=Intervention(positions="removed"))
    session.columns.add_beside(changed)
    session.history.undo()
    assert [each.model for each in session.columns.all] == [COARSE]
    session.history.redo()
    assert [each.model for each in session.columns.all] == [COARSE, changed]
    again = session.columns.active.trace
    assert again is not None
    assert again.intervention == changed.change


def test_looking_around_is_no_step_and_comes_back_with_its_column(session: Session) -> None:
    session.chosen.select(head=1, depth=0.0)
    session.chosen.pin(Place(Spot(50.0, 70.0)))
    session.chosen.hover(Place(Spot(5.0, 7.0)))
    assert session.history.undoes == ""
    was = replace(session.selection, hover=None)
    session.columns.use_model(FINE)
    session.chosen.select(head=None, hover=None)
    session.chosen.choose_prefix("class")
    session.views.set_option("heads", "direction", "is looked at by")
    session.history.undo()
    assert session.selection.pin == Place(prefix="class"), "an option says nothing of the token"
    session.history.undo()
    assert session.selection == was


def test_what_was_undone_is_forgotten_once_something_else_is_done(session: Session) -> None:
    session.views.set_look(table="magma")
    session.history.undo()
    session.columns.use_model(FINE)
    assert session.history.redoes == ""
    assert undo_all(session) == ["other patch size"]


def test_the_views_options_and_colours_are_what_they_were(session: Session) -> None:
    look, chosen = session.views.look, session.views.look_chosen
    session.views.set_look(grid=not look.grid)
    session.views.set_option("heads", "direction", "is looked at by")
    undo_all(session)
    assert (session.views.look, session.views.look_chosen) == (look, chosen)
    assert not session.views.options.get("heads")


def test_a_slider_that_is_dragged_is_one_step(session: Session) -> None:
    now = [0.0]
    session.history._clock = lambda: now[0]
    for value in (0.1, 0.2, 0.3):
        session.views.set_look(opacity=value)
    now[0] = 10.0
    session.views.set_look(opacity=0.5)
    session.views.set_look(grid=not session.views.look.grid)
    session.views.set_look(grid=not session.views.look.grid)
    assert len(undo_all(session)) == 4, "a switch that is pressed twice is two steps"


def test_a_model_that_cannot_be_read_leaves_nothing_to_take_back(session: Session) -> None:
    session.views.set_look(table="magma")
    session.columns.use_model(BROKEN)
    assert session.request == COARSE, "the one that worked is shown again"
    assert undo_all(session) == ["colours of maps"]


def test_a_closed_picture_comes_back_to_its_place_in_its_columns(session: Session) -> None:
    first, second = session.pictures.open
    session.pictures.close(first.key)
    assert session.columns.current is second
    session.history.undo()
    assert session.pictures.open == (first, second)
    assert session.columns.current is first
    assert session.trace is not None
    assert session.trace.picture.key == first.key


def test_the_last_picture_can_be_closed_and_opened_and_all_of_it_undone(session: Session) -> None:
    for picture in session.pictures.open:
        session.pictures.close(picture.key)
    assert session.trace is None
    session.open([np.zeros((40, 40, 3), np.uint8)])
    assert session.trace is not None
    assert "opened picture" in session.history.undo()
    assert (session.columns.current, session.trace) == (None, None)
    undo_all(session)
    assert len(session.pictures) == 2
    assert session.trace is not None


@pytest.fixture
def threaded(photo: np.ndarray) -> tuple[Session, Home]:
    home = Home()
    session = Session(Jobs(home.deliver), save=lambda _settings: "")
    session.columns.use_model(COARSE)
    session.open([photo])
    home.until(lambda: session.trace is not None and not session.waiting)
    home.open_all()
    return session, home


def test_all_pictures_of_one_drop_are_one_step(
    threaded: tuple[Session, Home], photo: np.ndarray
) -> None:
    session, home = threaded
    session.views.set_look(table="magma")
    home.open_all()
    dropped = [np.roll(photo, by, axis=1) for by in (10, 20, 30)]
    opening = session.open([*dropped])
    assert opening is not None
    home.until(lambda: opening.state == "done" and len(session.pictures) == 4)
    home.open_all()
    assert session.history.undoes == "opened 3 pictures"
    session.history.undo()
    assert len(session.pictures) == 1
    assert session.history.undoes == "colours of maps"
    session.history.redo()
    assert len(session.pictures) == 4
    session.close()


def test_one_action_is_one_step_however_much_it_changes(threaded: tuple[Session, Home]) -> None:
    session, home = threaded
    session.columns.set_up("patch_sizes", session.models())
    session.columns.set_up("layers", session.models())
    home.open_all()
    count = len(session.columns)
    assert count > 1
    assert session.history.undo() == "comparison"
    assert len(session.columns) == 1
    assert session.history.undoes == ""
    session.history.redo()
    assert len(session.columns) == count
    session.close()


def test_a_column_and_its_picture_change_in_all_that_go_on_together(
    threaded: tuple[Session, Home], photo: np.ndarray
) -> None:
    session, home = threaded
    session.columns.add_beside(FINE)
    opening = session.open([photo[::-1]])
    assert opening is not None
    home.until(lambda: not session.waiting)
    home.open_all()
    first, second = session.pictures.open
    assert [column.picture for column in session.columns.all] == [second.key] * 2
    session.columns.step_picture(1)
    home.open_all()
    assert [column.picture for column in session.columns.all] == [first.key] * 2
    assert session.history.undo() == "other picture"
    assert [column.picture for column in session.columns.all] == [second.key] * 2
    assert session.history.undoes == "opened picture"
    session.close()


def test_what_the_window_decides_is_taken_back_too(session: Session) -> None:
    window = {"layout": "one", "views": "heads"}
    session.history.include(WindowChoices(lambda: window, window.update))
    window["layout"] = "large"
    session.history.note()
    assert session.history.undo() == "layout of columns"
    assert window == {"layout": "one", "views": "heads"}
    session.history.redo()
    assert window["layout"] == "large"
    window["views"] = "heads patches"
    session.history.absorb()
    assert session.history.undo() == "layout of columns", "what came by itself is no step"


def test_another_session_begins_with_nothing_to_take_back(session: Session) -> None:
    session.views.set_look(table="magma")
    told: list[str] = []
    session.history.changed.connect(lambda: told.append(session.history.undoes))
    session.history.clear()
    assert told == [""]
    assert session.history.undo() == ""


def test_old_steps_go_where_their_closed_pictures_have_no_room(session: Session) -> None:
    class Huge:
        """A picture's key and size, all that the bounds look at."""

        def __init__(self, key: str) -> None:
            self.key, self.size = key, (8000, 8000)

    huge = tuple(Huge(str(number)) for number in range(3))
    session.pictures.close(session.pictures.open[1].key)
    (step,) = session.history._done
    steps = [
        replace(step, before=replace(step.before, pictures=(one,)))  # type: ignore[arg-type]
        for one in huge
    ]
    keys = {picture.key for picture in session.pictures}
    assert _within_bounds(steps, keys) == steps[2:]
    assert _within_bounds(steps, {*keys, "1", "2"}) == steps
    assert len(_within_bounds([step] * 500, keys)) == 200


_NUMBERS = st.integers(0, 3)
_DEEDS: dict[str, Callable[[Session, int], object]] = {
    "model": lambda s, n: s.columns.use_model((COARSE, FINE, OTHER, BROKEN)[n]),
    "add": lambda s, n: len(s.columns) > 3 or s.columns.add_beside((COARSE, FINE, OTHER, None)[n]),
    "close": lambda s, n: s.columns.close(s.columns.all[n % len(s.columns)].id),
    "move": lambda s, n: s.columns.move(s.columns.active.id, n % len(s.columns)),
    "activate": lambda s, n: s.columns.activate(s.columns.all[n % len(s.columns)].id),
    "refer": lambda s, n: s.columns.refer_to(s.columns.all[n % len(s.columns)].id),
    "set up": lambda s, n: s.columns.set_up(("layers", "pictures")[n % 2], s.models()),
    "step": lambda s, n: s.columns.step_picture(n),
    "show": lambda s, n: [s.columns.show(p.key, s.columns.all[0].id) for p in s.pictures.open[:n]],
    "shut": lambda s, n: [s.pictures.close(p.key) for p in s.pictures.open[n : n + 1]],
    "reopen": lambda s, _: s.pictures.reopen(),
    "open": lambda s, n: s.open([np.full((32, 48, 3), 50 * n, np.uint8)]),
    "option": lambda s, n: s.views.set_option("rollout", "fuse", ("mean", "max", "min")[n % 3]),
    "keep": lambda s, n: s.views.set_option("rollout", "keep", n / 4),
    "reset": lambda s, _: s.views.reset_options("rollout"),
    "look": lambda s, n: s.views.set_look(opacity=n / 4),
    "no look": lambda s, _: s.views.reset_look(),
    "link": lambda s, n: s.chosen.link(**{("place", "depth", "head", "picture")[n]: False}),
    "range": lambda s, n: s.views.share_range(n % 2 == 0),
    "target": lambda s, n: s.chosen.ask_about(target_of(f"feature:{n}")),
    "head": lambda s, n: s.chosen.step_head(n),
    "place": lambda s, n: s.chosen.pin(Place(Spot(10.0 * n, 20.0))),
    "undo": lambda s, _: s.history.undo(),
    "redo": lambda s, _: s.history.redo(),
}


@settings(
    max_examples=12, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(st.lists(st.tuples(st.sampled_from(sorted(_DEEDS)), _NUMBERS), max_size=14))
def test_undoing_all_is_the_start_and_redoing_all_the_end(
    photo: np.ndarray, deeds: list[tuple[str, int]]
) -> None:
    session = begun(photo)
    moments = [state(session)]
    for name, number in deeds:
        _DEEDS[name](session, number)
        moments.append(state(session))
    redo_all(session)
    end = state(session)
    undo_all(session)
    assert not differing(moments[0], state(session))
    redo_all(session)
    assert not differing(end, state(session))
    assert all(
        live.trace is not None and live.trace.picture.key == live.column.picture
        for live in session.columns.seen()
        if live.column.picture is not None
    )
    session.close()
