"""What is said beside a map is read whole in narrow columns: nothing is cut, nothing jumps."""

from __future__ import annotations

from itertools import combinations

import numpy as np
import pytest
from PySide6.QtCore import QCoreApplication, QEvent, QPoint, QRect
from PySide6.QtGui import QFontMetrics
from PySide6.QtWidgets import QWidget
from pytestqt.qtbot import QtBot

from vitviz.core.colors import ColorScale
from vitviz.core.data.drawing import Message
from vitviz.core.data.selection import Selection, place_of
from vitviz.core.data.trace import Trace
from vitviz.gui.app.application import application
from vitviz.gui.app.main_window import MainWindow
from vitviz.gui.canvas.drawing_widget import DrawingWidget
from vitviz.gui.canvas.legend import ColorBar, FactsLabel
from vitviz.gui.canvas.message_widget import MessageWidget, message_height
from vitviz.gui.columns.column_table import NARROWEST
from vitviz.gui.widgets import theme
from vitviz.gui.widgets.fitting_labels import ElidedLabel, WrappedLabel, wrapped
from vitviz.session.work.request import ModelRequest
from vitviz.views import find

FACTS = (("token", "1126 of 1374"), ("original rows", "334 to 384"), ("size", "14 × 14 px"))
FILE = "vit_tiny_patch16_224.augreg_in21k_ft_in1k.fp16.safetensors"


@pytest.fixture(scope="module", autouse=True)
def dark() -> None:
    theme.apply(application(), theme.DARK)


@pytest.mark.parametrize("text", [FILE, "28 × 28 patches, token (13, 14) is number 379 of 785"])
@pytest.mark.parametrize("width", [40, 90, 170])
def test_words_are_wrapped_whole_and_within_the_width(text: str, width: int) -> None:
    metrics = QFontMetrics(theme.font())
    lines = wrapped(text, metrics, width, 99)
    assert "".join(lines).replace(" ", "") == text.replace(" ", "")
    assert all(metrics.horizontalAdvance(line) <= width for line in lines)


def test_names_without_spaces_are_broken_at_their_seams() -> None:
    metrics = QFontMetrics(theme.font())
    first, *_ = wrapped(FILE, metrics, metrics.horizontalAdvance("vit_tiny_patc"), 3)
    assert first == "vit_tiny_"


def test_more_lines_than_allowed_are_elided() -> None:
    metrics = QFontMetrics(theme.font())
    lines = wrapped(FILE, metrics, 80, 2)
    assert len(lines) == 2
    assert lines[1].endswith("…")


@pytest.mark.parametrize("lines", [1, 2, 4])
def test_facts_that_a_low_panel_has_no_room_for_are_left_out_whole(
    qtbot: QtBot, lines: int
) -> None:
    panel = QWidget()
    qtbot.addWidget(panel)
    label = FactsLabel()
    label.setParent(panel)
    label.setGeometry(0, 10, 90, 20)
    label.show_facts(FACTS)
    step = label.fontMetrics().lineSpacing()
    panel.resize(90, 10 + round((lines + 0.4) * step))  # the next line would be cut in its middle
    label.resize(90, label.minimumHeight())
    placed, shown = label.placed(), label.shown()
    assert max(line for line, *_ in placed) >= lines
    assert max(line for line, *_ in shown) == lines - 1
    assert shown[-1][2] == "…"
    ends = [left + label.fontMetrics().horizontalAdvance(words) for _, left, words, _ in shown]
    assert max(ends) <= 90
    assert set(shown[:-1]) <= set(placed)
    panel.resize(90, 400)
    assert label.shown() == placed


@pytest.mark.parametrize("width", [60, 90, 150, 400])
def test_facts_are_never_cut(qtbot: QtBot, width: int) -> None:
    label = FactsLabel()
    qtbot.addWidget(label)
    label.resize(width, 20)
    label.show_facts(FACTS)
    placed, metrics = label.placed(), label.fontMetrics()
    said = " ".join(words for _, _, words, _ in placed)
    assert said == " ".join(f"{name} {value}" for name, value in FACTS)
    assert all(left + metrics.horizontalAdvance(words) <= width for _, left, words, _ in placed)
    lines = {line for line, *_ in placed}
    assert label.height() == len(lines) * metrics.lineSpacing()


def test_words_that_change_never_get_lower(qtbot: QtBot) -> None:
    label = WrappedLabel(most=3)
    qtbot.addWidget(label)
    label.resize(120, 20)
    with qtbot.waitSignal(label.grew):
        label.show_text("from the class token: layers 12 to 1, heads fused by mean")
    high = label.height()
    label.show_text("short")
    assert label.height() == high > label.fontMetrics().lineSpacing()


def test_the_tail_of_a_label_is_always_seen(qtbot: QtBot) -> None:
    label = ElidedLabel()
    qtbot.addWidget(label)
    label.resize(90, 20)
    label.show_text("Staffordshire bullterrier", "0.08")
    (line,) = label.lines()
    assert line.endswith("… 0.08")


def test_a_bar_names_its_quantity_below_where_there_is_no_room_beside(qtbot: QtBot) -> None:
    bar = ColorBar()
    qtbot.addWidget(bar)
    bar.show_scale(ColorScale(0.00276, 0.136, "viridis", "relative contribution"))
    assert bar.height_at(150) > bar.height_at(400)


def test_a_bar_says_its_range_however_narrow_it_is(qtbot: QtBot) -> None:
    bar = ColorBar()
    qtbot.addWidget(bar)
    bar.show_scale(ColorScale(0.0192, 0.0391, "viridis", "contribution"))
    both = bar.fontMetrics().horizontalAdvance("0.0192 … 0.0391")
    assert bar.height_at(both - 8) > bar.height_at(400)  # one number above the other


@pytest.mark.parametrize("size", [(1000, 650), (800, 560)])
def test_panels_of_a_small_window_stand_beside_each_other(
    window: MainWindow, size: tuple[int, int]
) -> None:
    window.resize(*size)
    for _ in range(5):  # panels beside the views fold away, and drawings turn for their new room
        QCoreApplication.processEvents()
    for card in window.board.cards.values():
        if not card.isVisible():
            continue
        inside = card.canvas.rect()
        places = [
            QRect(panel.mapTo(card.canvas, QPoint(0, 0)), panel.size())
            for panel in card.canvas.panels
        ]
        assert all(inside.left() <= at.left() and at.right() <= inside.right() for at in places)
        assert not any(one.intersects(two) for one, two in combinations(places, 2))


def test_titles_on_a_small_board_have_two_lines(window: MainWindow) -> None:
    window.resize(1000, 650)
    QCoreApplication.processEvents()
    titles = [panel._title for panel in window.board.cards["patches"].canvas.panels]
    said = {title.text(): title.lines() for title in titles}
    assert " ".join(said["The whole picture"]) == "The whole picture"
    assert any(len(lines) == 2 for lines in said.values())
    assert all(
        title.height() >= len(title.lines()) * title.fontMetrics().lineSpacing() for title in titles
    )


def test_a_message_gets_smaller_before_anything_is_left_out(qtbot: QtBot) -> None:
    message = Message("The class token has no patch.", "Point at a patch to see its pixels.")
    widget = MessageWidget()
    qtbot.addWidget(widget)
    widget.show_message(message)
    for height in (message_height(message, 100), 100, 50):
        widget.resize(100, height)
        fonts = [font for font, _, _ in widget.laid_out()]
        lines = [words for _, words, _ in widget.laid_out() if words]
        assert sum(QFontMetrics(font).lineSpacing() for font in fonts[: len(lines)]) <= height
        assert " ".join(lines).startswith(message.text), "the reason is always whole"
    assert message.hint in widget.toolTip()


@pytest.fixture
def narrow(qtbot: QtBot, window: MainWindow) -> MainWindow:
    """Six columns where three fit."""
    window.resize(1000, 650)
    for _ in range(5):
        window.perform("add_column")
    window.session.columns.use_model(ModelRequest("test_vit", pretrained=False, patch_size=32))
    window.show_views_of("patches", "heads")
    trace = window.session.trace
    assert trace is not None
    window.session.chosen.pin(place_of(trace.grid.middle, trace.grid, trace.crop))
    table = window.compare.table
    with qtbot.waitSignal(table.visible_changed, timeout=2000):
        window.compare.arrange()
    qtbot.waitUntil(lambda: not table._due and not table._fitting.isActive(), timeout=5000)
    QCoreApplication.sendPostedEvents(None, QEvent.Type.LayoutRequest)
    return window


def test_narrow_columns_cut_no_numbers(qtbot: QtBot, narrow: MainWindow) -> None:
    table = narrow.compare.table
    first = narrow.compare.lives[0].id
    card = table.card("patches", first)
    assert card is not None
    assert card.width() < 2 * NARROWEST
    for panel in card.canvas.panels:
        facts = panel._facts
        if facts.isVisible():
            lines = max(line for line, *_ in facts.placed()) + 1
            assert facts.height() >= lines * facts.fontMetrics().lineSpacing()
            assert facts.geometry().bottom() <= panel.height()


def test_headers_of_narrow_columns_say_all(narrow: MainWindow) -> None:
    for live in narrow.compare.lives:
        header = narrow.compare.headers[live.id]
        assert "…" not in " ".join(header._line.lines() + header._prediction.lines())
        assert header.height() >= header.height_at(header.width())


def test_cards_beside_each_other_have_panels_of_one_height(narrow: MainWindow) -> None:
    tops = []
    for live in narrow.compare.lives[:3]:
        card = narrow.compare.table.card("patches", live.id)
        assert card is not None
        tops.append([panel.mapTo(card, panel.rect().topLeft()).y() for panel in card.canvas.panels])
    assert np.ptp(np.array(tops), axis=0).max() <= 2


def test_a_low_wide_card_has_its_panels_beside_each_other(qtbot: QtBot, tiny_trace: Trace) -> None:
    canvas = DrawingWidget()
    qtbot.addWidget(canvas)
    canvas.resize(1400, 240)
    drawing = find("whatif").draw(tiny_trace, Selection(), {})
    assert len(drawing.rows) > 1
    canvas.show_drawing(drawing)
    assert len(canvas.shape) == 1
    canvas.resize(700, 600)
    canvas.show()
    qtbot.waitUntil(lambda: len(canvas.shape) == len(drawing.rows))
