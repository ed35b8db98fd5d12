"""The grid of grids is the cosine of the position embeddings."""

from __future__ import annotations

import numpy as np
import pytest
from reference import make_trace

from vitviz.core.data.drawing import Heat, HeatTiles, Raster, aim
from vitviz.core.data.selection import Selection, place_of
from vitviz.core.measures.similarity import cosine
from vitviz.views import views


@pytest.fixture(scope="module")
def trace():
    return make_trace(rows=3, cols=5)


def drawn(trace, token, **options):
    selection = Selection(pin=place_of(token, trace.grid, trace.crop))
    return views()["positions"].draw(trace, selection, options)


def layer_of(panel, kind):
    return next(layer for layer in panel.layers if isinstance(layer, kind))


def test_cosine_is_the_angle_and_zero_for_nothing():
    vectors = np.array([[1, 0], [3, 3], [-2, 0], [0, 0]], np.float32)
    half = np.sqrt(0.5)
    expected = [[1, half, -1, 0], [half, 1, -half, 0], [-1, -half, 1, 0], [0, 0, 0, 0]]
    np.testing.assert_allclose(cosine(vectors), expected, atol=1e-6)


def test_every_tile_stands_where_its_place_is(trace):
    tiles = layer_of(drawn(trace, 0).panels[1], HeatTiles).values
    unit = trace.positions / np.linalg.norm(trace.positions, axis=1, keepdims=True)
    for row in range(3):
        for col in range(5):
            expected = (unit @ unit[row * 5 + col]).reshape(3, 5)
            np.testing.assert_allclose(tiles[row, col], expected, atol=1e-5)


def test_the_chosen_place_is_large_and_pointing_finds_its_tile(trace):
    token = trace.grid.token(1, 3)
    large, atlas = drawn(trace, token).panels
    values = layer_of(large, Heat).values
    assert values[1, 3] == pytest.approx(1)
    np.testing.assert_array_equal(values, layer_of(atlas, HeatTiles).values[1, 3])
    assert aim(atlas, 4.5, 3 * 6 + 2.5).token == token


def test_the_map_can_lie_over_the_picture(trace):
    token = trace.grid.token(1, 3)
    assert isinstance(drawn(trace, token, over_picture=True).panels[0].layers[0], Raster)
    assert isinstance(drawn(trace, token).panels[0].layers[0], Heat)


def test_a_diverging_table_turns_at_zero(trace):
    bar = drawn(trace, trace.grid.middle, table="vik").panels[0].bar
    assert bar.low == -bar.high
    assert bar.high == pytest.approx(1)


def test_a_token_without_a_position_shows_the_middle_place_and_says_so():
    trace = make_trace()
    drawing = drawn(trace, 0)
    middle = trace.grid.place(trace.grid.middle)
    title = f"The class token has no position: row {middle[0]}, column {middle[1]} instead"
    assert drawing.panels[0].title == title
    own = drawn(trace, trace.grid.middle).panels[0].layers[0].values
    np.testing.assert_array_equal(drawing.panels[0].layers[0].values, own)


def test_the_class_position_is_compared_with_every_place(tiny_model, tiny_trace):
    drawing = drawn(tiny_trace, 0)
    table = tiny_model.module.pos_embed.detach()[0].numpy().astype(np.float64)
    unit = table / np.linalg.norm(table, axis=1, keepdims=True)
    panel = drawing.panels[0]
    assert panel.title == "The position of the class token compared with every place"
    np.testing.assert_allclose(panel.layers[0].values.ravel(), unit[1:] @ unit[0], atol=1e-5)
    assert drawing.title.endswith("to that of the class token")
