"""Rows, columns, matrices and flows against the whole attention, held for once."""

from __future__ import annotations

import gc
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest
import torch

from vitviz.core.data.attention import Attention
from vitviz.core.measures.rollout import mixing, rollout, rollout_heads
from vitviz.models.record.attention import tiles
from vitviz.models.record.attention.kept_maps import KeptMaps, kept_maps
from vitviz.models.record.attention.lazy_attention import EagerAttention, FusedAttention

HEADS, QUERIES, KEYS = 3, 23, 17


def fused(dtype=torch.float32, keys=KEYS, seed=0, bias=True):
    random = torch.Generator().manual_seed(seed)
    query = torch.randn(HEADS, QUERIES, 8, generator=random).to(dtype)
    key = torch.randn(HEADS, keys, 8, generator=random).to(dtype)
    added = torch.randn(HEADS, QUERIES, keys, generator=random).to(dtype) if bias else None
    return FusedAttention(query, key, added, 0.4)


def whole(attention):
    logits = attention.query.float() @ attention.key.float().mT * attention.scale
    if attention.bias is not None:
        logits = logits + attention.bias
    return torch.softmax(logits, -1).numpy()


@pytest.fixture(params=["fused", "eager", "bf16", "tiles"])
def pair(request, monkeypatch):
    """An attention and its whole map."""
    if request.param == "tiles":
        monkeypatch.setattr(tiles, "ENTRIES", 2 * HEADS * KEYS)
    made = fused(torch.bfloat16 if request.param == "bf16" else torch.float32)
    maps = whole(made)
    return (EagerAttention(torch.from_numpy(maps)) if request.param == "eager" else made), maps


def test_it_is_what_core_promises(pair):
    attention, maps = pair
    assert isinstance(attention, Attention)
    assert (attention.heads, attention.queries, attention.keys) == maps.shape


def test_rows_and_columns(pair):
    attention, maps = pair
    for query in range(QUERIES):
        np.testing.assert_allclose(attention.rows(query), maps[:, query], atol=1e-6)
    for key in range(KEYS):
        np.testing.assert_allclose(attention.columns(key), maps[:, :, key], atol=1e-6)
    assert attention.rows(0).dtype == np.float32


def test_matrices(pair):
    attention, maps = pair
    for head in range(HEADS):
        np.testing.assert_allclose(attention.matrix(head), maps[head], atol=1e-6)
    for fuse in ("mean", "max", "min"):
        fused_maps = getattr(maps, fuse)(axis=0)
        np.testing.assert_allclose(attention.matrix(fuse=fuse), fused_maps, atol=1e-6)


def test_flows(pair):
    attention, maps = pair
    weight = np.random.default_rng(0).random((HEADS, QUERIES), np.float32)
    expected = np.einsum("hq,hqk->hk", weight, maps)
    np.testing.assert_allclose(attention.flow(weight), expected, atol=1e-5)
    several = np.stack([weight, 2 * weight])
    np.testing.assert_allclose(attention.flow(several), [expected, 2 * expected], atol=1e-5)
    for fuse in ("mean", "max"):
        step = mixing(attention, fuse=fuse)
        np.testing.assert_allclose(attention.sums(fuse), step.sum(1), atol=1e-5)
        np.testing.assert_allclose(attention.flow(weight, fuse=fuse), weight @ step, atol=1e-5)
    kept = attention.flow(weight, discard=0.5)
    expected = np.stack(
        [weight[head] @ mixing(attention, head=head, discard=0.5) for head in range(HEADS)]
    )
    np.testing.assert_allclose(kept, expected, atol=1e-5)
    totals = [mixing(attention, head=head, discard=0.5).sum(1) for head in range(HEADS)]
    np.testing.assert_allclose(attention.sums(discard=0.5), totals, atol=1e-5)


@pytest.mark.parametrize("fuse", ["mean", "max", "min"])
def test_the_first_flow_is_that_of_the_map_that_it_keeps(fuse):
    attention = fused()
    weight = np.random.default_rng(0).random((3, QUERIES), np.float32)
    first = attention.flow(weight, fuse=fuse)
    np.testing.assert_allclose(first, weight @ attention.matrix(fuse=fuse), atol=1e-6)
    assert kept_maps.get(attention._owner, ("matrix", fuse)) is attention.matrix(fuse=fuse)
    np.testing.assert_allclose(attention.flow(weight, fuse=fuse), first, atol=1e-6)


def test_a_walk_is_the_product_of_matrices():
    layers = [fused(keys=QUERIES, seed=seed) for seed in range(4)]
    product = np.eye(QUERIES)
    for layer in layers:
        product = (0.5 * np.eye(QUERIES) + 0.5 * whole(layer).mean(0)) @ product
    for token in (0, 7, QUERIES - 1):
        np.testing.assert_allclose(rollout(layers, token), product[token], atol=1e-6)
    heads = rollout_heads(layers, range(3))
    one = np.eye(QUERIES)
    for layer in layers:
        one = (0.5 * np.eye(QUERIES) + 0.5 * whole(layer)[1]) @ one
    np.testing.assert_allclose(heads[:, 1], one[:3], atol=1e-6)


def test_out_of_range_is_said_with_the_numbers(pair):
    attention, _ = pair
    with pytest.raises(IndexError, match=f"query {QUERIES} is out of range, this call has"):
        attention.rows(QUERIES)
    with pytest.raises(IndexError, match="key -1"):
        attention.columns(-1)
    with pytest.raises(IndexError, match="head 3"):
        attention.matrix(3)
    with pytest.raises(ValueError, match=r"shape \(1, 23\)"):
        attention.flow(np.zeros((1, QUERIES), np.float32))


def test_kept_maps_are_read_only_and_go_with_their_attention():
    attention = fused()
    gc.collect()  # what earlier tests left behind
    before = kept_maps.bytes
    assert attention.matrix() is attention.matrix()
    with pytest.raises(ValueError, match="read-only"):
        attention.matrix()[0, 0] = 1
    assert kept_maps.bytes == before + QUERIES * KEYS * 4
    del attention
    gc.collect()
    assert kept_maps.bytes == before


def test_kept_maps_stay_within_their_budget():
    kept = KeptMaps(budget=1000)
    for owner in range(5):
        kept.put(owner, "map", np.zeros((10, 10), np.float32))
    assert kept.bytes == 800
    assert kept.get(2, "map") is None
    assert kept.get(3, "map") is not None
    kept.put(9, "large", np.zeros((100, 100), np.float32))
    assert kept.get(9, "large") is None
    assert kept.bytes == 800


def test_many_threads_may_look_at_once():
    attention = fused(keys=QUERIES)
    maps = whole(attention)

    def look(number):
        token = number % QUERIES
        return (
            np.abs(attention.rows(token) - maps[:, token]).max()
            + np.abs(attention.columns(token) - maps[:, :, token]).max()
            + np.abs(attention.matrix(number % HEADS) - maps[number % HEADS]).max()
        )

    with ThreadPoolExecutor(4) as pool:
        assert max(pool.map(look, range(200))) < 1e-5
