"""Cards and tables keep to the room there is: rows scroll, words are cut, no window grows."""

from __future__ import annotations

import pytest
from PySide6.QtCore import QPointF
from pytestqt.qtbot import QtBot

from vitviz.core.data.plots import Table
from vitviz.gui.app.application import application
from vitviz.gui.app.main_window import MainWindow
from vitviz.gui.canvas.table_widget import TableWidget
from vitviz.gui.columns.board import LOWEST
from vitviz.gui.panels.bottom_bar import BottomBar
from vitviz.gui.widgets import theme
from vitviz.session.session import Session
from vitviz.session.work.jobs import InlineJobs, Job


@pytest.fixture(scope="module", autouse=True)
def dark() -> None:
    theme.apply(application(), theme.DARK)


@pytest.fixture
def table(qtbot: QtBot) -> TableWidget:
    widget = TableWidget()
    qtbot.addWidget(widget)
    rows = tuple((f"a step with a long name {row}", f"{row}.5", "0.125") for row in range(30))
    widget.show_table(Table(("step", "mean", "std"), rows, chosen=29))
    widget.resize(160, 120)
    widget.show()
    qtbot.waitExposed(widget)
    return widget


def test_a_board_of_several_rows_is_scrolled_instead_of_squeezed(window: MainWindow) -> None:
    window.shown.set_all_shown(("rollout", "predictions", "features"))
    assert window.board._column.minimumHeight() == 2 * LOWEST
    window.shown.set_all_shown(("rollout",))
    assert window.board._column.minimumHeight() == 0
    window.compare.reset_board()


def test_words_stay_to_be_read_and_numbers_whole(table: TableWidget) -> None:
    names, *numbers = (span for _, span in table.rows.spans())
    letters = table.rows.fontMetrics().averageCharWidth()
    assert names >= 13 * letters
    assert all(span >= table.rows.fontMetrics().horizontalAdvance("0.125") for span in numbers)
    assert table.horizontalScrollBar().maximum() > 0


def test_the_heading_is_the_first_line_wherever_the_lines_are(table: TableWidget) -> None:
    down = table.verticalScrollBar().value()
    assert down > 0
    assert table.line_at(QPointF(5, down + 2)) == 0
    last = table.rows.line * 30.5
    assert int(table.line_at(QPointF(5, last))) == 30


def test_something_that_runs_does_not_widen_a_small_window(qtbot: QtBot) -> None:
    controls = BottomBar(Session(InlineJobs(), save=lambda _settings: ""))
    qtbot.addWidget(controls)
    controls.prefixes.show_names(("class",), "class")
    controls.jobs.begin(Job("read", "read", "reading a picture of a long name", done=1, total=2))
    assert controls.minimumSizeHint().width() <= 620
