"""The inner level of a TNT's trace is what the model computed, in its own network and in timm's."""

from __future__ import annotations

import json

import numpy as np
import pytest
import torch
from einops import rearrange, reduce
from safetensors.torch import save_file

import vitviz
from vitviz.core.data.inner_words import InnerAttention
from vitviz.core.data.intervention import Intervention
from vitviz.core.progress import BadModel
from vitviz.models.nets.tnt import TNT
from vitviz.models.record.verify import product_error, relative, sampled_error

TINY = {
    "img_size": 32,
    "embed_dim": 24,
    "inner_dim": 8,
    "depth": 2,
    "num_heads_inner": 2,
    "num_heads_outer": 3,
    "num_classes": 5,
}
NAMES = ["tnt_s_patch16_224", "timm/tnt_s_patch16_224", "tnt_s_legacy_patch16_224"]


def loaded(name, **more):
    """A small TNT whose words do not look everywhere alike."""
    torch.manual_seed(1)
    model = vitviz.load(name, pretrained=False, **{**TINY, **more})
    with torch.no_grad():
        for key, parameter in model.module.named_parameters():
            parameter += torch.randn_like(parameter) * (0.5 if "attn_in.qk" in key else 0.1)
    return model


@pytest.fixture(scope="module", params=NAMES)
def model(request):
    return loaded(request.param)


@pytest.fixture(scope="module")
def trace(model, photo):
    return vitviz.trace(model, photo)


def inner_maps(model, trace):
    """Every inner softmax of the model, (layer sentence head query key), computed from its qk."""
    found = []

    def keep(module, given, output):
        query, key = rearrange(output, "s w (two h d) -> two s h w d", two=2, h=2)
        found.append(torch.softmax(query @ key.mT * query.shape[-1] ** -0.5, -1))

    hooks = [block.attn_in.qk.register_forward_hook(keep) for block in model.module.blocks]
    pixels = (trace.pixels.astype(np.float32) / 255 - model.preprocess.mean) / model.preprocess.std
    with torch.no_grad():
        model.module(torch.from_numpy(pixels.astype(np.float32).transpose(2, 0, 1))[None])
    for hook in hooks:
        hook.remove()
    return torch.stack(found).numpy()


def test_the_inner_maps_are_the_models_own(model, trace):
    expected = inner_maps(model, trace)
    words = trace.words
    assert words is not None
    assert [layer.name for layer in words.layers] == ["blocks.0.attn_in", "blocks.1.attn_in"]
    assert [layer.block for layer in words.layers] == [0, 1]
    assert trace.refused == ()
    assert 0 <= trace.verified < 1e-5  # exactly 0 where the model made the maps itself
    for layer, maps in zip(words.layers, expected, strict=True):
        attention = layer.attention
        assert isinstance(attention, InnerAttention)
        assert (attention.sentences, attention.heads, attention.words) == (4, 2, 16)
        for sentence in range(4):
            np.testing.assert_allclose(attention.maps(sentence), maps[sentence], atol=1e-6)
        given = reduce(maps, "sentence head query key -> head sentence key", "mean")
        np.testing.assert_allclose(attention.received(1), given[1], atol=1e-6)
        np.testing.assert_allclose(attention.received(), given.mean(0), atol=1e-6)
        np.testing.assert_allclose(attention.received().sum(-1), 1, atol=1e-5)
    assert float(np.abs(expected - 1 / 16).max()) > 0.1


def test_the_outer_level_is_a_vits(trace):
    assert [layer.name for layer in trace.layers] == ["blocks.0.attn_out", "blocks.1.attn_out"]
    assert trace.grid.prefix == ("class",)
    assert (trace.grid.tokens, trace.heads) == (5, 3)


def test_geometry_and_places_are_said(model, trace, request):
    words = trace.words
    assert trace.grid.words == (4, 4)
    assert (words.kernel, words.stride) == (7, 4)
    legacy = model.module.pixel_embed.legacy
    assert words.reach == ("picture" if legacy else "patch")
    table = rearrange(model.module.pixel_pos.detach().numpy(), "1 dim row col -> (row col) dim")
    np.testing.assert_array_equal(words.positions, table)


def test_a_head_or_the_sentences_places_can_be_taken_away(photo):
    """What if, in a TNT: outer heads and the patches' table; the first inner layer never changes."""
    model = loaded(NAMES[0])
    before = vitviz.trace(model, photo)
    state = {name: value.clone() for name, value in model.module.state_dict().items()}
    without = vitviz.trace(model, photo, intervention=Intervention(heads=((0, 1),)))
    removed = vitviz.trace(model, photo, intervention=Intervention(positions="removed"))
    with torch.no_grad():
        proj = model.module.blocks[0].attn_out.proj.weight
        proj[:, 8:16] = 0  # the part of the projection that reads head 2 of 3
        expected = vitviz.trace(model, photo)
        model.module.load_state_dict(state)
        model.module.patch_pos[:, 1:] = 0
        placeless = vitviz.trace(model, photo)
        model.module.load_state_dict(state)
    for changed, by_hand in ((without, expected), (removed, placeless)):
        assert changed.predictions != before.predictions
        for one, two in zip(changed.predictions, by_hand.predictions, strict=True):
            assert one.index == two.index
            assert one.share == pytest.approx(two.share, abs=1e-6)
        first = changed.words.layers[0].attention.received()
        np.testing.assert_array_equal(first, before.words.layers[0].attention.received())


def same_answers(one, two):
    """Both passes give the same classes the same probabilities."""
    said, other = ({each.index: each.share for each in both.predictions} for both in (one, two))
    assert said == pytest.approx(other, abs=1e-6)


def test_words_that_look_only_at_themselves(model, photo):
    """What if: by hand, a word's softmax is 1 on itself, so the inner attention is proj(v(word))."""
    kept = {name: value.clone() for name, value in model.module.state_dict().items()}
    before = vitviz.trace(model, photo)
    alone = vitviz.trace(model, photo, intervention=Intervention(inner="each word alone"))

    def by_hand(module, given, output):
        return module.proj(module.v(given[0]))

    hooks = [block.attn_in.register_forward_hook(by_hand) for block in model.module.blocks]
    expected = vitviz.trace(model, photo)
    for hook in hooks:
        hook.remove()
    same_answers(alone, expected)
    assert alone.predictions != before.predictions
    for one, two in zip(alone.layers, expected.layers, strict=True):
        np.testing.assert_allclose(one.attention.matrix(), two.attention.matrix(), atol=1e-5)
    assert len(alone.words.layers) == 2
    for layer in alone.words.layers:
        for head in layer.attention.maps(3):
            np.testing.assert_array_equal(head, np.eye(16))
        np.testing.assert_allclose(layer.attention.received(), 1 / 16, atol=1e-6)
    assert (alone.refused, alone.verified < 1e-5) == ((), True)
    said = "Not the model's own pass: each word looking only at itself."
    assert said in vitviz.draw("heads", alone).caption
    assert said not in vitviz.draw("heads", before).caption
    assert "each word looking only at itself" in alone.model.notes[-1]
    for name, value in model.module.state_dict().items():
        assert torch.equal(value, kept[name])
    same_answers(vitviz.trace(model, photo), before)


def test_inner_blocks_off_add_nothing(model, photo):
    """What if: against the last layer of both inner branches set to zero."""
    off = vitviz.trace(model, photo, intervention=Intervention(inner="blocks off"))
    before = vitviz.trace(model, photo)
    kept = {name: value.clone() for name, value in model.module.state_dict().items()}
    with torch.no_grad():
        for block in model.module.blocks:
            for last in (block.attn_in.proj, block.mlp_in.fc2):
                last.weight.zero_()
                last.bias.zero_()
        expected = vitviz.trace(model, photo)
        model.module.load_state_dict(kept)
    same_answers(off, expected)
    assert off.predictions != before.predictions
    features = off.source.features()  # asked again, it is the changed pass again
    np.testing.assert_array_equal(
        features, vitviz.trace(model, photo, intervention=off.intervention).source.features()
    )
    assert np.abs(features - before.source.features()).max() > 1e-4


def test_of_many_sentences_some_are_verified_and_a_wrong_kernel_is_found():
    torch.manual_seed(3)
    query, key, value = torch.randn(3, 50, 2, 16, 4).unbind(0)
    maps = torch.softmax(query @ key.mT * 0.5, dim=-1)
    right, wrong = maps @ value, torch.roll(maps, 1, dims=-1) @ value
    for output, off in ((right, False), (wrong, True)):
        fused = sampled_error(query, key, value, None, 0.5, False, output)
        eager = product_error(maps, value, output)
        for compared in (fused, eager):
            assert (relative(compared) > 1e-2) is off


def test_held_memory_counts_the_inner_level(model, trace):
    outer = sum(t.numel() * 4 for layer in trace.layers for t in layer.attention.tensors)
    inner = sum(t.numel() * 4 for layer in trace.words.layers for t in layer.attention.tensors)
    maps = 2 * 4 * 2 * 16 * 16 * 4  # (layer sentence head query key) in float32
    both = 2 * 2 * 4 * 2 * 16 * 4 * 4  # q and k, (layer sentence head word dim); never v
    assert inner == (both if isinstance(model.module, TNT) else maps)
    assert trace.held_bytes >= outer + inner > outer


def test_what_is_out_of_range_is_said(trace):
    attention = trace.words.layers[0].attention
    with pytest.raises(IndexError, match="sentence 4 is out of range, this call has 4"):
        attention.maps(4)
    with pytest.raises(IndexError, match="head 2 is out of range, this call has 2"):
        attention.received(2)


def test_words_of_unequal_size_are_refused_with_the_reason(photo):
    """timm lets the last word of a row be cut off; then no grid of words lies over the patch."""
    trace = vitviz.trace(loaded("timm/tnt_s_patch16_224", first_stride=5), photo)
    assert trace.words is None
    assert trace.grid.words is None
    assert "not all of one size" in trace.refused[0]
    assert len(trace.layers) == 2


def test_patches_that_do_not_fill_the_picture(photo):
    """The own network refuses; timm's leaves the pixels over, which are then no patch's."""
    sizes = {"img_size": (40, 56)}
    with pytest.raises(BadModel, match="40 × 56 pixels cannot be cut into patches of 16 × 16"):
        loaded(NAMES[0], **sizes)
    trace = vitviz.trace(loaded(NAMES[1], **sizes), photo)
    assert (trace.grid.rows, trace.grid.cols, trace.grid.patch) == (2, 3, (16, 16))
    assert trace.crop.model == (40, 56)
    assert trace.words.layers[0].attention.sentences == 6


def test_both_classes_tell_the_same(photo):
    own, theirs = loaded(NAMES[0]), loaded(NAMES[1])
    assert type(own.module).__module__ == "vitviz.models.nets.tnt"
    assert type(theirs.module).__module__ == "timm.models.tnt"
    own.module.load_state_dict(theirs.module.state_dict())
    mine, other = vitviz.trace(own, photo), vitviz.trace(theirs, photo)
    assert mine.grid == other.grid
    for one, two in zip(mine.predictions, other.predictions, strict=True):
        assert one.index == two.index
        assert one.share == pytest.approx(two.share, abs=1e-6)
    for one, two in zip(mine.words.layers, other.words.layers, strict=True):
        assert one.name == two.name
        np.testing.assert_allclose(one.attention.received(), two.attention.received(), atol=1e-6)
    for one, two in zip(mine.layers, other.layers, strict=True):
        np.testing.assert_allclose(one.attention.matrix(), two.attention.matrix(), atol=1e-5)


def test_a_file_with_its_card_is_the_own_network(tmp_path, photo):
    """What the training script writes: timm's keys, the class TNT, its heads in the card."""
    model = loaded(NAMES[0])
    file = tmp_path / "mine.safetensors"
    save_file(model.module.state_dict(), str(file))
    arguments = {**TINY, "patch_size": 16, "first_stride": 4}
    card = {
        "name": "vitviz/mine",
        "architecture": {"class": "TNT", "arguments": arguments},
        "input_size": [3, 32, 32],
        "mean": [0.5] * 3,
        "std": [0.5] * 3,
    }
    file.with_suffix(".json").write_text(json.dumps(card))
    opened = vitviz.load(file)
    assert type(opened.module) is TNT
    assert (opened.info.family, opened.info.heads, opened.info.depth) == ("tnt", 3, 2)
    trace = vitviz.trace(opened, photo)
    assert trace.words.layers[0].attention.heads == 2
    assert len(trace.predictions) == 5


def test_words_of_another_size_are_refused_with_the_reason(tmp_path):
    file = tmp_path / "mine.safetensors"
    save_file(loaded(NAMES[0]).module.state_dict(), str(file))
    with pytest.raises(
        BadModel,
        match=r"looks like a TNT, but is none \(of another shape pixel_pos \(1 × 8 × 4 × 4 in the "
        r"file, 1 × 8 × 2 × 2 here\)",
    ):
        vitviz.load(file, first_stride=8, num_heads_inner=2)


def test_the_authors_names_of_the_weights_are_understood(tmp_path):
    """Their own files call positions outer_pos and inner_pos, and norms and blocks otherwise."""
    module = loaded(NAMES[0]).module
    names = {
        "patch_pos": "outer_pos",
        "norm_in": "inner_norm1",
        "attn_in": "inner_attn",
        "norm_mlp_in": "inner_norm2",
        "mlp_in": "inner_mlp",
        "norm_out": "outer_norm1",
        "attn_out": "outer_attn",
        "pixel_embed": "patch_embed",
    }
    state = {}
    for key, value in module.state_dict().items():
        for own, theirs in names.items():
            key = key.replace(own, theirs)
        state[key] = value
    table = state.pop("pixel_pos")
    state["inner_pos"] = rearrange(table, "1 dim row col -> 1 (row col) dim").contiguous()
    file = tmp_path / "tnt_s_patch16_224.safetensors"
    save_file(state, str(file))
    with torch.no_grad():
        opened = vitviz.load(file, **{k: v for k, v in TINY.items() if k != "num_classes"})
        pixels = torch.randn(1, 3, 32, 32)
        torch.testing.assert_close(opened.module(pixels), module(pixels))
