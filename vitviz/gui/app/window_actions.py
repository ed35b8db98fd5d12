"""What every action does: menus, keys and buttons come here."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from PySide6.QtGui import QGuiApplication
from PySide6.QtWidgets import QFileDialog

from vitviz.core.data.drawing import Drawing
from vitviz.core.pictures.picture_files import bundled_pictures
from vitviz.gui.app import text_pages
from vitviz.gui.app.actions import WISHES
from vitviz.gui.app.desktop import ask_for_updates, open_folder
from vitviz.gui.app.dropped_sources import carries_pictures, pasted_paths, sources_of
from vitviz.gui.app.tour_dock import show_walk
from vitviz.gui.figure.figure_saving import save_figure
from vitviz.gui.figure.figure_source import composition_of, copy_as, open_composer
from vitviz.gui.models.checkpoint_dialog import CheckpointOpening
from vitviz.gui.widgets import theme
from vitviz.session.work.log import log_folder

if TYPE_CHECKING:
    from vitviz.gui.app.main_window import MainWindow

PICTURES = "Pictures (*.png *.jpg *.jpeg *.webp *.tif *.tiff *.bmp *.gif *.avif);;All files (*)"
CHECKPOINTS = (
    "Checkpoints (*.safetensors *.pth *.pt *.bin *.ckpt *.tar *.npz *.index.json);;All files (*)"
)


class WindowActions:
    """One method for each entry of the table in `actions`, of the same name."""

    def __init__(self, window: MainWindow) -> None:
        self._window = window
        self._session = window.session

    def open(self) -> None:
        folder = self._session.settings.picture_folder
        names, _ = QFileDialog.getOpenFileNames(self._window, "Open pictures", folder, PICTURES)
        if names:
            self._session.remember(picture_folder=str(Path(names[0]).parent))
            self._session.open_sources(names)

    def open_samples(self) -> None:
        self._session.open_sources([*bundled_pictures()])

    def open_folder(self) -> None:
        folder = self._session.settings.picture_folder
        name = QFileDialog.getExistingDirectory(
            self._window, "Open all pictures of a folder", folder
        )
        if name:
            self._session.remember(picture_folder=name)
            self._session.open_sources([name])

    def paste(self) -> None:
        mime = QGuiApplication.clipboard().mimeData()
        if carries_pictures(mime):
            self._session.open_sources(sources_of(mime))
        elif paths := pasted_paths(mime.text()):
            self._session.open_sources(paths)
        else:
            self._window.notices.say(["The clipboard holds no picture; copy one and paste again."])

    def close_picture(self) -> None:
        if self._session.current is not None:
            self._session.close_picture(self._session.current.key)

    def reopen(self) -> None:
        self._session.reopen_closed()

    def open_session(self) -> None:
        self._window.sessions.open()

    def save_session(self) -> None:
        self._window.sessions.save()

    def save_session_as(self) -> None:
        self._window.sessions.save_as()

    def quit(self) -> None:
        self._window.close()

    def next(self) -> None:
        self._session.step(1)

    def previous(self) -> None:
        self._session.step(-1)

    def next_view(self) -> None:
        self._window.compare.step_focus(1)

    def previous_view(self) -> None:
        self._window.compare.step_focus(-1)

    def grid(self) -> None:
        self._session.set_look(grid=not self._session.look.grid)

    def preview(self) -> None:
        if not self._window.actions_by_name["preview"].isChecked():
            self._session.hover(None)

    def heat(self) -> None:
        self._session.set_look(heat=not self._session.look.heat)

    def whole(self) -> None:
        request = self._session.request
        self._window.request_model(replace(request, fit="pad" if request.fit == "crop" else "crop"))

    def maximise(self) -> None:
        self._window.compare.maximise(self._window.board.focus)

    def restore(self) -> None:
        if not self._window.compare.restore() and self._window.isFullScreen():
            self._window.showNormal()

    def reset_zoom(self) -> None:
        for card in self._window.compare.cards():
            card.canvas.reset_zoom()

    def reset_layout(self) -> None:
        self._window.restore_default()
        self._window.board.reset()

    def theme(self) -> None:
        other = "light" if theme.current().name == "dark" else "dark"
        self._window.set_theme("light" if other == "light" else "dark")

    def fullscreen(self) -> None:
        self._window.showNormal() if self._window.isFullScreen() else self._window.showFullScreen()

    def find_model(self) -> None:
        library, focus = self._window.library, self._window.focusWidget()
        if library.isVisible() and focus is not None and library.isAncestorOf(focus):
            self._window.hide_library()
        else:
            self._window.show_library()

    def open_model(self) -> None:
        name, _ = QFileDialog.getOpenFileName(self._window, "Open checkpoint file", "", CHECKPOINTS)
        if name:
            self.open_checkpoint(name)

    def open_checkpoint(self, path: str) -> None:
        CheckpointOpening(self._window, self._session, self._window.request_model).open(path)

    def compose(self) -> None:
        self.compose_view(self._window.board.focus)

    def compose_column(self) -> None:
        self.compose_view(self._window.board.focus, whole=True)

    def export(self) -> None:
        drawing = self._drawing(self._window.board.focus)
        if drawing is not None:
            first = composition_of(self._session, drawing)
            save_figure(self._window, self._session, drawing, first, self._window.notices.tell)

    def copy_python(self) -> None:
        self._copy_as("python")

    def copy_command(self) -> None:
        self._copy_as("command")

    def copy(self) -> None:
        card = self._window.compare.card(self._window.board.focus)
        if card is None or card.drawing is None or self._session.trace is None:
            self._window.notices.tell("There is no view to copy yet; open a picture first.")
            return
        QGuiApplication.clipboard().setPixmap(card.canvas.grab())

    def walk(self) -> None:
        show_walk(self._window)

    def help(self) -> None:
        text_pages.view_help(self._window, self._window.views[self._window.board.focus]).show()

    def keys(self) -> None:
        text_pages.keys_page(self._window, WISHES).show()

    def updates(self) -> None:
        ask_for_updates(self._session, self._window.notices)

    def log_folder(self) -> None:
        open_folder(log_folder(), self._window.notices)

    def about(self) -> None:
        trace = self._session.trace
        device = (
            "not in use yet" if trace is None else f"{trace.model.device}, {trace.model.precision}"
        )
        text_pages.about_page(self._window, device).show()

    def up(self) -> None:
        self._session.move_token(-1, 0)

    def down(self) -> None:
        self._session.move_token(1, 0)

    def left(self) -> None:
        self._session.move_token(0, -1)

    def right(self) -> None:
        self._session.move_token(0, 1)

    def class_token(self) -> None:
        self._session.choose_prefix("class")

    def layer_up(self) -> None:
        self._session.step_layer(1)

    def layer_down(self) -> None:
        self._session.step_layer(-1)

    def first_layer(self) -> None:
        self._session.first_layer()

    def last_layer(self) -> None:
        self._session.last_layer()

    def head_down(self) -> None:
        self._session.step_head(-1)

    def head_up(self) -> None:
        self._session.step_head(1)

    def all_heads(self) -> None:
        self._session.all_heads()

    def patch_lab(self) -> None:
        self._window.compare.column_wished("lab", self._session.columns.active.id)

    def add_column(self) -> None:
        self._window.compare.wish("add")

    def close_column(self) -> None:
        self._session.columns.close(self._session.columns.active.id)

    def undo(self) -> None:
        self._window.compare.wish("undo")

    def next_column(self) -> None:
        self._go(1)

    def previous_column(self) -> None:
        self._go(-1)

    def move_right(self) -> None:
        self._window.compare.column_wished("right", self._session.columns.active.id)

    def move_left(self) -> None:
        self._window.compare.column_wished("left", self._session.columns.active.id)

    def one_column(self) -> None:
        self._window.compare.set_layout("one")

    def all_columns(self) -> None:
        self._window.compare.set_layout("grid")

    def one_view(self) -> None:
        self._window.compare.set_layout("large")

    def patch_sizes(self) -> None:
        self._window.compare.wish("patch_sizes")

    def vit_tnt(self) -> None:
        self._window.compare.wish("vit_tnt")

    def all_layers(self) -> None:
        self._window.compare.wish("layers")

    def two_pictures(self) -> None:
        self._window.compare.wish("pictures")

    def _go(self, by: int) -> None:
        columns = self._session.columns
        at = (columns.index(columns.active.id) + by) % len(columns)
        columns.activate(columns.all[at].id)

    def compose_view(self, view: str, *, whole: bool = False) -> None:
        drawing = self._drawing(view)
        if drawing is None:
            return
        tell = self._window.notices.tell
        if open_composer(self._window, self._session, drawing, tell, whole=whole) is None:
            self._window.notices.tell("This view is being drawn anew; try again in a moment.")

    def _drawing(self, view: str) -> Drawing | None:
        card = self._window.compare.card(view)
        drawing = None if card is None else card.drawing
        if drawing is None or self._session.trace is None:
            self._window.notices.tell("There is no figure to save yet; open a picture first.")
            return None
        return drawing

    def _copy_as(self, kind: str) -> None:
        drawing = self._drawing(self._window.board.focus)
        if drawing is not None:
            self._window.notices.tell(copy_as(kind, self._session, drawing))
