"""Columns in the window: what a person does with several models or pictures, and what they see."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PySide6.QtCore import QCoreApplication, QEvent, QPoint, QPointF, Qt
from PySide6.QtGui import QMouseEvent
from PySide6.QtWidgets import QMenu, QPushButton
from pytestqt.qtbot import QtBot
from shiboken6 import isValid

from vitviz.core.data.geometry import Spot
from vitviz.core.data.selection import Place
from vitviz.gui.app.application import application
from vitviz.gui.app.main_window import MainWindow
from vitviz.gui.columns.column_header import LISTED, ColumnHeader
from vitviz.gui.models.patch_size_window import PatchSizeWindow
from vitviz.gui.widgets import theme
from vitviz.session.files.settings_folder import settings_folder
from vitviz.session.session import Session
from vitviz.session.work.jobs import InlineJobs, Job
from vitviz.session.work.request import ModelRequest

FINE = ModelRequest("test_vit", pretrained=False)


@pytest.fixture(scope="module", autouse=True)
def dark() -> None:
    """The theme, put on once: it restyles all widgets there are."""
    theme.apply(application(), theme.DARK)


@pytest.fixture
def window(qtbot: QtBot, photo: np.ndarray) -> Iterator[MainWindow]:
    """The window over the smallest model at patch 16 and at patch 32, in the grid."""
    session = Session(InlineJobs(), save=lambda _settings: "")
    made = MainWindow(session)
    made.resize(1300, 850)
    made.show()
    session.columns.use_model(FINE)
    session.open([photo])
    qtbot.waitExposed(made)
    made.perform("add_column")
    session.columns.use_model(ModelRequest("test_vit", pretrained=False, patch_size=32))
    made.show_views_of("patches", "heads", "predictions")
    yield made
    made.close()
    made.deleteLater()
    QCoreApplication.sendPostedEvents(None, QEvent.Type.DeferredDelete)
    assert not isValid(made)


def settled(qtbot: QtBot, window: MainWindow) -> None:
    """Lets the table find out what is scrolled into sight."""
    with qtbot.waitSignal(window.compare.table.visible_changed, timeout=2000):
        window.compare.arrange()
    qtbot.waitUntil(lambda: not window.compare.table._due, timeout=5000)


def header(window: MainWindow, at: int) -> ColumnHeader:
    return window.compare.headers[window.compare.lives[at].id]


def panel_of(window: MainWindow, view: str, at: int) -> Any:
    card = window.compare.table.card(view, window.compare.lives[at].id)
    assert card is not None
    return card.canvas.panels[0]


def mouse(widget: Any, row: float, col: float) -> QPoint:
    at: QPoint = widget.viewport.mapFrom(widget, widget.position_of(row, col).toPoint())
    moved = QMouseEvent(
        QEvent.Type.MouseMove,
        QPointF(at),
        QPointF(widget.viewport.mapToGlobal(at)),
        Qt.MouseButton.NoButton,
        Qt.MouseButton.NoButton,
        Qt.KeyboardModifier.NoModifier,
    )
    QCoreApplication.sendEvent(widget.viewport, moved)
    return at


def dragged(qtbot: QtBot, widget: Any, by: QPoint) -> None:
    """The mouse pulls a map by so many pixels."""
    here = widget.viewport.rect().center()
    qtbot.mousePress(widget.viewport, Qt.MouseButton.LeftButton, pos=here)
    moved = QMouseEvent(
        QEvent.Type.MouseMove,
        QPointF(here + by),
        QPointF(widget.viewport.mapToGlobal(here + by)),
        Qt.MouseButton.NoButton,
        Qt.MouseButton.LeftButton,
        Qt.KeyboardModifier.NoModifier,
    )
    QCoreApplication.sendEvent(widget.viewport, moved)
    qtbot.mouseRelease(widget.viewport, Qt.MouseButton.LeftButton, pos=here + by)


def test_a_second_column_makes_a_grid_of_drawn_cards(qtbot: QtBot, window: MainWindow) -> None:
    settled(qtbot, window)
    assert window.compare.layout == "grid"
    assert window.compare.table.isVisible()
    for live in window.compare.lives:
        for view in ("patches", "heads"):
            card = window.compare.table.card(view, live.id)
            assert card is not None
            assert card.drawing is not None, (view, live.id)


def test_a_row_has_its_height_again_when_its_drawings_come_back(
    qtbot: QtBot, window: MainWindow
) -> None:
    settled(qtbot, window)
    table, ids = window.compare.table, [live.id for live in window.compare.lives]
    row = table.rows["heads"]
    drawn, whole = [live.drawings.latest["heads"] for live in window.compare.lives], row.height()
    for column in ids:
        table.show_message("heads", column, "Drawing …")
    table.settle()
    qtbot.waitUntil(lambda: row.height() < whole, timeout=2000)
    for column, drawing in zip(ids, drawn, strict=True):
        table.show_drawing("heads", column, drawing)
    qtbot.waitUntil(lambda: row.height() == whole, timeout=2000)


def test_a_press_on_a_rows_title_takes_the_view_into_focus(
    qtbot: QtBot, window: MainWindow
) -> None:
    settled(qtbot, window)
    assert window.shown.focus != "predictions"
    title = window.compare.table.rows["predictions"]._title
    qtbot.mouseClick(title, Qt.MouseButton.LeftButton)
    assert window.shown.focus == "predictions"


def test_headers_say_what_each_column_is(window: MainWindow) -> None:
    said = [header(window, at)._line.text() for at in (0, 1)]
    assert said == ["patch 16 · 10 × 10 + 1 tokens", "patch 32 · 5 × 5 + 1 tokens"]
    assert [header(window, at).property("active") for at in (0, 1)] == ["false", "true"]
    assert header(window, 0)._badge.property("state") == "good"


def test_hover_in_one_column_is_seen_in_the_other(qtbot: QtBot, window: MainWindow) -> None:
    settled(qtbot, window)
    coarse = window.compare.lives[1]
    mouse(panel_of(window, "patches", 0), 40, 72)  # patch (2, 4) of 16 pixels, (1, 2) of 32
    for at, name in ((0, "(2, 4)"), (1, "(1, 2)")):
        card = window.compare.table.card("heads", window.compare.lives[at].id)
        assert card is not None
        assert card.drawing is not None
        assert name in card.drawing.title
    assert window.session.columns.active is coarse, "pointing makes no column active"


def test_a_column_is_pointed_at_while_the_active_one_has_nothing_to_show(
    qtbot: QtBot, window: MainWindow
) -> None:
    window.session.columns.add_beside(ModelRequest("test_resnet", pretrained=False))
    settled(qtbot, window)
    assert window.session.trace is None
    mouse(panel_of(window, "patches", 0), 40, 72)
    for at, name in ((0, "(2, 4)"), (1, "(1, 2)")):
        card = window.compare.table.card("heads", window.compare.lives[at].id)
        assert card is not None
        assert card.drawing is not None
        assert name in card.drawing.title


def test_a_click_pins_in_all_and_makes_the_column_active(qtbot: QtBot, window: MainWindow) -> None:
    settled(qtbot, window)
    widget = panel_of(window, "patches", 0)
    at = mouse(widget, 40, 72)
    qtbot.mouseClick(widget.viewport, Qt.MouseButton.LeftButton, pos=at)
    fine, coarse = window.compare.lives
    assert window.session.columns.active is fine
    assert fine.selection.pin == coarse.selection.pin != Place(prefix="class")
    assert window.bar._facts.text() == "10 × 10 + 1 tokens"


def test_layouts_show_one_column_or_one_view(qtbot: QtBot, window: MainWindow) -> None:
    window.perform("one_column")
    assert window.board.isVisible()
    assert window.compare.tabs.isVisible()
    card = window.board.cards["heads"]
    assert card.drawing is not None
    first = card.drawing.recipe
    window.perform("next_column")
    assert card.drawing.recipe != first, "the board shows the column that is active"
    window.perform("one_view")
    rows = [name for name, row in window.compare.table.rows.items() if row.isVisible()]
    assert rows == [window.shown.focus]
    window.perform("restore")
    assert window.board.isVisible()
    window.perform("all_columns")
    assert window.compare.table.isVisible()


def test_a_view_of_the_grid_gets_all_the_room_and_gives_it_back(window: MainWindow) -> None:
    window.compare.maximise("heads")
    assert (window.compare.layout, window.shown.focus) == ("large", "heads")
    window.perform("restore")
    assert window.compare.layout == "grid"


def test_what_has_just_come_is_what_the_next_change_is_about(window: MainWindow) -> None:
    fine, _coarse = window.compare.lives
    window.compare.headers.wish("duplicate", fine.id)
    copy = window.compare.lives[1]
    assert window.session.columns.active is copy
    window.perform("close_column")
    window.session.columns.activate(fine.id)
    window.perform("undo")
    assert window.session.columns.active is window.compare.lives[1]


def test_all_layers_are_shown_by_a_view_that_tells_them_apart(window: MainWindow) -> None:
    for focus, shown in (("predictions", "heads"), ("heads", "heads")):
        window.shown.set_focus(focus)
        window.perform("all_layers")
        assert (window.compare.layout, window.shown.focus) == ("large", shown)


def test_a_token_that_a_model_lacks_is_said_above_its_column(window: MainWindow) -> None:
    window.session.chosen.pin(Place(prefix="register 2"))
    for at in (0, 1):
        label = header(window, at)._instead
        assert label.text() == "no register 2 here: the class token instead"
        assert label.isVisible()
    window.session.chosen.pin(Place(prefix="class"))
    assert not header(window, 0)._instead.isVisible()


def test_closed_columns_come_back(window: MainWindow) -> None:
    window.perform("close_column")
    assert window.compare.layout == "one"
    assert window.board.isVisible()
    assert not window.compare.tabs.isVisible()
    card = window.board.cards["heads"]
    assert card.drawing is not None
    window.perform("undo")
    assert window.compare.layout == "grid"
    assert [live.column.model.patch_size for live in window.compare.lives] == [None, 32]


def test_a_column_can_be_closed_while_its_cards_are_being_built(
    qtbot: QtBot, window: MainWindow
) -> None:
    """What was still to be built or fitted met headers that had gone."""
    table = window.compare.table
    while len(window.session.columns) > 1:
        window.perform("close_column")
    for _ in range(3):
        window.perform("add_column")
        assert table._due or table._fitting.isActive()
        window.perform("close_column")
        QCoreApplication.sendPostedEvents(None, QEvent.Type.DeferredDelete)
        for timer in (table._building, table._fitting, table._settled):
            assert not timer.isActive()
        table._fit()  # as it would have come
        table._build_next()
    window.perform("add_column")
    qtbot.waitUntil(lambda: not table._due, timeout=5000)
    assert panel_of(window, "heads", 1) is not None


def test_six_columns_scroll_and_are_all_drawn_when_seen(qtbot: QtBot, window: MainWindow) -> None:
    for _ in range(4):
        window.perform("add_column")
    settled(qtbot, window)
    table = window.compare.table
    views, columns = table.visible, table.visible_columns
    assert views
    drawn = [window.compare.table.card(views[0], column) for column in columns]
    assert all(card is not None and card.drawing is not None for card in drawn)
    widths = {header(window, at).width() for at in range(6)}
    assert max(widths) - min(widths) <= 1
    for at, live in enumerate(window.compare.lives):
        card = window.compare.table.card(views[0], live.id)
        assert card is not None
        left = card.mapTo(window.compare.table._body, QPoint(0, 0)).x()
        assert abs(left - header(window, at).x()) <= 2, "a header stands above its column"


def test_columns_are_reordered_by_keys_and_by_dragging(qtbot: QtBot, window: MainWindow) -> None:
    fine, coarse = window.compare.lives
    window.perform("move_left")
    assert window.compare.lives == [coarse, fine]
    settled(qtbot, window)
    there = header(window, 1).mapToGlobal(QPoint(20, 10))
    header(window, 0).dropped.emit(coarse.id, there)
    assert window.compare.lives == [fine, coarse]


def test_a_dragged_column_shows_where_it_will_land(qtbot: QtBot, window: MainWindow) -> None:
    window.perform("add_column")
    settled(qtbot, window)
    held, middle, last = (header(window, at) for at in range(3))
    start = held.rect().center()

    def drag(to: ColumnHeader, kind: QEvent.Type, buttons: Qt.MouseButton) -> None:
        there = to.mapToGlobal(to.rect().center())
        event = QMouseEvent(
            kind,
            QPointF(held.mapFromGlobal(there)),
            QPointF(there),
            Qt.MouseButton.LeftButton,
            buttons,
            Qt.KeyboardModifier.NoModifier,
        )
        QCoreApplication.sendEvent(held, event)

    qtbot.mousePress(held, Qt.MouseButton.LeftButton, pos=start)
    for to, marks in ((middle, ["", "right", ""]), (last, ["", "", "right"]), (held, ["", "", ""])):
        drag(to, QEvent.Type.MouseMove, Qt.MouseButton.LeftButton)
        assert [each._landing for each in (held, middle, last)] == marks
    drag(last, QEvent.Type.MouseMove, Qt.MouseButton.LeftButton)
    accent = last.grab().toImage().pixelColor(last.width() - 2, last.height() // 2).name()
    assert accent == theme.current().accent
    drag(last, QEvent.Type.MouseButtonRelease, Qt.MouseButton.NoButton)
    assert [window.compare.headers[live.id] for live in window.compare.lives] == [
        middle,
        last,
        held,
    ]
    assert last._landing == ""


def test_a_swapped_model_comes_back_with_ctrl_z(qtbot: QtBot, window: MainWindow) -> None:
    coarse = window.compare.lives[1]
    window.session.chosen.pin(Place(Spot(60.0, 40.0)))
    window.compare.headers[coarse.id].patch_wished.emit(20, coarse.id)
    window.session.chosen.choose_prefix("class")
    assert window.actions_by_name["undo"].isEnabled()
    qtbot.keyClick(window.compare.table, Qt.Key.Key_Z, Qt.KeyboardModifier.ControlModifier)
    assert coarse.column.model.patch_size == 32
    assert header(window, 1)._line.text().startswith("patch 32")
    assert coarse.selection.pin == Place(Spot(60.0, 40.0))
    assert "Undone: other patch size." in window.notices.sentences
    window.perform("redo")
    assert coarse.column.model.patch_size == 20
    window.session.history.clear()
    window.perform("undo")
    assert "There is nothing to undo." in window.notices.sentences


def test_a_stopped_column_offers_to_read_again(qtbot: QtBot, window: MainWindow) -> None:
    window.session.columns.use_model(ModelRequest("test_resnet", pretrained=False))
    broken = window.compare.lives[1]
    assert broken.trace is not None, "the model that worked is back"
    assert not header(window, 1)._again.isVisible()
    broken.reading.give_up(broken.column.model)
    assert header(window, 1)._again.isVisible()
    assert any("was stopped" in said for said in window.notices.sentences)
    qtbot.mouseClick(header(window, 1)._again, Qt.MouseButton.LeftButton)
    assert broken.state.why == ""
    assert not header(window, 1)._again.isVisible()
    assert window.notices.sentences == (), "it was answered"


def test_a_stopped_model_can_be_read_again_from_the_notice_and_the_menu(
    qtbot: QtBot, window: MainWindow
) -> None:
    live, other = window.compare.lives[1], ModelRequest("test_vit2", pretrained=False)
    before = live.column.model
    window.session.columns.change(live, model=other)
    live.reading.give_up(other)
    assert live.column.model == before, "what was shown before is back"
    head = header(window, 1)
    assert head._again.isVisible()
    head._fill()
    assert "Read test_vit2 again" in [action.text() for action in head._menu.actions()]
    (again,) = (b for b in window.notices.findChildren(QPushButton) if b.text() == "Read again")
    assert again.isVisible()
    qtbot.mouseClick(again, Qt.MouseButton.LeftButton)
    assert live.column.model == other
    assert live.trace is not None
    assert live.trace.model.name == "test_vit2"
    assert not head._again.isVisible()


def test_what_comes_of_an_answer_is_said(qtbot: QtBot, window: MainWindow) -> None:
    notices = window.notices
    notices.offer("Once more?", ("Yes", lambda: notices.say(["it failed again"])))
    (yes,) = (b for b in notices.findChildren(QPushButton) if b.text() == "Yes")
    qtbot.mouseClick(yes, Qt.MouseButton.LeftButton)
    assert notices.sentences == ("it failed again",)
    assert notices.isVisible()


def test_several_that_were_stopped_are_read_again_above_each_of_them(window: MainWindow) -> None:
    for live in window.compare.lives:
        live.reading.give_up(live.column.model)
    assert len(window.notices.sentences) == 2
    assert not [b for b in window.notices.findChildren(QPushButton) if b.isVisible()]
    assert all(header(window, at)._again.isVisible() for at in (0, 1))


def test_a_header_says_when_there_is_nothing_to_wait_for_any_more(window: MainWindow) -> None:
    live = window.compare.lives[0]
    other = ModelRequest("test_vit2", pretrained=False)
    live.reading.queue(other, window.session.columns.current)
    window.compare.headers.show()
    assert header(window, 0)._line.text() == "reading …"
    live.reading.want(live.column.model, window.session.columns.current)
    window.session.jobs.ended.emit(Job("another", "run", "reading"))
    assert header(window, 0)._line.text().startswith("patch 16")


def test_a_header_says_which_picture_is_still_shown(window: MainWindow, photo: np.ndarray) -> None:
    live, first = window.compare.lives[1], window.session.columns.current
    assert first is not None
    window.session.open([photo[::-1]])
    window.session.columns.change(live, picture=first.key)
    live.reading.give_up(live.column.model)
    now = window.session.pictures.open[-1]
    assert header(window, 1)._line.text() == f"patch 32 · still showing {now.name}"
    assert header(window, 1)._badge.text() in ("!", "! stopped")


def test_links_are_cut_and_their_state_is_seen(window: MainWindow) -> None:
    bar = window.compare.bar
    assert bar._links.text().startswith("Linked  ")
    bar.link_wished.emit("depth", False)
    window.session.chosen.select(depth=0.0)
    fine, coarse = window.compare.lives
    assert (fine.selection.depth, coarse.selection.depth) == (1, 0)
    assert "not depth" in bar._links.text()
    assert header(window, 1)._line.text().startswith("layer 1")
    assert not bar._actions["depth"].isChecked()


def test_all_layers_are_one_view_with_a_column_each(window: MainWindow) -> None:
    trace = window.session.trace
    assert trace is not None
    window.perform("all_layers")
    layers = [live.selection.layer(len(trace.layers)) for live in window.compare.lives]
    assert layers == list(range(len(trace.layers)))
    assert window.compare.layout == "large"
    assert len(window.session.pictures.open) == 1


def test_what_cannot_be_set_up_is_said(window: MainWindow) -> None:
    window.perform("two_pictures")
    assert "only one picture is open" in window.notices.sentences[0]
    assert len(window.compare.lives) == 2


def test_a_view_of_two_traces_waits_for_a_second_column(qtbot: QtBot, window: MainWindow) -> None:
    pairs = [name for name, view in window.views.items() if view.traces == 2]
    assert pairs
    assert all(window.compare.possible()[name] == "" for name in pairs)
    window.show_views_of(*pairs)
    settled(qtbot, window)
    for name in pairs:
        cards = [window.compare.table.card(name, live.id) for live in window.compare.lives]
        assert all(card is not None and card.drawing is not None for card in cards), name
    window.perform("close_column")
    assert all("add one more" in window.compare.possible()[name] for name in pairs)
    assert not any(window.board.cards[name].isVisible() for name in pairs)


def test_the_range_is_shared_until_somebody_wants_their_own(
    qtbot: QtBot, window: MainWindow
) -> None:
    def ends(at: int) -> tuple[float, float]:
        bar = panel_of(window, "heads", at).panel.bar
        return bar.low, bar.high

    settled(qtbot, window)
    assert ends(0) == ends(1)
    window.compare.bar.range_wished.emit(False)
    assert ends(0) != ends(1)
    assert "Own" in window.compare.bar._range.text()


def test_zoom_is_linked_on_request(qtbot: QtBot, window: MainWindow) -> None:
    settled(qtbot, window)
    fine, coarse = panel_of(window, "patches", 0), panel_of(window, "patches", 1)
    before = coarse.map.seen
    dragged(qtbot, fine, QPoint(30, 20))
    assert coarse.map.seen == before
    window.compare.bar.link_wished.emit("zoom", True)
    dragged(qtbot, fine, QPoint(-60, -30))
    seen, same = fine.map.seen.centre, coarse.map.seen.centre
    assert (same.row, same.col) == pytest.approx((seen.row, seen.col), abs=1)
    assert coarse.map.seen.centre != before.centre


def test_the_patch_lab_opens_another_size_beside(qtbot: QtBot, window: MainWindow) -> None:
    window.perform("patch_lab")
    lab = window.findChild(PatchSizeWindow)
    assert lab is not None
    assert lab.isVisible()
    lab.lab.beside.emit(ModelRequest("test_vit", pretrained=False, patch_size=20))
    sizes = [live.trace.model.patch[0] for live in window.compare.lives if live.trace is not None]
    assert sizes == [16, 32, 20]
    assert not lab.isVisible()


def test_a_saved_session_finds_its_layout_again(
    qtbot: QtBot, window: MainWindow, tmp_path: Path
) -> None:
    file = tmp_path / "two.vitviz"
    window.compare.set_layout("large")
    window.sessions.files.save(file, window.compare.state())
    assert any(str(file) in said for said in window.notices.sentences)
    window.perform("close_column")
    window.compare.reset_board()
    window.session.open([str(file)])
    assert window.compare.layout == "large"
    assert len(window.compare.lives) == 2
    assert not window.shown.is_shown("rollout")
    assert window.sessions.files.file == file


def test_what_a_crash_left_is_offered_and_taken_back(qtbot: QtBot, window: MainWindow) -> None:
    window.sessions.files.autosave(window.compare.state())
    (left,) = settings_folder().glob("*.vitviz")
    gone = left.rename(left.with_name("autosave-0.vitviz"))
    window.sessions.begin()
    for number in range(3):  # whatever happens meanwhile, the offer stays
        window.notices.say([f"something else {number}"])
        window.notices.dismiss()
    assert "not closed properly" in window.sessions.left.sentences[0]
    offered = window.sessions.left.findChildren(QPushButton)
    next(button for button in offered if button.text() == "Open what was there").click()
    assert len(window.compare.lives) == 2
    assert not gone.exists()
    window.sessions.end()
    assert list(settings_folder().glob("*.vitviz")) == []


def test_the_menu_of_a_folder_lists_the_pictures_around_the_one_that_is_shown(
    window: MainWindow,
) -> None:
    many = [np.full((4, 4, 3), number, np.uint8) for number in range(LISTED + 30)]
    window.session.open(many)
    head = header(window, 0)
    for _ in range(3):
        head._fill()
        QCoreApplication.sendPostedEvents(None, QEvent.Type.DeferredDelete)
    (pictures,) = (menu for menu in head._menu.findChildren(QMenu) if menu.title() == "Picture")
    assert len(pictures.actions()) == LISTED
    assert [action.data() for action in pictures.actions() if action.isChecked()] == [
        window.compare.lives[0].column.picture
    ]


def test_options_and_help_are_of_a_view_that_is_there(window: MainWindow) -> None:
    window.shown.set_focus("heads")
    window.shown.set_shown("heads", False)
    assert window.shown.focus != "heads"
    assert window.shown.focus in window.compare.stage.placed
    window.shown.set_shown("heads", True)
    window.shown.set_focus("heads")
    assert window.shown.focus == "heads"


def test_a_what_if_becomes_a_column_and_is_undone(window: MainWindow) -> None:
    session = window.session
    window.perform("whatif_column")
    assert len(session.columns) == 2  # nothing is changed yet
    window.show_views_of("heads", "whatif")
    session.views.set_option("whatif", "without", "1.2")
    window.perform("whatif_column")
    assert len(session.columns) == 3
    changed = session.columns.active
    assert changed.column.model.change is not None
    assert changed.column.model.change.heads == ((0, 1),)
    header = window.compare.headers[changed.id]
    assert "what if: layer 1 head 2 taken out" in header._instead.text()
    window.compare.headers.wish("unchanged", changed.id)
    assert changed.column.model.change is None
    window.perform("undo")
    assert session.columns.active.column.model.change is not None
    window.perform("undo")
    assert len(session.columns) == 2
