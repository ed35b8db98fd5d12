"""What each family says of its models: tokens by name, pools, matrices, mixed and signed maps."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from models.probe.test_position_signal import traced_by
from timm.models.vision_transformer import VisionTransformer

import vitviz
from vitviz.models import model_check
from vitviz.models.families import family_of

S = {"input_size": 64}


def trace_of(name, photo, **arguments):
    torch.manual_seed(0)
    return vitviz.trace(vitviz.load(name, pretrained=False, **arguments), photo)


def test_differential_attention_is_the_difference_that_meets_the_values(photo):
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
    for block in module.blocks:
        torch.nn.init.normal_(block.attn.qkv.weight)
    trace = traced_by(module, (64, 64), photo)
    assert trace.grid.prefix == ("register 1",)
    assert len(trace.layers) == 2
    assert "taken off" in " ".join(trace.model.notes)
    seen = []
    for block in module.blocks:
        block.attn.fused_attn = False
        block.attn.attn_drop.register_forward_hook(lambda part, given, out: seen.append(out))
    pixels = (trace.pixels.astype(np.float32) / 255 - 0.5) / 0.5
    with torch.no_grad():
        module(torch.from_numpy(pixels.transpose(2, 0, 1)[None].astype(np.float32)))
    for layer, maps, block in zip(trace.layers, seen, module.blocks, strict=True):
        pairs = maps.reshape(2, 2, 17, 17)
        expected = (pairs[:, 0] - float(block.attn._compute_lambda()) * pairs[:, 1]).numpy()
        np.testing.assert_allclose(layer.attention.matrix(1), expected[1], atol=1e-5)
        np.testing.assert_allclose(layer.attention.rows(3), expected[:, 3], atol=1e-5)
        np.testing.assert_allclose(layer.attention.columns(4), expected[:, :, 4], atol=1e-5)
    assert expected.min() < 0


def test_mixed_heads_come_as_used_and_as_softmax(photo):
    trace = trace_of("cait_xxs24_224", photo, depth=2, **S)
    for layer in trace.layers:
        assert layer.before is not None
        np.testing.assert_allclose(layer.before.rows(3).sum(-1), 1, atol=1e-5)
        assert np.abs(layer.attention.rows(3).sum(-1) - 1).max() > 1e-3
    assert [pool.name for pool in trace.pools] == [
        "blocks_token_only.0.attn",
        "blocks_token_only.1.attn",
    ]
    assert {pool.grid.prefix for pool in trace.pools} == {("class",)}


def test_channels_are_matrices_and_never_layers(photo):
    trace = trace_of("xcit_nano_12_p16_224", photo, **S)
    assert trace.layers == ()
    assert {(one.rows, one.cols) for one in trace.matrices} == {("channel", "channel")}
    assert len(trace.matrices) == 12
    assert len(trace.pools) == 2


def test_a_channel_map_as_large_as_a_grid_is_still_none(photo):
    trace = trace_of("edgenext_x_small", photo)
    assert trace.layers == ()
    assert [one.attention.keys for one in trace.matrices] == [16, 25, 48]  # 4 x 4 and 5 x 5 too


def test_coat_gathers_tokens_for_each_channel(photo):
    trace = trace_of("coat_tiny", photo, **S)
    assert {(one.rows, one.cols) for one in trace.matrices} == {("channel", "token")}
    np.testing.assert_allclose(trace.matrices[0].attention.rows(0).sum(-1), 1, atol=1e-5)


def test_attention_of_linear_cost_is_the_shares_that_weigh_the_patches(photo):
    torch.manual_seed(0)
    model = vitviz.load("mobilevitv2_050", pretrained=False)
    projected = []
    for part in model.module.modules():
        if type(part).__name__ == "LinearSelfAttention":
            torch.nn.init.normal_(part.qkv_proj.weight)
            part.qkv_proj.register_forward_hook(lambda own, given, out: projected.append(out))
    trace = vitviz.trace(model, photo)
    assert trace.layers == ()
    assert trace.refused == ()
    assert {(one.rows, one.cols) for one in trace.matrices} == {("place inside patches", "patch")}
    assert "the same for every token" in trace.matrices[0].why
    assert len(projected) == len(trace.matrices) == 9
    for one, out in zip(trace.matrices, projected, strict=True):
        expected = torch.softmax(out[0, 0], -1).numpy()  # (place patch)
        assert expected.max() > 2 * expected.mean()
        np.testing.assert_allclose(one.attention.matrix(0), expected, atol=1e-6)


def test_channels_of_a_lambda_layer_are_no_little_map(photo):
    trace = trace_of("lambda_resnet26t", photo)  # 16 channels of keys: 4 x 4, were they tokens
    assert trace.layers == ()
    assert {(one.rows, one.cols) for one in trace.matrices} == {("channel", "token")}
    assert {one.attention.queries for one in trace.matrices} == {16}


def test_blocks_with_a_halo_say_what_falls_over_the_edge(photo):
    trace = trace_of("halonet26t", photo)
    first, strided, single = trace.layers
    assert (strided.grid.rows, strided.keys.rows) == (8, 16)  # every second token of a block asks
    assert single.windows is not None, "a single block has a rim of padding around it"
    assert "padding" in " ".join(trace.model.notes)
    corner, inside = (first.attention.rows(token).sum(-1) for token in (0, 16 * 4 + 4))
    assert (corner < 1 - 1e-3).all()
    assert (inside <= 1 + 1e-5).all()
    assert first.windows.seen_from(0).size == 10 * 10  # 12 x 12 but for two rows and columns


def test_windows_over_the_edge_are_said(photo):
    trace = trace_of(
        "samvit_base_patch16_224",
        photo,
        input_size=96,
        embed_dim=32,
        depth=2,
        num_heads=2,
        window_size=4,
        global_attn_indexes=(1,),
    )
    assert trace.layers[0].windows is not None
    assert trace.layers[1].windows is None
    assert "padding" in " ".join(trace.model.notes)
    assert trace.layers[0].attention.rows(35).sum() < 2  # two heads, a part of each on padding
    np.testing.assert_allclose(trace.layers[1].attention.rows(35).sum(-1), 1, atol=1e-5)


def test_encoders_of_other_models_have_their_patches(photo):
    newer = pytest.importorskip("timm.models.deepseek_vit")
    module = newer.DeepseekVitClassifier(
        img_size=56, embed_dim=32, depth=2, num_heads=2, num_classes=3
    )
    assert family_of(module)[0] == "encoders"
    trace = traced_by(module, (56, 56), photo)
    assert (trace.grid.rows, trace.grid.cols, trace.grid.prefix) == (4, 4, ())
    assert len(trace.layers) == 2
    assert trace.positions is None
    assert "rotary" in trace.positions_note


def test_positions_are_what_the_network_itself_adds(photo):
    pytest.importorskip("timm.models.gemma4_vit")
    trace = trace_of("gemma4_vit_167m", photo, depth=1, embed_dim=64, num_heads=2, input_size=96)
    tokens = trace.grid.rows * trace.grid.cols
    assert trace.positions is not None
    assert trace.positions.shape == (tokens, 64)


def test_an_unknown_network_opens_with_matrices(photo):
    class Strange(torch.nn.Module):
        num_classes = 0

        def __init__(self):
            super().__init__()
            self.cut = torch.nn.Conv2d(3, 8, 16, 16)

        def forward(self, pixels):
            tokens = self.cut(pixels).flatten(2).mT[:, None].flip(2)
            return torch.nn.functional.scaled_dot_product_attention(tokens, tokens, tokens)

    trace = traced_by(Strange(), (64, 64), photo)
    assert trace.layers == ()
    assert [(one.rows, one.cols) for one in trace.matrices] == [("query", "key")]
    assert "does not know this kind" in trace.matrices[0].why


@pytest.mark.parametrize(
    ("module", "mapping"),
    [("vision_transformer", ("global",)), ("maxxvit", ("window", "pooled")), ("resnet", None)],
)
def test_check_finds_a_representative_and_says_how_it_maps(module, mapping):
    found = list(model_check.check((module,)))
    if mapping is None:
        assert found == []
    else:
        (one,) = found
        assert one.good
        assert one.mapped
        assert set(one.mapping) & set(mapping)
        assert 0 <= one.verified < 1e-4
