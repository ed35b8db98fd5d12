"""The walk through shows each step with its views, and leaves the board as it was."""

from __future__ import annotations

import pytest
from PySide6.QtCore import QCoreApplication, QEvent, QPoint
from PySide6.QtWidgets import QDockWidget
from pytestqt.qtbot import QtBot

import vitviz
from vitviz.gui.app.application import application
from vitviz.gui.app.main_window import MainWindow
from vitviz.gui.app.tour_dock import TourDock, show_walk
from vitviz.gui.widgets import theme
from vitviz.session.session import Session
from vitviz.session.work.jobs import InlineJobs
from vitviz.views import find
from vitviz.views.learn.tour import steps
from vitviz.views.options import arguments


@pytest.fixture(scope="module", autouse=True)
def dark() -> None:
    theme.apply(application(), theme.DARK)


def test_every_step_shows_its_views(window: MainWindow) -> None:
    before = window.board.placed
    window.perform("walk")
    walk = window.findChild(TourDock)
    assert walk is not None
    assert len(walk.steps) == 7
    for index, step in enumerate(walk.steps):
        walk.go(index)
        assert set(window.board.placed) == set(step.views)
        assert window.shown.focus == step.focus
        assert all(window.board.cards[name].drawing is not None for name in step.views)
    walk.go(99)
    assert walk.at == 6
    walk.close()
    assert window.board.placed == before


def test_what_can_be_tried_changes_the_view(window: MainWindow) -> None:
    walk = show_walk(window, window.session, window.compare)
    walk.go(4)
    chosen = next(one for one in walk.steps[4].tries if one.words == "fixed waves")
    walk._try(chosen)
    drawing = window.board.cards["whatif"].drawing
    assert drawing is not None
    assert "sines and cosines" in drawing.title
    assert [button.text() for button in walk._tries if button.isChecked()] == ["fixed waves"]
    window.session.views.set_option("whatif", "positions", "removed")
    assert [button.text() for button in walk._tries if button.isChecked()] == ["removed"]


def test_a_step_chooses_a_token_that_it_can_be_seen_from(window: MainWindow) -> None:
    session = window.session
    session.chosen.choose_prefix("class")
    walk = show_walk(window, window.session, window.compare)
    walk.go(0)
    assert session.trace is not None
    grid, crop = session.trace.grid, session.trace.crop
    assert session.selection.token(grid, crop) == grid.middle
    walk.go(3)
    assert session.selection.token(grid, crop) == grid.prefix.index("class")
    walk.go(6)
    session.chosen.move_token(0, 1)
    chosen = session.selection.pin
    walk.go(4)
    assert session.selection.pin == chosen  # a patch that somebody chose stays
    walk.close()
    assert session.selection.pin == chosen
    session.chosen.choose_prefix("class")
    walk = show_walk(window, window.session, window.compare)
    walk.go(6)
    walk.close()
    assert session.selection.pin.prefix == "class"


def test_in_a_small_window_the_views_get_the_pictures_room(window: MainWindow) -> None:
    strip = window.findChild(QDockWidget, "Pictures")
    assert isinstance(strip, QDockWidget)
    show_walk(window, window.session, window.compare).close()
    assert strip.isVisible()
    window.resize(1000, 650)
    walk = show_walk(window, window.session, window.compare)
    assert not strip.isVisible()
    walk.close()
    assert strip.isVisible()


def test_two_views_of_a_step_stand_beside_each_other(qtbot: QtBot, window: MainWindow) -> None:
    walk = show_walk(window, window.session, window.compare)
    for step in (1, 4, 6):
        walk.go(step)
        one, other = (window.board.cards[name] for name in walk.steps[step].views)
        qtbot.waitUntil(lambda: one.width() > 200 and other.width() > 200, timeout=2000)  # noqa: B023
        tops = [card.mapTo(window.board, QPoint(0, 0)).y() for card in (one, other)]
        assert tops[0] == tops[1]
        assert min(one.height(), other.height()) > window.board.height() * 0.9
    walk.close()
    patches, rollout = (window.board.cards[name] for name in ("patches", "rollout"))
    qtbot.waitUntil(
        lambda: rollout.mapTo(window.board, QPoint(0, 0)).y() > patches.height(), timeout=2000
    )


def test_without_a_picture_it_says_what_to_do(qtbot: QtBot) -> None:
    session = Session(InlineJobs(), save=lambda _settings: "")
    window = MainWindow(session)
    walk = show_walk(window, window.session, window.compare)
    assert walk.steps == ()
    assert "Open a picture" in walk._words.text()
    assert not any(dot.isEnabled() for dot in walk._dots), "there is no step to go to"
    window.close()
    window.deleteLater()
    QCoreApplication.sendPostedEvents(None, QEvent.Type.DeferredDelete)


@pytest.mark.parametrize(
    ("name", "arguments_", "said"),
    [
        ("test_vit", {}, "A class token"),
        ("test_vit", {"class_token": False, "global_pool": "avg", "reg_tokens": 2}, "register 1"),
        ("test_vit4", {"pos_embed": "none"}, "told in another way"),
        ("test_vit", {"num_classes": 0}, "no head"),
    ],
)
def test_the_words_are_those_of_the_model(name, arguments_, said, photo):
    trace = vitviz.trace(vitviz.load(name, pretrained=False, **arguments_), photo)
    found = steps(trace)
    assert len(found) == 7
    words = " ".join(step.words for step in found)
    assert said in words
    grid = trace.grid
    assert f"{grid.rows * grid.cols} patches" in words
    for step in found:
        assert step.views
        for one in step.tries:
            arguments(find(one.view).function, dict(one.options))
            assert one.view in step.views


def test_a_model_without_a_step_shows_the_patches_there(photo):
    model = vitviz.load("xcit_nano_12_p16_224", pretrained=False, depth=1, img_size=64)
    found = steps(vitviz.trace(model, photo))
    assert found[0].views == ("patches",)
    assert "nothing to show" in found[0].words
    assert found[1].views == ("patches", "einops")
