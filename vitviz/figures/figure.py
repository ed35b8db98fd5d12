"""A drawing as a figure of matplotlib, to work on in a script or a notebook."""

from __future__ import annotations

from matplotlib.figure import Figure

from vitviz.core.data.drawing import Drawing
from vitviz.figures.render import render


def figure(drawing: Drawing, *, width_mm: float | None = None) -> Figure:
    """The drawing as a figure of matplotlib: its axes, texts and images are there to be changed.

    `width_mm` is the page's width. Nothing of pyplot is touched; `figure.savefig(...)` writes it,
    without the recipe that `vitviz.save` puts in. VitvizError for a width that no figure can have.
    """
    return render(drawing, width_mm=width_mm)
