"""Blocks, stems and early answers against the same computed by hand from the weights."""

from __future__ import annotations

import numpy as np
import pytest
import torch

import vitviz
from vitviz.core.progress import Unsupported
from vitviz.models.loading.preprocess import normalised


def weights(module):
    return {
        name: value.detach().numpy().astype(np.float64)
        for name, value in module.state_dict().items()
    }


def layer_norm(x, weight, bias, eps=1e-6):
    mean, spread = x.mean(-1, keepdims=True), x.var(-1, keepdims=True)
    return (x - mean) / np.sqrt(spread + eps) * weight + bias


def test_a_block_is_taken_apart_as_numpy_computes_it(tiny_model, tiny_trace):
    found = tiny_trace.source.block(2)
    w = {
        key[len("blocks.2.") :]: value
        for key, value in weights(tiny_model.module).items()
        if key.startswith("blocks.2.")
    }
    before = tiny_trace.source.features()[1].astype(np.float64)
    heads = tiny_model.module.blocks[2].attn.num_heads
    normed = layer_norm(before, w["norm1.weight"], w["norm1.bias"])
    qkv = normed @ w["attn.qkv.weight"].T + w["attn.qkv.bias"]
    q, k, v = (
        each.reshape(len(before), heads, -1).transpose(1, 0, 2) for each in np.split(qkv, 3, axis=1)
    )
    scores = q @ k.transpose(0, 2, 1) / np.sqrt(q.shape[-1])
    soft = np.exp(scores - scores.max(-1, keepdims=True))
    soft /= soft.sum(-1, keepdims=True)
    mixed = soft @ v
    added = mixed.transpose(1, 0, 2).reshape(len(before), -1) @ w["attn.proj.weight"].T
    added += w["attn.proj.bias"]
    scale = w.get("ls1.gamma", 1.0)
    steps = {step.name: step for step in found.steps}
    plain = {
        "q, k, v": qkv,
        "scores q·kᵀ/√d": scores,
        "softmax": soft,
        "weighted sum of values": mixed,
        "projection": added,
    }
    for name, values in plain.items():
        step = steps[name]
        wanted = [values.mean(), values.std(ddof=1), values.min(), values.max()]
        np.testing.assert_allclose([step.mean, step.std, step.low, step.high], wanted, atol=2e-5)
    assert steps["softmax"].shape == (1, heads, len(before), len(before))
    assert steps["softmax"].axes == "1 head query key"
    np.testing.assert_allclose(found.before, np.linalg.norm(before, axis=1), rtol=1e-5)
    np.testing.assert_allclose(found.attention, np.linalg.norm(added * scale, axis=1), rtol=1e-3)
    after = tiny_trace.source.features()[2].astype(np.float64)
    np.testing.assert_allclose(found.after, np.linalg.norm(after, axis=1), rtol=1e-5)
    rest = after - before - added * scale
    np.testing.assert_allclose(found.mlp, np.linalg.norm(rest, axis=1), rtol=1e-3, atol=1e-5)


def test_a_block_of_another_order_is_refused(photo):
    model = vitviz.load(
        "swinv2_cr_tiny_ns_224",
        pretrained=False,
        img_size=64,
        window_size=2,
        embed_dim=16,
        depths=(1, 1, 1, 1),
        num_heads=(1, 1, 1, 1),
    )
    trace = vitviz.trace(model, photo)
    with pytest.raises(Unsupported, match="blocks of"):
        trace.source.block(0)


def test_a_stem_is_a_matrix_over_patches(tiny_model, tiny_trace):
    stem = tiny_trace.source.stem()
    side = tiny_model.module.patch_embed.patch_size[0]
    pixels = normalised(tiny_trace.pixels, tiny_model.preprocess)[0].numpy().astype(np.float64)
    grid, found = tiny_trace.grid, []
    for row in range(grid.rows):
        for col in range(grid.cols):
            patch = pixels[:, row * side : (row + 1) * side, col * side : (col + 1) * side]
            found.append((stem.kernel.astype(np.float64) * patch).sum((1, 2, 3)) + stem.bias)
    np.testing.assert_allclose(stem.tokens, found, atol=1e-4)
    assert stem.difference <= 1e-4 * stem.largest


@pytest.fixture(scope="module")
def tnt(photo):
    model = vitviz.load(
        "tnt_s_patch16_224",
        pretrained=False,
        depth=2,
        embed_dim=24,
        inner_dim=8,
        num_heads_outer=2,
        img_size=64,
    )
    return model, vitviz.trace(model, photo)


def test_overlapping_windows_are_a_matrix_too(tnt):
    model, trace = tnt
    stem = trace.source.stem()
    assert not stem.patches
    assert stem.step == (4, 4)
    assert len(stem.tokens) == 16 * 16
    pixels = normalised(trace.pixels, model.preprocess)
    with torch.no_grad():
        second = model.module.pixel_embed.proj(pixels[:, :, :16, 16:32])  # words see one patch only
    np.testing.assert_allclose(stem.tokens[16:32], second[0].flatten(1).T, atol=1e-5)
    assert stem.difference <= 1e-5 * stem.largest


@pytest.mark.parametrize(
    ("name", "said"),
    [("vit_tiny_r_s16_p8_224", "does more"), ("naflexvit_base_patch16_gap", "no convolution")],
)
def test_stems_that_are_no_matrix_over_windows_are_refused(name, said, photo):
    model = vitviz.load(name, pretrained=False, **({"depth": 1} if "naflex" in name else {}))
    with pytest.raises(Unsupported, match=said):
        vitviz.trace(model, photo).source.stem()


def test_what_words_tell_their_sentences_is_added_before_attention(tnt):
    model, trace = tnt
    found, block = trace.source.block(1), model.module.blocks[1]
    seen = {}
    hooks = [
        part.register_forward_hook(lambda _m, given, out, key=key: seen.update({key: (given, out)}))
        for key, part in (("block", block), ("attn", block.attn_out), ("mlp", block.mlp))
    ]
    with torch.no_grad():
        model.module(normalised(trace.pixels, model.preprocess))
        (words, sentences), (told, after) = seen["block"]
        inner = words + block.attn_in(block.norm_in(words))
        inner = inner + block.mlp_in(block.norm_mlp_in(inner))
        joined = inner.reshape(1, trace.grid.tokens - 1, -1)
        legacy = block.norm2_proj is None
        told = (
            block.proj(block.norm1_proj(inner).reshape(joined.shape))
            if legacy
            else (block.norm2_proj(block.proj(block.norm1_proj(joined))))
        )
    for hook in hooks:
        hook.remove()
    np.testing.assert_allclose(found.before, sentences[0].norm(dim=-1), rtol=1e-5)
    np.testing.assert_allclose(found.words, [0, *told[0].norm(dim=-1)], rtol=1e-4)
    np.testing.assert_allclose(found.attention, seen["attn"][1][0].norm(dim=-1), rtol=1e-3)
    np.testing.assert_allclose(found.mlp, seen["mlp"][1][0].norm(dim=-1), rtol=1e-3)
    np.testing.assert_allclose(found.after, after[0].norm(dim=-1), rtol=1e-5)
    steps = {step.name: step for step in found.steps}
    assert steps["words, softmax"].shape == (16, 4, 16, 16)
    assert steps["words + attention"].shape == tuple(words.shape)


def test_the_last_layers_class_token_gives_the_models_own_answer(tiny_checkpoint, photo):
    model = vitviz.load(tiny_checkpoint)
    trace = vitviz.trace(model, photo)
    logits = trace.source.logits(trace.source.features()[-1, :1])
    with torch.no_grad():
        own = model.module(normalised(trace.pixels, model.preprocess)).numpy()
    np.testing.assert_allclose(logits, own, atol=1e-4)
    w = weights(model.module)
    early = trace.source.features()[2].astype(np.float64)
    by_hand = (
        layer_norm(early, w["norm.weight"], w["norm.bias"]) @ w["head.weight"].T + w["head.bias"]
    )
    found = trace.source.logits(trace.source.features()[2])
    np.testing.assert_allclose(found, by_hand, atol=1e-4)


def normal(module, tokens):
    return module.norm(torch.from_numpy(np.array(tokens)))


def answer(model, trace):
    with torch.no_grad():
        return model.module(normalised(trace.pixels, model.preprocess)).numpy()[0]


def test_a_mean_of_patches_answers_as_the_mean_of_each_layer(photo):
    model = vitviz.load("test_vit", pretrained=False, global_pool="avg")
    trace = vitviz.trace(model, photo)
    features, module = trace.source.features(), model.module
    found = trace.source.readout()
    np.testing.assert_allclose(found[-1], answer(model, trace), atol=1e-4)
    with torch.no_grad():
        patches = normal(module, features[1])[trace.grid.patches]
        early = module.head(module.fc_norm(patches.mean(0)))
        single = module.head(module.fc_norm(normal(module, features[1])))
    np.testing.assert_allclose(found[1], early, atol=1e-4)
    np.testing.assert_allclose(trace.source.logits(features[1]), single, atol=1e-4)


def test_two_heads_answer_together(photo):
    model = vitviz.load(
        "deit_tiny_distilled_patch16_224",
        pretrained=False,
        depth=2,
        img_size=64,
        embed_dim=24,
        num_heads=2,
    )
    with torch.no_grad():
        for head in (model.module.head, model.module.head_dist):
            head.weight.normal_()
    trace = vitviz.trace(model, photo)
    found = trace.source.readout()
    np.testing.assert_allclose(found[-1], answer(model, trace), atol=1e-4)
    with torch.no_grad():
        tokens = normal(model.module, trace.source.features()[0])
        apart = model.module.head(tokens), model.module.head_dist(tokens)
    np.testing.assert_allclose(found[0], (apart[0][0] + apart[1][1]) / 2, atol=1e-4)
    single = trace.source.logits(trace.source.features()[0])
    np.testing.assert_allclose(single, (apart[0] + apart[1]) / 2, atol=1e-4)


def test_a_pool_by_attention_reads_every_layer_as_it_reads_the_last(photo):
    model = vitviz.load("test_vit", pretrained=False, global_pool="map", class_token=False)
    trace = vitviz.trace(model, photo)
    features, module = trace.source.features(), model.module
    found = trace.source.readout()
    np.testing.assert_allclose(found[-1], answer(model, trace), atol=1e-4)
    with torch.no_grad():
        early = module.head(module.fc_norm(module.attn_pool(normal(module, features[0])[None])))
        alone = module.head(module.fc_norm(module.attn_pool(normal(module, features[0])[:, None])))
    np.testing.assert_allclose(found[0], early[0], atol=1e-4)
    np.testing.assert_allclose(trace.source.logits(features[0]), alone, atol=1e-4)


def test_a_head_that_reads_more_than_the_tokens_is_refused(photo):
    model = vitviz.load(
        "cait_xxs24_224", pretrained=False, depth=2, img_size=64, embed_dim=24, num_heads=2
    )
    trace = vitviz.trace(model, photo)
    with pytest.raises(Unsupported, match=r"other logits|compared token by token"):
        trace.source.readout()


def test_a_model_without_a_head_has_no_early_answer(photo):
    model = vitviz.load("test_vit", pretrained=False, num_classes=0)
    trace = vitviz.trace(model, photo)
    with pytest.raises(Unsupported, match="no head"):
        trace.source.logits(trace.source.features()[0])
