"""The walks are the published formulas, written here as plain products of matrices."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import torch

from vitviz.core.data.attribution import READ_BY_HEAD, AttributionQuery
from vitviz.core.data.target import Target
from vitviz.core.progress import Unsupported, VitvizError
from vitviz.models.attribution.attention_gradients import with_gradient
from vitviz.models.attribution.layer_scores import layer_score_calls
from vitviz.models.attribution.relevance_walks import legrad_column

CLASS = Target("class", index=3)


def asked_map(asked, of_class, method, **fields):
    score, found = of_class
    return asked.map(AttributionQuery(CLASS, method, **fields), score, found)


def chefer(eager, start=0):
    """Chefer et al. 2021 as its notebook has it: R starts as I and grows by A R."""
    relevance = torch.eye(eager.maps[0].shape[-1])
    for attention, gradient in list(zip(eager.maps, eager.gradients, strict=True))[start:]:
        mean = (gradient * attention).clamp(min=0).mean(dim=0)
        relevance = relevance + mean @ relevance
    return relevance


@pytest.mark.parametrize("token", [0, 1, 57])
@pytest.mark.parametrize("start", [0, 2])
def test_relevance_is_a_row_of_the_published_matrix(asked, of_class, eager, token, start):
    found = asked_map(asked, of_class, "relevance", token=token, start=start)
    expected = chefer(eager, start)[token]
    np.testing.assert_allclose(found.patches, expected[1:], rtol=1e-4, atol=1e-7)
    assert found.prefix == (("class", pytest.approx(float(expected[0]), rel=1e-4)),)


def test_the_head_of_a_class_token_reads_that_token(asked, of_class):
    by_head = asked_map(asked, of_class, "relevance", token=READ_BY_HEAD)
    np.testing.assert_array_equal(
        by_head.patches, asked_map(asked, of_class, "relevance", token=0).patches
    )
    assert by_head.notes == ()


def test_gradient_rollout_pairs_each_layer_with_its_own_gradient(asked, of_class, eager):
    joint = torch.eye(eager.maps[0].shape[-1])
    for attention, gradient in zip(eager.maps, eager.gradients, strict=True):
        mixed = (gradient * attention).mean(dim=0).clamp(min=0) + torch.eye(len(joint))
        joint = mixed / mixed.sum(dim=-1, keepdim=True) @ joint
    found = asked_map(asked, of_class, "gradient rollout", token=0)
    np.testing.assert_allclose(found.patches, joint[0, 1:], rtol=1e-4, atol=1e-8)
    assert found.patches.sum() + found.prefix[0][1] == pytest.approx(1, rel=1e-5)


def test_gradient_times_attention_is_signed_and_of_one_layer_and_head(asked, of_class, eager):
    product = eager.maps[1] * eager.gradients[1]
    mean = asked_map(asked, of_class, "gradient x attention", token=5, layer=1)
    np.testing.assert_allclose(mean.patches, product.mean(0)[5, 1:], rtol=1e-3, atol=1e-8)
    one = asked_map(asked, of_class, "gradient x attention", token=5, layer=1, head=0)
    np.testing.assert_allclose(one.patches, product[0, 5, 1:], rtol=1e-3, atol=1e-8)
    assert (one.patches < 0).any()


def test_rollout_is_that_of_the_rollout_view(asked, of_class):
    from vitviz.core.measures.rollout import rollout

    found = asked_map(asked, of_class, "rollout", token=4, start=1)
    expected = rollout([layer.attention for layer in of_class[1].layers], 4, start=1)
    np.testing.assert_allclose(found.patches, expected[1:], rtol=1e-5, atol=1e-9)


def test_plain_attention_asks_nothing_of_the_target(asked, of_class, eager):
    found = asked_map(asked, of_class, "attention", token=0)
    np.testing.assert_allclose(found.patches, eager.maps[-1].mean(0)[0, 1:], rtol=1e-5)


def test_legrad_scores_every_layer_by_the_mean_of_its_tokens(asked, of_class):
    """The published code's sums (head(norm(mean of tokens)), relu, mean over heads and queries)."""
    module = asked.model.module
    kept, tokens = [], []
    hooks = [b.register_forward_hook(lambda _m, _g, out: tokens.append(out)) for b in module.blocks]
    hooks += [
        block.attn.attn_drop.register_forward_hook(lambda _m, given, _o: kept.append(given[0]))
        for block in module.blocks
    ]
    for block in module.blocks:
        block.attn.fused_attn = False
    try:
        module(asked.pixels.clone().requires_grad_())
    finally:
        for hook in hooks:
            hook.remove()
        for block in module.blocks:
            block.attn.fused_attn = True
    expected = []
    for attention, given in zip(kept, tokens, strict=True):
        score = module.head(module.fc_norm(module.norm(given.mean(dim=1))))[0, 3]
        (gradient,) = torch.autograd.grad(score, attention, retain_graph=True)
        expected.append(gradient.clamp(min=0)[0].mean(dim=0).mean(dim=0)[1:])
    found = asked_map(asked, of_class, "LeGrad")
    np.testing.assert_allclose(found.layers, torch.stack(expected), rtol=1e-3, atol=1e-9)
    np.testing.assert_allclose(found.patches, torch.stack(expected).sum(0), rtol=1e-3, atol=1e-8)
    later = asked_map(asked, of_class, "LeGrad", start=1)
    np.testing.assert_allclose(
        later.patches, torch.stack(expected[1:]).sum(0), rtol=1e-3, atol=1e-8
    )


def test_legrad_of_an_attention_pool_is_the_pools_own_gradient(load_tiny, photo):
    from eager_reference import attributor_of

    asked = attributor_of(load_tiny("test_vit3"), photo)
    module = asked.model.module
    score = asked.score(CLASS)
    calls, pools, _ = layer_score_calls(module, asked.pixels, score, called="it")
    assert len(pools) == len(module.blocks)
    assert all(call.gradient is None for call in calls)
    tokens = []
    hooks = [b.register_forward_hook(lambda _m, _g, out: tokens.append(out)) for b in module.blocks]
    with torch.no_grad():
        module(asked.pixels)
    for hook in hooks:
        hook.remove()
    pool = module.attn_pool
    for given, call in zip(tokens, pools, strict=True):
        expected = _pool_gradient(module, pool, module.norm(given.detach()))
        (layer,) = asked.read([call]).pools
        np.testing.assert_allclose(
            legrad_column(with_gradient(layer, "it")), expected, rtol=1e-3, atol=1e-9
        )


def _pool_gradient(module, pool, tokens):
    """(d score / d attention)+ of an attention pool, with its attention written out."""
    count, heads = tokens.shape[1], pool.num_heads
    latent = pool.latent.detach()
    q = pool.q(latent).reshape(1, -1, heads, pool.head_dim).transpose(1, 2)
    k, v = pool.kv(tokens).reshape(1, count, 2, heads, pool.head_dim).permute(2, 0, 3, 1, 4)
    q, k = pool.q_norm(q), pool.k_norm(k)
    attention = ((q * pool.scale) @ k.mT).softmax(-1).detach().requires_grad_()
    joined = (attention @ v).transpose(1, 2).reshape(1, 1, -1)
    found = pool.proj(joined)
    found = found + pool.mlp(pool.norm(found))
    score = module.head(module.fc_norm(found[:, 0]))[0, 3]
    (gradient,) = torch.autograd.grad(score, attention)
    return gradient.clamp(min=0)[0, :, 0].mean(dim=0)


def test_a_head_that_pools_patches_reads_the_mean_of_them(load_tiny, photo):
    from eager_reference import attributor_of, eager_maps

    model = load_tiny("test_vit2")
    asked = attributor_of(model, photo)
    score = asked.score(CLASS)
    found = asked.map(AttributionQuery(CLASS), score, asked.gradients(score))
    expected = chefer(eager_maps(model, asked.pixels, 3))
    first = len(asked.grid.prefix)
    mean = expected[first:].mean(dim=0)[first:]
    np.testing.assert_allclose(found.patches, mean, rtol=1e-4, atol=1e-8)
    assert "mean of the" in found.notes[0]


def test_a_window_model_is_refused_by_walks_and_drawn_by_others(windowed_asked):
    asked = windowed_asked
    score = asked.score(Target("class", index=1))
    found = asked.gradients(score)
    with pytest.raises(Unsupported, match="over other tokens"):
        asked.map(AttributionQuery(score.reading and CLASS), score, found)
    made = asked.map(AttributionQuery(CLASS, "Grad-CAM"), score, found)
    assert made.grid.rows * made.grid.cols == len(made.patches)


@pytest.fixture
def windowed_asked(load_tiny, photo):
    from eager_reference import attributor_of

    return attributor_of(
        load_tiny(
            "swin_tiny_patch4_window7_224",
            img_size=64,
            depths=(2, 1),
            embed_dim=24,
            num_heads=(2, 4),
            window_size=4,
            num_classes=5,
        ),
        photo,
    )


def test_layers_and_tokens_that_are_not_there_get_a_sentence(asked, of_class):
    with pytest.raises(VitvizError, match="no layer 40"):
        asked_map(asked, of_class, "relevance", start=40)
    with pytest.raises(IndexError, match="token 999"):
        asked_map(asked, of_class, "relevance", token=999)


def test_a_question_is_the_same_whatever_its_method_does_not_look_at():
    query = AttributionQuery(CLASS, "Grad-CAM", token=4, layer=1, steps=99, seed=7, window=3)
    assert query.plain() == AttributionQuery(CLASS, "Grad-CAM", layer=1)
    assert replace(query, layer=2).plain() != query.plain()
