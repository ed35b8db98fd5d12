"""Rotations and biases by place are those that the model is computed with."""

from __future__ import annotations

import numpy as np
import pytest
import torch

import vitviz
from vitviz.core.data.drawing import Heat, HeatTiles, Message
from vitviz.core.progress import Unsupported
from vitviz.models.loading.preprocess import normalised

SMALL = {"img_size": 64, "depth": 2, "embed_dim": 48, "num_heads": 2}


@pytest.fixture(scope="module")
def turned(photo):
    model = vitviz.load("vit_small_patch16_dinov3", pretrained=False, **SMALL)
    return model, vitviz.trace(model, photo)


@pytest.fixture(scope="module")
def biased(photo):
    model = vitviz.load("test_vit_relpos", pretrained=False)
    generator = torch.Generator().manual_seed(0)
    with torch.no_grad():  # untrained tables are zero
        for name, values in model.module.named_parameters():
            if "rel_pos" in name:
                values.copy_(torch.randn(values.shape, generator=generator))
    return model, vitviz.trace(model, photo)


def test_rotations_are_those_of_the_models_own_embedding(turned):
    model, trace = turned
    found = trace.source.rotations(0)
    rope = model.module.rope
    wanted = rope.get_embed(shape=[trace.grid.rows, trace.grid.cols]).numpy()
    np.testing.assert_allclose(found, wanted, atol=1e-6)
    half = found.shape[1] // 2
    np.testing.assert_allclose(found[:, :half] ** 2 + found[:, half:] ** 2, 1, atol=1e-5)


def test_rotations_are_drawn_as_the_mean_cosine_of_their_differences(turned):
    _, trace = turned
    drawing = vitviz.draw("positions", trace, token=(1, 2))
    heat = next(each for each in drawing.panels[0].layers if isinstance(each, Heat))
    found = trace.source.rotations(0).astype(np.float64)
    half = found.shape[1] // 2
    angles = np.arctan2(found[:, :half], found[:, half:])
    own = trace.grid.token(1, 2) - len(trace.grid.prefix)
    wanted = np.cos(angles - angles[own]).mean(1).reshape(trace.grid.rows, -1)
    np.testing.assert_allclose(heat.values, wanted, atol=1e-5)
    assert "rotations by place" in drawing.title


def test_the_bias_is_what_scores_lack(biased):
    """softmax(q kᵀ scale + bias) gives the model's attention."""
    model, trace = biased
    bias = trace.source.position_bias(1)
    assert np.abs(bias).max() > 0.1
    pixels = normalised(trace.pixels, model.preprocess)
    block = model.module.blocks[1]
    seen = []
    hook = block.attn.register_forward_pre_hook(lambda _module, given: seen.append(given[0]))
    with torch.no_grad():
        model.module(pixels)
        hook.remove()
        count, heads = trace.grid.tokens, block.attn.num_heads
        q, k, _ = block.attn.qkv(seen[0]).reshape(count, 3, heads, -1).permute(1, 2, 0, 3)
        q, k = block.attn.q_norm(q), block.attn.k_norm(k)
        scores = q @ k.mT * block.attn.scale + torch.from_numpy(bias)
    wanted = scores.softmax(-1).numpy()
    np.testing.assert_allclose(trace.layers[1].attention.rows(5), wanted[:, 5], atol=1e-5)


def test_the_bias_is_drawn_for_every_head(biased):
    _, trace = biased
    drawing = vitviz.draw("positions", trace, token=(0, 1), layer=1, head=0)
    large, tiles = drawing.panels
    wanted = trace.source.position_bias(1)[:, trace.grid.token(0, 1), trace.grid.patches]
    heat = next(each for each in large.layers if isinstance(each, Heat))
    np.testing.assert_allclose(heat.values.ravel(), wanted[0], atol=1e-6)
    atlas = next(each for each in tiles.layers if isinstance(each, HeatTiles))
    found = atlas.values.reshape(-1, heat.values.size)[: len(wanted)]
    np.testing.assert_allclose(found, wanted, atol=1e-6)


def test_a_model_without_either_says_so(tiny_trace, photo):
    with pytest.raises(Unsupported, match="does not turn"):
        tiny_trace.source.rotations(0)
    with pytest.raises(Unsupported, match="no bias"):
        tiny_trace.source.position_bias(0)
    trace = vitviz.trace(vitviz.load("test_vit4", pretrained=False, pos_embed="none"), photo)
    (panel,) = vitviz.draw("positions", trace).panels
    assert isinstance(panel.layers[0], Message)


def test_the_profile_is_the_mean_by_distance(tiny_trace):
    plot = vitviz.draw("positions", tiny_trace, profile=True).panels[2].layers[0]
    table = tiny_trace.positions.astype(np.float64)
    unit = table / np.linalg.norm(table, axis=1, keepdims=True)
    alike, cols = unit @ unit.T, tiny_trace.grid.cols
    pairs = [(a, b) for a in range(len(table)) for b in range(len(table))]
    along = [
        np.mean([alike[a, b] for a, b in pairs if a // cols == b // cols and b - a == gap])
        for gap in range(cols)
    ]
    np.testing.assert_allclose(plot.curves[0].y, along, atol=1e-5)


def test_a_table_of_another_size_is_said(photo, tiny_checkpoint):
    model = vitviz.load(tiny_checkpoint, input_size=96)
    drawing = vitviz.draw("positions", vitviz.trace(model, photo))
    assert drawing.caption.count("resampled") == 1


@pytest.mark.parametrize("layer", [0, 1])
def test_the_bias_inside_a_window_lies_on_the_tokens_of_the_window(windowed, layer):
    model, trace = windowed
    attention = model.module.layers[0].blocks[layer].attn
    table = attention.relative_position_bias_table.detach().numpy()
    token = trace.grid.token(6, 3)
    drawing = vitviz.draw("positions", trace, token=(6, 3), layer=layer, head=1)
    heat = next(each for each in drawing.panels[0].layers if isinstance(each, Heat))
    values = np.full((trace.grid.rows, trace.grid.cols), np.nan, np.float32)
    top, left = (
        int(edge // side)
        for edge, side in zip((heat.box.top, heat.box.left), trace.grid.patch, strict=True)
    )
    rows, cols = heat.values.shape
    values[top : top + rows, left : left + cols] = heat.values
    seen = trace.layers[layer].windows.seen_from(token)
    there = np.flatnonzero(np.isfinite(values.ravel()))
    np.testing.assert_array_equal(there, seen)
    side = 4
    for other in seen:
        down, across = np.subtract(divmod(token, trace.grid.cols), divmod(other, trace.grid.cols))
        row = (down + side - 1) * (2 * side - 1) + across + side - 1
        assert values.ravel()[other] == pytest.approx(table[row, 1], abs=1e-6)
    assert "windows of 16 tokens" in drawing.caption


def test_a_model_with_a_table_and_rotations_shows_either(photo):
    model = vitviz.load("eva02_tiny_patch14_224", pretrained=False, depth=2, img_size=56)
    trace = vitviz.trace(model, photo)
    first, turned = (
        vitviz.draw("positions", trace, token=(1, 2), kind=kind)
        for kind in ("the first it has", "rotations")
    )
    assert "position embeddings" in first.title
    assert "turned by their position (rotary) too" in first.caption
    assert "rotations by place" in turned.title
    shown = next(each for each in turned.panels[0].layers if isinstance(each, Heat)).values
    found = trace.source.rotations(0).astype(np.float64)
    half = found.shape[1] // 2
    angles = np.arctan2(found[:, :half], found[:, half:])
    own = trace.grid.token(1, 2) - len(trace.grid.prefix)
    wanted = np.cos(angles - angles[own]).mean(1).reshape(trace.grid.rows, -1)
    np.testing.assert_allclose(shown, wanted, atol=1e-5)
    none = vitviz.draw("positions", trace, kind="bias on scores")
    assert none.panels[0].layers[0].text.startswith("eva02_tiny_patch14_224 has no bias on scores")


def test_a_bias_of_nothing_is_in_the_middle_of_its_colours(photo):
    model = vitviz.load("test_vit_relpos", pretrained=False)
    with torch.no_grad():
        tables = [each for name, each in model.module.named_parameters() if "rel_pos" in name]
        for each in tables:
            each.zero_()
    assert tables
    large, tiles = vitviz.draw("positions", vitviz.trace(model, photo), token=(0, 1)).panels
    heat = next(each for each in large.layers if isinstance(each, Heat))
    assert not heat.values.any()
    assert (heat.scale.low, heat.scale.high) == (-1, 1)
    assert tiles.bar.low == -tiles.bar.high < 0


def test_what_depends_on_the_picture_is_no_bias_of_places(photo):
    """SAM multiplies its queries with a vector for each distance; its heads stand in the first axis."""
    arguments = {"embed_dim": 32, "depth": 2, "num_heads": 2, "window_size": 4}
    model = vitviz.load("samvit_base_patch16_224", pretrained=False, input_size=64, **arguments)
    with torch.no_grad():
        for name, values in model.module.named_parameters():
            if "rel_pos" in name:
                torch.nn.init.normal_(values)
    trace = vitviz.trace(model, photo)
    with pytest.raises(Unsupported, match="depends on the picture too"):
        trace.source.position_bias(1)
    message = vitviz.draw("positions", trace, token=(1, 2)).panels[0].layers[0]
    assert isinstance(message, Message)
