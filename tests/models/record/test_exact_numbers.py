"""Under torch.autocast a trace says what ran, and its maps are evaluated in float32 all the same."""

from __future__ import annotations

import numpy as np
import pytest
import torch

import vitviz

SWIN = {"depths": (1, 1), "embed_dim": 24, "num_heads": (2, 4), "window_size": 4, "img_size": 64}


@pytest.mark.parametrize(
    ("name", "arguments"), [("test_vit", {}), ("swin_tiny_patch4_window7_224", SWIN)]
)
def test_autocast_is_said_and_does_not_reach_the_maps(photo, name, arguments):
    model = vitviz.load(name, pretrained=False, **arguments)
    plain = vitviz.trace(model, photo)
    with torch.autocast("cpu", torch.bfloat16):
        trace = vitviz.trace(model, photo)
        inside = [layer.attention.matrix() for layer in trace.layers]
        rows = trace.layers[0].attention.rows(0)
        flow = trace.layers[0].attention.flow(np.ones((len(rows), len(inside[0])), np.float32))
    assert trace.refused == ()
    assert trace.model.precision == "bf16 autocast"
    assert any("torch.autocast" in note for note in trace.model.notes)
    assert plain.model.precision == "fp32"
    assert 0 <= trace.verified < 2e-2
    for layer, matrix in zip(trace.layers, inside, strict=True):
        assert matrix.dtype == np.float32
        np.testing.assert_array_equal(layer.attention.matrix(), matrix)
    assert rows.dtype == flow.dtype == np.float32
    np.testing.assert_allclose(rows.sum(-1), 1, atol=1e-2)
    np.testing.assert_allclose(rows, plain.layers[0].attention.rows(0), atol=2e-2)


def test_what_is_traced_without_it_is_evaluated_the_same_within(tiny_model, photo):
    trace = vitviz.trace(tiny_model, photo)
    plain = trace.layers[-1].attention.rows(0)
    with torch.autocast("cpu", torch.bfloat16):
        within = trace.layers[-1].attention.rows(0)
    np.testing.assert_array_equal(plain, within)
    assert trace.compared == 6
    assert trace.taken == 0


def test_a_softmax_of_the_models_own_is_taken_not_compared(windowed):
    _, trace = windowed
    assert (trace.compared, trace.taken) == (0, 3)
    assert "own softmax" in trace.badge.words
    assert "taken from the model itself" in vitviz.draw("heads", trace).known
