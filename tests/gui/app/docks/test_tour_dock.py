"""The walk through shows each step with its views, and leaves the board as it was."""

from __future__ import annotations

import pytest
from PySide6.QtCore import QCoreApplication, QEvent, QPoint, QPointF, Qt
from PySide6.QtGui import QMouseEvent
from PySide6.QtWidgets import QDockWidget, QWidget
from pytestqt.qtbot import QtBot

import vitviz
from vitviz.gui.app.application import application
from vitviz.gui.app.docks.tour_dock import TourDock, show_walk
from vitviz.gui.app.main_window import MainWindow
from vitviz.gui.widgets import theme
from vitviz.session.session import Session
from vitviz.session.work.jobs import InlineJobs
from vitviz.session.work.request import ModelRequest
from vitviz.views import find
from vitviz.views.learn.tour import TITLES, steps
from vitviz.views.options import arguments


@pytest.fixture(scope="module", autouse=True)
def dark() -> None:
    theme.apply(application(), theme.DARK)


def test_every_step_shows_its_views(window: MainWindow) -> None:
    before = window.board.placed
    window.perform("walk")
    walk = window.findChild(TourDock)
    assert walk is not None
    assert len(walk.steps) == len(TITLES) == 14
    for index in range(len(walk.steps)):
        walk.go(index)
        step = walk.steps[index]  # the last one is another model's
        assert set(window.board.placed) == set(step.views)
        assert window.shown.focus == step.focus
        assert all(window.board.cards[name].drawing is not None for name in step.views)
    walk.go(99)
    assert walk.at == 13
    walk.close()
    assert window.board.placed == before


def test_what_can_be_tried_changes_the_view(window: MainWindow) -> None:
    walk = show_walk(window, window.session, window.compare)
    walk.go(5)
    chosen = next(one for one in walk.steps[5].tries if one.words == "fixed waves")
    walk._try(chosen)
    drawing = window.board.cards["whatif"].drawing
    assert drawing is not None
    assert "sines and cosines" in drawing.title
    assert [button.text() for button in walk._tries if button.isChecked()] == ["fixed waves"]
    window.session.views.set_option("whatif", "positions", "removed")
    assert [button.text() for button in walk._tries if button.isChecked()] == ["removed"]


def test_a_step_chooses_token_layer_and_head_and_all_is_given_back(window: MainWindow) -> None:
    session = window.session
    session.chosen.choose_prefix("class")
    session.chosen.select(depth=0.8, head=0)
    session.views.set_option("einops", "example", "merge rows: halves below each other")
    window.shown.set_focus("rollout")
    walk = show_walk(window, window.session, window.compare)
    walk.go(0)
    assert session.trace is not None
    grid, crop = session.trace.grid, session.trace.crop
    assert session.selection.token(grid, crop) == grid.middle
    assert (session.selection.depth, session.selection.head) == (0.0, None)
    walk.go(1)
    assert session.views.options["einops"]["example"] == "a batch into patches"
    walk.go(3)
    assert session.selection.token(grid, crop) == grid.prefix.index("class")
    walk.go(6)
    assert session.selection.token(grid, crop) == grid.middle
    assert (session.selection.depth, session.selection.head) == (0.45, 1)
    walk.close()
    assert session.selection.pin.prefix == "class"
    assert (session.selection.depth, session.selection.head) == (0.8, 0)
    assert session.views.options["einops"]["example"] == "merge rows: halves below each other"
    assert not session.views.options.get("predict")
    assert window.shown.focus == "rollout"


def test_a_token_that_somebody_chose_on_the_way_stays(window: MainWindow) -> None:
    session = window.session
    walk = show_walk(window, window.session, window.compare)
    walk.go(4)
    session.chosen.move_token(0, 1)
    chosen = session.selection.pin
    walk.go(5)
    assert session.selection.pin == chosen
    walk.close()
    assert session.selection.pin == chosen


def test_a_view_that_had_all_the_room_has_it_again(window: MainWindow) -> None:
    window.compare.maximise("heads")
    walk = show_walk(window, window.session, window.compare)
    walk.go(1)
    assert window.compare.large == ""
    walk.close()
    assert window.compare.large == "heads"


def test_keys_go_on_and_back(window: MainWindow) -> None:
    window.perform("walk_on")
    assert window.findChild(TourDock) is None, "no walk is open"
    walk = show_walk(window, window.session, window.compare)
    window.perform("walk_on")
    window.perform("walk_on")
    window.perform("walk_back")
    assert walk.at == 1
    walk.close()
    window.perform("walk_on")
    assert walk.at == 1


def test_the_last_step_lends_the_bundled_tnt_and_gives_the_model_back(window: MainWindow) -> None:
    session = window.session
    own = session.request
    walk = show_walk(window, window.session, window.compare)
    walk.go(13)
    assert session.request.name == "vitviz/tnt"
    assert session.trace is not None
    assert session.trace.grid.words is not None
    assert set(window.board.placed) == {"mosaic", "words"}
    assert "sentence of 4 × 4 words" in walk._words.text()
    walk.go(12)
    assert session.request == own
    assert session.trace.grid.words is None
    assert set(window.board.placed) == {"lens", "predictions"}
    walk.go(13)
    walk.close()
    assert session.request == own


def test_a_model_chosen_at_the_last_step_stays(window: MainWindow) -> None:
    session = window.session
    walk = show_walk(window, window.session, window.compare)
    walk.go(13)
    other = ModelRequest("test_vit4", pretrained=False)
    session.columns.use_model(other)
    walk.go(0)
    assert session.request == other
    walk.close()
    assert session.request == other


def test_what_is_painted_is_a_prediction_until_it_is_revealed(
    qtbot: QtBot, window: MainWindow
) -> None:
    session = window.session
    walk = show_walk(window, window.session, window.compare)
    walk.go(9)
    pinned = session.selection.pin
    card = window.board.cards["predict"]
    qtbot.waitUntil(lambda: card.canvas.panels[0].map.width() > 200, timeout=2000)
    panel = card.canvas.panels[0]
    assert session.trace is not None
    grid = session.trace.grid
    spots = [grid.box(grid.token(3, col)).centre for col in (2, 3, 4)]
    points = [panel.map.position_of(spot).toPoint() for spot in spots]
    qtbot.mousePress(panel.viewport, Qt.MouseButton.LeftButton, pos=points[0])
    for point in points[1:]:
        drag(panel.viewport, point)
    qtbot.mouseRelease(panel.viewport, Qt.MouseButton.LeftButton, pos=points[-1])
    assert session.views.options["predict"]["painted"] == "3,2 3,3 3,4"
    assert session.selection.pin == pinned, "painting chooses no token"
    qtbot.mouseClick(panel.viewport, Qt.MouseButton.LeftButton, pos=points[1])
    assert session.views.options["predict"]["painted"] == "3,2 3,4", "on a painted patch it wipes"
    next(button for button in walk._tries if button.text() == "reveal").click()
    drawing = card.drawing
    assert drawing is not None
    assert len(drawing.panels) == 3
    walk.close()
    assert not session.views.options.get("predict")


def test_the_walk_leaves_nothing_to_take_back_but_what_stays(window: MainWindow) -> None:
    session = window.session
    session.views.set_option("heads", "direction", "is looked at by")
    before = session.history.undoes
    assert before
    walk = show_walk(window, window.session, window.compare)
    for step in (0, 5, 9, 13, 12):
        walk.go(step)
    assert session.history.undoes == "", "nothing is taken back under the walk's feet"
    assert session.history.undo() == ""
    walk.close()
    QCoreApplication.processEvents()
    assert session.history.undoes == before
    session.history.undo()
    assert not session.views.options.get("heads")


def drag(viewport: QWidget, point: QPoint) -> None:
    """Moves the mouse over a widget with the left button held."""
    left = Qt.MouseButton.LeftButton
    there = QPointF(point)
    moved = QMouseEvent(
        QEvent.Type.MouseMove,
        there,
        QPointF(viewport.mapToGlobal(point)),
        Qt.MouseButton.NoButton,
        left,
        Qt.KeyboardModifier.NoModifier,
    )
    QCoreApplication.sendEvent(viewport, moved)


def test_in_a_small_window_the_views_get_the_pictures_room(window: MainWindow) -> None:
    panels = [window.findChild(QDockWidget, name) for name in ("Pictures", "Inspector")]
    show_walk(window, window.session, window.compare).close()
    assert all(isinstance(each, QDockWidget) and each.isVisible() for each in panels)
    window.resize(1000, 650)
    walk = show_walk(window, window.session, window.compare)
    assert not any(isinstance(each, QDockWidget) and each.isVisible() for each in panels)
    assert window.board.width() > 0.85 * window.width()
    assert not any(dot.isVisible() for dot in walk._dots), "a line shows how far it is"
    walk.close()


def test_two_views_of_a_step_stand_beside_each_other(qtbot: QtBot, window: MainWindow) -> None:
    walk = show_walk(window, window.session, window.compare)
    for step in (1, 5, 11):
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
    assert len(found) == 14
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
