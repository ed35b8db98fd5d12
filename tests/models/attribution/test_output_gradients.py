"""One backward pass gives what plain autograd gives, for every kind of attention."""

from __future__ import annotations

from dataclasses import replace

import pytest
import torch
from eager_reference import attributor_of
from torch import nn
from torch.nn import functional

from vitviz.core.data.target import Target, target_of
from vitviz.core.progress import Cancelled, Unsupported
from vitviz.models.attribution.attention_gradients import pieces, with_gradient
from vitviz.models.attribution.output_gradients import gradient_pass

SMALL = {"embed_dim": 32, "depth": 2, "num_heads": 2, "img_size": 64, "num_classes": 5}
SWIN = {
    "img_size": 64,
    "depths": (2, 1),
    "embed_dim": 24,
    "num_heads": (2, 4),
    "window_size": 4,
    "num_classes": 5,
}


def whole(layer):
    """A layer's gradient as a whole map, put together from its pieces: (head query key)."""
    attention = with_gradient(layer, "it")
    found = torch.zeros(attention.heads, attention.queries, attention.keys)
    for piece in pieces(attention):
        for window in range(len(piece.maps)):
            queries, keys = piece.queries[window], piece.keys[window]
            real, seen = queries >= 0, keys >= 0
            part = piece.gradients[window][:, real][:, :, seen]
            found[:, queries[real][:, None], keys[seen][None]] += part
    return found


def test_every_layer_equals_plain_autograd(of_class, eager):
    _, found = of_class
    assert found.passed.value == pytest.approx(eager.value, rel=1e-5)
    assert len(found.layers) == len(eager.gradients)
    for layer, expected in zip(found.layers, eager.gradients, strict=True):
        torch.testing.assert_close(
            whole(layer), expected, rtol=1e-4, atol=1e-5 * expected.abs().max()
        )


def test_blocks_run_twice_give_the_same(asked, of_class):
    score, found = of_class
    again = gradient_pass(asked.model.module, asked.pixels, score, called="it", recompute=True)
    assert again.recomputed
    for one, other in zip(again.calls, found.passed.calls, strict=True):
        torch.testing.assert_close(one.gradient, other.gradient)
    torch.testing.assert_close(again.pixel_gradient, found.passed.pixel_gradient)
    assert "forward" not in vars(asked.model.module.blocks[0])


def test_the_gradient_of_pixels_equals_plain_autograd(asked, of_class):
    leaf = asked.pixels.clone().requires_grad_()
    (expected,) = torch.autograd.grad(asked.model.module(leaf)[0, 3], leaf)
    torch.testing.assert_close(of_class[1].passed.pixel_gradient, expected)


def test_weights_ask_for_gradients_as_before(asked, of_class):
    score, _ = of_class
    parameters = list(asked.model.module.parameters())
    before = [each.requires_grad for each in parameters]
    try:
        for number, each in enumerate(parameters):
            each.requires_grad_(number % 2 == 0)
        frozen = gradient_pass(asked.model.module, asked.pixels, score, called="it")
        assert [each.requires_grad for each in parameters] == [
            number % 2 == 0 for number in range(len(parameters))
        ]
    finally:
        for each, was in zip(parameters, before, strict=True):
            each.requires_grad_(was)
    torch.testing.assert_close(frozen.calls[0].gradient, of_class[1].passed.calls[0].gradient)
    assert all(each.grad is None for each in parameters)


@pytest.mark.parametrize(
    ("name", "arguments", "attention", "kept"),
    [
        ("beit_base_patch16_224", SMALL, "attn", "attn_drop"),
        ("swin_tiny_patch4_window7_224", SWIN, "attn", "softmax"),
        ("cait_xxs24_224", {**SMALL, "depth_token_only": 1}, "attn", "attn_drop"),
    ],
)
def test_bias_windows_and_mixed_heads_go_through_their_own_call(
    load_tiny, photo, name, arguments, attention, kept
):
    """The product with the map that meets the values: here by a directional derivative in float64."""
    torch.manual_seed(1)
    model = load_tiny(name, **arguments)
    asked = attributor_of(model, photo)
    score = asked.score(Target("class", index=1))
    found = asked.gradients(score)
    layer = found.layers[0]
    direction = torch.randn(
        layer.attention.heads,
        layer.attention.queries,
        layer.attention.keys,
        generator=torch.Generator().manual_seed(0),
    )
    direction = direction * torch.from_numpy(
        sum(layer.attention.matrix(head) for head in range(layer.attention.heads)) != 0
    )
    expected = _directional(model.module, asked.pixels, layer, direction)
    assert float((whole(layer) * direction).sum()) == pytest.approx(expected, rel=2e-3)


def _directional(module, pixels, layer, direction, size=1e-5):
    """d logit / d size of adding size * direction to one layer's map, two float64 passes by hand."""
    double = module.double()
    try:
        ends = [_moved(double, pixels.double(), layer, direction, step) for step in (size, -size)]
    finally:
        module.float()
    return (ends[0] - ends[1]) / (2 * size)


def _moved(module, pixels, layer, direction, step):
    """The logit with the map that meets the values moved: values are moved on the way instead."""
    own = module.get_submodule(layer.name)
    joined = {}

    def before(_module, given):
        added = _added(own, joined["input"], layer, direction)
        return (given[0] + step * added.reshape(given[0].shape),)

    hooks = [
        own.register_forward_pre_hook(lambda _m, given: joined.update(input=given[0])),
        own.proj.register_forward_pre_hook(before),
    ]
    try:
        with torch.no_grad():
            return float(module(pixels)[0, 1])
    finally:
        for hook in hooks:
            hook.remove()


def _added(own, tokens, layer, direction):
    """direction @ v, heads side by side, in the order in which the module keeps its tokens."""
    width = own.proj.in_features
    bias = None
    if getattr(own, "qkv_bias_separate", None) is not None or hasattr(own, "q_bias"):
        bias = torch.cat([own.q_bias, own.k_bias, own.v_bias]).to(tokens)
    qkv = functional.linear(tokens, own.qkv.weight, own.qkv.bias if bias is None else bias)
    values = qkv[..., -width:]
    heads = direction.shape[0]
    v = values.reshape(*values.shape[:-1], heads, width // heads).transpose(-3, -2)
    if layer.windows is None:
        moved = direction.to(v) @ v[0]
        return moved.transpose(0, 1).reshape(1, -1, width)
    parts = []
    for window, (queries, keys) in enumerate(
        zip(layer.windows.queries, layer.windows.keys, strict=True)
    ):
        part = direction.to(v)[:, torch.from_numpy(queries)][:, :, torch.from_numpy(keys)]
        parts.append((part @ v[window]).transpose(0, 1).reshape(-1, width))
    return torch.stack(parts)


def test_differential_attention_has_the_gradient_of_the_difference(photo):
    from models.probe.test_position_signal import traced_by
    from timm.models.vision_transformer import VisionTransformer

    torch.manual_seed(0)
    module = VisionTransformer(
        img_size=64,
        embed_dim=32,
        depth=2,
        num_heads=2,
        attn_layer="diff",
        num_classes=4,
        class_token=False,
        reg_tokens=1,
        global_pool="avg",
    )
    trace = traced_by(module, (64, 64), photo)
    made = trace.source.attribution(_query("class", 2))
    kept = []
    for block in module.blocks:
        block.attn.fused_attn = False
        block.attn.attn_drop.register_forward_hook(lambda _m, _g, out: kept.append(out))
    pixels = torch.from_numpy((trace.pixels / 255 - 0.5) / 0.5).float().permute(2, 0, 1)[None]
    logit = module(pixels.requires_grad_())[0, 2]
    gradients = torch.autograd.grad(logit, kept)
    row = torch.ones(trace.grid.tokens) / 16
    row[: len(trace.grid.prefix)] = 0
    for block, maps, gradient in zip(
        reversed(module.blocks), reversed(kept), reversed(gradients), strict=True
    ):
        pairs = maps.detach().reshape(2, 2, 17, 17)
        difference = pairs[:, 0] - float(block.attn._compute_lambda()) * pairs[:, 1]
        own = gradient.reshape(2, 2, 17, 17)[:, 0]  # the first softmax has the factor 1
        row = row + row @ (difference * own).clamp(min=0).mean(0)
    torch.testing.assert_close(
        torch.from_numpy(made.patches), row[trace.grid.patches], rtol=1e-3, atol=1e-6
    )


def _query(kind, index):
    from vitviz.core.data.attribution import AttributionQuery

    return AttributionQuery(Target(kind, index=index))


def test_a_pass_that_is_stopped_leaves_the_model_as_it_was(asked, of_class):
    score, _ = of_class

    def stop(done, total, what=""):
        raise Cancelled

    with pytest.raises(Cancelled):
        gradient_pass(
            asked.model.module, asked.pixels, score, called="it", recompute=True, progress=stop
        )
    module = asked.model.module
    assert not any("forward" in vars(block) for block in module.blocks)
    assert not any(part._forward_hooks for part in module.modules())


def test_a_compiled_model_runs_as_it_was_written(load_tiny, photo):
    pytest.importorskip("torch._dynamo")
    model = load_tiny("test_vit", num_classes=7)
    asked = attributor_of(model, photo)
    score = asked.score(Target("class", index=2))
    plain = asked.gradients(score).passed
    compiled = torch.compile(model.module, backend="eager")
    found = gradient_pass(compiled, asked.pixels, score, called="it")
    torch.testing.assert_close(found.pixel_gradient, plain.pixel_gradient)


@pytest.mark.filterwarnings(
    "ignore:.*torch.jit:FutureWarning", "ignore:.*torch.jit:DeprecationWarning"
)
def test_modules_without_gradients_get_a_sentence(asked, of_class):
    score, _ = of_class
    with torch.inference_mode():
        frozen = nn.Linear(2, 2)
    with pytest.raises(Unsupported, match="inference mode"):
        gradient_pass(frozen, asked.pixels, score, called="it")
    whole_numbers = nn.Linear(2, 2)
    whole_numbers.weight = nn.Parameter(torch.ones(2, 2, dtype=torch.int8), requires_grad=False)
    with pytest.raises(Unsupported, match="quantised"):
        gradient_pass(whole_numbers, asked.pixels, score, called="it")
    scripted = torch.jit.trace(nn.Linear(2, 2), torch.ones(1, 2), check_trace=False)
    with pytest.raises(Unsupported, match="scripted"):
        gradient_pass(scripted, asked.pixels, score, called="it")


@pytest.mark.parametrize("name", ["levit_128s", "xcit_nano_12_p16_224", "visformer_tiny"])
def test_batch_norms_give_the_right_gradient(load_tiny, photo, name):
    """torch's own is wrong where it comes back as a sequence; here against steps in float64."""
    asked = attributor_of(load_tiny(name), photo)
    module = asked.model.module.double()
    asked = replace(asked, pixels=asked.pixels.double())
    try:
        gradient = asked.gradients(asked.score(Target("class", index=1))).passed.pixel_gradient
        way = torch.randn(gradient.shape, generator=torch.Generator().manual_seed(0)).double()
        with torch.no_grad():
            ahead, behind = (
                float(module(asked.pixels + step * way)[0, 1]) for step in (1e-8, -1e-8)
            )
    finally:
        module.float()
    assert float((gradient * way).sum()) == pytest.approx((ahead - behind) / 2e-8, rel=1e-3)


def test_a_target_that_depends_on_nothing_says_so(asked):
    score = asked.score(target_of(lambda output: torch.ones(())))
    with pytest.raises(Unsupported, match="does not depend"):
        asked.gradients(score)
