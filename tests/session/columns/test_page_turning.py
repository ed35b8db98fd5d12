"""Another frame of a file stands in the place of the one before; the next ones are made ahead."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from vitviz.core.data.selection import place_of
from vitviz.session.columns.column_state import TraceTarget
from vitviz.session.columns.page_turning import AHEAD
from vitviz.session.session import Session
from vitviz.session.work.jobs import InlineJobs
from vitviz.session.work.request import ModelRequest

FRAMES, STEP = 6, 16


@pytest.fixture
def pan(tmp_path: Path) -> Path:
    """A camera that goes right by one patch a frame over something without repetition."""
    scene = np.random.default_rng(1).integers(0, 255, (10, 20, 3), np.uint8)
    wide = np.asarray(Image.fromarray(scene).resize((320, 160), Image.Resampling.NEAREST))
    frames = [Image.fromarray(wide[:, STEP * at : STEP * at + 160]) for at in range(FRAMES)]
    file = tmp_path / "pan.tiff"
    frames[0].save(file, save_all=True, append_images=frames[1:])
    return file


@pytest.fixture
def session(pan: Path) -> Session:
    session = Session(InlineJobs(), save=lambda _settings: "")
    session.columns.use_model(ModelRequest("test_vit", pretrained=False))
    session.open([pan])
    session.views.want(("heads",))
    return session


def page(session: Session) -> int:
    assert session.trace is not None
    return session.trace.picture.choice.page


def test_a_page_takes_the_place_of_another_and_is_one_step_back(session: Session) -> None:
    assert len(session.pictures) == 1
    for at in (1, 2, 4):
        session.pages.turn(at)
    assert page(session) == 4
    assert len(session.pictures) == 1
    assert session.trace is not None
    assert session.pictures.open[0].key == session.trace.picture.key
    assert session.history.undo() == "other page or frame"
    assert page(session) == 0
    assert session.history.redo() == "other page or frame"
    assert page(session) == 4


def test_the_next_pages_are_read_before_anybody_asks(session: Session) -> None:
    session.pages.turn(1)
    ahead = [choice.page for _path, choice in session.pages._opened]
    assert sorted(ahead) == [0, 1, *range(2, 2 + AHEAD)]
    waiting = session.pages._opened
    read = [one for (_path, choice), one in waiting.items() if choice.page > 1]
    assert all(TraceTarget(session.request, one.key) in session._traces for one in read)
    session.pages.turn(2)
    assert session.trace is not None
    assert any(session.trace.picture is one for one in read)


def test_a_page_that_is_not_there_is_the_last_and_pictures_of_one_page_stay(
    session: Session, photo: np.ndarray
) -> None:
    session.pages.turn(99)
    assert page(session) == FRAMES - 1
    session.open([photo])
    session.pages.turn(3)
    assert page(session) == 0


def test_a_file_that_is_gone_is_said_and_what_was_shown_stays(session: Session, pan: Path) -> None:
    said: list[str] = []
    session.problems.connect(said.extend)
    pan.unlink()
    session.pages.turn(5)
    assert page(session) == 0
    assert any("pan.tiff" in each for each in said)


def test_the_chosen_patch_is_followed_through_the_frames(session: Session) -> None:
    trace = session.trace
    assert trace is not None
    session.chosen.select(depth=0.0)
    session.chosen.pin(place_of(trace.grid.token(4, 8), trace.grid, trace.crop))
    session.following.follow(True)
    for at in range(1, 4):
        session.pages.turn(at)
        now = session.trace
        assert now is not None
        token = session.selection.token(now.grid, now.crop)
        assert now.grid.place(token) == (4, 8 - at)
    session.following.follow(False)
    session.pages.turn(4)
    now = session.trace
    assert now is not None
    assert now.grid.place(session.selection.token(now.grid, now.crop)) == (4, 5)


def test_the_class_token_is_followed_to_itself(session: Session) -> None:
    session.following.follow(True)
    session.chosen.choose_prefix("class")
    session.pages.turn(1)
    now = session.trace
    assert now is not None
    assert session.selection.token(now.grid, now.crop) == 0
