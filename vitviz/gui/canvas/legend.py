"""What stands beside a map: its colour bar with the range, its numbers and bars."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import numpy as np
from jaxtyping import UInt8
from PySide6.QtCore import QPointF, QRectF, QSize, Qt, Signal
from PySide6.QtGui import QColor, QFont, QFontMetrics, QPainter, QPaintEvent, QResizeEvent
from PySide6.QtWidgets import QSizePolicy, QWidget

from vitviz.core.colors import ColorScale, scale_index, table_colors
from vitviz.core.data.drawing import Bars
from vitviz.core.language import _
from vitviz.core.notation import shown_number
from vitviz.gui.canvas.qimages import image_of
from vitviz.gui.widgets import theme

BarColors = UInt8[np.ndarray, "256 rgb"]
BAR = 6
"""Pixels that a colour bar is high."""
TITLE_LINES = 2
"""Lines that a panel's title may have."""


def title_font() -> QFont:
    """What a panel's title is written in."""
    return theme.font(-1)


def bar_font() -> QFont:
    """What a colour bar's ends and name are written in."""
    return theme.font(-1.5, numbers=True)


def facts_font() -> QFont:
    """What numbers beside a panel are written in."""
    return theme.font(-1, numbers=True)


class ColorBar(QWidget):
    """A slim bar of the colour table between the range's ends, with label and unit; these have a line
    of their own where there is no room beside the bar.
    """

    def __init__(self) -> None:
        super().__init__()
        self._scale: ColorScale | None = None
        self._colors: BarColors | None = None
        self._value: tuple[float | None, str] = (None, "")
        self.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Fixed)
        self.setFont(bar_font())

    def sizeHint(self) -> QSize:
        return QSize(120, self.height_at(self.width()))

    def show_scale(self, scale: ColorScale | None, colors: BarColors | None = None) -> None:
        """Replaces what is shown, in the scale's own colours unless told; None hides the bar."""
        self.setVisible(scale is not None)
        colors = table_colors(scale.table) if colors is None and scale is not None else colors
        if scale != self._scale or colors is not self._colors:
            self._scale, self._colors = scale, colors
            if scale is not None:
                unit = f" ({scale.unit})" if scale.unit else ""
                beyond = _("; arrows: numbers beyond") if scale.below or scale.above else ""
                powers = ", logarithmic" if scale.powers else ""
                low, high = (shown_number(end, 6) for end in (scale.low, scale.high))
                self.setToolTip(
                    _("{label}{unit}: {low} to {high}{powers}{beyond}").format(
                        label=scale.label,
                        unit=unit,
                        low=low,
                        high=high,
                        powers=powers,
                        beyond=beyond,
                    )
                )
                self._fit()
            self.update()

    @property
    def value(self) -> tuple[float | None, str]:
        """The value under the cursor, and what is said of it; None and nothing without one."""
        return self._value

    def show_value(self, value: float | None, words: str) -> None:
        """Marks a value on the bar and says in `words` whose it is, in the place of the bar's name."""
        shown = (None, "") if value is None or not np.isfinite(value) else (value, words)
        if shown != self._value:
            self._value = shown
            self.update()

    def height_at(self, width: int) -> int:
        """The height that it needs at a width."""
        return bar_height(self._scale, self.fontMetrics(), width)

    def resizeEvent(self, event: QResizeEvent) -> None:
        if event.size().width() != event.oldSize().width():
            self._fit()

    def _fit(self) -> None:
        if self.height() != (needed := self.height_at(self.width())):
            self.setFixedHeight(needed)

    def paintEvent(self, _event: QPaintEvent) -> None:
        if self._scale is None:
            return
        painter, metrics = QPainter(self), self.fontMetrics()
        low, high, label = _bar_words(self._scale)
        line = metrics.height() + 4
        left, right = metrics.horizontalAdvance(low) + 6, metrics.horizontalAdvance(high) + 6
        centre = Qt.AlignmentFlag.AlignVCenter
        painter.setPen(QColor(theme.current().quiet))
        if not _side_by_side(self._scale, metrics, self.width()):
            # The range is always said, the colours where there is room.
            painter.drawText(QRectF(0, 0, self.width(), line), centre, f"{low} …")
            painter.drawText(QRectF(0, line - 2, self.width(), line), centre, high)
        else:
            below = _named_below(self._scale, metrics, self.width())
            room = self.width() - left - right
            beside = 0 if below else metrics.horizontalAdvance(label) + 12
            bar = max(min(max(room - beside, min(room, 48)), 180), 4)
            painter.drawText(QRectF(0, 0, left, line), centre, low)
            self._paint_bar(painter, QRectF(left, line / 2 - BAR / 2, bar, BAR))
            painter.drawText(QRectF(left + bar + 6, 0, right, line), centre, high)
            at = (0, line - 2) if below else (left + bar + right + 6, 0)
            value, words = self._value
            painter.setPen(QColor(theme.current().faint if value is None else theme.current().text))
            room = self.width() - at[0]
            elided = metrics.elidedText(words or label, Qt.TextElideMode.ElideRight, int(room))
            painter.drawText(QRectF(*at, room, line), centre, elided)

    def _paint_bar(self, painter: QPainter, place: QRectF) -> None:
        """The colours, from an arrow to an arrow where there are numbers beyond the ends."""
        scale, colors = self._scale, self._colors
        assert scale is not None
        assert colors is not None
        tip = min(float(BAR), place.width() / 4)
        inside = place.adjusted(tip * scale.below, 0, -tip * scale.above, 0)
        painter.drawImage(inside, image_of(np.ascontiguousarray(colors[None])))
        painter.save()
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        painter.setPen(Qt.PenStyle.NoPen)
        for there, at, point, color in (
            (scale.below, inside.left(), place.left(), colors[0]),
            (scale.above, inside.right(), place.right(), colors[-1]),
        ):
            if there:
                painter.setBrush(QColor(*color.tolist()))
                painter.drawPolygon(
                    [
                        QPointF(at, place.top()),
                        QPointF(point, place.center().y()),
                        QPointF(at, place.bottom()),
                    ]
                )
        value, _ = self._value
        if value is not None:
            share = int(scale_index(np.array([value], np.float32), scale)[0]) / 255
            at, top = inside.left() + share * inside.width(), place.top()
            painter.setBrush(QColor(theme.current().text))
            mark = (at - 4, top - 5), (at + 4, top - 5), (at, top + 1)
            painter.drawPolygon([QPointF(*corner) for corner in mark])
        painter.restore()


def bar_height(scale: ColorScale | None, metrics: QFontMetrics, width: int) -> int:
    """The height that a colour bar needs at a width."""
    line = metrics.height() + 4
    if scale is None:
        return line
    below = _named_below(scale, metrics, width)
    return line if not below and _side_by_side(scale, metrics, width) else line + metrics.height()


def _side_by_side(scale: ColorScale, metrics: QFontMetrics, width: int) -> bool:
    """Whether both ends of the range, and a little of the colours, stand in one line."""
    low, high, _ = _bar_words(scale)
    return metrics.horizontalAdvance(low) + metrics.horizontalAdvance(high) + 16 <= width


def _bar_words(scale: ColorScale) -> tuple[str, str, str]:
    """(low, high, what) of a colour bar."""
    return shown_number(scale.low), shown_number(scale.high), scale.words


def _named_below(scale: ColorScale, metrics: QFontMetrics, width: int) -> bool:
    """Whether the bar's name finds no room beside it."""
    ends = sum(metrics.horizontalAdvance(words) + 12 for words in _bar_words(scale))
    return ends + 48 > width


PlacedTick = tuple[int, int, str, bool]
"""Line, left, words, and whether they are a value."""


class FactsLabel(QWidget):
    """Numbers that belong to a panel: quiet names, clear values, as many on a line as fit. One that is
    wider than the panel goes on in the next line.

    It never gets lower while its width stays: under a moving cursor the map must not jump.
    """

    GAP = 14

    grew = Signal()
    """It has more lines now than its width was laid out for."""

    def __init__(self) -> None:
        super().__init__()
        self.setFont(facts_font())
        self.setSizePolicy(QSizePolicy.Policy.Ignored, QSizePolicy.Policy.Fixed)
        self._facts: tuple[tuple[str, str], ...] = ()
        self._most = 0
        self._placed: tuple[int, list[PlacedTick]] | None = None
        self.setVisible(False)

    def show_facts(self, facts: tuple[tuple[str, str], ...]) -> None:
        """Replaces what is shown."""
        if facts == self._facts:
            return
        self._facts, self._placed = facts, None
        self.setVisible(bool(facts))
        self.setAccessibleName(", ".join(f"{name} {value}" for name, value in facts))
        self.setToolTip("\n".join(f"{name}: {value}" for name, value in facts))
        self._fit()
        self.update()

    def resizeEvent(self, event: QResizeEvent) -> None:
        if event.size().width() != event.oldSize().width():
            self._most = 0
            self._fit(told=False)  # who gave this width has reckoned with the lines at it

    def _fit(self, *, told: bool = True) -> None:
        lines = max((line for line, *_ in self.placed()), default=-1) + 1
        if lines > self._most:
            self._most = lines
            before, needed = self.minimumHeight(), lines * self.fontMetrics().lineSpacing()
            if needed != before:
                self.setFixedHeight(needed)
            if told and needed > before:
                self.grew.emit()

    def placed(self) -> list[PlacedTick]:
        """All that is to be seen, measured once for what is said now."""
        if self._placed is None or self._placed[0] != self.width():
            placed = list(_placed(self._facts, self.fontMetrics(), self.width()))
            self._placed = self.width(), placed
        return self._placed[1]

    def paintEvent(self, _event: QPaintEvent) -> None:
        painter, metrics = QPainter(self), self.fontMetrics()
        for line, left, words, is_value in self.shown():
            painter.setPen(QColor(theme.current().text if is_value else theme.current().quiet))
            painter.drawText(left, line * metrics.lineSpacing() + metrics.ascent(), words)

    def shown(self) -> list[PlacedTick]:
        """What is painted: whole lines only, the last one ending in "…" where the panel is too low
        for all of them. The tooltip has the rest."""
        placed, metrics = self.placed(), self.fontMetrics()
        panel = self.parentWidget()
        room = self.height() if panel is None else min(self.height(), panel.height() - self.y())
        fits = (room - metrics.height()) // metrics.lineSpacing() + 1
        if all(line < fits for line, *_ in placed):
            return placed
        kept = [each for each in placed if each[0] < fits - 1]
        last = [each for each in placed if each[0] == fits - 1]
        dots = metrics.horizontalAdvance("…")
        while last and last[-1][1] + metrics.horizontalAdvance(f"{last[-1][2]} …") > self.width():
            last.pop()
        end = last[-1][1] + metrics.horizontalAdvance(f"{last[-1][2]} ") if last else 0
        return [*kept, *last, (fits - 1, min(end, self.width() - dots), "…", False)]


Facts = Sequence[tuple[str, str]]


def facts_lines(facts: Facts, metrics: QFontMetrics, width: int) -> int:
    """How many lines numbers take at a width."""
    return max((line for line, *_ in _placed(facts, metrics, width)), default=-1) + 1


def _placed(facts: Facts, metrics: QFontMetrics, width: int) -> Iterator[PlacedTick]:
    line, left = 0, 0
    for name, value in facts:
        whole = metrics.horizontalAdvance(f"{name} {value}")
        if left and left + whole > width:
            line, left = line + 1, 0
        if whole <= width:
            yield line, left, name, False
            yield line, left + metrics.horizontalAdvance(f"{name} "), value, True
            left += whole + FactsLabel.GAP
            continue
        for words, is_value in ((name, False), (value, True)):
            for word in words.split():
                long = metrics.horizontalAdvance(f"{word} ")
                if left and left + long > width:
                    line, left = line + 1, 0
                yield line, left, word, is_value
                left += long
        left = width  # whatever comes next has a line of its own


class BarsWidget(QWidget):
    """Named shares as horizontal bars, best first."""

    def __init__(self) -> None:
        super().__init__()
        self._bars = Bars((), (), ())
        self.setMinimumSize(120, 60)
        self.setFont(theme.font(-0.5, numbers=True))

    def show_bars(self, bars: Bars) -> None:
        """Replaces what is shown."""
        if bars != self._bars:
            self._bars = bars
            self.setToolTip(
                "\n".join(f"{a}: {b}" for a, b in zip(bars.names, bars.texts, strict=True))
            )
            self.update()

    def paintEvent(self, _event: QPaintEvent) -> None:
        painter = QPainter(self)
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        metrics, colors = self.fontMetrics(), theme.current()
        step = min(max(self.height() / max(len(self._bars.names), 1), metrics.height() + 8), 44.0)
        for index, (name, value, text) in enumerate(
            zip(self._bars.names, self._bars.values, self._bars.texts, strict=True)
        ):
            top = index * step
            if top + metrics.height() + 6 > self.height():
                break
            behind = metrics.horizontalAdvance(text) + 8
            line = QRectF(0, top, self.width() - behind, metrics.height() + 2)
            painter.setPen(QColor(colors.text if index == 0 else colors.quiet))
            shown = metrics.elidedText(name, Qt.TextElideMode.ElideRight, int(line.width()))
            painter.drawText(line, Qt.AlignmentFlag.AlignVCenter, shown)
            painter.drawText(
                QRectF(0, top, self.width(), metrics.height() + 2),
                Qt.AlignmentFlag.AlignVCenter | Qt.AlignmentFlag.AlignRight,
                text,
            )
            track = QRectF(0, top + metrics.height() + 3, self.width(), 4)
            painter.setPen(Qt.PenStyle.NoPen)
            painter.setBrush(QColor(colors.line))
            painter.drawRoundedRect(track, 2, 2)
            share = min(max(value / self._bars.high, 0.0), 1.0) if self._bars.high > 0 else 0.0
            painter.setBrush(QColor(colors.accent if index == 0 else colors.faint))
            track.setWidth(max(self.width() * share, 2.0))
            painter.drawRoundedRect(track, 2, 2)
