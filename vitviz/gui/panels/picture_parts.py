"""Other parts of a picture's file, offered where it is pointed at: pages, bands, converted colours."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import replace
from functools import partial
from pathlib import Path

from PySide6.QtCore import Qt, Signal
from PySide6.QtWidgets import QInputDialog, QMenu, QToolButton

from vitviz.core.data.picture_choice import MOST_BANDS, PictureChoice
from vitviz.core.data.trace import Picture
from vitviz.core.language import _, ngettext
from vitviz.gui.widgets import theme
from vitviz.session.pictures.picture_list import PicturePart

_PAGED = (".tif", ".tiff", ".npy")

PartWish = Callable[[PicturePart], object]
_LONGEST = 18
"""Letters of a colour profile's name."""
LISTED = 20
"""Pages that a menu lists; of more one is asked for by its number."""


class PicturePartButton(QToolButton):
    """Says which part of a file is shown, where it has others, and offers these."""

    wished = Signal(object)
    """Another part of the picture's file (`PicturePart`)."""

    def __init__(self) -> None:
        super().__init__()
        self._picture: Picture | None = None
        self.setObjectName("quiet")
        self.setFont(theme.font(-0.5, numbers=True))
        self.setToolTip(_("Another page or frame, other bands, colours of this picture's file"))
        self.setPopupMode(QToolButton.ToolButtonPopupMode.InstantPopup)
        self.setFocusPolicy(Qt.FocusPolicy.TabFocus)
        menu = QMenu(self)
        menu.aboutToShow.connect(self._fill)
        self.setMenu(menu)
        self.hide()

    def show_picture(self, picture: Picture | None) -> None:
        """Shows what is chosen of this picture; nothing where there is nothing to choose."""
        self._picture = picture
        words = "" if picture is None else part_words(picture)
        self.setText(f"{words}  ▾")
        self.setAccessibleName(words)
        self.setVisible(bool(words))

    def _fill(self) -> None:
        menu = self.menu()
        menu.clear()
        for old in menu.findChildren(QMenu):  # clearing leaves them
            old.deleteLater()
        if self._picture is not None:
            add_parts(menu, self._picture, self.wished.emit)


def part_words(picture: Picture) -> str:
    """Which part of its file a picture is; "" where it is all of it."""
    if not picture.path:
        return ""
    choice, parts = picture.choice, []
    if picture.pages > 1:
        parts.append(page_words(picture, choice.page))
    if picture.bands > 3:
        shown = choice.bands or (1, 2, 3)
        names = ", ".join(map(str, shown))
        said = ngettext("band {names} of {bands}", "bands {names} of {bands}", len(shown))
        parts.append(said.format(names=names, bands=picture.bands))
    if found := re.search(r"([^,]+), (read as|converted to) sRGB", picture.note):
        name = found[1].strip()
        short = name if len(name) <= _LONGEST else f"{name[: _LONGEST - 1].rstrip()}…"
        as_read = (
            _("{profile} read as sRGB")
            if found[2] == "read as"
            else _("{profile} converted to sRGB")
        )
        parts.append(as_read.format(profile=short))
    return " · ".join(parts)


def page_words(picture: Picture, page: int) -> str:
    """Which part of a file this is, from 0: documents have pages, films have frames."""
    paged = picture.path.lower().endswith(_PAGED)
    said = _("page {page} of {pages}") if paged else _("frame {page} of {pages}")
    return said.format(page=page + 1, pages=picture.pages)


def add_parts(menu: QMenu, picture: Picture, wish: PartWish) -> None:
    """Adds what can be chosen of this picture's file, if anything."""
    if not picture.path:
        return
    choice = picture.choice
    if 1 < picture.pages <= LISTED:
        pages = menu.addMenu(_("Page or frame (of {pages})").format(pages=picture.pages))
        for page in range(picture.pages):
            action = pages.addAction(str(page + 1))
            action.setCheckable(True)
            action.setChecked(page == choice.page)
            action.triggered.connect(partial(_open, wish, picture, replace(choice, page=page)))
    elif picture.pages > LISTED:
        asking = menu.addAction(_("Page or frame (of {pages})…").format(pages=picture.pages))
        asking.triggered.connect(partial(_ask_page, menu, picture, wish))
    if picture.bands > 3:
        bands = menu.addAction(_("Bands (of {bands})…").format(bands=picture.bands))
        bands.triggered.connect(partial(_ask_bands, menu, picture, wish))
    if "sRGB" in picture.note:
        turned = menu.addAction(_("Convert colours to sRGB"))
        turned.setCheckable(True)
        turned.setChecked(choice.to_srgb)
        other = replace(choice, to_srgb=not choice.to_srgb)
        turned.triggered.connect(partial(_open, wish, picture, other))


def bands_of(text: str, there: int) -> tuple[int, ...]:
    """Bands from words such as "4,3,2", one or at least three; () for anything else."""
    found = tuple(map(int, re.findall(r"\d+", text)))
    several = len(found) == 1 or 3 <= len(found) <= MOST_BANDS
    return found if several and all(1 <= each <= there for each in found) else ()


def _open(wish: PartWish, picture: Picture, choice: PictureChoice, _on: bool = False) -> None:
    wish(PicturePart(Path(picture.path), choice))


def _ask_page(menu: QMenu, picture: Picture, wish: PartWish, _on: bool = False) -> None:
    page, agreed = QInputDialog.getInt(
        menu.parentWidget(),
        _("Page or frame"),
        _("From 1 to {pages}:").format(pages=picture.pages),
        picture.choice.page + 1,
        1,
        picture.pages,
    )
    if agreed:
        _open(wish, picture, replace(picture.choice, page=page - 1))


def _ask_bands(menu: QMenu, picture: Picture, wish: PartWish, _on: bool = False) -> None:
    now = ",".join(map(str, picture.choice.bands or (1, 2, 3)))
    text, agreed = QInputDialog.getText(
        menu.parentWidget(),
        _("Bands"),
        _("Red, green, blue, or one, or as many as the model reads; from 1 to {bands}:").format(
            bands=picture.bands
        ),
        text=now,
    )
    if agreed and (bands := bands_of(text, picture.bands)):
        _open(wish, picture, replace(picture.choice, bands=bands))
