"""Predict, then reveal: nothing is given away before, and the numbers are those of the attention."""

from __future__ import annotations

import numpy as np
import pytest

import vitviz
from vitviz.core.data.drawing import Heat, Outlines, Raster, aim
from vitviz.core.data.plots import Table
from vitviz.core.progress import VitvizError


def test_nothing_is_given_away_before(tiny_trace):
    drawing = vitviz.draw("predict", tiny_trace, token=(4, 5), head=1, painted="3,4 3,5")
    (panel,) = drawing.panels
    assert not any(isinstance(layer, Heat) for layer in panel.layers)
    assert not drawing.arrays
    spot = tiny_trace.grid.box(tiny_trace.grid.token(3, 4)).centre
    found = aim(panel, spot.row, spot.col)
    assert found.token is None, "hovering while painting chooses nothing"
    assert "(3, 4)" in found.words


def test_painted_patches_are_tinted_and_no_others(tiny_trace):
    raster = next(
        layer
        for layer in vitviz.draw("predict", tiny_trace, painted="0,1").panels[0].layers
        if isinstance(layer, Raster) and layer.pixels.shape == tiny_trace.seen.shape
    )
    high, wide = (side // 10 for side in tiny_trace.seen.shape[:2])
    changed = (raster.pixels != tiny_trace.seen).any(-1)
    assert changed[:high, wide : 2 * wide].mean() > 0.9
    assert not changed[high:].any()


def test_revealed_the_numbers_are_those_of_the_row(tiny_trace):
    drawing = vitviz.draw(
        "predict", tiny_trace, token=(4, 5), layer=2, head=1, painted="3,4 3,5 9,9", reveal=True
    )
    grid = tiny_trace.grid
    row = tiny_trace.layers[2].attention.rows(grid.token(4, 5))[1][grid.patches]
    heat = next(layer for layer in drawing.panels[1].layers if isinstance(layer, Heat))
    np.testing.assert_allclose(heat.values.ravel(), row, atol=1e-7)
    outlined = [layer for layer in drawing.panels[1].layers if isinstance(layer, Outlines)][-1]
    assert outlined.boxes[0] == grid.box(grid.token(3, 4))
    table = dict(next(layer for layer in drawing.panels[2].layers if isinstance(layer, Table)).rows)
    share = row[[34, 35, 99]].sum() / row.sum()
    assert table["share of its attention on patches inside what you painted"] == f"{share:.0%}"
    assert table["times an even share"] == f"{share / 0.03:.2f}"


@pytest.mark.parametrize("painted", ["10,0", "x", "3;4", "3,4,5"])
def test_what_is_no_patch_is_said(painted, tiny_trace):
    with pytest.raises(VitvizError, match="is no patch of this picture; give row,col from 0,0"):
        vitviz.draw("predict", tiny_trace, painted=painted)


def test_revealing_without_painting_is_no_overlap(tiny_trace):
    drawing = vitviz.draw("predict", tiny_trace, reveal=True)
    table = next(layer for layer in drawing.panels[2].layers if isinstance(layer, Table))
    assert table.rows == (("nothing is painted yet", "–"),)
