"""The patches drawn are the model's own pixels, and the pattern has the real numbers."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from einops import rearrange
from reference import make_trace

from vitviz.core.data.drawing import Grid, Heat, Labels, Message, Outlines, Raster, RasterTiles, aim
from vitviz.core.data.geometry import Box
from vitviz.core.data.selection import Selection, place_of
from vitviz.views import views


def drawn(trace, token, **options):
    selection = Selection(pin=place_of(token, trace.grid, trace.crop))
    return views()["patches"].draw(trace, selection, options)


def layer_of(panel, kind):
    return next(layer for layer in panel.layers if isinstance(layer, kind))


def test_patches_are_the_einops_pattern():
    trace = make_trace(rows=4, cols=6, patch=8)
    drawing = drawn(trace, trace.grid.token(2, 3))
    expected = rearrange(trace.pixels, "(row p1) (col p2) c -> (row col) p1 p2 c", p1=8, p2=8)
    tiles = layer_of(drawing.rows[1][0], RasterTiles)
    shown = rearrange(tiles.pixels, "r c p1 p2 rgb -> (r c) p1 p2 rgb")[: tiles.count]
    np.testing.assert_array_equal(shown, expected)
    np.testing.assert_array_equal(layer_of(drawing.rows[0][1], Raster).pixels, expected[15])
    assert "p1=8, p2=8): 3 × 32 × 48 -> 24 × 192" in drawing.caption


def test_what_is_said_of_the_weights_does_not_run_into_the_pattern():
    trace = make_trace(rows=4, cols=6, patch=8)
    model = replace(trace.model, weights="trained", notes=("its kernel is resampled",))
    caption = drawn(replace(trace, model=model), 1).caption
    assert caption.startswith("Its kernel is resampled. rearrange(")
    assert caption.endswith("-> 24 × 192")


def test_the_numbers_of_one_patch():
    trace = make_trace(rows=4, cols=4, patch=8, original=(64, 100))
    facts = dict(drawn(trace, trace.grid.token(1, 2)).rows[0][1].facts)
    assert facts["token"] == "7 of 17"
    assert facts["row, column"] == "1, 2"
    assert facts["original rows"] == "16 to 32"
    assert facts["columns"] == "50 to 66"


def test_pointing_at_a_tile_of_the_sequence_is_pointing_at_its_token():
    trace = make_trace()
    token = trace.grid.token(3, 4)
    panel = drawn(trace, token).rows[1][0]
    (box,) = layer_of(panel, Outlines).boxes
    assert aim(panel, box.centre.row, box.centre.col).token == token


def test_patches_of_a_fraction_of_a_pixel_still_have_pixels():
    trace = make_trace(rows=4, cols=4, patch=8)
    grid = replace(trace.grid, patch=(32 / 5, 32 / 5), rows=5, cols=5)
    drawing = drawn(replace(trace, grid=grid), 0)
    assert layer_of(drawing.rows[1][0], RasterTiles).pixels.shape[2:] == (6, 6, 3)
    assert "own patches are 8 × 8 pixels" in drawing.caption
    assert "6.4 × 6.4 pixels" in drawing.caption


@pytest.mark.parametrize(
    ("original", "whole", "shown"),
    [
        ((32, 48), "when cropped", False),
        ((32, 100), "when cropped", True),
        ((32, 48), "always", True),
        ((32, 100), "never", False),
    ],
)
def test_the_whole_picture_is_shown_when_the_model_saw_a_part(original, whole, shown):
    trace = make_trace(original=original)
    drawing = drawn(trace, 0, whole=whole)
    assert (drawing.rows[0][-1].title == "The whole picture") is shown


def test_the_part_that_was_seen_is_outlined_over_the_whole_picture():
    trace = make_trace(original=(32, 100))
    panel = drawn(trace, trace.grid.token(0, 0)).rows[0][-1]
    seen = next(one for one in panel.layers if isinstance(one, Outlines) and one.role == "seen")
    assert seen.boxes == (trace.crop.frame,)
    assert aim(panel, 1, 1).token == trace.grid.token(0, 0)
    assert aim(panel, 1, -20) is None
    assert dict(panel.facts)["seen"] == "48%"
    assert dict(panel.facts)["original"] == "100 × 32 px"


def test_padding_has_the_colour_that_the_model_saw():
    trace = make_trace()
    frame = trace.crop.frame
    padded = replace(trace, seen_box=Box(8, 0, frame.bottom - 8, frame.right))
    panel = drawn(padded, 1).panels[0]
    below, sharp = (layer for layer in panel.layers if isinstance(layer, Raster))
    assert (below.pixels is trace.pixels, below.box) == (True, frame)
    assert (sharp.pixels is trace.seen, sharp.box) == (True, padded.seen_box)
    whole = [layer for layer in drawn(trace, 1).panels[0].layers if isinstance(layer, Raster)]
    assert len(whole) == 1


def test_large_pictures_are_shown_small():
    trace = make_trace(original=(900, 2000))
    raster = layer_of(drawn(trace, 0).rows[0][-1], Raster)
    assert raster.pixels.shape == (230, 512, 3)


def test_a_token_without_a_patch_says_so():
    drawing = drawn(make_trace(), 0)
    message = drawing.rows[0][1].layers[0]
    assert isinstance(message, Message)
    assert message.text == "The class token has no patch."


def test_the_models_own_pixels_grid_and_numbers_on_request():
    trace = make_trace()
    panel = drawn(trace, 1, source="model pixels", numbers=True, grid=False).panels[0]
    assert layer_of(panel, Raster).pixels is trace.pixels
    assert [label.text for label in layer_of(panel, Labels).labels][:2] == ["1", "2"]
    assert not any(isinstance(layer, Grid) for layer in panel.layers)


def test_the_class_token_stands_first_with_its_learned_vector(tiny_model, tiny_trace):
    drawing = drawn(tiny_trace, 0)
    learned = tiny_model.module.cls_token.detach()[0].numpy()
    own = drawing.rows[0][1]
    assert own.title == "The class token: a learned vector, no pixels"
    np.testing.assert_array_equal(layer_of(own, Heat).values, learned)
    panel = drawing.rows[1][0]
    assert panel.title.endswith("class first")
    tiles = layer_of(panel, RasterTiles)
    assert tiles.count == 101
    (box,) = layer_of(panel, Outlines).boxes
    assert box.top == box.left == 0
    assert aim(panel, 1, 1).token == 0
    token = tiny_trace.grid.token(3, 4)
    (box,) = layer_of(drawn(tiny_trace, token).rows[1][0], Outlines).boxes
    assert aim(panel, box.centre.row, box.centre.col).token == token
    bright = tiles.pixels[0, 0].reshape(-1, 3)
    assert len(np.unique(bright, axis=0)) > 10, "its numbers are its colours"
