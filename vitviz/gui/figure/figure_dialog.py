"""A figure composed for paper: what is seen here is the file, line by line."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, cast

import numpy as np
from PySide6.QtCore import QByteArray, QMimeData, QSize, Qt, QTimer
from PySide6.QtGui import QGuiApplication, QImage, QPainter, QPixmap, QResizeEvent
from PySide6.QtWidgets import (
    QDialog,
    QGraphicsOpacityEffect,
    QHBoxLayout,
    QLabel,
    QPushButton,
    QScrollArea,
    QVBoxLayout,
    QWidget,
)

from vitviz.core.data.drawing import Drawing
from vitviz.core.language import N_, _, ngettext
from vitviz.core.progress import Progress
from vitviz.gui.canvas.qimages import image_of
from vitviz.gui.figure.figure_form import FigureForm
from vitviz.gui.figure.figure_saving import FIGURES, ask_where, first_name, save_to
from vitviz.gui.widgets.progress_line import ProgressLine
from vitviz.gui.widgets.theme import UNIT, first_size
from vitviz.session.figure.figure_composition import (
    VIEWS,
    FigureComposition,
    SweptDrawings,
    compose,
)
from vitviz.session.figure.session_runs import SessionRuns
from vitviz.session.session import Session
from vitviz.session.work.jobs import Job
from vitviz.session.work.log import sentence

if TYPE_CHECKING:
    from vitviz.figures.paper import PaperStyle

NUMBER_KINDS = N_("Numbers for Python (*.npz);;Numbers as a table (*.csv)")
ANIMATIONS = N_("GIF (*.gif);;WebP (*.webp);;Animated PNG (*.apng);;MP4 film (*.mp4)")
NUMBERS = (".npz", ".csv")
MM = 25.4
DIMMED = 0.35
"""The opacity of a page that is not what was asked for any more."""
_LEAST = 60
"""Dots per inch of a preview at least."""


@dataclass(frozen=True, slots=True, eq=False)
class MadeFigure:
    """What was composed: the figure, its drawings one by one, and its pages printed for the screen."""

    page: Drawing
    drawings: tuple[Drawing, ...]
    printed: tuple[np.ndarray, ...]
    paper: PaperStyle
    fonts: tuple[str, ...]


class FigureDialog(QDialog):
    """The page on the left, what can be chosen on the right; it does not block the window."""

    def __init__(
        self,
        parent: QWidget,
        session: Session,
        first: FigureComposition,
        tell: Callable[[str], None],
    ) -> None:
        super().__init__(parent)
        self.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
        subject = _("all views") if VIEWS in first.ways else first.view.title
        self.setWindowTitle(_("Compose a figure: {subject}").format(subject=subject))
        first_size(self, 1180, 780)
        self._session, self._first, self._tell = session, first, tell
        self._key = ("compose", id(self))
        self.made: MadeFigure | None = None
        self._closed = False
        self.form = FigureForm(first)
        self.form.changed.connect(self._soon)
        self._page = QLabel()
        self._page.setObjectName("paper")
        self._page.setAlignment(Qt.AlignmentFlag.AlignCenter)
        self._page.setAccessibleName(_("The page as it will be saved"))
        self._said = QLabel()
        self._said.setObjectName("quiet")
        self._said.setWordWrap(True)
        self._stop = QPushButton(_("Stop"))
        self._stop.setToolTip(_("Leave the page as it is"))
        self._stop.clicked.connect(self.stop)
        self._stop.hide()
        self._bar = ProgressLine(_("How far the page is"))
        self._bar.setFixedHeight(4)
        self._dimmed = QGraphicsOpacityEffect(self._page, opacity=1.0)
        self._page.setGraphicsEffect(self._dimmed)
        self._kept: SweptDrawings = {}
        session.jobs.progressed.connect(self._progressed)
        self._wait = QTimer(self, singleShot=True, interval=120)
        self._wait.timeout.connect(self.refresh)
        self._lay_out()
        self.refresh()

    def _lay_out(self) -> None:
        self._scroll = QScrollArea()
        self._scroll.setObjectName("desk")
        self._scroll.setWidget(self._page)
        self._scroll.setWidgetResizable(True)
        self._scroll.setAlignment(Qt.AlignmentFlag.AlignCenter)
        left = QVBoxLayout()
        left.addWidget(self._scroll, 1)
        told = QHBoxLayout()
        told.addWidget(self._said, 1)
        told.addWidget(self._stop)
        left.addWidget(self._bar)
        left.addLayout(told)
        side = QScrollArea()
        side.setWidget(self.form)
        side.setWidgetResizable(True)
        side.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        side.setFixedWidth(340)
        right = QVBoxLayout()
        right.addWidget(side, 1)
        right.addLayout(self._buttons())
        layout = QHBoxLayout(self)
        layout.setContentsMargins(2 * UNIT, 2 * UNIT, 2 * UNIT, 2 * UNIT)
        layout.setSpacing(2 * UNIT)
        layout.addLayout(left, 1)
        layout.addLayout(right)

    def _buttons(self) -> QHBoxLayout:
        row = QHBoxLayout()
        row.setSpacing(UNIT)
        self.copy_button = QPushButton(_("Copy"))
        self.copy_button.setToolTip(_("Put the page on the clipboard as a picture"))
        self.copy_button.clicked.connect(self.copy)
        self.film_button = QPushButton(_("Animate…"))
        self.film_button.setToolTip(_("Save the drawings one after another: GIF, WebP, PNG or MP4"))
        self.film_button.clicked.connect(self.save_animation)
        self.save_button = QPushButton(_("Save…"))
        self.save_button.setDefault(True)
        self.save_button.clicked.connect(self.save)
        for button in (self.copy_button, self.film_button):
            row.addWidget(button)
        row.addStretch()
        row.addWidget(self.save_button)
        for button in (self.copy_button, self.film_button, self.save_button):
            button.setEnabled(False)
        return row

    # What is shown

    def _soon(self) -> None:
        self._wait.start()

    def refresh(self) -> None:
        """Has the page composed and printed anew, off the window's thread."""
        asked = self.form.asked()
        wanted = asked.composition(self._first)
        dots = max(_LEAST, round(self._room() / asked.width_mm * MM * self.devicePixelRatioF()))

        def work(progress: Progress) -> MadeFigure:
            from vitviz.figures.render import page_pixels
            from vitviz.figures.text import fonts

            paper = asked.paper()
            page, drawings = compose(_told(wanted, progress), progress, kept)
            progress(0, 0, _("printing the page"))
            printed = page_pixels(page, replace(paper, dpi=min(dots, 300)), progress)
            return MadeFigure(page, drawings, tuple(printed), paper, fonts())

        self._session.jobs.cancel(self._key)
        kept = self._kept = dict(self._kept)  # another job may still be at work with the one before
        self._work(True)
        self._session.jobs.submit(
            self._key,
            work,
            lane="run" if wanted.runs else "draw",
            done=self._show,
            failed=self._failed,
            label=_("composing the figure"),
            quiet=True,
        )

    def stop(self) -> None:
        """Leaves the page as it was before the last change."""
        self._session.jobs.cancel(self._key)
        self._work(False)
        self._said.setText(_("Stopped: the page is as it was before the last change."))

    def _progressed(self, job: Job) -> None:
        """A page that takes a while says how far it is."""
        if job.key != self._key:
            return
        known = 0 <= job.done < job.total
        far = (
            _(" ({done:.0f} of {total:.0f})").format(done=job.done + 1, total=job.total)
            if known
            else ""
        )
        self._said.setText(_("Composing: {what}{far} …").format(what=job.what, far=far))
        self._bar.setRange(0, round(job.total) if known else 0)
        self._bar.setValue(round(job.done))

    def _work(self, on: bool) -> None:
        """Shows that a page is made: the one before is dimmed, and can be kept."""
        if on:
            self._said.setText(_("Composing …"))
            self._bar.setRange(0, 0)
        else:
            self._bar.setRange(0, 1)
            self._bar.reset()
        self._dimmed.setOpacity(DIMMED if on else 1.0)
        self._stop.setVisible(on)

    def _room(self) -> int:
        return max(self._scroll.viewport().width() - 4 * UNIT, 240)

    def _show(self, made: MadeFigure) -> None:
        if self._closed:
            return
        self.made = made
        self._work(False)
        pages = [image_of(each) for each in made.printed]
        image = pages[0] if len(pages) == 1 else _below_each_other(pages)
        self._page.setPixmap(QPixmap.fromImage(self._fitted(image)))
        self._said.setText(_size_words(made))
        self.form.show_panels(made.drawings[0])
        self.form.show_fonts(made.fonts)
        self.copy_button.setEnabled(True)
        self.save_button.setEnabled(True)
        self.film_button.setEnabled(len(made.drawings) > 1)

    def _fitted(self, image: QImage) -> QImage:
        """The whole page where that can be read, else as wide as there is room."""
        ratio = self.devicePixelRatioF()
        high = (self._scroll.viewport().height() - 2 * UNIT) * ratio
        if 0.45 * image.height() < high < image.height():
            image = image.scaledToHeight(round(high), Qt.TransformationMode.SmoothTransformation)
        image.setDevicePixelRatio(ratio)
        return image

    def _failed(self, error: Exception) -> None:
        if not self._closed:
            self._work(False)
            self._said.setText(sentence(error, _("composing the figure")))
            self.save_button.setEnabled(False)

    def resizeEvent(self, event: QResizeEvent) -> None:
        super().resizeEvent(event)
        self._soon()

    def done(self, result: int) -> None:
        """Closes it; what is still on the way is not wanted any more."""
        self._closed = True
        self._wait.stop()
        self._session.jobs.progressed.disconnect(self._progressed, missing_ok=True)
        self._session.jobs.cancel(self._key)
        super().done(result)

    # What is made of it

    def copy(self) -> None:
        """The page on the clipboard, at the resolution that was chosen."""
        if (made := self.made) is not None:
            self._printed(made, _("copying the figure"), lambda data: put_on_clipboard(data))

    def _printed(self, made: MadeFigure, doing: str, then: Callable[[bytes], None]) -> None:
        def work(_: Progress) -> bytes:
            from vitviz.figures.save import written

            return written(made.page, "png", made.paper)

        self._session.jobs.submit(
            ("print", id(self)), work, lane="read", done=then, failed=self._failed, label=doing
        )

    def save(self) -> None:
        """Asks where, and saves the page, with its numbers beside it where that was chosen."""
        made, beside = self.made, NUMBERS if self.form.asked().numbers else ()
        if (
            made is None
            or (path := self._asked(f"{_(FIGURES)};;{_(NUMBER_KINDS)}", ".png", beside)) is None
        ):
            return

        def work(_: Progress) -> None:
            from vitviz.figures.save import save

            for file in dict.fromkeys((path, *(path.with_suffix(each) for each in beside))):
                save(made.page, file, paper=made.paper)

        self._do(path, work)

    def save_animation(self) -> None:
        """Asks where, and saves the drawings one after another."""
        made, asked = self.made, self.form.asked()
        if made is None or (path := self._asked(_(ANIMATIONS), ".gif")) is None:
            return

        def work(progress: Progress) -> None:
            from vitviz.figures.animate import animate

            animate(
                made.drawings,
                path,
                seconds=asked.seconds,
                paper=replace(made.paper, dpi=120),
                one_range=asked.one_range,
                progress=progress,
            )

        self._do(path, work)

    def _asked(self, kinds: str, usual: str, beside: Sequence[str] = ()) -> Path | None:
        made = cast(MadeFigure, self.made)
        return ask_where(
            self,
            _("Save figure"),
            first_name(self._session, made.page, usual),
            kinds,
            beside,
            len(made.printed) if usual == ".png" else 1,
        )

    def _do(self, path: Path, work: Callable[[Progress], None]) -> None:
        def tell(said: str) -> None:
            self._tell(said)
            self._say(said)

        save_to(self._session, path, work, tell, self._say)

    def _say(self, said: str) -> None:
        if not self._closed:
            self._said.setText(said)

    def sizeHint(self) -> QSize:
        return QSize(1180, 780)


def _told(wanted: FigureComposition, progress: Progress) -> FigureComposition:
    """The same, whose runs tell how far they are and can be stopped."""
    runs = wanted.subject.runs
    if not isinstance(runs, SessionRuns):
        return wanted
    subject = replace(wanted.subject, runs=replace(runs, progress=progress))
    return replace(wanted, subject=subject)


def _below_each_other(pages: Sequence[QImage]) -> QImage:
    """All pages in one image, with the desk between them."""
    high = sum(page.height() for page in pages) + UNIT * 2 * (len(pages) - 1)
    whole = QImage(pages[0].width(), high, QImage.Format.Format_ARGB32_Premultiplied)
    whole.fill(Qt.GlobalColor.transparent)
    painter, top = QPainter(whole), 0
    for page in pages:
        painter.drawImage(0, top, page)
        top += page.height() + 2 * UNIT
    painter.end()
    return whole


def _size_words(made: MadeFigure) -> str:
    """How large the pages are, on paper and in pixels."""
    paper = made.paper
    wide = paper.width_mm
    high = max(wide * each.shape[0] / each.shape[1] for each in made.printed)
    pages, count = len(made.printed), len(made.drawings)
    size = _("{wide:.0f} × {high:.0f} mm").format(wide=wide, high=high)
    if pages > 1:
        size = _("{pages} pages of {size} at most").format(pages=pages, size=size)
    drawn = ngettext("{count} drawing", "{count} drawings", count).format(count=count)
    return _("{size} · {wide:.0f} × {high:.0f} pixels at {dpi} dpi · {drawn}").format(
        size=size,
        wide=wide / MM * paper.dpi,
        high=high / MM * paper.dpi,
        dpi=paper.dpi,
        drawn=drawn,
    )


def put_on_clipboard(data: bytes) -> None:
    """A PNG on the clipboard, as a picture and as the file with its recipe."""
    mime = QMimeData()
    mime.setData("image/png", QByteArray(data))
    mime.setImageData(QImage.fromData(QByteArray(data)))
    QGuiApplication.clipboard().setMimeData(mime)
