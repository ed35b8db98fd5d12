"""Saving a figure from the window: asks where, prints off the window's thread, says what went wrong."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from PySide6.QtWidgets import QFileDialog, QWidget

from vitviz.core.drawing import Drawing
from vitviz.core.progress import Progress
from vitviz.session.log import sentence
from vitviz.session.session import Session

FIGURES = "PNG picture (*.png);;PDF, vector (*.pdf);;SVG, vector (*.svg)"


def save_figure(
    parent: QWidget, session: Session, drawing: Drawing, tell: Callable[[str], None]
) -> None:
    """Asks for a file and saves the drawing there; the file dialog asks before overwriting."""
    picture = Path(dict(drawing.recipe).get("picture", "")).stem
    stem = f"{picture}-{drawing.view}" if picture else drawing.view
    first = str(Path(session.settings.figure_folder) / f"{stem}.png")
    name, kind = QFileDialog.getSaveFileName(parent, "Save figure", first, FIGURES)
    if not name:
        return
    path = Path(name)
    if not path.suffix:
        path = path.with_suffix(f".{kind.partition('*.')[2].rstrip(')')}")

    def work(_progress: Progress) -> None:
        from vitviz.figures.save import save

        save(drawing, path)

    def failed(error: Exception) -> None:
        session.problems.emit([sentence(error, f"saving {path.name}")])

    def saved(_nothing: None) -> None:
        session.remember(figure_folder=str(path.parent))
        tell(f"Saved {path}")

    session.jobs.submit(
        ("save", path), work, lane="read", done=saved, failed=failed, label=f"saving {path.name}"
    )
