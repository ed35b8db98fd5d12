"""Saving a figure from the window: asks where, prints off the window's thread, says what went wrong."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from PySide6.QtWidgets import QFileDialog, QWidget

from vitviz.core.drawing import Drawing
from vitviz.core.progress import Progress
from vitviz.session.compose import Composition, compose
from vitviz.session.log import sentence
from vitviz.session.session import Session

FIGURES = "PNG picture (*.png);;PDF, vector (*.pdf);;SVG, vector (*.svg);;TIFF picture (*.tiff)"


def save_figure(
    parent: QWidget, session: Session, drawing: Drawing, first: Composition | None,
    tell: Callable[[str], None],
) -> None:  # fmt: skip
    """Asks for a file and saves the drawing there; the file dialog asks before overwriting.

    `first` draws it anew, so that its numbers are the same whenever it is made again.
    """
    picture = Path(dict(drawing.recipe).get("picture", "")).stem
    stem = f"{picture}-{drawing.view}" if picture else drawing.view
    place = str(Path(session.settings.figure_folder) / f"{stem}.png")
    name, kind = QFileDialog.getSaveFileName(parent, "Save figure", place, FIGURES)
    if not name:
        return
    path = Path(name)
    if not path.suffix:
        path = path.with_suffix(f".{kind.partition('*.')[2].rstrip(')')}")

    def work(_progress: Progress) -> None:
        from vitviz.figures.save import save

        save(drawing if first is None else compose(first)[0], path)

    def failed(error: Exception) -> None:
        session.problems.emit([sentence(error, f"saving {path.name}")])

    def saved(_nothing: None) -> None:
        session.remember(figure_folder=str(path.parent))
        tell(f"Saved {path}")

    session.jobs.submit(
        ("save", path), work, lane="read", done=saved, failed=failed, label=f"saving {path.name}"
    )
