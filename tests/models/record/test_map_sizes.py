"""Sizes of maps follow from the input and the strides; what has none keeps its number and says why."""

from __future__ import annotations

import numpy as np
import pytest
import torch

import vitviz
from vitviz.core.data.geometry import Spot
from vitviz.models.record.map_sizes import MapSize, closure, map_of, map_sized
from vitviz.views import views

SWIN = {"depths": (2, 2, 2, 2), "embed_dim": 24, "num_heads": (1, 2, 3, 4)}


@pytest.mark.parametrize(
    ("size", "first"),
    [
        (416, (104, 104)),
        (352, (88, 88)),
        ((256, 320), (64, 80)),
        ((224, 288), (56, 72)),
        ((250, 330), (62, 82)),
    ],
)
def test_no_layer_of_a_swin_is_lost_at_any_size(photo, size, first):
    model = vitviz.load("swin_tiny_patch4_window7_224", pretrained=False, input_size=size, **SWIN)
    trace = vitviz.trace(model, photo)
    assert [layer.number for layer in trace.layers] == list(range(1, 9))
    assert trace.matrices == ()
    assert trace.model.patch == (4, 4)
    rows, cols = first
    for layer in trace.layers:
        assert (layer.grid.rows, layer.grid.cols) == (rows, cols)
        if layer.number % 2 == 0:  # a patch merging pads odd sides
            rows, cols = -(-rows // 2), -(-cols // 2)
    steps = [layer.grid.patch for layer in trace.layers[::2]]
    assert steps == [(4, 4), (8, 8), (16, 16), (32, 32)]


def test_layers_that_cannot_be_placed_keep_their_numbers_and_captions_say_so(photo):
    small = {"depths": (1, 1, 1, 1), "embed_dims": (16, 32, 32, 64), "num_heads": (1, 2, 2, 4)}
    trace = vitviz.trace(vitviz.load("davit_tiny", pretrained=False, **small), photo)
    assert [layer.number for layer in trace.layers] == [1, 3, 5, 7]
    assert [matrix.number for matrix in trace.matrices] == [2, 4, 6, 8]
    assert trace.calls == 8
    for name in ("heads", "distance", "entropy", "field"):
        drawing = vitviz.draw(name, trace, layer=1)
        assert "ayers 2, 4, 6 and 8 of 8 left out: each of" in drawing.caption
        assert "attends to the others" in drawing.caption
    title = vitviz.draw("heads", trace, layer=1).title
    assert "layer 3" in title
    assert dict(views()["heads"].draw(trace, vitviz_selection(trace)).recipe)["layer"] == "7 of 8"


def vitviz_selection(trace):
    from vitviz.views.api import selection_of

    return selection_of(trace)


def test_a_pit_has_patches_of_their_own_size_and_stride(photo):
    small = {"depth": (1, 1, 1), "base_dims": (16, 16, 16), "heads": (1, 1, 1)}
    for name, patch, stride, count in (("pit_ti_224", 16, 8, 27), ("pit_b_224", 14, 7, 31)):
        model = vitviz.load(name, pretrained=False, **small)
        trace = vitviz.trace(model, photo)
        grid = trace.grid
        assert (grid.rows, grid.cols) == (count, count)
        assert (grid.patch, grid.stride) == ((patch, patch), (stride, stride))
        assert trace.model.patch == (patch, patch)
        assert [layer.grid.cell for layer in trace.layers] == [
            (stride, stride),
            (2 * stride, 2 * stride),
            (4 * stride, 4 * stride),
        ]
        embedded = changed_by(model.module, trace, grid.token(3, 5))
        box = grid.box(grid.token(3, 5))
        assert embedded == (box.top, box.left, box.bottom, box.right)


def changed_by(module, trace, token):
    """The pixels on which one token of the patch embedding depends, by the gradient."""
    pixels = torch.randn(1, 3, *trace.crop.model, requires_grad=True)
    row, col = trace.grid.place(token)
    module.patch_embed(pixels)[0, :, row, col].sum().backward()
    down, across = np.nonzero(pixels.grad.abs().sum(1)[0].numpy())
    return down.min(), across.min(), down.max() + 1, across.max() + 1


def test_the_nearest_of_overlapping_patches_is_pointed_at(photo):
    small = {"depth": (1, 1, 1), "base_dims": (16, 16, 16), "heads": (1, 1, 1)}
    grid = vitviz.trace(vitviz.load("pit_ti_224", pretrained=False, **small), photo).grid
    for row, col in ((0, 0), (3, 5), (26, 26)):
        token = grid.token(row, col)
        assert grid.at(grid.box(token).centre) == token
    assert grid.at(Spot(0.5, 223.5)) == grid.token(0, 26)
    assert grid.at(Spot(12.1, 8)) == grid.token(1, 0)
    assert grid.at(Spot(11.9, 8)) == grid.token(0, 0)
    assert grid.at(Spot(224, 8)) is None


def test_a_count_that_two_maps_have_is_on_neither():
    sizes = (MapSize(8, 8, (4, 4)), MapSize(4, 16, (8, 2)))
    assert map_of(64, sizes) is None
    assert map_of(16, sizes[:1]).rows == 4
    assert map_of(65, sizes) is None
    assert map_sized(8, 4, sizes[:1]) is None
    assert {(each.rows, each.cols) for each in closure((MapSize(5, 3, (1, 1)),))} == {
        (5, 3),
        (3, 2),
        (2, 1),
        (1, 1),
    }
