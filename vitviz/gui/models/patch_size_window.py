"""The patch-size lab in a window of its own: another patch size for a column, or for one beside it."""

from __future__ import annotations

from functools import partial

from PySide6.QtCore import Qt
from PySide6.QtWidgets import QDialog, QVBoxLayout, QWidget
from shiboken6 import isValid

from vitviz.core.language import _
from vitviz.core.measures.cost import ModelDimensions
from vitviz.core.pictures.picture_files import thumbnail
from vitviz.core.progress import Progress
from vitviz.gui.canvas.qimages import image_of
from vitviz.gui.models.patch_size_form import PatchSizeForm
from vitviz.session.session import Session
from vitviz.session.work.log import sentence
from vitviz.session.work.request import ModelRequest


class PatchSizeWindow(QDialog):
    """Opens beside the board for one column; what it costs is known before anything is loaded."""

    def __init__(self, parent: QWidget, session: Session, column: int) -> None:
        super().__init__(parent)
        self.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
        self.setWindowTitle(_("Patch size"))
        self._session, self._column = session, column
        self.lab = PatchSizeForm()
        self.lab.wished.connect(self._wished)
        self.lab.beside.connect(self._beside)
        QVBoxLayout(self).addWidget(self.lab)

    def begin(self) -> None:
        """Shows itself once the model's sizes are known; they are asked off the window's thread."""
        live = self._session.columns.find(self._column)
        request = None if live is None else live.column.model
        if live is None or request is None or not request.name:
            self._session.problems.emit(
                [_("no model is chosen yet; choose one, then its patch size")]
            )
            return
        if live.trace is not None:
            self.lab.show_picture(image_of(thumbnail(live.trace.picture, 256)))

        def work(_progress: Progress) -> ModelDimensions:
            from vitviz.models import dimensions

            return dimensions(request.name, architecture=request.architecture)

        self._session.jobs.submit(
            ("dimensions", self._column),
            work,
            lane="read",
            done=partial(self._show, request),
            failed=partial(self._fail, request),
            label=_("measuring {words}").format(words=request.words),
        )

    def _show(self, request: ModelRequest, found: ModelDimensions) -> None:
        if isValid(self):
            self.lab.show_model(request, found)
            self.show()

    def _fail(self, request: ModelRequest, error: Exception) -> None:
        self._session.problems.emit(
            [sentence(error, _("measuring {words}").format(words=request.words))]
        )

    def _wished(self, request: ModelRequest) -> None:
        self._session.columns.use_model(request, self._column)
        self.close()

    def _beside(self, request: ModelRequest) -> None:
        self._session.columns.activate(self._column)
        self._session.columns.add_beside(request)
        self.close()
