"""A drawing as a figure of matplotlib, to work on in a script or a notebook."""

from __future__ import annotations

from matplotlib.figure import Figure

from vitviz.core.data.drawing import Drawing
from vitviz.figures.render import render


def figure(drawing: Drawing, *, width_mm: float | None = None) -> Figure:
    """The drawing as a figure of matplotlib: its axes, texts and images are there to be changed.

    >>> page = vitviz.figure(drawing, width_mm=127)
    >>> print(f"{page.get_figwidth():.1f} inches, {len(page.axes)} axes")
    5.0 inches, 4 axes
    >>> "Heads fused by mean" in [text.get_text() for text in page.texts]
    True

    - `drawing` is what `vitviz.draw` returns.
    - `width_mm` is the page's width in millimetres.

    Returns a `matplotlib.figure.Figure`. Nothing of pyplot is touched; `page.savefig(...)` writes
    it, without the recipe that `vitviz.save` puts in. Raises VitvizError for a width that no figure
    can have.
    """
    return render(drawing, width_mm=width_mm)
