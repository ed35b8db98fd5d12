"""Maps stand as they are largest: beside each other in a wide card, below each other in a high one."""

from __future__ import annotations

import numpy as np
import pytest
from pytestqt.qtbot import QtBot

from vitviz.core.data.drawing import Drawing, Message, Panel, Raster
from vitviz.core.data.geometry import Box
from vitviz.gui.app.application import application
from vitviz.gui.canvas.drawing_widget import DrawingWidget
from vitviz.gui.canvas.panel_fitting import PanelStand, fitting_stand
from vitviz.gui.widgets import theme

PIXELS = np.zeros((8, 8, 3), np.uint8)


def panel(high: float, wide: float, weight: float = 1.0) -> Panel:
    box = Box(0, 0, high, wide)
    return Panel((Raster(PIXELS, box),), box, weight=weight)


def drawing(*panels: Panel) -> Drawing:
    return Drawing("some", "", (panels,))


def no_words(_panel: Panel, _width: int) -> int:
    return 0


@pytest.mark.parametrize(
    ("panels", "size", "stand"),
    [
        ((panel(1, 1), panel(1, 1)), (1000, 500), "rows"),
        ((panel(1, 1), panel(1, 1)), (500, 1000), "single"),
        ((panel(1, 1), panel(1, 1)), (520, 500), "rows"),
        ((panel(2, 3), panel(1, 1), panel(1, 1)), (1700, 900), "beside"),
        ((panel(2, 3), panel(1, 1), panel(1, 1)), (1700, 400), "rows"),
        ((panel(1, 1),), (400, 1000), "rows"),
        ((panel(1, 1), panel(1, 1)), (150, 1000), "rows"),
        ((panel(1, 1), Panel((Message("none"),), Box(0, 0, 1, 1))), (500, 1000), "rows"),
    ],
)
def test_the_way_with_the_largest_maps_is_taken(
    panels: tuple[Panel, ...], size: tuple[int, int], stand: PanelStand
) -> None:
    assert fitting_stand(drawing(*panels), *size, no_words) == stand


def test_a_card_that_changes_its_size_turns_its_panels(qtbot: QtBot) -> None:
    theme.apply(application(), theme.DARK)
    widget = DrawingWidget()
    widget.arrange("fitting")
    qtbot.addWidget(widget)
    widget.resize(1000, 450)
    widget.show()
    widget.show_drawing(drawing(panel(1, 1), panel(1, 1)))
    first, second = widget.panels
    qtbot.waitUntil(lambda: second.x() > first.width() / 2, timeout=2000)
    widget.resize(450, 1000)
    qtbot.waitUntil(lambda: len(widget.shape) == 2, timeout=2000)
    assert [len(row) for row in widget.shape] == [1, 1]
    widget.resize(1000, 450)
    qtbot.waitUntil(lambda: len(widget.shape) == 1, timeout=2000)


def test_one_large_panel_has_the_others_in_a_column_beside_it(qtbot: QtBot) -> None:
    theme.apply(application(), theme.DARK)
    widget = DrawingWidget()
    widget.arrange("fitting")
    qtbot.addWidget(widget)
    widget.resize(1500, 800)
    widget.show()
    widget.show_drawing(drawing(panel(2, 3), panel(1, 1), panel(1, 1)))
    large, upper, lower = widget.panels
    qtbot.waitUntil(lambda: lower.y() > upper.y() + 100, timeout=2000)
    assert upper.x() == lower.x() >= large.width()
    assert large.height() > 1.8 * upper.height()
