"""A narrow strip at the window's edge for a panel that is folded away; a click unfolds it."""

from __future__ import annotations

from PySide6.QtCore import QRect, QSize, Qt, Signal
from PySide6.QtGui import QPainter, QPaintEvent
from PySide6.QtWidgets import QStyle, QStyleOptionToolButton, QStylePainter, QToolBar, QToolButton

from vitviz.core.language import _
from vitviz.gui.widgets import theme


class SidewaysButton(QToolButton):
    """A button whose words run from bottom to top."""

    def sizeHint(self) -> QSize:
        """As high as its words are long."""
        metrics = self.fontMetrics()
        return QSize(metrics.height() + 10, metrics.horizontalAdvance(self.text()) + 24)

    def minimumSizeHint(self) -> QSize:
        """The same: its words are not cut."""
        return self.sizeHint()

    def paintEvent(self, _event: QPaintEvent) -> None:
        option = QStyleOptionToolButton()
        self.initStyleOption(option)
        text, option.text = option.text, ""
        painter = QStylePainter(self)
        painter.drawComplexControl(QStyle.ComplexControl.CC_ToolButton, option)
        painter.setRenderHint(QPainter.RenderHint.TextAntialiasing)
        painter.setPen(option.palette.color(self.foregroundRole()))
        painter.translate(0, self.height())
        painter.rotate(-90)
        painter.drawText(
            QRect(0, 0, self.height(), self.width()), Qt.AlignmentFlag.AlignCenter, text
        )


class DockStrip(QToolBar):
    """One folded panel's strip."""

    wished = Signal()
    """The panel is to be unfolded, or folded again."""

    def __init__(self, title: str, keys: str) -> None:
        super().__init__(_("{title} (folded)").format(title=title))
        self.setObjectName(f"{title} strip")
        self.setMovable(False)
        self.setContextMenuPolicy(Qt.ContextMenuPolicy.PreventContextMenu)
        self.toggleViewAction().setVisible(False)
        self.button = SidewaysButton()
        self.button.setObjectName("small")
        self.button.setText(title)
        self.button.setCheckable(True)
        self.button.setFont(theme.font(-0.5))
        self.button.setToolTip(
            _("Show or fold away {title} ({keys})").format(title=title, keys=keys)
        )
        self.button.setAccessibleName(_("Show or fold away {title}").format(title=title))
        self.button.setFocusPolicy(Qt.FocusPolicy.TabFocus)
        self.button.clicked.connect(self.wished)
        self.addWidget(self.button)
        self.hide()
