"""Pages, bands and colours of a picture's file are offered where it is pointed at."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from PIL import Image, ImageCms
from PySide6.QtWidgets import QMenu
from pytestqt.qtbot import QtBot

from vitviz.core.data.geometry import Spot
from vitviz.core.data.picture_choice import PictureChoice
from vitviz.core.data.selection import Place
from vitviz.core.notation import shown_number
from vitviz.core.pictures.picture_files import open_picture
from vitviz.gui.app.main_window import MainWindow
from vitviz.gui.panels.picture_parts import PicturePartButton, add_parts, bands_of, part_words
from vitviz.session.pictures.picture_list import PicturePart


def test_a_page_of_a_stack_is_opened_beside_the_first(
    qtbot: QtBot, window: MainWindow, tmp_path: Path, photo: np.ndarray
) -> None:
    pages = [Image.fromarray(np.roll(photo, 20 * page, 1)) for page in range(3)]
    pages[0].save(tmp_path / "stack.tif", save_all=True, append_images=pages[1:])
    picture = open_picture(tmp_path / "stack.tif")
    menu, wished = QMenu(window), []
    add_parts(menu, picture, wished.append)
    (offered,) = menu.findChildren(QMenu)
    assert [action.text() for action in offered.actions()] == ["1", "2", "3"]
    offered.actions()[2].trigger()
    assert [part.choice.page for part in wished] == [2]
    window.filmstrip.part_wished.emit(wished[0])
    assert window.session.trace is not None
    assert window.session.trace.picture.note == "page 3 of 3"
    assert np.array_equal(window.session.trace.picture.pixels, np.asarray(pages[2]))


def test_an_ordinary_picture_offers_nothing(qtbot: QtBot, window: MainWindow) -> None:
    menu = QMenu(window)
    add_parts(menu, window.session.pictures.open[0], lambda part: part)
    assert not menu.actions()


@pytest.mark.parametrize(
    ("text", "bands"),
    [("4,3,2", (4, 3, 2)), ("4 3 2", (4, 3, 2)), ("7", (7,)), ("1,2", ()), ("13", ()), ("x", ())],
)
def test_bands_are_read_as_people_write_them(text: str, bands: tuple[int, ...]) -> None:
    assert bands_of(text, 12) == bands


def test_true_values_are_under_the_cursor_and_the_header_says_what_was_done(
    window: MainWindow, tmp_path: Path
) -> None:
    depth = np.linspace(0.5, 10, 64, dtype=np.float32)[None].repeat(64, axis=0)
    Image.fromarray(depth).save(tmp_path / "depth.tif")
    window.session.open([PicturePart(tmp_path / "depth.tif", open_choice())])
    window.session.chosen.pin(Place(Spot(30.5, 40.5)))
    assert f"value {shown_number(depth[30, 40], 6)}" in window.inspector.token._lines.text()
    trace = window.session.trace
    assert trace is not None
    assert "floating point 0.5..10 stretched to 8 bit" in trace.picture.note


def test_the_header_says_which_page_is_shown_and_offers_the_others(
    window: MainWindow, tmp_path: Path, photo: np.ndarray
) -> None:
    button = window.findChild(PicturePartButton)
    assert button is not None
    assert button.isHidden(), "an ordinary picture is all of its file"
    pages = [Image.fromarray(np.roll(photo, 20 * page + 9, 1)) for page in range(3)]
    pages[0].save(tmp_path / "stack.tif", save_all=True, append_images=pages[1:])
    window.session.open([tmp_path / "stack.tif"])
    assert button.text().startswith("page 1 of 3")
    assert not button.isHidden()
    for _ in range(2):
        button.menu().aboutToShow.emit()
    (pages_menu,) = (action.menu() for action in button.menu().actions())
    pages_menu.actions()[1].trigger()
    assert button.text().startswith("page 2 of 3")
    assert window.session.trace is not None
    assert window.session.trace.picture.note == "page 2 of 3"


def test_a_colour_profile_is_named_with_its_switch(tmp_path: Path, photo: np.ndarray) -> None:
    profile = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB"))
    data = profile.tobytes().replace(b"sRGB built-in", b"Prints on mud")
    data = data.replace("sRGB built-in".encode("utf-16-be"), "Prints on mud".encode("utf-16-be"))
    file = tmp_path / "mud.png"
    Image.fromarray(photo).save(file, icc_profile=data)
    stored = open_picture(file)
    assert part_words(stored) == "Prints on mud read as sRGB"
    turned = open_picture(file, choice=PictureChoice(to_srgb=True))
    assert part_words(turned) == "Prints on mud converted to sRGB"


def open_choice():
    from vitviz.core.data.picture_choice import AS_IT_IS

    return AS_IT_IS
