"""Saving from the window: asks where, works off the window's thread, says what went wrong."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from pathlib import Path

from PySide6.QtWidgets import QFileDialog, QMessageBox, QWidget

from vitviz.core.data.drawing import Drawing
from vitviz.core.language import N_, _, ngettext
from vitviz.core.progress import Progress
from vitviz.session.figure.figure_composition import FigureComposition, compose
from vitviz.session.session import Session
from vitviz.session.work.log import sentence

FIGURES = N_(
    "PNG picture (*.png);;PDF, vector (*.pdf);;SVG, vector (*.svg);;TIFF picture (*.tiff *.tif)"
)


def save_figure(
    parent: QWidget,
    session: Session,
    drawing: Drawing,
    first: FigureComposition | None,
    tell: Callable[[str], None],
) -> None:
    """Asks for a file and saves the drawing there; the file dialog asks before overwriting.

    `first` draws it anew, so that its numbers are the same whenever it is made again.
    """
    path = ask_where(parent, _("Save figure"), first_name(session, drawing, ".png"), _(FIGURES))
    if path is None:
        return

    def work(_progress: Progress) -> None:
        from vitviz.figures.save import save

        save(drawing if first is None else compose(first)[0], path)

    save_to(session, path, work, tell)


def first_name(session: Session, drawing: Drawing, suffix: str) -> str:
    """What a figure is called until somebody says otherwise, in the folder of the last one."""
    picture = Path(dict(drawing.recipe).get("picture", "")).stem
    stem = f"{picture}-{drawing.view}" if picture else drawing.view
    return str(Path(session.settings.now.figure_folder) / f"{stem}{suffix}")


def save_to(
    session: Session,
    path: Path,
    work: Callable[[Progress], None],
    tell: Callable[[str], None],
    failing: Callable[[str], None] = lambda _said: None,
) -> None:
    """Does the work of saving off the window's thread; the folder is remembered where it went well."""

    def saved(_nothing: None) -> None:
        session.settings.remember(figure_folder=str(path.parent))
        tell(_("Saved {path}").format(path=path))

    def failed(error: Exception) -> None:
        said = sentence(error, _("saving {name}").format(name=path.name))
        session.problems.emit([said])
        failing(said)

    session.jobs.submit(
        ("save", path),
        work,
        lane="read",
        done=saved,
        failed=failed,
        label=_("saving {name}").format(name=path.name),
    )


def ask_where(
    parent: QWidget,
    title: str,
    first: str,
    kinds: str,
    beside: Sequence[str] = (),
    pages: int = 1,
) -> Path | None:
    """A file to save to, of one of the kinds; None when the user thinks better of it.

    A name without their suffixes gets the one that was chosen. The dialog asks before it replaces
    the very file that was typed; what else would be replaced (with the suffix added, or files
    `beside` it with other suffixes, further pages) is asked for here.
    """
    name, kind = QFileDialog.getSaveFileName(parent, title, first, kinds)
    if not name:
        return None
    suffixes = re.findall(r"\*(\.\w+)", kinds)
    path = Path(name)
    if path.suffix.lower() not in suffixes:
        path = path.with_name(path.name + re.findall(r"\*(\.\w+)", kind)[0])
    files = [path, *(path.with_suffix(suffix) for suffix in beside if suffix != path.suffix)]
    if path.suffix.lower() != ".pdf":
        files += [path.with_stem(f"{path.stem}-{at}") for at in range(2, pages + 1)]
    there = [file.name for file in files if file.exists() and str(file) != name]
    return path if not there or _may_replace(parent, title, there) else None


def _may_replace(parent: QWidget, title: str, names: Sequence[str]) -> bool:
    count = len(names)
    said = ngettext(
        "{names} already exists.\nReplace?", "{names} already exist.\nReplace?", count
    ).format(names=_(" and ").join(names))
    asked = QMessageBox.question(parent, title, said)
    return asked == QMessageBox.StandardButton.Yes
