"""Text for paper: how wide it is, and where its lines break."""

from __future__ import annotations

from functools import lru_cache

from matplotlib.font_manager import FontProperties
from matplotlib.textpath import TextPath

MM = 1 / 25.4
"""One millimetre in inches."""
POINT = 25.4 / 72
"""One point in millimetres."""
LINE = 1.32
"""Distance of two lines over the size of the type."""


@lru_cache(4096)
def width(text: str, size: float, bold: bool = False) -> float:
    """How wide a line of text is, in millimetres."""
    if not text.strip():
        return 0.0
    font = FontProperties(weight="bold" if bold else "normal")
    safe = text.replace("$", r"\$")
    return float(TextPath((0, 0), safe, size=size, prop=font).get_extents().width) * POINT


def wrapped(text: str, room: float, size: float, bold: bool = False) -> list[str]:
    """The lines of a text in a column of `room` millimetres."""
    lines: list[str] = []
    for word in text.split():
        longer = f"{lines[-1]} {word}" if lines else word
        if lines and width(longer, size, bold) <= room:
            lines[-1] = longer
        else:
            lines.append(word)
    return lines


def height(lines: int, size: float) -> float:
    """How high so many lines are, in millimetres."""
    return lines * size * POINT * LINE


def number(value: float) -> str:
    """A number for a colour bar: three significant digits, no noise."""
    if value != 0 and abs(value) < 1e-3:
        return f"{value:.2e}"
    return f"{value:.3g}"
