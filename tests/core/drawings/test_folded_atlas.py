"""The atlas folded into blocks: every tile is the same tile, and pointed at as before."""

from __future__ import annotations

import numpy as np
import pytest

import vitviz
from vitviz.core.data.drawing import HeadTiles, HeatTiles, Labels, Outlines, Panel, aim
from vitviz.core.data.trace import Trace
from vitviz.core.drawings.folded_atlas import TURNED, can_fold, folded, folds


@pytest.fixture
def atlas(tiny_trace: Trace) -> Panel:
    (found,) = [panel for panel in vitviz.draw("heads", tiny_trace).panels if can_fold(panel)]
    return found


def middles(panel: Panel) -> dict[tuple[int | None, int | None], tuple[float, float]]:
    """Where every (layer, head) can be pointed at."""
    assert isinstance(panel.space, HeadTiles)
    rows, cols = panel.space.grid.rows, panel.space.grid.cols
    found = {}
    for row in np.arange(rows / 2, panel.extent.bottom, rows + 1):
        for col in np.arange(cols / 2, panel.extent.right, cols + 1):
            if (pointed := aim(panel, float(row), float(col))) is not None:
                found[pointed.layer, pointed.head] = (float(row), float(col))
    return found


def test_every_tile_can_be_pointed_at_and_has_its_own_values(atlas: Panel) -> None:
    plain = middles(atlas)
    for blocks in folds(atlas):
        panel = folded(atlas, blocks)
        there = middles(panel)
        assert there.keys() == plain.keys()
        for key, place in plain.items():
            one, two = aim(atlas, *place), aim(panel, *there[key])
            assert one is not None
            assert two is not None
            assert (one.token, one.value, one.words) == (two.token, two.value, two.words)


def test_one_block_is_the_atlas_itself(atlas: Panel) -> None:
    assert folded(atlas, 1) is atlas


def test_more_blocks_are_wider_and_lower(atlas: Panel) -> None:
    shapes = [one.extent.width / one.extent.height for one in (folded(atlas, b) for b in (1, 2, 3))]
    assert shapes == sorted(shapes)
    assert shapes[0] < shapes[-1]


def test_numbers_and_the_chosen_tile_go_with_their_layer(tiny_trace: Trace) -> None:
    drawing = vitviz.draw("heads", tiny_trace, layer=4, head=1)
    (atlas,) = [panel for panel in drawing.panels if can_fold(panel)]
    panel = folded(atlas, 3)
    (outlined,) = [layer for layer in panel.layers if isinstance(layer, Outlines)]
    middle = outlined.boxes[0].centre
    pointed = aim(panel, middle.row, middle.col)
    assert pointed is not None
    assert (pointed.layer, pointed.head) == (4, 1)
    (labels,) = [layer for layer in panel.layers if isinstance(layer, Labels)]
    beside = [label for label in labels.labels if label.anchor == "right"]
    assert [label.text for label in beside] == ["1", "2", "3", "4", "5", "6"]
    assert len({label.at.col for label in beside}) == 3
    above = [label.text for label in labels.labels if label.anchor == "bottom"]
    assert sorted(above) == ["1", "1", "1", "2", "2", "2"]


def test_a_turned_atlas_has_its_numbers_and_its_chosen_tile_with_it(tiny_trace: Trace) -> None:
    drawing = vitviz.draw("heads", tiny_trace, layer=4, head=1)
    (atlas,) = [panel for panel in drawing.panels if can_fold(panel)]
    panel = folded(atlas, TURNED)
    assert panel.title == "Every head: layers across, heads down"
    assert panel.extent.width / panel.extent.height > 1 > atlas.extent.width / atlas.extent.height
    (outlined,) = [layer for layer in panel.layers if isinstance(layer, Outlines)]
    middle = outlined.boxes[0].centre
    pointed = aim(panel, middle.row, middle.col)
    assert pointed is not None
    assert (pointed.layer, pointed.head) == (4, 1)
    (labels,) = [layer for layer in panel.layers if isinstance(layer, Labels)]
    assert [label.text for label in labels.labels if label.anchor == "right"] == ["1", "2"]
    above = [label for label in labels.labels if label.anchor == "bottom"]
    assert [label.text for label in above] == ["1", "2", "3", "4", "5", "6"]
    for label in above:
        below = aim(panel, 1.0, label.at.col)
        assert below is not None
        assert below.layer == int(label.text) - 1


def test_all_heads_of_a_layer_are_outlined_also_where_they_stand_below_each_other(
    tiny_trace: Trace,
) -> None:
    (atlas,) = [p for p in vitviz.draw("heads", tiny_trace, layer=2).panels if can_fold(p)]
    panel = folded(atlas, TURNED)
    (outlined,) = [layer for layer in panel.layers if isinstance(layer, Outlines)]
    (box,) = outlined.boxes
    ends = aim(panel, box.top + 0.5, box.left + 0.5), aim(panel, box.bottom - 0.5, box.right - 0.5)
    assert [(one.layer, one.head) for one in ends if one is not None] == [(2, 0), (2, 1)]


def test_what_lies_between_blocks_is_nothing(atlas: Panel) -> None:
    panel = folded(atlas, 2)
    tiles = panel.layers[0]
    assert isinstance(tiles, HeatTiles)
    assert np.isnan(tiles.values[:, 2]).all()
    cols = panel.space.grid.cols  # type: ignore[union-attr]
    assert aim(panel, 1.0, 2 * (cols + 1) + 1.0) is None
