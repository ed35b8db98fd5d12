"""The window with a real small model: what a person does with it, and what they see."""

from __future__ import annotations

from collections import Counter
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image
from PySide6.QtCore import QCoreApplication, QEvent, QMimeData, QPointF, Qt, QUrl
from PySide6.QtGui import QDropEvent, QGuiApplication, QImage, QMouseEvent
from PySide6.QtWidgets import QComboBox, QDockWidget
from pytestqt.qtbot import QtBot

import vitviz
from vitviz.core.data.selection import Place, place_of
from vitviz.core.notation import shown_number
from vitviz.gui.app.actions import action, actions
from vitviz.gui.app.application import application
from vitviz.gui.app.docks.dock_panels import PanelTitle
from vitviz.gui.app.main_window import MainWindow
from vitviz.gui.widgets import theme
from vitviz.session.work.request import ModelRequest


@pytest.fixture(scope="module", autouse=True)
def dark() -> None:
    """The theme, put on once: it restyles all widgets there are."""
    theme.apply(application(), theme.DARK)


def panel_of(window: MainWindow, view: str, index: int = 0) -> Any:
    return window.board.cards[view].canvas.panels[index]


def hover(
    qtbot: QtBot, window: MainWindow, view: str, row: float, col: float, panel: int = 0
) -> Any:
    widget = panel_of(window, view, panel)
    at = widget.viewport.mapFrom(widget, widget.position_of(row, col).toPoint())
    moved = QMouseEvent(
        QEvent.Type.MouseMove,
        QPointF(at),
        QPointF(widget.viewport.mapToGlobal(at)),
        Qt.MouseButton.NoButton,
        Qt.MouseButton.NoButton,
        Qt.KeyboardModifier.NoModifier,
    )
    QCoreApplication.sendEvent(widget.viewport, moved)
    return widget, at


def test_every_view_is_painted(window: MainWindow) -> None:
    alone = [name for name in window.board.visible if window.views[name].traces == 1]
    assert len(alone) >= 5
    for name in alone:
        card = window.board.cards[name]
        assert card.drawing is not None, name
        assert card.drawing.view == name


def test_views_that_a_model_calls_for_come_by_themselves_until_they_are_taken_off(
    qtbot: QtBot, window: MainWindow
) -> None:
    board, session = window.board, window.session
    assert not {"matrix", "pools"} & set(board.placed)
    window.perform("add_view")
    tiles = window.compare.gallery.tiles
    own = session.request
    channels = ModelRequest("xcit_nano_12_p16_224", pretrained=False, input_size=64)
    session.columns.use_model(channels)
    qtbot.waitUntil(lambda: "matrix" in board.placed, timeout=10_000)
    assert "pools" in board.placed
    assert "heads" not in board.placed, "it has none among patches"
    assert "see its matrices" in tiles["heads"].toolTip()
    rows = Counter(card.parent() for card in board.cards.values() if card.isVisible())
    assert max(rows.values()) <= 3, "more find no room in a small window"
    assert tiles["matrix"].isChecked()
    qtbot.waitUntil(lambda: board.cards["matrix"].drawing is not None, timeout=10_000)
    tiles["matrix"].click()
    assert "matrix" not in board.placed
    window.compare.reset_board()
    assert "matrix" in board.placed
    session.columns.use_model(own)
    qtbot.waitUntil(lambda: "heads" in board.placed, timeout=10_000)
    assert not {"matrix", "pools"} & set(board.placed)
    assert not tiles["pools"].isChecked()


def test_a_drawing_of_the_model_before_stays_for_a_moment_only(
    qtbot: QtBot, window: MainWindow
) -> None:
    card = window.board.cards["rollout"]
    card._outdated.setInterval(1)
    card.expect()
    qtbot.waitUntil(lambda: card.drawing is None)
    assert "Drawing Attention rollout" in card._message.message.text
    window.session.columns.use_model(ModelRequest("test_vit2", pretrained=False))
    assert card.drawing is not None, "it was drawn before the moment was over"
    assert not card._outdated.isActive()
    trace = window.session.trace
    assert trace is not None
    window.compare._trace_ready(trace, window.session.columns.active.id)
    assert card._outdated.isActive()


def test_a_drawing_of_the_place_before_is_veiled_until_the_new_one_is_there(
    qtbot: QtBot, window: MainWindow
) -> None:
    session, card = window.session, window.board.cards["rollout"]
    trace = session.trace
    assert trace is not None
    card._due.setInterval(1)
    card.expect_newer()
    qtbot.waitUntil(lambda: card.veiled)
    assert card._veil is not None
    assert "Drawing Attention rollout" in card._veil.text()
    happened: list[str] = []
    session.views.drawing_due.connect(lambda view, _: happened.append(f"due {view}"))
    session.views.drawing_ready.connect(lambda view, *_: happened.append(f"ready {view}"))
    session.chosen.hover(place_of(3, trace.grid, trace.crop))
    about = [each for each in happened if each.endswith(" rollout")]
    assert about == ["due rollout", "ready rollout"]
    assert not card.veiled
    assert not card._due.isActive()


def test_what_must_be_known_of_a_model_stands_beside_its_tokens(
    window: MainWindow, tiny_checkpoint: Path, photo: np.ndarray
) -> None:
    model = vitviz.load(str(tiny_checkpoint), patch_size=32)
    assert model.info.notes
    window.bar.show_trace(vitviz.trace(model, photo))
    assert window.bar._weights.isVisible()
    assert window.bar._weights.text() == "resampled"
    for note in model.info.notes:
        assert note in window.bar._weights.toolTip()
        assert note in window.bar._facts.text()


def test_untrained_weights_are_said_in_the_window(window: MainWindow) -> None:
    assert window.bar._weights.isVisible()
    assert window.bar._weights.text() == "untrained weights"


def test_badge_shows_the_measured_error(window: MainWindow) -> None:
    trace = window.session.trace
    assert trace is not None
    assert shown_number(trace.verified, 1) in window.bar._badge.text()


def test_hover_previews_a_token_everywhere_and_leaving_ends_it(
    qtbot: QtBot, window: MainWindow
) -> None:
    trace = window.session.trace
    assert trace is not None
    box = trace.grid.box(trace.grid.token(2, 3))
    assert box is not None
    hover(qtbot, window, "patches", box.centre.row, box.centre.col)
    assert window.session.selection.token(trace.grid, trace.crop) == trace.grid.token(2, 3)
    for view in ("heads", "rollout", "positions"):
        drawing = window.board.cards[view].drawing
        assert drawing is not None
        assert "(2, 3)" in drawing.title, view
    panel_of(window, "patches").hovered.emit(None)
    assert window.session.selection.hover is None


def test_click_pins_a_token(qtbot: QtBot, window: MainWindow) -> None:
    trace = window.session.trace
    assert trace is not None
    box = trace.grid.box(trace.grid.token(1, 1))
    assert box is not None
    widget, at = hover(qtbot, window, "patches", box.centre.row, box.centre.col)
    qtbot.mouseClick(widget.viewport, Qt.MouseButton.LeftButton, pos=at)
    assert window.session.selection.hover is None
    assert window.session.selection.token(trace.grid, trace.crop) == trace.grid.token(1, 1)


def test_click_in_the_atlas_chooses_layer_and_head(qtbot: QtBot, window: MainWindow) -> None:
    trace = window.session.trace
    assert trace is not None
    step_row, step_col = trace.grid.rows + 1, trace.grid.cols + 1
    widget, at = hover(qtbot, window, "heads", 2 * step_row + 1, 1 * step_col + 1, panel=1)
    qtbot.mouseClick(widget.viewport, Qt.MouseButton.LeftButton, pos=at)
    selection = window.session.selection
    assert (selection.layer(len(trace.layers)), selection.head) == (2, 1)


def test_keys_move_token_layer_and_head(qtbot: QtBot, window: MainWindow) -> None:
    session, trace = window.session, window.session.trace
    assert trace is not None
    session.chosen.pin(Place(prefix="class"))
    window.activateWindow()
    for key in (Qt.Key.Key_Right, Qt.Key.Key_Right):
        qtbot.keyClick(window, key)
    middle = trace.grid.place(trace.grid.middle)
    assert middle is not None
    token = session.selection.token(trace.grid, trace.crop)
    assert trace.grid.place(token) == (middle[0], middle[1] + 1)
    qtbot.keyClick(window, Qt.Key.Key_Home)
    assert session.selection.layer(len(trace.layers)) == 0
    qtbot.keyClick(window, Qt.Key.Key_PageDown)
    assert session.selection.layer(len(trace.layers)) == 1
    qtbot.keyClick(window, Qt.Key.Key_BracketRight)
    assert session.selection.head == 0
    qtbot.keyClick(window, Qt.Key.Key_0)
    assert session.selection.head is None
    qtbot.keyClick(window, Qt.Key.Key_C)
    assert session.selection.pin == Place(prefix="class")


def test_grid_and_heat_keys_change_the_look(qtbot: QtBot, window: MainWindow) -> None:
    before = window.session.views.look
    qtbot.keyClick(window, Qt.Key.Key_G)
    qtbot.keyClick(window, Qt.Key.Key_H)
    assert window.session.views.look.grid is not before.grid
    assert window.session.views.look.heat is not before.heat


def test_a_view_that_has_all_the_room_has_its_options_beside_it(window: MainWindow) -> None:
    window.compare.maximise("rollout")
    assert window.shown.focus == window.inspector._view == "rollout"
    window.compare.restore()
    assert window.shown.focus == "rollout"


def test_the_form_of_the_maps_says_what_the_view_in_focus_has(window: MainWindow) -> None:
    session, inspector = window.session, window.inspector
    table = inspector.look.fields["table"]
    assert isinstance(table, QComboBox)
    window.show_views_of("features", "heads", "block")
    window.shown.set_focus("features")
    assert table.currentText() == "vik"
    window.shown.set_focus("heads")
    assert table.currentText() == "viridis"
    window.shown.set_focus("features")
    table.setCurrentText("viridis")
    assert dict(session.views.drawings["features"].options)["table"] == "viridis"
    inspector.look_reset_wished.emit()
    assert table.currentText() == "vik"
    assert "table" not in dict(session.views.drawings["features"].options)
    window.shown.set_focus("block")
    assert not inspector.look.isVisible(), "a table has no colours to choose"


def test_every_view_can_be_in_focus(window: MainWindow) -> None:
    """Some have colours of their own, without a range."""
    for name in window.views:
        window.shown.set_focus(name)
        assert window.shown.focus == name
        fields = window.inspector.look.fields
        assert "low" not in fields or not fields["low"].isEnabled()


def test_maximise_gives_one_view_all_the_room_and_escape_gives_it_back(
    qtbot: QtBot, window: MainWindow
) -> None:
    before = window.board.visible
    assert len(before) >= 5
    window.shown.set_focus("rollout")
    qtbot.keyClick(window, Qt.Key.Key_F)
    assert [name for name, card in window.board.cards.items() if card.isVisible()] == ["rollout"]
    qtbot.keyClick(window, Qt.Key.Key_Escape)
    assert all(window.board.cards[name].isVisible() for name in before)


def test_dropped_files_open_and_the_broken_one_is_named(
    window: MainWindow, tmp_path: Path, photo: np.ndarray
) -> None:
    good, broken = tmp_path / "good.png", tmp_path / "notes.png"
    Image.fromarray(photo[:, ::-1]).save(good)
    broken.write_text("these are only words")
    mime = QMimeData()
    mime.setUrls([QUrl.fromLocalFile(str(broken)), QUrl.fromLocalFile(str(good))])
    drop(window, mime)
    assert [picture.name for picture in window.session.pictures.open][-1] == "good.png"
    assert any("notes.png" in sentence for sentence in window.notices.sentences)
    assert window.notices.isVisible()
    assert window.session.columns.current is not None
    assert window.session.columns.current.name == "good.png"


def test_picture_dragged_from_a_browser_opens_without_network(window: MainWindow) -> None:
    image = QImage(64, 48, QImage.Format.Format_RGB32)
    image.fill(Qt.GlobalColor.darkGreen)
    mime = QMimeData()
    mime.setUrls([QUrl("https://example.org/picture.jpg")])
    mime.setImageData(image)
    count = len(window.session.pictures.open)
    drop(window, mime)
    assert len(window.session.pictures.open) == count + 1
    assert window.session.columns.current is not None
    assert window.session.columns.current.pixels.shape == (48, 64, 3)


def test_a_file_manager_is_never_told_that_its_file_was_moved(
    window: MainWindow, tmp_path: Path, photo: np.ndarray
) -> None:
    Image.fromarray(photo[::-1]).save(tmp_path / "dear.png")
    mime = QMimeData()
    mime.setUrls([QUrl.fromLocalFile(str(tmp_path / "dear.png"))])
    offered = Qt.DropAction.CopyAction | Qt.DropAction.MoveAction
    event = drop(window, mime, offered, Qt.KeyboardModifier.ShiftModifier)
    assert event.proposedAction() == Qt.DropAction.MoveAction
    assert event.dropAction() == Qt.DropAction.CopyAction
    assert window.session.columns.current is not None
    assert window.session.columns.current.name == "dear.png"


def drop(
    window: MainWindow,
    mime: QMimeData,
    offered: Qt.DropAction = Qt.DropAction.CopyAction,
    held: Qt.KeyboardModifier = Qt.KeyboardModifier.NoModifier,
) -> QDropEvent:
    event = QDropEvent(QPointF(50, 50), offered, mime, Qt.MouseButton.LeftButton, held)
    window.dropEvent(event)
    assert event.isAccepted()
    return event


def test_option_forms_send_wishes_and_show_values(window: MainWindow) -> None:
    window.shown.set_focus("rollout")
    form = window.inspector._form
    assert form is not None
    form.fields["fuse"].setCurrentText("max")  # type: ignore[attr-defined]
    assert window.session.views.options["rollout"]["fuse"] == "max"
    window.session.views.reset_options("rollout")
    assert form.fields["fuse"].currentText() == "mean"  # type: ignore[attr-defined]


def test_every_wish_has_a_slot_and_no_two_share_a_key() -> None:
    keys = [key for one in actions().values() for key in one.keys]
    assert len(keys) == len(set(keys))
    with pytest.raises(ValueError, match="'another' or its keys Ctrl\\+T are taken"):

        @action("Another", keys="Ctrl+T")
        def another(_parts: object) -> None:
            """Takes a key that has a meaning."""


def test_window_state_survives_a_restart(window: MainWindow) -> None:
    inspector = window.findChild(QDockWidget, "Inspector")
    assert inspector is not None
    inspector.setVisible(False)
    geometry, state = "", window.place.state
    inspector.setVisible(True)
    window.place.restore(geometry, state)
    assert not inspector.isVisible()
    window.place.restore("", "nonsense;nonsense")


def test_a_size_that_is_asked_for_stays_on_the_screen(window: MainWindow) -> None:
    room = window.screen().availableGeometry()
    window.move(room.right() - 300, room.bottom() - 200)
    window.place.take_size(room.width(), room.height() - 10)
    place = window.geometry()
    assert place.left() == room.left(), "from the left, where it is wider than the screen"
    assert place.bottom() == room.bottom()
    assert place.height() == room.height() - 10


def test_a_floating_panel_comes_back_after_its_window(qtbot: QtBot, window: MainWindow) -> None:
    inspector = window.findChild(QDockWidget, "Inspector")
    assert inspector is not None
    inspector.setFloating(True)
    state = window.place.state
    window.hide()
    window.place.restore("", state)
    assert not inspector.isVisible(), "it would lie below the window"
    window.show()
    qtbot.waitUntil(inspector.isVisible)
    assert inspector.isFloating()


def test_a_floating_panel_is_put_back_and_closed_by_its_title(
    qtbot: QtBot, window: MainWindow
) -> None:
    inspector = window.findChild(QDockWidget, "Inspector")
    assert inspector is not None
    title = inspector.titleBarWidget()
    assert isinstance(title, PanelTitle)
    assert not title.back.isVisible()
    inspector.setFloating(True)
    assert title.close_panel.isVisible()
    qtbot.mouseClick(title.back, Qt.MouseButton.LeftButton)
    assert not inspector.isFloating()
    assert not title.close_panel.isVisible()
    inspector.setFloating(True)
    qtbot.mouseClick(title.close_panel, Qt.MouseButton.LeftButton)
    assert not inspector.isVisible()


def test_switching_the_theme_repaints_and_is_remembered(window: MainWindow) -> None:
    window.set_theme("light")
    light = window.grab().toImage().pixelColor(4, 4).lightness()
    window.set_theme("dark")
    dark = window.grab().toImage().pixelColor(4, 4).lightness()
    assert light > 180 > 60 > dark
    assert window.session.settings.now.theme == "dark"


def test_closing_the_last_picture_says_what_to_do_and_can_be_undone(window: MainWindow) -> None:
    current = window.session.columns.current
    assert current is not None
    window.session.pictures.close(current.key)
    assert window.welcome.isVisible()
    assert not window.board.isVisible()
    window.session.pictures.reopen()
    assert window.board.isVisible()
    assert window.board.cards["heads"].drawing is not None


def test_undo_takes_back_what_was_done_last_and_says_what(window: MainWindow) -> None:
    undo, redo = window.actions_by_name["undo"], window.actions_by_name["redo"]
    assert not undo.isEnabled()
    window.shown.set_shown("rollout", False)
    window.perform("add_column")
    assert (undo.text(), redo.isEnabled()) == ("&Undo new column", False)
    window.perform("undo")
    assert len(window.session.columns) == 1
    assert window.compare.layout == "one"
    assert window.notices.sentences == ("Undone: new column.",)
    assert (undo.text(), redo.text()) == ("&Undo choice of views", "&Redo new column")
    window.perform("undo")
    assert window.shown.is_shown("rollout")
    window.perform("redo")
    assert not window.shown.is_shown("rollout")
    window.perform("redo")
    assert window.compare.layout == "grid"
    assert window.notices.sentences == ("Done again: new column.",)


def test_a_panel_and_the_room_of_a_view_are_taken_back(window: MainWindow) -> None:
    window.compare.maximise("heads")
    window._docks.inspector.hide()
    window.perform("undo")
    assert not window._docks.inspector.isHidden()
    assert window.compare.large == "heads"
    window.perform("undo")
    assert window.compare.large == ""


def test_a_model_that_cannot_be_loaded_leaves_the_window_as_it_was(
    window: MainWindow, tmp_path: Path
) -> None:
    broken = tmp_path / "broken.safetensors"
    broken.write_bytes(b"not a checkpoint")
    before = window.session.trace
    window.session.columns.use_model(ModelRequest(str(broken)))
    assert window.session.trace is before
    assert any("broken.safetensors" in sentence for sentence in window.notices.sentences)
    assert window.board.cards["heads"].drawing is not None


def test_devices_are_offered_once_a_model_has_run(window: MainWindow) -> None:
    offered = [action.text() for action in window.bar._device.menu().actions()]
    assert "Automatic" in offered
    assert "CPU · fp32" in offered


def test_pointing_from_the_class_token_at_a_patch_shows_the_whole_patch(
    qtbot: QtBot, window: MainWindow
) -> None:
    window.session.chosen.choose_prefix("class")
    hover(qtbot, window, "patches", 20, 20)
    enlarged = panel_of(window, "patches", 1)
    assert enlarged.panel is not None
    seen, wanted = enlarged.map.seen, enlarged.panel.extent
    assert seen.left <= wanted.left
    assert seen.right >= wanted.right
    assert seen.height < 3 * wanted.height


def test_keys_belong_to_the_board_after_the_start(qtbot: QtBot, window: MainWindow) -> None:
    assert window.focusWidget() is window.board
    form = window.inspector._form
    assert form is not None
    for widget in (form, window.inspector.look):
        for field in widget.findChildren(QComboBox):
            assert field.focusPolicy() == Qt.FocusPolicy.TabFocus


def test_a_double_click_gives_room_and_keeps_the_pin(qtbot: QtBot, window: MainWindow) -> None:
    before = window.session.selection.pin
    widget, at = hover(qtbot, window, "patches", 20, 20)
    qtbot.mouseClick(widget.viewport, Qt.MouseButton.LeftButton, pos=at)
    qtbot.mouseDClick(widget.viewport, Qt.MouseButton.LeftButton, pos=at)
    assert window.board.placed == ("patches",)
    assert window.session.selection.pin == before


def test_with_preview_off_the_cursor_only_reads(qtbot: QtBot, window: MainWindow) -> None:
    qtbot.keyClick(window, Qt.Key.Key_P)
    hover(qtbot, window, "heads", 20, 20)
    assert window.session.selection.hover is None
    assert window.controls._read_out.text()


def test_the_value_read_is_what_the_chosen_token_gives_to_the_place(
    qtbot: QtBot, window: MainWindow
) -> None:
    """The map drawn meanwhile is the pointed token's own: a preview."""
    hover(qtbot, window, "heads", 20, 20)
    trace = window.session.trace
    assert trace is not None
    token = trace.grid.token(1, 1)
    assert window.session.selection.token(trace.grid, trace.crop) == token
    given = trace.layers[-1].attention.rows(0).mean(0)[token]
    assert window.controls._read_out.text() == f"class → (1, 1): {given:.4g}"


@pytest.mark.parametrize("text", ["   ", "x" * 6000, "/no/such/file", "two\nlines"])
def test_pasted_words_open_nothing(window: MainWindow, text: str) -> None:
    QGuiApplication.clipboard().setText(text)
    count = len(window.session.pictures.open)
    window.perform("paste")
    assert len(window.session.pictures.open) == count
    assert "holds no picture" in window.notices.sentences[0]


def test_pasted_paths_open(window: MainWindow, tmp_path: Path, photo: np.ndarray) -> None:
    for name, rows in (("a", 60), ("b", 80)):
        Image.fromarray(photo[:rows]).save(tmp_path / f"{name}.png")
    QGuiApplication.clipboard().setText(f"{tmp_path / 'a.png'}\n{tmp_path / 'b.png'}\n")
    count = len(window.session.pictures.open)
    window.perform("paste")
    assert len(window.session.pictures.open) == count + 2


def test_views_taken_off_stay_off_after_a_restart(window: MainWindow) -> None:
    window.shown.set_shown("rollout", False)
    state = window.place.state
    window.compare.reset_board()
    assert window.shown.is_shown("rollout")
    window.place.restore("", state)
    assert not window.shown.is_shown("rollout")


def test_an_old_drawing_is_read_in_its_own_terms(qtbot: QtBot, window: MainWindow) -> None:
    """Between a new trace and its drawings the panels still show the old grid."""
    old = panel_of(window, "patches").panel
    trace = window.session.trace
    assert old is not None
    assert trace is not None
    window.session.columns.use_model(ModelRequest("test_vit", patch_size=32, pretrained=False))
    new = window.session.trace
    assert new is not None
    assert new.grid.tokens < trace.grid.tokens
    panel_of(window, "patches").show_panel(old)
    corner = trace.crop.model[0] - 4
    hover(qtbot, window, "patches", corner, corner)
    last = new.grid.place(new.grid.tokens - 1)
    assert new.grid.place(window.session.selection.token(new.grid, new.crop)) == last


def test_a_click_beside_everything_and_a_double_click_change_nothing(window: MainWindow) -> None:
    window.session.chosen.select(depth=1.0)
    window.board.clicked.emit(None, window.session.columns.active.id)
    before = window.session.selection
    window.board.double_clicked.emit("heads", window.session.columns.active.id)
    assert window.session.selection == before


def test_the_gallery_knows_what_was_taken_off(window: MainWindow) -> None:
    window.perform("add_view")
    tile = window.compare.gallery.tiles["positions"]
    window.shown.set_shown("positions", False)
    assert not tile.isChecked()
    window.perform("reset_layout")
    assert tile.isChecked()


def test_copying_without_a_picture_says_so(window: MainWindow) -> None:
    current = window.session.columns.current
    assert current is not None
    window.session.pictures.close(current.key)
    window.perform("copy")
    assert "no view to copy" in window.notices.sentences[0]


def test_views_scrolled_out_of_sight_are_not_drawn(qtbot: QtBot, window: MainWindow) -> None:
    session, board = window.session, window.board
    window.resize(1300, 560)
    window.show_views_of("patches", "heads", "rollout", "distance", "entropy", "norms", "block")
    window.shown.set_focus("heads")
    qtbot.waitUntil(lambda: not board._settled.isActive(), timeout=2000)
    bar = board._area.verticalScrollBar()
    assert bar.maximum() > 0
    below = set(board.placed) - set(board.visible)
    assert below
    assert not below & session.views.drawings.keys()
    bar.setValue(bar.maximum())
    last = board.placed[-1]
    assert last in below
    qtbot.waitUntil(lambda: last in session.views.drawings, timeout=5000)
    assert "heads" in session.views.drawings, "what is in focus would be saved"
    assert "patches" not in board.visible
    assert session.trace is not None
    session.chosen.pin(place_of(3, session.trace.grid, session.trace.crop))
    assert "patches" not in session.views.drawings
    bar.setValue(0)
    qtbot.waitUntil(lambda: "patches" in session.views.drawings, timeout=5000)
    drawing = board.cards["patches"].drawing
    assert drawing is not None
    assert drawing.made is not None
    assert drawing.made.selection.pin == session.selection.pin


def test_the_line_above_says_what_was_not_read(window: MainWindow, photo: np.ndarray) -> None:
    session, live = window.session, window.session.columns.active
    first = session.columns.current
    session.open([photo[::-1]])
    shown = session.columns.current
    assert first is not None
    assert shown is not None
    assert shown.name in window.header.label.text()
    session.columns.change(live, picture=first.key)
    live.reading.give_up(live.column.model)
    assert window.header.label.text() == f"{first.name} was not read (still showing {shown.name})"
    session.columns.show(shown.key)
    assert "still showing" not in window.header.label.text(), "it is what is wished for again"


def test_panels_fold_into_strips_in_a_narrow_window(qtbot: QtBot, window: MainWindow) -> None:
    docks = window._docks
    window.resize(1400, 800)
    assert not docks.inspector.isHidden()
    assert docks.folded == ""
    window.session.history.clear()
    window.resize(1000, 650)
    assert docks.inspector.isHidden()
    assert docks.pictures.isHidden()
    assert docks.folded == "Pictures Inspector"
    assert window.compare.board.width() > 850, "they kept 40 % of the window"
    strip = docks._strips[docks.inspector]
    assert strip.isVisible()
    qtbot.mouseClick(strip.button, Qt.MouseButton.LeftButton)
    assert not docks.inspector.isHidden()
    assert strip.button.isChecked()
    window.perform("inspector_panel")
    assert docks.inspector.isHidden()
    kept = window.place.state
    window.resize(1400, 800)
    assert not docks.inspector.isHidden()
    assert not docks.pictures.isHidden()
    assert not strip.isVisible()
    assert window.session.history.undoes == "", "nobody chose any of it"
    window.place.restore("", kept)
    assert not docks.inspector.isHidden(), "what was folded away is there where there is room"
    window.perform("pictures_panel")
    assert docks.pictures.isHidden()
    window.resize(1000, 650)
    window.resize(1400, 800)
    assert docks.pictures.isHidden(), "what was closed by hand stays closed"
