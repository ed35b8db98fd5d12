"""A person's own mark over a map: drawn on it, with how the map lies to it."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
from jaxtyping import Float

from vitviz.core.data.drawing import Outlines, Panel, Segments
from vitviz.core.data.geometry import TokenGrid
from vitviz.core.data.trace import Trace
from vitviz.core.measures.marks import Coverage, MarkFit, mark_fit
from vitviz.core.pictures.picture_area import PictureArea, border
from vitviz.core.progress import VitvizError
from vitviz.views.options import OptionHelp
from vitviz.views.shared.cache_per_trace import kept

MARK = OptionHelp(
    "Your own mark around what the map should show, painted or loaded, the same in all views that have "
    "one; as text TOP LEFT BOTTOM RIGHT in pixels of the picture, several with ; between them",
    paints="mark",
)


@dataclass(frozen=True, slots=True)
class OwnMark:
    """The mark, in the model's pixels, and how a map lies to it."""

    outline: Outlines | Segments
    fit: MarkFit

    def on(self, panel: Panel) -> Panel:
        """A map's panel with the mark over it and the numbers below."""
        facts = (*panel.facts, *self.fit.facts())
        return replace(panel, layers=(*panel.layers, self.outline), facts=facts)


def own_mark(
    trace: Trace, values: Float[np.ndarray, "patch"], grid: TokenGrid, text: str
) -> OwnMark | None:
    """The mark in a text over a map of a grid's patches; None for no text.

    VitvizError for a text that is no mark, and for one outside of what the model sees.
    """
    if not text.strip():
        return None
    outline, covered = _laid(trace, grid, text)
    return OwnMark(outline, mark_fit(values, covered))


@kept(most=8)
def _laid(trace: Trace, grid: TokenGrid, text: str) -> tuple[Outlines | Segments, Coverage]:
    area = PictureArea.read(text)
    covered = area.coverage(grid, trace.crop)
    if covered.sum() == 0:
        raise VitvizError(
            "the mark lies outside of what the model sees of the picture; draw it anew"
        )
    if len(area.boxes) == 1:
        box = trace.crop.box_to_model(area.boxes[0])
        return Outlines((box.clip(trace.crop.frame),), "chosen"), covered
    return Segments(border(covered >= 0.5, grid), "chosen"), covered


def mark_words(mark: OwnMark | None) -> tuple[str, ...]:
    """How the map lies to the mark, in a sentence; none without a mark."""
    return () if mark is None else (mark.fit.words(),)
