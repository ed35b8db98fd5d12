"""Distances, entropy and fields against the plain loops that define them."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as some
from reference import Maps, make_trace, softmax_maps

from vitviz.core.data.geometry import Spot, TokenGrid
from vitviz.core.data.trace import Layer
from vitviz.core.measures.distance import (
    Convolutions,
    distances_from,
    mass_within,
    mean_distance,
    mean_entropy,
    radius_of,
)

GRID = TokenGrid(3, 5, (8, 16), ("class", "register 1"))


def slow_distance(maps, grid, renormalise):
    """Mean over patches of sum A D, loop by loop."""
    means = []
    for attention in maps:
        found = []
        for query in range(2, grid.tokens):
            top, left = divmod(query - 2, grid.cols)
            total = mass = 0.0
            for key in range(2, grid.tokens):
                down, across = divmod(key - 2, grid.cols)
                apart = np.hypot((top - down) * 8, (left - across) * 16)
                total += attention[query, key] * apart
                mass += attention[query, key]
            found.append(total / mass if renormalise else total)
        means.append(np.mean(found))
    return means


@pytest.mark.parametrize("renormalise", [True, False])
def test_mean_distance_is_the_plain_sum(renormalise):
    maps = softmax_maps(3, 2, GRID.tokens, GRID.tokens)
    layer = Layer("attn", 0, Maps(maps), GRID)
    found = mean_distance(layer, renormalise=renormalise)
    np.testing.assert_allclose(found, slow_distance(maps, GRID, renormalise), rtol=1e-5)


def test_attention_on_prefix_tokens_makes_a_head_seem_near_unless_renormalised():
    maps = np.zeros((1, GRID.tokens, GRID.tokens), np.float32)
    maps[0, :, 0] = 0.9
    maps[0, :, 2:] = 0.1 / 15
    layer = Layer("attn", 0, Maps(maps), GRID)
    kept, raw = (mean_distance(layer, renormalise=each)[0] for each in (True, False))
    assert raw == pytest.approx(kept / 10, rel=1e-4)


def test_pooled_keys_have_places_of_their_own():
    keys = TokenGrid(1, 1, (24, 80))
    layer = Layer("attn", 0, Maps(np.ones((1, 15, 1), np.float32)), TokenGrid(3, 5, (8, 16)), keys)
    expected = np.mean(
        [np.hypot(4 + 8 * r - 12, 8 + 16 * c - 40) for r in range(3) for c in range(5)]
    )
    np.testing.assert_allclose(mean_distance(layer, renormalise=True), [expected], rtol=1e-5)


def test_entropy_of_even_and_of_single_attention():
    both = np.stack([np.full((8, 8), 1 / 8, np.float32), np.eye(8, dtype=np.float32)])
    known = Layer("attn", 0, Maps(both), TokenGrid(2, 4, (8, 8)))
    np.testing.assert_allclose(mean_entropy(known, relative=False), [np.log(8), 0], rtol=1e-6)
    layer = make_trace().layers[0]
    maps = layer.attention.maps.astype(np.float64)
    plain = -(maps * np.log(maps)).sum(-1).mean(-1)
    np.testing.assert_allclose(mean_entropy(layer, relative=False), plain, rtol=1e-5)
    np.testing.assert_allclose(mean_entropy(layer, relative=True), plain / np.log(25), rtol=1e-5)


def test_mass_and_radius_agree_with_counting():
    random = np.random.default_rng(0)
    shares = random.random(15).astype(np.float32)
    apart = distances_from(GRID, GRID, 7)
    radii = np.array([0.0, 8.0, 16.0, 40.0, 1e3])
    plain = [shares[apart <= radius].sum() / shares.sum() for radius in radii]
    np.testing.assert_allclose(mass_within(shares, apart, radii), plain, rtol=1e-5)
    half = radius_of(shares, apart, 0.5)
    assert shares[apart <= half].sum() >= 0.5 * shares.sum() - 1e-6
    assert shares[apart < half].sum() < 0.5 * shares.sum()


@given(some.integers(1, 6), some.sampled_from([1, 3, 5]), some.integers(1, 3), some.integers(1, 3))
def test_a_field_is_what_one_output_depends_on(count, kernel, stride, dilation):
    """Walked back from the output tap by tap."""
    reached = {0}
    for step in reversed(range(count)):
        taps = [(tap - kernel // 2) * dilation for tap in range(kernel)]
        reached = {place * stride + tap for place in reached for tap in taps}
        assert step >= 0
    wanted = max(reached) - min(reached) + 1
    assert Convolutions(count, kernel, stride, dilation).field() == wanted


def test_three_by_three_fields_grow_by_two():
    stack = Convolutions(4)
    assert [stack.field(count) for count in range(1, 5)] == [3, 5, 7, 9]
    box = stack.box(Spot(20, 30))
    assert (box.height, box.width) == (9, 9)
    assert box.centre == Spot(20, 30)
