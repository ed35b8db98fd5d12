"""Columns side by side: one place in all of them, whatever their grids, and no work for nothing."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from home import Home

from vitviz.core.data.geometry import Spot
from vitviz.core.data.intervention import Intervention
from vitviz.core.data.selection import Place, Selection, place_of
from vitviz.session.columns.column_links import ColumnLinks, carried, one_model
from vitviz.session.columns.columns import LiveColumn
from vitviz.session.session import Session
from vitviz.session.work.jobs import InlineJobs, Jobs
from vitviz.session.work.request import ModelRequest

COARSE = ModelRequest("test_vit", pretrained=False, patch_size=32)
FINE = ModelRequest("test_vit", pretrained=False, patch_size=16)
OTHER = ModelRequest("test_vit2", pretrained=False)
VIEWS = ("patches", "heads")


@pytest.fixture
def session(photo: np.ndarray) -> Session:
    """A coarse and a fine column over one picture, both to be seen; the coarse one is active."""
    made = Session(InlineJobs(), save=lambda _settings: "")
    made.columns.use_model(COARSE)
    made.open([photo])
    made.columns.add_beside(FINE)
    first, second = made.columns
    made.columns.activate(first.id)
    made.views.want(VIEWS, [first.id, second.id])
    return made


@pytest.fixture
def drawn(session: Session) -> list[tuple[str, int]]:
    """(view, column) of everything that is drawn from now on."""
    found: list[tuple[str, int]] = []
    session.views.drawing_ready.connect(lambda view, _drawing, column: found.append((view, column)))
    return found


def token_of(live: LiveColumn) -> int:
    assert live.trace is not None
    return live.selection.token(live.trace.grid, live.trace.crop)


def test_a_spot_is_the_same_spot_in_every_grid(session: Session) -> None:
    coarse, fine = session.columns
    assert coarse.trace is not None
    assert fine.trace is not None
    crop, grid = coarse.trace.crop, fine.trace.grid
    # Lower right inside the coarse patch (1, 2): the fine patch is not that at its centre.
    spot = crop.to_original(Spot(1 * 32 + 17, 2 * 32 + 18))
    session.chosen.hover(Place(spot), coarse.id)
    assert token_of(coarse) == coarse.trace.grid.token(1, 2)
    assert token_of(fine) == grid.token(3, 5)
    session.chosen.pin(Place(spot), fine.id)
    assert coarse.selection.pin == fine.selection.pin == Place(spot)


def test_moving_inside_a_patch_draws_nothing_there(
    session: Session, drawn: list[tuple[str, int]]
) -> None:
    coarse, fine = session.columns
    assert coarse.trace is not None
    session.views.share_range(False)  # a shared one changes with the other column's numbers
    crop = coarse.trace.crop
    session.chosen.hover(Place(crop.to_original(Spot(33, 33))), coarse.id)
    drawn.clear()
    session.chosen.hover(Place(crop.to_original(Spot(40, 40))), coarse.id)
    assert drawn == []
    session.chosen.hover(Place(crop.to_original(Spot(40, 50))), coarse.id)
    assert {column for _, column in drawn} == {fine.id}
    assert coarse.selection.hover == fine.selection.hover


def test_a_depth_between_two_layers_draws_nothing(
    session: Session, drawn: list[tuple[str, int]]
) -> None:
    session.chosen.select(depth=0.98)
    assert drawn == []
    session.chosen.select(depth=0.0)
    assert {column for _, column in drawn} == {live.id for live in session.columns}


def test_prefix_tokens_are_linked_by_name(session: Session) -> None:
    session.chosen.choose_prefix("class")
    assert [token_of(live) for live in session.columns] == [0, 0]


def test_heads_are_linked_in_one_model_only(session: Session) -> None:
    other = session.columns.add_beside(OTHER)
    coarse, fine, _ = session.columns
    session.chosen.select(head=1, column=coarse.id)
    assert (fine.selection.head, other.selection.head) == (1, None)
    assert one_model(COARSE, FINE)
    tnt = ModelRequest("my.pth", architecture="tnt_s_patch16_224")
    assert one_model(tnt, replace(tnt, architecture="timm/tnt_s_patch16_224"))
    assert one_model(ModelRequest("tnt_s_patch16_224"), ModelRequest("timm/tnt_s_patch16_224"))
    assert not one_model(COARSE, tnt)
    assert not one_model(COARSE, replace(COARSE, pretrained=True))


def test_every_link_can_be_cut_and_mended(session: Session) -> None:
    coarse, fine = session.columns
    session.chosen.link(depth=False, place=False)
    session.chosen.select(depth=0.0)
    session.chosen.choose_prefix("class")
    session.chosen.move_token(0, 0)
    assert (coarse.selection.depth, fine.selection.depth) == (0, 1)
    assert fine.selection.pin == Place(prefix="class")
    session.chosen.link(depth=True)
    assert fine.selection.depth == 0, "as in the active column at once"
    assert fine.selection.pin == Place(prefix="class"), "this link is still cut"
    session.chosen.link(place=True)
    assert fine.selection.pin == coarse.selection.pin


def test_between_two_pictures_the_relative_place_counts(session: Session) -> None:
    coarse, fine = session.columns
    large = np.repeat(np.repeat(coarse.trace.picture.pixels, 2, axis=0), 3, axis=1)  # type: ignore[union-attr]
    session.chosen.link(picture=False)
    session.columns.activate(fine.id)
    session.open([large])
    rows, cols = coarse.trace.crop.original  # type: ignore[union-attr]
    session.chosen.pin(Place(Spot(rows / 4, cols / 2)), coarse.id)
    assert fine.selection.pin == Place(Spot(2 * rows / 4, 3 * cols / 2))
    session.chosen.pin(Place(Spot(2.0, 3.0)), fine.id)
    assert coarse.selection.pin == Place(Spot(1.0, 1.0))


def test_columns_of_one_picture_go_on_together(session: Session, photo: np.ndarray) -> None:
    coarse, fine = session.columns
    session.open([photo[::-1]])
    assert coarse.column.picture == fine.column.picture == session.pictures.open[1].key
    session.columns.show(session.pictures.open[0].key, fine.id)
    session.columns.step_picture(1)
    assert fine.column.picture == session.pictures.open[0].key
    assert coarse.column.picture == session.pictures.open[0].key
    session.chosen.link(picture=False)
    session.columns.step_picture(1)
    assert coarse.column.picture != fine.column.picture
    session.pictures.close(session.pictures.open[1].key)
    assert [live.column.picture for live in session.columns] == [session.pictures.open[0].key] * 2
    assert all(live.trace is not None for live in session.columns)


def test_columns_move_close_and_come_back(session: Session) -> None:
    coarse, fine = session.columns
    changes: list[None] = []
    session.columns.changed.connect(lambda: changes.append(None))
    copy = session.columns.duplicate(coarse.id)
    assert copy is not None
    assert [live.id for live in session.columns] == [coarse.id, copy.id, fine.id]
    assert copy.trace is coarse.trace, "read before, by the same model"
    session.columns.move(copy.id, 0)
    assert [live.id for live in session.columns] == [copy.id, coarse.id, fine.id]
    session.columns.close(coarse.id)
    assert session.columns.active is fine
    session.columns.close(copy.id)
    session.columns.close(fine.id)
    assert len(session.columns) == 1, "the last one stays"
    assert session.history.undo() == session.history.undo() == "closed column"
    assert [live.id for live in session.columns] == [copy.id, coarse.id, fine.id]
    assert [live.column.model for live in session.columns] == [COARSE, COARSE, FINE]
    assert len(changes) == 6
    again = session.columns.duplicate(fine.id)
    assert again is not None
    assert again.id > copy.id, "another column never has the number of one that was there"


def test_a_former_model_comes_back_with_what_was_chosen(session: Session) -> None:
    coarse, fine = session.columns
    session.chosen.select(head=1, depth=0.0)
    session.chosen.pin(Place(Spot(50.0, 70.0)))
    before = coarse.selection
    session.columns.use_model(replace(OTHER, fit="squash"), coarse.id)
    assert session.history.undoes == "other model"
    session.chosen.select(head=None)
    session.chosen.choose_prefix("class")
    assert session.history.undo() == "other model"
    assert session.columns.active is coarse
    assert coarse.column.model == COARSE
    assert coarse.trace is not None
    assert coarse.trace.model.patch == (32, 32)
    assert coarse.selection == before
    assert fine.selection == before, "linked columns stay linked"
    assert set(coarse.drawings.latest) == set(VIEWS)
    assert session.history.undoes == "new column", "the fixture's"


def test_a_former_picture_comes_back_in_all_columns_that_left_it(
    session: Session, photo: np.ndarray
) -> None:
    session.open([np.repeat(photo[::-1], 2, axis=0)])
    first, second = session.pictures.open
    session.columns.show(first.key)
    session.chosen.pin(Place(Spot(40.0, 30.0)))
    session.columns.show(second.key)
    assert [live.column.picture for live in session.columns] == [second.key] * 2
    session.chosen.choose_prefix("class")
    told: list[Any] = []
    session.columns.current_changed.connect(told.append)
    for _ in session.columns:  # at work without delay each column's change is a step of its own
        assert session.history.undo() == "other picture"
    assert [live.column.picture for live in session.columns] == [first.key] * 2
    assert [live.selection.pin for live in session.columns] == [Place(Spot(40.0, 30.0))] * 2
    assert told[-1] is first


def test_steps_are_taken_back_in_their_order_across_closed_columns(session: Session) -> None:
    coarse, fine = session.columns
    session.columns.use_model(OTHER, fine.id)
    session.columns.close(fine.id)
    session.history.undo()
    back = session.columns.active
    assert back.column.model == OTHER
    session.history.undo()
    assert session.columns.active is back
    assert back.column.model == FINE
    assert coarse.column.model == COARSE


def test_work_of_a_closed_column_is_stopped_and_forgotten(photo: np.ndarray) -> None:
    home = Home()
    session = Session(Jobs(home.deliver), save=lambda _settings: "")
    session.columns.use_model(COARSE)
    session.open([photo])
    home.until(lambda: session.trace is not None and not session.waiting)
    told: list[int] = []
    session.columns.trace_ready.connect(lambda _trace, column: told.append(column))
    live = session.columns.add_beside(OTHER)
    session.columns.close(live.id)
    assert not session.columns.busy
    home.until(lambda: not session.waiting)
    home.open_all()
    assert told == []
    session.close()


@pytest.fixture
def threaded(photo: np.ndarray) -> Iterator[tuple[Session, Home]]:
    home = Home()
    session = Session(Jobs(home.deliver), save=lambda _settings: "")
    session.columns.use_model(COARSE)
    session.open([photo])
    home.until(lambda: session.trace is not None and not session.waiting)
    yield session, home
    session.close()


def test_what_is_seen_is_read_first_and_the_rest_when_there_is_time(
    threaded: tuple[Session, Home], photo: np.ndarray
) -> None:
    session, home = threaded
    first = session.columns.active
    hidden, seen = session.columns.add_beside(FINE), session.columns.add_beside(OTHER)
    home.until(lambda: not session.waiting)
    session.views.want(VIEWS, [seen.id])
    told: list[int] = []
    session.columns.trace_ready.connect(lambda _trace, column: told.append(column))
    session.open([photo[::-1]])
    home.until(lambda: len(told) == 3)
    assert told[0] == seen.id
    assert {first.id, hidden.id} == set(told[1:])


def test_looking_elsewhere_does_not_begin_the_work_anew(
    threaded: tuple[Session, Home],
) -> None:
    session, home = threaded
    first, other = session.columns.active, session.columns.add_beside(OTHER)
    began = [job for job in session.jobs.current if job.lane == "run"]
    session.views.want(VIEWS, [first.id, other.id])
    session.views.want(["heads"], [other.id])
    assert [job for job in session.jobs.current if job.lane == "run"] == began
    home.until(lambda: not session.waiting)
    assert other.trace is not None


def test_what_failed_is_not_tried_at_every_look(session: Session) -> None:
    said: list[str] = []
    session.columns.trace_failed.connect(lambda sentence, _column: said.append(sentence))
    broken = session.columns.add_beside(ModelRequest("test_resnet", pretrained=False))
    for views in (["heads"], VIEWS, ["patches"]):
        session.views.want(views, [broken.id])
    assert len(said) == 1
    session.columns.use_model(FINE, broken.id)
    assert broken.trace is not None


def test_one_column_is_stopped_and_the_others_go_on(
    threaded: tuple[Session, Home], photo: np.ndarray
) -> None:
    session, home = threaded
    stopped, other = session.columns.add_beside(FINE), session.columns.add_beside(OTHER)
    session.columns.stop_column(stopped.id)
    home.until(lambda: other.trace is not None and not session.waiting)
    assert stopped.trace is None
    assert "was stopped" in stopped.state.why
    session.columns.read_again(stopped.id)
    assert stopped.state.why == ""
    home.until(lambda: stopped.trace is not None)


def test_a_stopped_model_gives_way_to_the_one_before_and_is_read_again(
    threaded: tuple[Session, Home],
) -> None:
    session, home = threaded
    live, said = session.columns.active, []
    session.columns.trace_failed.connect(lambda sentence, _column: said.append(sentence))
    session.columns.use_model(OTHER)
    session.columns.stop_column(live.id)
    home.until(lambda: not session.waiting)
    assert live.column.model == COARSE
    assert said == [f"loading model {OTHER.words} was stopped; what was shown before is back"]
    assert live.state.given_up == OTHER
    session.columns.read_again(live.id)
    home.until(lambda: not session.waiting)
    assert (live.column.model, live.state.given_up) == (OTHER, None)
    assert session.history.undo() == "other model"
    assert live.column.model == COARSE, "it came in place of another one"


def test_what_was_stopped_is_forgotten_when_another_model_is_chosen(
    threaded: tuple[Session, Home],
) -> None:
    session, home = threaded
    live = session.columns.active
    session.columns.use_model(OTHER)
    session.columns.stop_column(live.id)
    session.columns.use_model(FINE)
    home.until(lambda: not session.waiting)
    assert live.state.given_up is None


def test_stopping_ends_the_work_of_all_columns(
    threaded: tuple[Session, Home], photo: np.ndarray
) -> None:
    session, home = threaded
    session.columns.add_beside(FINE)
    session.columns.add_beside(OTHER)
    said: list[int] = []
    session.columns.trace_failed.connect(lambda _sentence, column: said.append(column))
    session.columns.stop_all()
    assert not session.columns.busy
    assert said
    assert len(said) == len(set(said)), "a model and its picture are one thing to stop"
    home.until(lambda: not session.waiting)
    assert not session.columns.busy


def test_a_hidden_column_gives_its_trace_for_others_and_has_it_made_again(
    photo: np.ndarray,
) -> None:
    session = Session(InlineJobs(), save=lambda _settings: "")
    session.columns.use_model(FINE)
    session.open([photo])
    session.views.want(VIEWS)
    first = session.columns.active
    session.settings.remember(memory_mb=0)
    second = session.columns.add_beside(COARSE)
    assert second.trace is not None
    assert first.trace is None, "nobody sees it and there is no room"
    failed: list[Any] = []
    session.columns.trace_failed.connect(lambda *said: failed.append(said))
    session.columns.activate(first.id)
    assert session.trace is not None
    assert set(session.views.drawings) == set(VIEWS)
    assert failed == []


def test_only_what_is_linked_is_carried() -> None:
    mine, theirs = Selection(), Selection(Place(Spot(1, 2)), Place(Spot(3, 4)), 0.5, 2)
    parts = mine.differing(theirs)
    assert parts == {"pin", "hover", "depth", "head"}
    assert carried(mine, theirs, parts, ColumnLinks(), same_model=True) == theirs
    assert carried(mine, theirs, parts, ColumnLinks(), same_model=False).head is None
    assert carried(mine, theirs, {"depth"}, ColumnLinks(), same_model=True) == Selection(depth=0.5)
    nothing = ColumnLinks(place=False, depth=False, head=False)
    assert carried(mine, theirs, parts, nothing, same_model=True) is mine
    sizes = ((10, 10), (20, 40))
    there = carried(mine, theirs, parts, ColumnLinks(), same_model=True, sizes=sizes)
    assert there.pin == Place(Spot(2, 8))


def test_a_place_outside_what_another_model_sees_falls_back(session: Session) -> None:
    coarse, fine = session.columns
    session.columns.use_model(replace(FINE, fit="squash"), fine.id)
    session.chosen.pin(
        Place(Spot(60.0, 1.0)), fine.id
    )  # cut away by the coarse column's centre crop
    assert coarse.trace is not None
    assert coarse.selection.pin == Place(Spot(60.0, 1.0))
    assert token_of(coarse) == 0
    place = place_of(coarse.trace.grid.middle, coarse.trace.grid, coarse.trace.crop)
    session.chosen.pin(place, coarse.id)
    assert fine.selection.pin == place


def test_a_what_if_is_a_column_beside_the_model_as_it_is(session: Session) -> None:
    as_it_is = session.columns.active
    change = Intervention(heads=((0, 1),))
    changed = session.columns.add_beside(replace(COARSE, change=change))
    assert changed.trace is not None
    assert as_it_is.trace is not None
    assert changed.trace.intervention == change
    assert as_it_is.trace.intervention is None
    assert changed.column.model.model == as_it_is.column.model.model  # loaded once
    session.columns.use_model(replace(changed.column.model, change=None), changed.id)
    assert changed.trace is as_it_is.trace
