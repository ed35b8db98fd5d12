"""What is captured is what the model computed, for families that compute it differently."""

from __future__ import annotations

import numpy as np
import pytest
import timm
import torch
from torch import nn

import vitviz
from vitviz.core.data.geometry import TokenGrid
from vitviz.core.progress import Cancelled, Unsupported
from vitviz.models.record.layers_from_calls import read_calls
from vitviz.models.record.recorder import record
from vitviz.models.record.tensor_arena import TensorArena

SMALL = {"embed_dim": 32, "depth": 2, "num_heads": 2, "img_size": 64, "num_classes": 5}
DEIT = ("deit_tiny_distilled_patch16_224", SMALL)
BEIT = ("beit_base_patch16_224", SMALL)
EVA = ("eva02_tiny_patch14_224", {**SMALL, "img_size": 56})


def eager(module, pixels):
    """The softmaxes of the same model with its fused kernels off."""
    found = []
    hooks = []
    for part in module.modules():
        if hasattr(part, "fused_attn"):
            part.fused_attn = False
            drop = getattr(part, "attn_drop", None)
            if drop is not None:
                hooks.append(drop.register_forward_hook(lambda *it: found.append(it[2].detach())))
    with torch.no_grad():
        module(pixels)
    for hook in hooks:
        hook.remove()
    for part in module.modules():
        if hasattr(part, "fused_attn"):
            part.fused_attn = True
    return found


@pytest.mark.parametrize(
    ("name", "arguments"),
    [("test_vit", {}), ("test_vit2", {}), ("test_vit3", {}), ("test_vit4", {}), DEIT, BEIT, EVA],
    ids=lambda each: each if isinstance(each, str) else "",
)
def test_every_map_equals_the_eager_softmax(name, arguments, photo):
    torch.manual_seed(1)
    model = vitviz.load(name, pretrained=False, **arguments)
    for parameter in model.module.parameters():
        parameter.add_(torch.randn_like(parameter) * 0.05)
    trace = vitviz.trace(model, photo)
    size = model.preprocess.size
    pixels = (trace.pixels.astype(np.float32) / 255 - model.preprocess.mean) / model.preprocess.std
    maps = eager(model.module, torch.from_numpy(pixels.astype(np.float32).transpose(2, 0, 1))[None])
    assert size == trace.crop.model
    assert len(trace.layers) == len(maps) == len(model.module.blocks)
    assert trace.refused == ()
    assert 0 < trace.verified < 1e-5
    for layer, expected in zip(trace.layers, maps, strict=True):
        assert layer.grid == trace.grid
        for query in (0, trace.grid.tokens - 1):
            np.testing.assert_allclose(
                layer.attention.rows(query), expected[0, :, query].numpy(), atol=2e-6
            )


def test_modules_are_named_and_numbered(tiny_trace):
    assert [layer.name for layer in tiny_trace.layers][:2] == ["blocks.0.attn", "blocks.1.attn"]
    assert [layer.block for layer in tiny_trace.layers] == list(range(6))


def test_the_model_answers_as_without_a_recorder_and_keeps_no_hook(tiny_model, photo):
    module = tiny_model.module
    pixels = torch.rand(1, 3, 160, 160)
    with torch.no_grad():
        plain = module(pixels)
    output, calls = record(module, pixels)
    assert torch.equal(plain, output)
    assert len(calls) == 6
    assert not any(part._forward_hooks or part._forward_pre_hooks for part in module.modules())


def test_stopping_leaves_the_model_usable(tiny_model, photo):
    seen = []

    def stop(done, total, what=""):
        seen.append((done, total, what))
        if done == 3:
            raise Cancelled

    with pytest.raises(Cancelled):
        vitviz.trace(tiny_model, photo, progress=stop)
    assert seen[-1] == (3, 6, "layer 3 of 6")
    assert not any(part._forward_hooks for part in tiny_model.module.modules())
    assert len(vitviz.trace(tiny_model, photo).layers) == 6


def test_the_pool_is_no_layer(photo):
    trace = vitviz.trace(vitviz.load("test_vit3", pretrained=False), photo)
    (pool,) = trace.pools
    assert (pool.attention.queries, pool.attention.keys) == (1, trace.grid.tokens)
    assert all(layer.attention.queries == trace.grid.tokens for layer in trace.layers)


def test_softmaxes_the_model_makes_itself_are_kept():
    module = timm.create_model(
        "swin_tiny_patch4_window7_224", img_size=56, embed_dim=24, depths=(2, 2), num_heads=(2, 3)
    ).eval()
    found = []
    for part in module.modules():
        if type(part).__name__ == "WindowAttention":
            part.softmax.register_forward_hook(lambda *it: found.append(it[2].clone()))
    _, calls = record(module, torch.rand(1, 3, 56, 56))
    assert [call.name for call in calls] == [
        f"layers.{stage}.blocks.{block}.attn" for stage in (0, 1) for block in (0, 1)
    ]
    assert all(call.kind == "eager" and call.verified < 1e-5 for call in calls)
    for call, expected in zip(calls, found, strict=True):
        assert torch.equal(call.maps, expected)


def test_values_are_kept_while_they_are_small_or_asked_for(tiny_model, photo):
    assert vitviz.trace(tiny_model, photo).layers[0].attention.values is not None
    lean = vitviz.trace(tiny_model, photo, values=False)
    attention = lean.layers[0].attention
    assert attention.values is None
    sizes = [
        (layer.attention.query.numel(), layer.attention.normaliser.numel()) for layer in lean.layers
    ]
    assert lean.held_bytes == sum(4 * (2 * numbers + queries) for numbers, queries in sizes), (
        "q, k and one number a query and head only, no storage shared with v"
    )


class Plain(nn.Module):
    """One attention over the patches of a 4 x 4 grid, with a way to break it."""

    def __init__(self, break_it):
        super().__init__()
        self.patch_embed = nn.Conv2d(3, 12, 4, 4)
        self.qkv, self.break_it = nn.Linear(12, 36), break_it

    def forward(self, picture):
        tokens = self.patch_embed(picture).flatten(2).mT
        q, k, v = self.qkv(tokens).unflatten(-1, (3, 2, 6)).permute(2, 0, 3, 1, 4)
        return self.break_it(q, k, v)


def honest(q, k, v):
    return (q @ k.mT / 6**0.5).softmax(-1) @ v


def gated(q, k, v):
    return ((q @ k.mT).softmax(-1) * torch.rand(16)) @ v


def doubled(q, k, v):
    return (q @ k.mT).softmax(-1).mul_(2) @ v


def elsewhere(q, k, v):
    return ((q @ k.mT).softmax(-1)[..., None] * v[..., None, :, :]).sum(-2)


def weighing_queries(q, k, v):
    return ((q @ k.mT).softmax(-1) * torch.rand(16, 16)).sum(-2)


def dropping(q, k, v):
    return nn.functional.scaled_dot_product_attention(q, k, v, dropout_p=0.5)


def overwriting(q, k, v):
    maps = (q @ k.mT).softmax(-1)
    output = maps @ v
    maps.zero_()
    return output


def reusing(q, k, v):
    output = nn.functional.scaled_dot_product_attention(q, k, v)
    q.zero_()
    k.zero_()
    return output


@pytest.mark.parametrize(
    ("break_it", "word"),
    [
        (gated, "changed before it met the values"),
        (doubled, "rows sum to 1"),
        (elsewhere, "not seen to meet values"),
        (weighing_queries, "not seen to meet values"),
        (dropping, "differs from the module's own output"),
        (overwriting, "wrote into"),
    ],
)
def test_what_is_not_the_models_own_map_is_refused(break_it, word):
    torch.manual_seed(0)
    _, calls = record(Outer(break_it), torch.rand(1, 3, 16, 16))
    reading = read_calls(calls, TokenGrid(4, 4, (4, 4)))
    assert reading.layers == ()
    (sentence,) = reading.refused
    assert sentence.startswith("inner: ")
    assert word in sentence


@pytest.mark.parametrize("way", [honest, reusing])
def test_the_same_module_unbroken_is_shown(way):
    _, calls = record(Outer(way), torch.rand(1, 3, 16, 16))
    reading = read_calls(calls, TokenGrid(4, 4, (4, 4)))
    assert (len(reading.layers), reading.refused) == (1, ())
    assert reading.layers[0].attention.rows(3).std() > 0


class Outer(nn.Module):
    def __init__(self, break_it):
        super().__init__()
        self.inner = Plain(break_it)

    def forward(self, picture):
        return self.inner(picture)


def test_masks_scale_causality_and_grouped_heads():
    torch.manual_seed(3)
    q, k, v = torch.randn(1, 4, 9, 8), torch.randn(1, 2, 9, 8), torch.randn(1, 2, 9, 8)
    allowed = torch.rand(9, 9) > 0.3
    allowed.fill_diagonal_(True)
    wide_k, wide_v = k.repeat_interleave(2, 1), v.repeat_interleave(2, 1)
    ways = [
        ((q, wide_k, wide_v), {"attn_mask": allowed, "scale": 0.7}),
        ((q, wide_k, wide_v), {"attn_mask": torch.randn(1, 4, 9, 9)}),
        ((q, wide_k, wide_v), {"is_causal": True}),
        ((q, k, v), {"enable_gqa": True}),
    ]
    for tensors, how in ways:
        module = Calling(tensors, how)
        output, calls = record(module, torch.zeros(1))
        reading = read_calls(calls, TokenGrid(3, 3, (1, 1)))
        assert reading.refused == ()
        attention = reading.layers[0].attention
        maps = torch.from_numpy(np.stack([attention.matrix(head) for head in range(4)]))
        torch.testing.assert_close(maps @ wide_v[0], output[0], atol=1e-5, rtol=1e-4)
        for token in range(9):
            np.testing.assert_allclose(attention.rows(token), maps[:, token], atol=1e-6)
            np.testing.assert_allclose(attention.columns(token), maps[:, :, token], atol=1e-6)


class Calling(nn.Module):
    def __init__(self, tensors, how):
        super().__init__()
        self.tensors, self.how = tensors, how

    def forward(self, pixels):
        return nn.functional.scaled_dot_product_attention(*self.tensors, **self.how)


def test_a_model_without_attention_says_so(photo):
    model = vitviz.load("test_resnet", pretrained=False)
    with pytest.raises(Unsupported, match=r"^test_resnet has no .* picture: it made no attention"):
        vitviz.trace(model, photo)


def test_a_checkpoint_without_attention_is_called_by_its_file_name(photo, tmp_path):
    file = tmp_path / "test_resnet.pth"
    torch.save(timm.create_model("test_resnet").state_dict(), file)
    with pytest.raises(Unsupported) as caught:
        vitviz.trace(vitviz.load(file), photo)
    assert str(caught.value) == (
        "test_resnet.pth has no attention that can be laid over a picture: it is a test_resnet, "
        "which made no attention call; choose a transformer"
    )


@pytest.mark.parametrize("dtype", [torch.float32, torch.float16])
def test_what_is_kept_is_a_contiguous_copy(dtype):
    """Heads beside each other in one projection, as models make q; and one key for all heads."""
    projected = torch.randn(5, 16, 3 * 4 * 6).to(dtype)
    query = projected.view(5, 16, 3, 4, 6).permute(2, 0, 3, 1, 4)[0]
    shared = projected[:, None, :, :6].expand(5, 4, 16, 6)
    keep = TensorArena()
    for given in (query, shared):
        kept, before = keep(given), given.clone()
        assert torch.equal(kept, before)
        projected.zero_()
        assert torch.equal(kept, before)
        assert kept.is_contiguous()
        projected.normal_()


def test_memory_that_holds_only_what_is_wanted_is_not_copied(photo):
    """q, k and v of one projection are kept where the model left them; q and k alone leave v behind."""
    model = vitviz.load("test_vit", pretrained=False)
    pixels = torch.zeros(1, 3, 160, 160)
    _, whole = record(model.module, pixels, values=True)
    _, parts = record(model.module, pixels, values=False)
    for all_three, two in zip(whole, parts, strict=True):
        together = {each.untyped_storage().data_ptr() for each in all_three.held}
        assert len(all_three.held) == 3
        assert len(together) == 1
        assert len(two.held) == 2
        assert torch.equal(all_three.query, two.query)
        assert torch.equal(all_three.key, two.key)


def test_the_first_look_lays_the_heads_apart_and_changes_nothing(photo):
    trace = vitviz.trace(vitviz.load("test_vit", pretrained=False), photo)
    attention = trace.layers[0].attention
    assert not attention.key.is_contiguous()
    expected = torch.softmax(attention.query @ attention.key.mT * attention.scale, dim=-1)
    held = sum(each.numel() for each in attention.tensors)
    rows = attention.rows(3)
    assert attention.key.is_contiguous()
    assert attention.query.is_contiguous()
    assert attention.values.is_contiguous()
    assert sum(each.numel() for each in attention.tensors) == held
    np.testing.assert_allclose(rows, expected[:, 3], atol=1e-6)


class Asking(nn.Module):
    """Attention whose query is a weight of its own, as a learned latent is."""

    def __init__(self):
        super().__init__()
        self.latent = nn.Parameter(torch.randn(1, 2, 3, 4))
        self.num_heads = 2
        self.inner = nn.Sequential(nn.Identity())

    def forward(self, pixels):
        key = pixels.reshape(1, 2, 16, -1)[..., :4].contiguous()
        return nn.functional.scaled_dot_product_attention(self.latent, key, key)


def test_what_was_measured_stays_when_the_model_is_trained_on():
    module = Asking()
    _, (call,) = record(module, torch.rand(1, 2, 16, 8))
    before = call.query.clone()
    with torch.no_grad():
        module.latent.add_(1)
    assert torch.equal(call.query, before)
    assert not call.touched()
