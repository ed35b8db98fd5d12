"""Rollout through stages: the walk of one grid, and bridges that lose nothing."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from reference import Maps, softmax_maps

from vitviz.core.data.geometry import TokenGrid
from vitviz.core.data.trace import Layer
from vitviz.core.measures.rollout import rollout
from vitviz.core.measures.stage_rollout import carried, staged_heads, staged_rollout
from vitviz.core.progress import Unsupported

FINE = TokenGrid(4, 6, (8, 8), ("class",))
COARSE = TokenGrid(2, 3, (16, 16), ("class",))


def layer(seed, grid, keys=None, heads=2):
    maps = softmax_maps(seed, heads, grid.tokens, (keys or grid).tokens)
    return Layer(f"blocks.{seed}.attn", seed, Maps(maps), grid, keys)


def test_on_one_grid_it_is_the_rollout():
    layers = [layer(seed, FINE) for seed in range(3)]
    attentions = [one.attention for one in layers]
    for token in (0, 7):
        expected = rollout(attentions, token, keep=0.3)
        np.testing.assert_allclose(staged_rollout(layers, token, keep=0.3), expected, atol=1e-6)


def test_it_is_the_product_of_the_stages_with_their_bridges():
    layers = [layer(0, FINE), layer(1, COARSE, FINE), layer(2, COARSE)]
    bridge = np.zeros((7, 25), np.float32)  # by hand: a coarse token is four fine ones
    bridge[0, 0] = 1
    for row in range(2):
        for col in range(3):
            for down, across in np.ndindex(2, 2):
                bridge[1 + row * 3 + col, 1 + (2 * row + down) * 6 + 2 * col + across] = 0.25
    first, second, third = (one.attention.matrix() for one in layers)
    walk = 0.5 * np.eye(7) + 0.5 * third
    walk = 0.5 * walk @ bridge + 0.5 * walk @ second
    walk = 0.5 * walk + 0.5 * walk @ first
    for token in (0, 4):
        np.testing.assert_allclose(staged_rollout(layers, token), walk[token], atol=1e-6)


def test_one_head_alone_is_the_walk_through_layers_of_that_head_only():
    layers = [layer(0, FINE), layer(1, COARSE, FINE), layer(2, COARSE)]
    found = staged_heads(layers, 4, keep=0.3)
    assert found.shape == (2, FINE.tokens)
    for head in range(2):
        alone = [replace(one, attention=Maps(one.attention.matrix(head)[None])) for one in layers]
        np.testing.assert_allclose(found[head], staged_rollout(alone, 4, keep=0.3), atol=1e-6)


def test_no_head_is_followed_through_layers_of_other_numbers_of_heads():
    with pytest.raises(Unsupported, match="layers of 2, 3 heads"):
        staged_heads([layer(0, FINE, heads=3), layer(1, COARSE)], 4)


def test_a_bridge_keeps_the_sum_whatever_the_grids():
    random = np.random.default_rng(0).random(25).astype(np.float32)
    for target in (
        COARSE,
        TokenGrid(3, 5, (10, 10)),
        TokenGrid(7, 7, (5, 5), ("class", "register 1")),
    ):
        assert carried(random, FINE, target).sum() == pytest.approx(random.sum(), rel=1e-5)
    middle = carried(np.eye(1, 25, 0, dtype=np.float32)[0], FINE, TokenGrid(2, 2, (16, 24)))
    np.testing.assert_allclose(middle, 0.25)


def test_without_layers_or_with_a_wrong_token_it_says_so():
    with pytest.raises(Unsupported, match="at least one layer"):
        staged_rollout([], 0)
    with pytest.raises(IndexError, match="token 25 is outside"):
        staged_rollout([layer(0, FINE)], 25)
