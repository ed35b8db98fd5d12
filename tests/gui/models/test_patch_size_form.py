"""The patch lab says what core reckons, and asks for exactly what is chosen."""

from __future__ import annotations

from dataclasses import replace

import pytest
from PySide6.QtCore import QCoreApplication
from PySide6.QtGui import QColor, QImage
from pytestqt.qtbot import QtBot

from vitviz.core.measures.cost import ModelDimensions, cost
from vitviz.core.notation import shown_number
from vitviz.gui.app.application import application
from vitviz.gui.models.patch_facts import GridPreview, memory
from vitviz.gui.models.patch_size_form import PatchSizeForm, picture_sizes
from vitviz.gui.panels.top_bar import TopBar
from vitviz.gui.widgets import theme
from vitviz.session.columns.column import ModelChoice
from vitviz.session.work.request import ModelRequest

TINY = ModelDimensions("tiny", 16, (224, 224), 12, 192, 1, 5_308_416, (16,))
ASKED = ModelRequest("tiny", fit="pad", device="cpu")


@pytest.fixture
def lab(qtbot: QtBot) -> PatchSizeForm:
    theme.apply(application(), theme.DARK)
    lab = PatchSizeForm()
    qtbot.addWidget(lab)
    lab.show_model(ASKED, TINY)
    lab.show()
    return lab


def choose(lab: PatchSizeForm, patch: int) -> None:
    lab._slider.setValue(lab._patches.index(patch))


def choose_picture(lab: PatchSizeForm, side: int) -> None:
    lab._sizes.setCurrentIndex(lab._offered.index((side, side)))


def test_it_starts_from_the_model_as_it_is(lab: PatchSizeForm) -> None:
    assert lab.wanted == ASKED
    assert lab._number.text() == "16 px"
    assert lab._costs.texts()["compute"] == "as at its own sizes"
    assert lab._note.text() == "Trained at this patch size."
    assert not lab._use.isEnabled()


def test_the_cost_is_said_while_it_slides(lab: PatchSizeForm) -> None:
    choose(lab, 8)
    said, found = lab._costs.texts(), cost(TINY, 8)
    assert said["patches"] == "28 × 28"
    assert said["tokens"] == "785"
    assert said["trace"] == memory(found.trace_bytes) == "22 MB"
    assert said["compute"] == f"{shown_number(found.relative, 2)} × its own"
    assert lab._note.text() == "Patch 8 resampled from 16, not trained at this size."
    assert lab._note.property("state") == "bad"


def test_what_is_chosen_is_asked_for(lab: PatchSizeForm, qtbot: QtBot) -> None:
    choose(lab, 8)
    with qtbot.waitSignal(lab.wished) as caught:
        lab._use.click()
    assert caught.args == [replace(ASKED, patch_size=8)]
    choose_picture(lab, 112)
    with qtbot.waitSignal(lab.beside) as caught:
        lab._beside.click()
    assert caught.args == [replace(ASKED, patch_size=8, input_size=112)]
    assert "Trained on pictures of 224 × 224 pixels." in lab._note.text()


def test_another_picture_size_keeps_the_nearest_patch_that_fits(lab: PatchSizeForm) -> None:
    choose(lab, 28)
    choose_picture(lab, 160)
    assert lab._patches == (4, 5, 8, 10, 16, 20, 32, 40, 80)
    assert lab._number.text() == "32 px"


def test_a_model_that_was_changed_is_shown_so(lab: PatchSizeForm) -> None:
    lab.show_model(replace(ASKED, patch_size=32, input_size=448), TINY)
    assert lab._number.text() == "32 px"
    assert lab._sizes.currentText() == "448 × 448 pixels"
    assert not lab._use.isEnabled()
    choose(lab, 16)
    assert lab.wanted == replace(ASKED, input_size=448)
    assert lab._use.isEnabled()


def test_a_model_whose_patches_stay_says_why(lab: PatchSizeForm) -> None:
    lab.show_model(ModelRequest("swin"), replace(TINY, fixed="swin has windows"))
    assert lab._note.text() == "swin has windows."
    assert not lab._slider.isEnabled()
    assert not lab._use.isEnabled()
    assert not lab._costs.isVisible()


def test_picture_sizes_are_whole_patches() -> None:
    sizes = picture_sizes(replace(TINY, patch=14, input_size=(518, 518)), (140, 140))
    assert (140, 140) in sizes
    assert (518, 518) in sizes
    assert all(rows % 14 == 0 == cols % 14 for rows, cols in sizes)


def test_the_preview_shows_the_middle_of_the_picture(qtbot: QtBot) -> None:
    preview = GridPreview()
    qtbot.addWidget(preview)
    image = QImage(30, 10, QImage.Format.Format_RGB32)
    image.fill(QColor("red"))
    for row in range(10):
        for col in range(10, 20):
            image.setPixelColor(col, row, QColor("blue"))
    preview.show_picture(image)
    preview.show_grid((1, 1))
    shown = preview.grab().toImage()
    assert {shown.pixelColor(x, 40).name() for x in (5, 48, 90)} == {"#0000ff"}


def test_a_long_reason_does_not_run_into_what_stands_above(
    lab: PatchSizeForm, qtbot: QtBot
) -> None:
    qtbot.waitExposed(lab)
    short = lab._note.geometry()
    lab._say(
        "Patch 32 was not among the trained ones (4, 6, 8, 12, 16): its kernel is resampled.", ""
    )
    QCoreApplication.processEvents()
    assert lab._note.geometry() == short
    assert lab._note.heightForWidth(short.width()) <= short.height()
    assert short.top() >= lab._preview.geometry().bottom()


def test_a_size_that_no_list_has_is_said_and_left_in_the_bar(qtbot: QtBot) -> None:
    bar = TopBar()
    qtbot.addWidget(bar)
    bar.show_choices([ModelChoice("tiny", "Tiny", True, (8, 16), 8)])
    bar.show_request(replace(ASKED, patch_size=32))
    assert bar._patch.currentText() == "patch 32"
    with qtbot.waitSignal(bar.requested) as said:
        bar._patch.setCurrentIndex(bar._patch.findData(8))
    assert said.args[0].patch_size == 8
    assert [bar._patch.itemData(at) for at in range(bar._patch.count())][:2] == [8, 16]
