"""The walk over tiles against softmax in float64, whatever the call: biases, masks, shared keys."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import torch
from torch.nn import functional

from vitviz.core.data.attention import AttentionPlaces
from vitviz.models.record.attention import tiles
from vitviz.models.record.attention.kernel import attended
from vitviz.models.record.attention.lazy_attention import EagerAttention, FusedAttention
from vitviz.models.record.attention.tiles import AttentionInputs, query_runs

HEADS, QUERIES, KEYS, DIM = 4, 37, 29, 16
EXACT = 1e-6
ROUNDED = {"large logits": 4e-6}
"""A float32 logit near 20 is itself rounded by 1e-6, and the exponential takes that over."""


def random(*shape, seed=0, scale=1.0):
    return scale * torch.randn(*shape, generator=torch.Generator().manual_seed(seed))


def forbidding(seed=3):
    """A mask that leaves every query something, and one query nothing at all."""
    mask = random(HEADS, QUERIES, KEYS, seed=seed) > -0.5
    mask[:, :, 0] = True
    mask[:, 5] = False
    return mask


KINDS = {
    "plain": {},
    "large logits": {"scale": 1.0},
    "bias": {"bias": random(HEADS, QUERIES, KEYS, seed=2, scale=3.0)},
    "bias in half precision": {"bias": random(HEADS, QUERIES, KEYS, seed=2).to(torch.bfloat16)},
    "one bias for all heads": {"bias": random(1, QUERIES, KEYS, seed=2).expand(HEADS, -1, -1)},
    "mask": {"bias": forbidding()},
    "mask of infinities": {"bias": torch.where(forbidding(), 0.0, -torch.inf)},
    "causal": {"causal": True},
    "bf16": {"dtype": torch.bfloat16},
    "fp16": {"dtype": torch.float16},
    "fp64": {"dtype": torch.float64},
}


def made(kind):
    """A call of that kind, and its whole attention in float64; zero where nothing may be seen."""
    given = {"scale": DIM**-0.5} | KINDS[kind]
    dtype = given.pop("dtype", torch.float32)
    query, key = random(HEADS, QUERIES, DIM).to(dtype), random(HEADS, KEYS, DIM, seed=1).to(dtype)
    inputs = AttentionInputs(query, key, **given)
    logits = query.double() @ key.double().mT * inputs.scale
    if inputs.bias is not None and inputs.bias.dtype == torch.bool:
        logits = logits.masked_fill(~inputs.bias, -torch.inf)
    elif inputs.bias is not None:
        logits = logits + inputs.bias.double()
    if inputs.causal:
        logits = logits.masked_fill(~torch.ones(QUERIES, KEYS).tril().bool(), -torch.inf)
    return inputs, torch.softmax(logits, -1).nan_to_num(0.0)


def whole(inputs, entries):
    """All tiles side by side."""
    found = torch.full((HEADS, QUERIES, KEYS), torch.nan)
    for tile in inputs.tiles(inputs.log_sum_exp(entries), entries):
        found[:, tile.queries] = tile.maps
    return found


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("entries", [1, 5 * HEADS * KEYS, 10**6])
def test_tiles_are_the_softmax_in_float64(kind, entries):
    inputs, maps = made(kind)
    np.testing.assert_allclose(whole(inputs, entries), maps, atol=ROUNDED.get(kind, EXACT))


@pytest.mark.parametrize("kind", KINDS)
def test_every_look_at_a_call_is_the_same_attention(kind):
    inputs, maps = made(kind)
    exact = ROUNDED.get(kind, EXACT)
    call = FusedAttention(inputs.query, inputs.key, inputs.bias, inputs.scale, inputs.causal)
    for query in (0, 5, QUERIES - 1):
        np.testing.assert_allclose(call.rows(query), maps[:, query], atol=exact)
    for key in (0, KEYS - 1):
        np.testing.assert_allclose(call.columns(key), maps[:, :, key], atol=exact)
    np.testing.assert_allclose(call.matrix(2), maps[2], atol=exact)
    np.testing.assert_allclose(call.matrix(fuse="mean"), maps.mean(0), atol=exact)
    np.testing.assert_allclose(call.matrix(fuse="max"), maps.amax(0), atol=exact)
    weight = np.random.default_rng(0).dirichlet(np.ones(QUERIES), (3, HEADS)).astype(np.float32)
    moved = np.einsum("thq,hqk->thk", weight, maps)
    np.testing.assert_allclose(call.flow(weight), moved, atol=exact)
    np.testing.assert_allclose(
        call.flow(weight[:, 0], fuse="mean"), weight[:, 0] @ maps.mean(0).numpy(), atol=exact
    )


def test_logits_beyond_what_an_exponential_holds():
    inputs, _ = made("plain")
    far = replace(inputs, bias=torch.full((HEADS, QUERIES, KEYS), 500.0))
    np.testing.assert_allclose(whole(far, 1000), whole(inputs, 1000), atol=1e-4)


def test_runs_hold_every_query_once():
    runs = list(query_runs(3, 10, 7, 2 * 3 * 7))
    assert [(run.start, run.stop) for run in runs] == [(0, 2), (2, 4), (4, 6), (6, 8), (8, 10)]
    assert list(query_runs(3, 10, 7, 1))[-1] == slice(9, 10)
    assert list(query_runs(3, 10, 7, 10**6)) == [slice(0, 10)]


@pytest.mark.parametrize("kind", ["plain", "bias", "mask of infinities", "fp64"])
def test_the_kernel_gives_its_log_sum_exp_with_the_same_answer(kind):
    inputs, maps = made(kind)
    value = random(1, HEADS, KEYS, DIM, seed=4).to(inputs.query.dtype)
    bias = None if inputs.bias is None else inputs.bias[None].to(inputs.query.dtype)
    given = inputs.query[None], inputs.key[None], value, bias
    answered = attended(*given, scale=inputs.scale)
    expected = functional.scaled_dot_product_attention(*given, scale=inputs.scale)
    assert torch.equal(answered.output, expected)
    assert answered.log_sum_exp is not None
    found = torch.cat([tile.maps for tile in inputs.tiles(answered.log_sum_exp[0].float())], 1)
    np.testing.assert_allclose(found, maps, atol=2 * EXACT)


@pytest.mark.parametrize("dtype", [torch.bfloat16, torch.float16])
def test_a_sum_of_rounded_numbers_is_not_taken(dtype):
    given = [random(1, HEADS, QUERIES, DIM, seed=seed).to(dtype) for seed in range(3)]
    answered = attended(*given)
    assert answered.log_sum_exp is None
    assert torch.equal(answered.output, functional.scaled_dot_product_attention(*given))


def test_a_mask_of_truths_and_shared_keys_go_to_the_same_kernel():
    query, key, value = (random(1, heads, QUERIES, DIM, seed=heads) for heads in (4, 2, 2))
    shared = attended(query, key, value, enable_gqa=True)
    expected = functional.scaled_dot_product_attention(query, key, value, enable_gqa=True)
    assert torch.equal(shared.output, expected)
    mask = random(1, 1, QUERIES, QUERIES) > 0
    several = key.repeat_interleave(2, 1), value.repeat_interleave(2, 1)
    masked = attended(query, *several, mask)
    assert torch.equal(
        masked.output, functional.scaled_dot_product_attention(query, *several, mask)
    )


def placed(count, seed):
    """Places of so many tokens; the first is nowhere."""
    found = np.random.default_rng(seed).uniform(0, 224, (count, 2)).astype(np.float32)
    found[0] = np.nan
    return found


@pytest.mark.parametrize("eager", [False, True])
@pytest.mark.parametrize("kind", KINDS)
def test_a_survey_is_the_sums_over_the_whole_map(kind, eager, monkeypatch):
    monkeypatch.setattr(tiles, "ENTRIES", 6 * HEADS * KEYS)
    inputs, maps = made(kind)
    if eager:
        call = EagerAttention(maps.float())
    else:
        call = FusedAttention(inputs.query, inputs.key, inputs.bias, inputs.scale, inputs.causal)
    places = AttentionPlaces(placed(QUERIES, 0), placed(KEYS, 1))
    found = call.survey(places)
    exact = maps.numpy()
    np.testing.assert_allclose(found.received, exact.sum(1), rtol=1e-5, atol=1e-5)
    entropy = torch.special.entr(maps).sum(-1)
    np.testing.assert_allclose(found.entropy, entropy, atol=2e-5)
    apart = places.queries[:, None].astype(np.float64) - places.keys
    far = np.hypot(apart[..., 0], apart[..., 1])
    np.testing.assert_allclose(found.among, exact[..., 1:].sum(-1), atol=1e-5)
    np.testing.assert_allclose(
        found.reached[:, 1:], (exact * far)[:, 1:, 1:].sum(-1), rtol=1e-5, atol=1e-3
    )
    assert np.isnan(found.reached[:, 0]).all()
    assert call.survey(places) is found, "small, and kept"


def test_differences_of_two_softmaxes_have_no_entropy():
    maps = torch.softmax(random(2, 5, 5), -1)
    maps[1] -= 0.5
    found = EagerAttention(maps).survey()
    assert np.isfinite(found.entropy[0]).all()
    assert np.isnan(found.entropy[1]).all()


@pytest.mark.parametrize("head", [None, 2])
def test_an_overview_is_the_map_in_squares(head, monkeypatch):
    monkeypatch.setattr(tiles, "ENTRIES", 6 * HEADS * KEYS)
    inputs, maps = made("bias")
    call = FusedAttention(inputs.query, inputs.key, inputs.bias, inputs.scale)
    whole_map = (maps.mean(0) if head is None else maps[head]).numpy()
    expected = whole_map[:36, :28].reshape(9, 4, 7, 4).mean((1, 3))
    np.testing.assert_allclose(call.overview(head, step=4), expected, atol=EXACT)
    np.testing.assert_allclose(call.overview(head, step=1), whole_map, atol=EXACT)
