"""Rollout as a walk of one row is the product of matrices, for every way to fuse and discard."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pytest
import torch
from reference import Maps, softmax_maps

from vitviz.core.data.attention import Attention
from vitviz.core.measures.rollout import FEW, mixing, rollout, rollout_heads, rollout_rows
from vitviz.core.progress import Unsupported

TOKENS, HEADS, DEPTH = 17, 3, 4


@pytest.fixture(scope="module")
def layers():
    return [Maps(softmax_maps(seed, HEADS, TOKENS, TOKENS)) for seed in range(DEPTH)]


def by_matrices(layers, *, head=None, fuse="mean", keep=0.5, discard=0.0, start=0):
    """R = A'_L ... A'_1 with A' = keep I + (1 - keep) A over its row sums, in float64."""
    product = np.eye(TOKENS)
    for layer in layers[start:]:
        fused = getattr(layer.maps, fuse)(axis=0) if head is None else layer.maps[head]
        flat = fused.ravel().astype(np.float64)
        lowest = np.argsort(flat)[: int(flat.size * discard)]
        flat[lowest[lowest != 0]] = 0
        mixed = keep * np.eye(TOKENS) + (1 - keep) * flat.reshape(TOKENS, TOKENS)
        total = mixed.sum(1)[:, None]
        product = np.divide(mixed, total, where=total > 0, out=np.eye(TOKENS)) @ product
    return product


def as_vit_explain(layers, *, fuse, discard):
    """What that code computes, from its formula: identity first, then a sum without keepdim.

    Its rollout(attentions, discard_ratio, head_fusion) in torch: the lowest entries of the flattened
    fused map zero except the first, a = (fused + I) / 2, a = a / a.sum(dim=-1), result = a @ result;
    the mask is the class token's row of patches over its maximum.
    """
    result = torch.eye(TOKENS)
    for layer in layers:
        maps = torch.from_numpy(layer.maps)
        fused = {"mean": maps.mean(0), "max": maps.amax(0), "min": maps.amin(0)}[fuse][None]
        flat = fused.reshape(1, -1).clone()
        _, lowest = flat.topk(int(flat.shape[-1] * discard), dim=-1, largest=False)
        flat[0, lowest[lowest != 0]] = 0
        mixed = (flat.reshape(fused.shape) + torch.eye(TOKENS)) / 2
        result = (mixed / mixed.sum(dim=-1)) @ result
    mask = result[0, 0, 1:]
    return (mask / mask.max()).numpy()


def test_reference_is_an_attention(layers):
    assert isinstance(layers[0], Attention)


@pytest.mark.parametrize("discard", [0.0, 0.3, 0.9, 0.95])
@pytest.mark.parametrize("fuse", ["mean", "max", "min"])
def test_one_row_equals_the_matrix(layers, fuse, discard):
    expected = by_matrices(layers, fuse=fuse, discard=discard)
    for token in (0, 5, TOKENS - 1):
        row = rollout(layers, token, fuse=fuse, discard=discard)
        assert row.dtype == np.float32
        np.testing.assert_allclose(row, expected[token], atol=1e-5)
        assert row.sum() == pytest.approx(1, abs=1e-5)


@pytest.mark.parametrize("discard", [0.0, 0.9])
@pytest.mark.parametrize(("keep", "start"), [(0.5, 0), (0.0, 1), (0.8, 3), (1.0, 0)])
def test_heads_at_once_equal_each_head_alone(layers, keep, start, discard):
    walk = {"keep": keep, "start": start, "discard": discard}
    (together,) = rollout_heads(layers, range(6, 7), **walk)
    assert together.shape == (HEADS, TOKENS)
    for head in range(HEADS):
        expected = by_matrices(layers, head=head, **walk)[6]
        np.testing.assert_allclose(together[head], expected, atol=1e-5)
        np.testing.assert_allclose(rollout(layers, 6, head=head, **walk), expected, atol=1e-5)


@pytest.mark.parametrize("discard", [0.0, 0.9])
@pytest.mark.parametrize("tokens", [range(4, 4 + FEW), range(TOKENS), range(15, 17)])
def test_neighbours_at_once_equal_each_token_alone(layers, tokens, discard):
    rows = rollout_heads(layers, tokens, discard=discard)
    assert rows.shape == (len(tokens), HEADS, TOKENS)
    for head in range(HEADS):
        alone = [rollout(layers, token, head=head, discard=discard) for token in tokens]
        np.testing.assert_allclose(rows[:, head], alone, atol=1e-5)
    for fuse in ("mean", "max", "min"):
        expected = by_matrices(layers, fuse=fuse, discard=discard)[tokens]
        fused = rollout_rows(layers, tokens, fuse=fuse, discard=discard)
        np.testing.assert_allclose(fused, expected, atol=1e-5)


def test_a_row_emptied_by_discarding_keeps_its_own_token():
    maps = np.full((1, 4, 4), 0.25, np.float32)
    maps[0, 0] = (0.0, 0.1, 0.3, 0.6)
    maps[0, 1] = (0.9, 0.05, 0.03, 0.02)
    assert mixing(Maps(maps), discard=0.85)[2].sum() == 0
    for walk in ({"keep": 0.0}, {"keep": 0.5}):
        np.testing.assert_array_equal(rollout([Maps(maps)], 2, discard=0.85, **walk), [0, 0, 1, 0])


@pytest.mark.parametrize("discard", [0.0, 0.1, 0.5, 0.8, 0.9, 0.95])
@pytest.mark.parametrize("fuse", ["mean", "max", "min"])
def test_the_preset_is_what_vit_explain_computes(layers, fuse, discard):
    row = rollout(layers, 0, fuse=fuse, discard=discard, preset="vit-explain")[1:]
    np.testing.assert_allclose(
        row / row.max(), as_vit_explain(layers, fuse=fuse, discard=discard), atol=1e-5
    )


def test_the_preset_of_a_head_alone_is_that_of_a_model_with_this_head_only(layers):
    for head in range(HEADS):
        alone = [Maps(layer.maps[[head]]) for layer in layers]
        expected = as_vit_explain(alone, fuse="mean", discard=0.9)
        one = rollout(layers, 0, head=head, discard=0.9, preset="vit-explain")[1:]
        together = rollout_heads(layers, range(1), discard=0.9, preset="vit-explain")[0, head, 1:]
        np.testing.assert_allclose(one / one.max(), expected, atol=1e-5)
        np.testing.assert_allclose(together / together.max(), expected, atol=1e-5)


def test_keeping_everything_stays_at_the_token(layers):
    np.testing.assert_array_equal(rollout(layers, 3, keep=1.0), np.eye(TOKENS)[3])


def test_layers_over_other_tokens_are_refused_with_their_numbers(layers):
    pooled = [*layers, Maps(softmax_maps(9, HEADS, 5, 5))]
    with pytest.raises(Unsupported, match="5 × 5, 17 × 17"):
        rollout(pooled, 0)
    with pytest.raises(Unsupported, match="17 × 4"):
        rollout_heads([Maps(softmax_maps(9, HEADS, TOKENS, 4))], range(1))


def test_differing_heads_are_refused_only_per_head(layers):
    mixed = [*layers, Maps(softmax_maps(9, 5, TOKENS, TOKENS))]
    assert rollout(mixed, 0).shape == (TOKENS,)
    with pytest.raises(Unsupported, match="3 and 5"):
        rollout_heads(mixed, range(1))


def test_a_start_behind_the_last_layer_is_refused(layers):
    with pytest.raises(Unsupported, match="4 of 4"):
        rollout(layers, 0, start=4)


@pytest.mark.parametrize("token", [-1, TOKENS])
def test_a_token_out_of_range_is_an_index_error(layers, token):
    with pytest.raises(IndexError, match="17"):
        rollout(layers, token)
    with pytest.raises(IndexError, match="17"):
        rollout_heads(layers, range(token, token + 1))


@dataclass(frozen=True)
class OneRow(Maps):
    """An attention whose whole map costs too much to ask for."""

    def matrix(self, head=None, *, fuse="mean"):
        raise AssertionError("the walk of the mean must not make a whole map")


def test_the_usual_walk_never_makes_a_map(layers):
    lean = [OneRow(layer.maps) for layer in layers]
    lean[-1] = layers[-1]  # the first step is rows alone
    flows = [Maps(layer.maps) for layer in layers[:-1]]
    np.testing.assert_allclose(
        rollout([*flows, OneRow(layers[-1].maps)], 2), by_matrices(layers)[2], atol=1e-5
    )
    np.testing.assert_allclose(
        rollout_heads(lean, range(2, 3))[0, 0], by_matrices(layers, head=0)[2], atol=1e-5
    )
