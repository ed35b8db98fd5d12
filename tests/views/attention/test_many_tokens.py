"""More tokens than a map of every two of them has room for: single tokens still, the whole refused."""

from __future__ import annotations

import numpy as np
import pytest

import vitviz
from vitviz.core.data.drawing import Heat, Message
from vitviz.core.measures import token_pairs
from vitviz.core.measures.distance import centres, distances_from
from vitviz.core.measures.similarity import cosine, cosine_with, directions
from vitviz.core.progress import Unsupported
from vitviz.views import views


@pytest.fixture
def no_room(monkeypatch):
    """As if even a small model had too many tokens."""
    monkeypatch.setattr(token_pairs, "MOST", 100)


@pytest.fixture
def trace(photo):
    """Of a model of its own: what is drawn of it has not been kept before."""
    return vitviz.trace(vitviz.load("test_vit", pretrained=False), photo)


def test_one_row_is_that_of_the_whole(trace):
    vectors = trace.positions
    np.testing.assert_allclose(cosine_with(directions(vectors), 5), cosine(vectors)[5], atol=1e-6)
    grid = trace.grid
    plain = np.hypot(*(centres(grid)[7] - centres(grid)).T)
    np.testing.assert_allclose(distances_from(grid, grid, 7), plain, rtol=1e-6)


def test_the_whole_is_refused_in_a_sentence(trace, no_room):
    attention = trace.layers[0].attention
    tokens = trace.grid.tokens
    with pytest.raises(Unsupported, match=rf"{tokens} × {tokens} entries.*smaller input size"):
        attention.matrix(0)
    for view in ("distance", "entropy"):  # these need no whole map
        assert vitviz.draw(view, trace).panels
    for view in ("matrix",):
        with pytest.raises(Unsupported, match="entries, more than"):
            vitviz.draw(view, trace)
    assert attention.rows(0).shape == (attention.heads, tokens)


def test_the_place_that_is_pointed_at_is_still_compared(trace, no_room):
    ((large, every),) = vitviz.draw("positions", trace, token=(1, 2)).rows
    assert isinstance(large.layers[0], Heat)
    place = 1 * trace.grid.cols + 2
    np.testing.assert_allclose(
        large.layers[0].values.ravel(), cosine_with(directions(trace.positions), place), atol=1e-6
    )
    assert isinstance(every.layers[0], Message)


def test_weight_fused_by_mean_flows_the_same_without_the_whole_map(trace, monkeypatch):
    weight = np.random.default_rng(0).random((3, trace.grid.tokens), np.float32)
    attention = trace.layers[0].attention
    expected = weight @ np.mean([attention.matrix(head) for head in range(attention.heads)], axis=0)
    monkeypatch.setattr(token_pairs, "MOST", 100)
    np.testing.assert_allclose(attention.flow(weight, fuse="mean"), expected, atol=1e-6)
    np.testing.assert_allclose(attention.flow(weight[0], fuse="mean"), expected[0], atol=1e-6)
    with pytest.raises(Unsupported, match="fuse by mean"):
        attention.flow(weight, fuse="max")


def test_every_view_says_why_it_has_nothing_to_show(photo):
    """A model without attention among tokens: no view fails but in a sentence."""
    model = vitviz.load("xcit_nano_12_p16_224", pretrained=False, img_size=64, depth=2)
    trace = vitviz.trace(model, photo)
    assert not trace.layers
    refused = []
    for name in views():
        try:
            vitviz.draw(name, trace)
        except vitviz.VitvizError as why:
            refused.append((name, str(why)))
    assert {"block", "heads", "rollout"} <= {name for name, _ in refused}
    assert all(" " in why for _, why in refused)
