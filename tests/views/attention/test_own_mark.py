"""A mark over rollout and heads: the numbers are those of the map that is drawn."""

from __future__ import annotations

import numpy as np
import pytest

import vitviz
from vitviz.core.data.drawing import Outlines
from vitviz.core.measures.marks import mark_fit
from vitviz.core.pictures.picture_area import PictureArea
from vitviz.core.progress import VitvizError

MARK = "20 20 80 90"


@pytest.mark.parametrize("view", ["rollout", "heads"])
def test_the_large_map_is_held_against_the_mark(tiny_trace, view):
    chosen = {"layer": 2, "head": 1}
    drawing = vitviz.draw(view, tiny_trace, mark=MARK, unit="share of attention", **chosen)
    plain = vitviz.draw(view, tiny_trace, unit="share of attention", **chosen)
    covered = PictureArea.read(MARK).coverage(tiny_trace.grid, tiny_trace.crop)
    values = next(iter(plain.arrays.values())).ravel()
    fit = mark_fit(values, covered)
    large = drawing.panels[0]
    assert dict(large.facts)["in the mark"] == f"{fit.inside:.0%} of the map"
    assert dict(large.facts)["best overlap"] == f"{fit.overlap:.2f}"
    assert fit.words() in drawing.caption
    assert isinstance(large.layers[-1], Outlines)
    assert "in the mark" not in dict(plain.panels[0].facts)
    assert np.array_equal(next(iter(drawing.arrays.values())).ravel(), values)


@pytest.mark.parametrize("view", ["rollout", "heads"])
def test_a_mark_that_is_none_is_refused(tiny_trace, view):
    with pytest.raises(VitvizError, match="TOP LEFT BOTTOM RIGHT"):
        vitviz.draw(view, tiny_trace, mark="everything")


def test_another_head_is_held_against_the_same_mark(tiny_trace):
    one, two = (
        dict(vitviz.draw("heads", tiny_trace, mark=MARK, layer=5, head=head).panels[0].facts)
        for head in (0, 1)
    )
    assert one["its area"] == two["its area"]
    assert one["in the mark"] != two["in the mark"] or one["best overlap"] != two["best overlap"]
