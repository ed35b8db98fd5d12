"""The views on real small models: what is drawn is what their attention says."""

from __future__ import annotations

import re

import numpy as np
import pytest

import vitviz
from vitviz.core.data.drawing import Heat, HeatTiles
from vitviz.core.progress import Unsupported
from vitviz.views import find, views


@pytest.fixture(scope="module", params=["test_vit", "test_vit2"])
def trace(request, photo):
    return vitviz.trace(vitviz.load(request.param, pretrained=False), photo)


def layer_of(panel, kind):
    return next(layer for layer in panel.layers if isinstance(layer, kind))


@pytest.mark.parametrize("name", list(views()))
def test_every_view_draws_and_says_that_nothing_was_learned(trace, name):
    if why := find(name).applies(trace):
        with pytest.raises(Unsupported, match=re.escape(why.split(";")[0])):
            vitviz.draw(name, trace)
        return
    drawing = vitviz.draw(name, trace, token=(4, 5), against=trace)
    assert "untrained weights" in drawing.caption.lower()
    assert all(panel.layers for panel in drawing.panels)


def test_the_atlas_is_the_models_attention(trace):
    token = trace.grid.token(4, 5)
    tiles = layer_of(vitviz.draw("heads", trace, token=token).panels[1], HeatTiles)
    for index, layer in enumerate(trace.layers):
        rows = np.stack(
            [layer.attention.matrix(head)[token] for head in range(tiles.values.shape[1])]
        )
        shown = tiles.values[index].reshape(len(rows), -1)
        np.testing.assert_allclose(shown, rows[:, trace.grid.patches], atol=1e-6)


def test_the_rollout_is_the_product_of_the_models_maps(trace):
    token = trace.grid.token(4, 5)
    product = np.eye(trace.grid.tokens)
    for layer in trace.layers:
        product = 0.5 * product + 0.5 * layer.attention.matrix() @ product
    for _ in range(2):  # alone, and then among its neighbours
        drawn = layer_of(vitviz.draw("rollout", trace, token=token).panels[0], Heat)
        expected = product[token, trace.grid.patches]
        np.testing.assert_allclose(drawn.values.ravel(), expected, atol=1e-5)
        vitviz.draw("rollout", trace, token=0)
