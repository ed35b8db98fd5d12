"""Text for paper: how wide it is, where its lines break, and which letters can be printed."""

from __future__ import annotations

import re
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache, lru_cache
from typing import Any

from matplotlib import rc_context
from matplotlib.font_manager import FontProperties, fontManager, get_font
from matplotlib.textpath import text_to_path

from vitviz.figures.paper import PaperStyle

MM = 1 / 25.4
"""One millimetre in inches."""
POINT = 25.4 / 72
"""One point in millimetres."""
LINE = 1.32
"""Distance of two lines over the size of the type."""

FALLBACKS = (
    "DejaVu Sans",
    "Noto Sans",
    "Noto Sans CJK SC",
    "Noto Sans CJK JP",
    "Microsoft YaHei",
    "PingFang SC",
    "Hiragino Sans",
    "Malgun Gothic",
    "Arial Unicode MS",
    "Droid Sans Fallback",
    "WenQuanYi Zen Hei",
)
"""Asked in turn for a letter that the chosen font lacks, as far as they are installed."""

_SET: Any = {
    "text.hinting": "none",
    "svg.fonttype": "none",
    "pdf.fonttype": 42,
    "svg.hashsalt": "vitviz",
}
_setting = threading.RLock()


@contextmanager
def typeset() -> Iterator[None]:
    """Text as it is measured here while a figure is drawn, and as text in SVG and PDF.

    Hinted letters are as wide as the pixels make them: at 120 dpi a line is 4 % longer than measured.
    One figure at a time, since matplotlib keeps its settings for all threads together.
    """
    with _setting, rc_context(_SET):
        yield


@cache
def fonts() -> tuple[str, ...]:
    """The fonts that there are to choose from, by name."""
    return tuple(sorted({font.name for font in fontManager.ttflist if _is_for_words(font.name)}))


def family(font: str, text: str = "") -> list[str]:
    """The font, with those that help out where it lacks a letter of the text."""
    if all(_in_file(_files(font)[0], letter) for letter in set(text)):
        return [font]
    return [font, *(name for name in FALLBACKS if name != font and name in fonts())]


def width(text: str, size: float, paper: PaperStyle, bold: bool = False) -> float:
    """How wide a line of text is, in millimetres."""
    return _width(printable(text, paper.font), size, paper.font, bold)


@lru_cache(4096)
def _width(text: str, size: float, font: str, bold: bool) -> float:
    if not text.strip():
        return 0.0
    weight = "bold" if bold else "normal"
    chosen = FontProperties(family=family(font, text), weight=weight, size=size)
    across, _, _ = text_to_path.get_text_width_height_descent(text, chosen, ismath=False)
    return float(across) * POINT


def wrapped(
    text: str, room: float, size: float, paper: PaperStyle, bold: bool = False
) -> list[str]:
    """The lines of a text in a column of `room` millimetres; a word without room for it is cut."""
    lines: list[str] = []
    for space, word in _pieces(text):
        longer = f"{lines[-1]}{space}{word}" if lines else word
        if lines and width(longer, size, paper, bold) <= room:
            lines[-1] = longer
            continue
        while len(word) > 1 and width(word, size, paper, bold) > room:
            fits = _good_break(word, _fitting(word, room, size, paper, bold))
            lines.append(word[:fits])
            word = word[fits:]
        lines.append(word)
    return lines


_HAN = r"\u3000-\u30ff\u3400-\u9fff\uf900-\ufaff\uff00-\uffef"
_PIECE = re.compile(rf"[（“《]*[{_HAN}][，。；：？！、）”》…]*|[^{_HAN}]+")


def _pieces(text: str) -> Iterator[tuple[str, str]]:
    """What stays on one line, with what stands before it: words, and Chinese letters one by one."""
    for word in text.split():
        for at, piece in enumerate(_PIECE.findall(word)):
            yield "" if at else " ", piece


def _good_break(word: str, fits: int) -> int:
    """How many letters of a word to take, of those that fit: up to a sign, as in names of files."""
    at = max(word.rfind(sign, 0, fits) for sign in "_-./")
    return at + 1 if at + 1 >= 0.4 * fits else fits


def fitted(text: str, room: float, size: float, paper: PaperStyle) -> str:
    """A line of text as far as there is room for it."""
    if width(text, size, paper) <= room:
        return text
    return f"{text[: _fitting(text, room - width('…', size, paper), size, paper, False)].rstrip()}…"


def _fitting(word: str, room: float, size: float, paper: PaperStyle, bold: bool) -> int:
    """How many letters of a word fit, at least one."""
    low, high = 1, len(word)
    while low < high:
        middle = (low + high + 1) // 2
        fits = width(word[:middle], size, paper, bold) <= room
        low, high = (middle, high) if fits else (low, middle - 1)
    return low


def height(lines: int, size: float) -> float:
    """How high so many lines are, in millimetres."""
    return lines * size * POINT * LINE


def printable(text: str, font: str) -> str:
    """The text with an empty box for each letter that no font here has."""
    if text.isascii():
        return "".join(each if each.isprintable() or each == "\n" else " " for each in text)
    return "".join(each if _known(each, font) else "□" for each in text)


@lru_cache(4096)
def _known(letter: str, font: str) -> bool:
    return any(_in_file(file, letter) for file in _files(font))


@lru_cache(4096)
def _in_file(file: str, letter: str) -> bool:
    return letter.isspace() or get_font(file).get_char_index(ord(letter)) != 0


@cache
def _files(font: str) -> tuple[str, ...]:
    return tuple(
        fontManager.findfont(FontProperties(family=name), fallback_to_default=True)
        for name in (font, *(name for name in FALLBACKS if name in fonts()))
    )


def _is_for_words(name: str) -> bool:
    """Whether a font is for words: matplotlib brings some for mathematical signs only."""
    return not name.startswith(("cm", "STIX", "DejaVu Sans Display", "DejaVu Serif Display"))
