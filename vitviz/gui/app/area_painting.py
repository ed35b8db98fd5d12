"""Painting for a view: strokes over a picture become the text of the option that they are for."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from PySide6.QtCore import QObject
from PySide6.QtWidgets import QFileDialog, QMainWindow

from vitviz.core.language import N_, _
from vitviz.core.pictures.mask_file import mask_file
from vitviz.core.pictures.picture_area import PictureArea
from vitviz.core.progress import VitvizError
from vitviz.gui.canvas.area_brush import AreaBrush, AreaStroke, BrushShape
from vitviz.gui.panels.notices import NoticeStack
from vitviz.gui.panels.paint_bar import PaintBar
from vitviz.session.session import Session
from vitviz.views import View

HOW = N_("drag over any picture; Alt or the right button takes away")


class AreaPainting(QObject):
    """Begins and ends painting, and gives the session what was painted."""

    def __init__(
        self,
        window: QMainWindow,
        session: Session,
        views: Mapping[str, View],
        notices: NoticeStack,
    ) -> None:
        super().__init__(window)
        self.bar, self.brush = PaintBar(), AreaBrush(window)
        self._window, self._session, self._views = window, session, views
        self._notices = notices
        self._view = self._option = ""
        self.brush.painted.connect(self._painted)
        self.brush.changed.connect(self._show)
        self.bar.shape_wished.connect(self._shape)
        self.bar.clear_wished.connect(self._clear)
        self.bar.mask_wished.connect(self._load_mask)
        self.bar.done_wished.connect(self.brush.lay_down)

    def begin(self, view: str) -> None:
        """Takes the brush up for a view; once more lays it down."""
        option = self._views[view].painted
        if option is None:
            return
        if self.brush.on and (view, option.name) == (self._view, self._option):
            self.brush.lay_down()
            return
        self._view, self._option = view, option.name
        self.brush.take("rectangle" if option.paints == "mark" else "brush")

    def end(self) -> bool:
        """Lays the brush down; whether it was up."""
        on = self.brush.on
        self.brush.lay_down()
        return on

    @property
    def area(self) -> PictureArea:
        """What is painted."""
        said = self._session.views.options.get(self._view, {}).get(self._option, "")
        try:
            return PictureArea.read(str(said))
        except VitvizError:  # what somebody wrote by hand, and has been told
            return PictureArea()

    def _show(self) -> None:
        if not self.brush.on:
            self.bar.hide()
            return
        view = self._views[self._view]
        option = view.painted
        masks = option is not None and option.paints == "mark"
        self.bar.show_painting(
            _("{title}: {how}").format(title=view.title, how=_(HOW)), self.brush.shape, masks=masks
        )

    def _shape(self, shape: BrushShape) -> None:
        self.brush.take(shape)

    def _painted(self, stroke: AreaStroke) -> None:
        option = self._views[self._view].painted
        if option is not None and option.paints == "mark" and stroke.shape == "rectangle":
            if stroke.adds and stroke.box.height > 0 and stroke.box.width > 0:
                self._set(PictureArea((stroke.box,)))
            return
        change = self.area.with_patches if stroke.adds else self.area.without_patches
        self._set(change(stroke.patches, stroke.grid, stroke.crop))

    def _clear(self) -> None:
        self._set(PictureArea())

    def _load_mask(self) -> None:
        file, _unused = QFileDialog.getOpenFileName(
            self._window, _("A mask over the whole picture")
        )
        if file:
            self.take_mask(Path(file))

    def take_mask(self, file: Path) -> None:
        """The mark that a picture file says; what is wrong with it is said."""
        try:
            self._set(mask_file(file))
        except VitvizError as error:
            self._notices.say([str(error)])

    def _set(self, area: PictureArea) -> None:
        """What is painted; a mark is the same in all views that have one."""
        views, option = self._session.views, self._views[self._view].painted
        views.set_option(self._view, self._option, area.text)
        if option is None or option.paints != "mark":
            return
        for name, view in self._views.items():
            if name != self._view and view.painted is not None and view.painted.paints == "mark":
                views.set_option(name, view.painted.name, area.text)
