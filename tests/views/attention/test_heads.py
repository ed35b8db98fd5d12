"""The atlas and the large map are the model's own rows and columns."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from reference import Maps, make_trace, softmax_maps

from vitviz.core.data.drawing import Heat, HeatTiles, Labels, Message, Outlines
from vitviz.core.data.geometry import TokenGrid
from vitviz.core.data.selection import Place, Selection, place_of
from vitviz.core.progress import Unsupported
from vitviz.views import views


@pytest.fixture(scope="module")
def trace():
    return make_trace(prefix=("class", "register 1"))


def drawn(trace, token, *, options=None, **changes):
    selection = Selection(pin=place_of(token, trace.grid, trace.crop), **changes)
    return views()["heads"].draw(trace, selection, options)


def layer_of(panel, kind):
    return next(layer for layer in panel.layers if isinstance(layer, kind))


def on_grid(trace, row):
    return row[len(trace.grid.prefix) :].reshape(trace.grid.rows, trace.grid.cols)


def test_every_tile_is_one_heads_row(trace):
    tiles = layer_of(drawn(trace, 9, options={"range": "map"}).panels[1], HeatTiles)
    for index, layer in enumerate(trace.layers):
        for head in range(layer.attention.heads):
            expected = on_grid(trace, layer.attention.maps[head, 9])
            np.testing.assert_array_equal(tiles.values[index, head], expected)
            assert tiles.low[index, head] == expected.min()
            assert tiles.high[index, head] == expected.max()


def test_looked_at_by_is_the_column(trace):
    drawing = drawn(trace, 9, head=1, depth=0.5, options={"direction": "is looked at by"})
    expected = on_grid(trace, trace.layers[1].attention.maps[1, :, 9])
    np.testing.assert_array_equal(layer_of(drawing.panels[0], Heat).values, expected)
    assert drawing.title == "What looks at token (1, 1): layer 2, head 2"
    assert {(panel.query, panel.arrow) for panel in drawing.panels} == {("(1, 1)", "←")}
    facts = dict(drawing.panels[0].facts)
    assert list(facts) == ["from class", "from register 1"]
    given = trace.layers[1].attention.maps[1, :2, 9]
    assert [float(said) for said in facts.values()] == pytest.approx(list(given), abs=5e-4)


def test_all_heads_is_their_mean_and_the_shares_sum_to_one(trace):
    drawing = drawn(trace, 0)
    row = trace.layers[-1].attention.maps[:, 0].mean(0)
    np.testing.assert_allclose(layer_of(drawing.panels[0], Heat).values, on_grid(trace, row))
    assert drawing.title == "Where the class token looks: layer 3, all heads"
    assert {(panel.query, panel.arrow) for panel in drawing.panels} == {("class", "→")}
    facts = dict(drawing.panels[0].facts)
    assert list(facts) == ["class", "register 1", "patches"]
    assert float(facts["class"]) == pytest.approx(row[0], abs=5e-4)
    assert sum(map(float, facts.values())) == pytest.approx(1, abs=2e-3)


@pytest.mark.parametrize(("heads", "side"), [(3, 14), (6, 37), (12, 14)])
def test_the_atlas_has_room_for_its_numbers_in_a_small_window(heads, side):
    trace = make_trace(rows=side, cols=side, patch=2, depth=12, heads=heads)
    atlas = drawn(trace, 0).panels[1]
    labels = layer_of(atlas, Labels).labels
    zoom = 150 / max(atlas.extent.width, atlas.extent.height)
    for label in labels:
        if label.anchor == "right":
            left = (label.at.col - atlas.extent.left) * zoom
            assert left >= 7 * len(label.text) + 2
        else:
            assert (label.at.row - atlas.extent.top) * zoom >= 12
    assert {label.text for label in labels if label.anchor == "right"} >= {"10", "11", "12"}
    assert atlas.weight >= 0.7


def test_the_chosen_tile_is_outlined(trace):
    one = layer_of(drawn(trace, 0, head=1, depth=0.5).panels[1], Outlines).boxes[0]
    assert (one.top, one.left, one.height, one.width) == (5, 7, 4, 6)
    row = layer_of(drawn(trace, 0).panels[1], Outlines).boxes[0]
    assert (row.top, row.left, row.height, row.width) == (10, 0, 4, 13)


@pytest.mark.parametrize(
    ("options", "same"), [({"range": "view"}, True), ({"range": "map"}, False)]
)
def test_the_range_serves_one_map_or_the_whole_view(trace, options, same):
    large, atlas = drawn(trace, 9, head=0, options=options).panels
    tiles = layer_of(atlas, HeatTiles)
    assert (len(np.unique(tiles.high)) == 1) is same
    assert (large.bar.high == float(tiles.high.max())) is same


def test_one_large_value_does_not_empty_the_other_maps():
    trace = make_trace(rows=8, cols=10)
    maps = softmax_maps(4, 4, 81, 81)
    maps[0, 9] = 0
    maps[0, 9, 40] = 1
    layer = replace(trace.layers[1], attention=Maps(maps))
    trace = replace(trace, layers=(trace.layers[0], layer, trace.layers[2]))
    large, atlas = drawn(trace, 9).panels
    tiles = layer_of(atlas, HeatTiles)
    real = tiles.values[~np.isnan(tiles.values)]
    assert (atlas.bar.low, atlas.bar.high) == pytest.approx(np.percentile(real, (1, 99)))
    assert (atlas.bar.below, atlas.bar.above) == (False, True)
    assert atlas.bar.high < 0.3
    assert large.bar.high < atlas.bar.high, "the mean of the heads reaches less"
    assert (tiles.high == np.float32(atlas.bar.high)).all()
    whole = drawn(trace, 9, options={"range": "view"}).panels[1].bar
    assert (whole.high, whole.above) == (1.0, False)
    signed = drawn(trace, 9, options={"table": "vik"}).panels[1].bar
    assert signed.low == -signed.high


def test_colours_by_powers_where_all_values_are_above_zero(trace):
    large, atlas = drawn(trace, 9, options={"log": True}).panels
    assert large.bar.powers
    assert atlas.bar.powers
    drawing = drawn(trace, 9, options={"log": True, "range": "map"})
    assert [panel.bar.powers for panel in drawing.panels] == [True, False]
    assert "Linear where a map has its own range" in drawing.caption
    assert not drawn(trace, 9, options={"log": True, "table": "vik"}).panels[0].bar.powers


def test_a_fixed_range_is_fixed(trace):
    large, atlas = drawn(trace, 9, options={"range": "fixed", "low": 0.01, "high": 0.25}).panels
    assert (large.bar.low, large.bar.high) == (0.01, 0.25)
    assert (atlas.bar.low, atlas.bar.high) == (pytest.approx(0.01), 0.25)
    turned = drawn(trace, 9, options={"range": "fixed", "low": 0.25, "high": -0.5}).panels
    assert [(panel.bar.low, panel.bar.high) for panel in turned] == [(-0.5, 0.25)] * 2


def test_without_the_map_the_picture_stays(trace):
    large = drawn(trace, 9, options={"heat": False}).panels[0]
    assert not any(isinstance(layer, Heat) for layer in large.layers)
    assert large.bar is None


def test_a_layer_with_a_coarser_grid_is_drawn_on_its_own_and_stretched_in_the_atlas():
    trace = make_trace()
    coarse = TokenGrid(2, 3, (16, 16), ("class",))
    maps = Maps(softmax_maps(3, 4, 7, 7))
    pooled = replace(trace.layers[1], attention=maps, grid=coarse)
    trace = replace(trace, layers=(trace.layers[0], pooled, trace.layers[2]))
    drawing = drawn(trace, trace.grid.token(3, 5), depth=0.5, head=3)
    large, atlas = drawing.panels
    expected = maps.maps[3, 6, 1:].reshape(2, 3)
    np.testing.assert_array_equal(layer_of(large, Heat).values, expected)
    assert layer_of(large, Heat).box == coarse.frame
    assert large.title == "Layer 2, head 4, 2 rows × 3 columns of tokens"
    np.testing.assert_array_equal(
        layer_of(atlas, HeatTiles).values[1, 3], expected.repeat(2, 0).repeat(2, 1)
    )
    assert atlas.space.heads == (2, 4, 2)
    assert "each cell shows the token that covers it" in drawing.caption


def test_layers_off_their_grid_are_left_out_and_named():
    trace = make_trace()
    pooled = replace(trace.layers[1], attention=Maps(softmax_maps(3, 4, 7, 7)))
    trace = replace(trace, layers=(trace.layers[0], pooled, trace.layers[2]))
    drawing = drawn(trace, 0, depth=0.5, head=1)
    assert "over other tokens: layers 2." in drawing.caption
    large, atlas = drawing.panels
    assert isinstance(large.layers[0], Message)
    assert "7 queries" in large.layers[0].text
    assert atlas.space.heads == (2, 0, 2)
    assert np.isnan(layer_of(atlas, HeatTiles).values[1]).all()
    assert drawn(trace, 0, depth=1.0).panels[0].bar is not None


def test_a_head_that_this_layer_does_not_have_is_its_last(trace):
    assert drawn(trace, 0, head=40).title.endswith("head 2")


@pytest.mark.parametrize("left", [0, 1])
def test_a_trace_without_a_map_says_why(left):
    trace = make_trace(depth=1)
    off = replace(trace.layers[0], attention=Maps(softmax_maps(3, 4, 7, 7)))
    trace = replace(trace, layers=(off,) * left, refused=("blocks.0 is channel by channel",))
    with pytest.raises(Unsupported, match="channel by channel"):
        views()["heads"].draw(trace, Selection(Place(prefix="class")))
