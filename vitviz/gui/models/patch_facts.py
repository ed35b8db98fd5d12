"""What a patch size means, in numbers and in a small picture cut into patches."""

from __future__ import annotations

from PySide6.QtCore import QRect, QSize
from PySide6.QtGui import QImage, QPainter, QPaintEvent, QPen
from PySide6.QtWidgets import QGridLayout, QLabel, QWidget

from vitviz.core.language import _
from vitviz.core.measures.cost import PassCost, Size
from vitviz.core.notation import shown_number
from vitviz.gui.widgets import theme
from vitviz.gui.widgets.theme import UNIT


class CostTable(QWidget):
    """Tokens, memory and compute of a pass, one number a line."""

    def __init__(self) -> None:
        super().__init__()
        layout = QGridLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.setHorizontalSpacing(2 * UNIT)
        layout.setVerticalSpacing(UNIT // 2)
        self._values: dict[str, QLabel] = {}
        for row, (name, title, tip) in enumerate(
            (
                ("patches", _("patches"), _("Patches down × across")),
                (
                    "tokens",
                    _("tokens"),
                    _("Length of the sequence, with class and register tokens"),
                ),
                ("trace", _("trace"), _("Memory that the recorded attention will take")),
                (
                    "compute",
                    _("compute"),
                    _("Multiplications of a pass, against the model's own sizes"),
                ),
            )
        ):
            label, value = QLabel(title), QLabel()
            label.setObjectName("quiet")
            label.setToolTip(tip)
            value.setFont(theme.font(numbers=True))
            value.setToolTip(tip)
            layout.addWidget(label, row, 0)
            layout.addWidget(value, row, 1)
            self._values[name] = value
        layout.setColumnStretch(1, 1)

    def show_cost(self, found: PassCost) -> None:
        """Says what a pass costs."""
        self._values["patches"].setText(f"{found.grid[0]} × {found.grid[1]}")
        self._values["tokens"].setText(f"{found.tokens:,}")
        self._values["trace"].setText(memory(found.trace_bytes))
        times = f"{found.relative:.0f}" if found.relative >= 10 else shown_number(found.relative, 2)
        self._values["compute"].setText(
            _("as at its own sizes")
            if abs(found.relative - 1) < 5e-3
            else _("{times} × its own").format(times=times)
        )

    def texts(self) -> dict[str, str]:
        """What is said, by name."""
        return {name: label.text() for name, label in self._values.items()}


class GridPreview(QWidget):
    """The picture small, cut into the patches."""

    SIDE = 96

    def __init__(self) -> None:
        super().__init__()
        self._image: QImage | None = None
        self._grid = (1, 1)
        self.setFixedSize(QSize(self.SIDE, self.SIDE))
        self.setAccessibleName(_("The picture cut into patches"))

    def show_picture(self, image: QImage | None) -> None:
        """Puts a picture below the lines; None takes it away."""
        self._image = image
        self.update()

    def show_grid(self, grid: Size) -> None:
        """Cuts it into rows × cols."""
        self._grid = grid
        self.update()

    def paintEvent(self, _event: QPaintEvent) -> None:
        painter = QPainter(self)
        now, side = theme.current(), self.SIDE
        painter.fillRect(self.rect(), now.raised)
        if self._image is not None:
            painter.setRenderHint(QPainter.RenderHint.SmoothPixmapTransform)
            wide, high = self._image.width(), self._image.height()
            short = min(wide, high)
            seen = QRect((wide - short) // 2, (high - short) // 2, short, short)
            painter.drawImage(self.rect(), self._image, seen)
        painter.setPen(QPen(theme.role_color("grid" if self._image is not None else "quiet"), 1))
        for count, down in zip(self._grid, (True, False), strict=True):
            for index in range(1, count):
                place = round(index * side / count)
                ends = (0, place, side, place) if down else (place, 0, place, side)
                painter.drawLine(*ends)


def memory(count: int) -> str:
    """Bytes as a person says them."""
    megabytes = count / 1e6
    if megabytes >= 1000:
        return _("{megabytes:.1f} GB").format(megabytes=megabytes / 1000)
    return (
        _("{megabytes:.0f} MB").format(megabytes=megabytes)
        if megabytes >= 10
        else _("{megabytes:.1f} MB").format(megabytes=megabytes)
    )
