"""The texts of a figure, where they really are on the page: what collides, and what leaves it."""

from __future__ import annotations

from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from matplotlib.text import Text
from matplotlib.transforms import Bbox

from vitviz.figures.text import typeset

TOUCHING = 0.6
"""Pixels at 200 dpi by which the boxes of two texts may overlap: boxes have air around the letters."""


def texts_of(figure: Figure) -> list[tuple[Text, Bbox]]:
    """Every text that is seen, with the box that Agg paints it into."""
    figure.set_dpi(200)
    canvas = FigureCanvasAgg(figure)
    with typeset():
        canvas.draw()
        renderer = canvas.get_renderer()
        every = [*figure.texts, *(text for axes in figure.axes for text in axes.texts)]
        return [
            (text, text.get_window_extent(renderer))
            for text in every
            if text.get_visible() and text.get_text().strip()
        ]


def faults(figure: Figure) -> list[str]:
    """In words, each text that leaves the page and each pair of texts that overlap."""
    found, texts = [], texts_of(figure)
    right, top = (side * figure.dpi for side in figure.get_size_inches())
    for text, box in texts:
        if box.x0 < 0 or box.y0 < 0 or box.x1 > right or box.y1 > top:
            found.append(f"{text.get_text()!r} leaves the page")
    texts.sort(key=lambda one: one[1].x0)
    for at, (text, box) in enumerate(texts):
        for other, beside in texts[at + 1 :]:
            if beside.x0 > box.x1 - TOUCHING:
                break
            if min(box.y1, beside.y1) - max(box.y0, beside.y0) > TOUCHING:
                found.append(f"{text.get_text()!r} lies over {other.get_text()!r}")
    return found
