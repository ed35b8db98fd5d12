"""The own TNT computes what timm's does, for both ways in which words can see."""

from __future__ import annotations

import pytest
import timm
import torch
from safetensors.torch import load_file
from timm.models import tnt as timm_tnt

from vitviz.models.nets.tnt import TNT, embed_by_convolution, embed_by_linear
from vitviz.models.record.recorder import record

SMALL = {"embed_dim": 384, "inner_dim": 24, "num_heads_outer": 6}
BASE = {"embed_dim": 640, "inner_dim": 40, "num_heads_outer": 10}
NAMED = {
    "tnt_s_patch16_224": (SMALL, 12),
    "tnt_b_patch16_224": (BASE, 1),
    "tnt_s_legacy_patch16_224": ({**SMALL, "legacy": True}, 2),
}
TINY = {
    "img_size": 32,
    "embed_dim": 24,
    "inner_dim": 8,
    "depth": 2,
    "num_heads_inner": 2,
    "num_heads_outer": 3,
    "num_classes": 5,
}


def stirred(module):
    """Random weights whose attention is far from even, so that a wrong map shows."""
    for name, parameter in module.named_parameters():
        parameter.data += torch.randn_like(parameter) * (0.2 if "attn_in.qk" in name else 0.05)
    return module.eval()


def maps(call):
    """A recorded call's attention."""
    if call.maps is not None:
        return call.maps
    return torch.softmax(call.query @ call.key.mT * call.scale, dim=-1)


def compared(theirs, own, pixels):
    """Both passes: keys, logits and every map are the same."""
    own.load_state_dict(theirs.state_dict())
    (logits, calls), (own_logits, own_calls) = record(theirs, pixels), record(own, pixels)
    torch.testing.assert_close(own_logits, logits, atol=1e-5 * float(logits.abs().max()), rtol=0)
    assert [call.name for call in own_calls] == [call.name for call in calls]
    assert {call.kind for call in own_calls} == {"fused"}
    assert {call.kind for call in calls} == {"eager"}
    for ours, other in zip(own_calls, calls, strict=True):
        assert ours.shape == other.shape
        torch.testing.assert_close(maps(ours), other.maps, atol=1e-5, rtol=0)
    return own_calls


@pytest.mark.parametrize("name", NAMED)
def test_every_map_and_logit_is_timms(name):
    torch.manual_seed(1)
    arguments, depth = NAMED[name]
    theirs = stirred(timm.create_model(name, pretrained=False, depth=depth))
    own = TNT(**arguments, depth=depth).eval()
    calls = compared(theirs, own, torch.randn(1, 3, 224, 224))
    inner, outer = calls[::2], calls[1::2]
    assert {call.name.split(".")[-1] for call in inner} == {"attn_in"}
    assert {call.shape[-2:] for call in inner} == {(16, 16)}
    assert {call.shape[-2:] for call in outer} == {(197, 197)}
    assert float(maps(inner[-1]).max()) > 0.1  # 1/16 if the words looked everywhere alike


@pytest.mark.parametrize(
    "other",
    [
        {"img_size": (32, 64)},
        {"img_size": (24, 48), "patch_size": (8, 12)},
        {"patch_size": 8, "first_stride": 2},
        {"patch_size": 16, "first_stride": 8},
        {"patch_size": 16, "first_stride": 8, "legacy": True},
        {"img_size": (64, 32), "legacy": True, "qkv_bias": True, "global_pool": "avg"},
    ],
    ids=str,
)
def test_any_size_of_picture_patch_and_word(other):
    torch.manual_seed(2)
    arguments = TINY | other
    theirs, own = stirred(timm_tnt.TNT(**arguments)), TNT(**arguments).eval()
    compared(theirs, own, torch.randn(1, 3, *theirs.pixel_embed.img_size))


def test_several_pictures_at_once_are_each_alone():
    torch.manual_seed(3)
    own, pixels = stirred(TNT(**TINY)), torch.randn(3, 3, 32, 32)
    with torch.no_grad():
        alone = torch.cat([own(each[None]) for each in pixels])
        torch.testing.assert_close(own(pixels), alone, atol=1e-5, rtol=1e-5)


def test_plain_products_are_the_fused_kernel():
    torch.manual_seed(4)
    own, pixels = stirred(TNT(**TINY)), torch.randn(2, 3, 32, 32)
    with torch.no_grad():
        fused = own(pixels)
        for part in own.modules():
            if hasattr(part, "fused_attn"):
                part.fused_attn = False
        torch.testing.assert_close(own(pixels), fused, atol=1e-5, rtol=1e-5)


@pytest.mark.parametrize("legacy", [True, False])
def test_words_see_over_their_patch_only_in_the_legacy_geometry(legacy):
    torch.manual_seed(5)
    own = stirred(TNT(**{**TINY, "depth": 1, "legacy": legacy}))
    pixels = torch.randn(1, 3, 32, 32)
    changed = pixels.clone()
    changed[..., :16, 15] += 1  # the first sentence's last column: words look up and left
    with torch.no_grad():
        before, after = (own.pixel_embed(each, own.pixel_pos)[1] for each in (pixels, changed))
    differs = ((before - after).abs().amax(-1) > 0).reshape(4, 4)
    assert bool(differs[:, 0].all()) is legacy
    assert not differs[:, 1:].any()


def test_training_reaches_every_weight():
    torch.manual_seed(6)
    own = TNT(**TINY, drop_path_rate=0.2).train()
    own(torch.randn(4, 3, 32, 32)).square().sum().backward()
    assert all(parameter.grad is not None for parameter in own.parameters())


def test_sizes_that_leave_pixels_over_are_refused():
    with pytest.raises(ValueError, match="30 × 32 pixels cannot be cut into patches of 16 × 16"):
        TNT(**{**TINY, "img_size": (30, 32)})
    with pytest.raises(ValueError, match="16 × 16 pixels cannot be cut into words of 5 × 5"):
        TNT(**TINY, first_stride=5)
    with pytest.raises(ValueError, match="5 heads cannot share 24 dimensions"):
        TNT(**{**TINY, "num_heads_outer": 5})
    with pytest.raises(ValueError, match="48 × 32 pixels does not fit this TNT"):
        TNT(**TINY)(torch.randn(1, 3, 48, 32))


@pytest.mark.parametrize("patch", [(4, 4), (8, 16)])
def test_both_readings_of_patch_embedding_are_the_same(patch):
    torch.manual_seed(7)
    pixels, weight, bias = torch.randn(2, 3, 32, 48), torch.randn(10, 3, *patch), torch.randn(10)
    linear, strided = (
        embed(pixels, weight, bias) for embed in (embed_by_linear, embed_by_convolution)
    )
    assert linear.shape == (2, 32 // patch[0] * (48 // patch[1]), 10)
    torch.testing.assert_close(linear, strided, atol=1e-4, rtol=1e-5)


def test_trained_weights_give_timms_maps_too(data_folder):
    """Trained outer weights, where there are such: attention far from even, logits far from zero.

    In double precision: in single, two orders of summing differ by more than 1e-5 after 12 layers.
    """
    file = data_folder / "weights" / "tnt_ti_patch16_224.outer_only.fp16.safetensors"
    if not file.is_file():
        pytest.skip(f"{file.name} is not in the folder that VITVIZ_DATA names")
    arguments = {"embed_dim": 192, "inner_dim": 24, "num_heads_outer": 3}
    state = {name: value.float() for name, value in load_file(file).items()}
    arguments["qkv_bias"] = "blocks.0.attn_in.qk.bias" in state
    theirs, own = (kind(**arguments).eval().double() for kind in (timm_tnt.TNT, TNT))
    theirs.load_state_dict(state)
    torch.manual_seed(8)
    compared(theirs, own, torch.rand(1, 3, 224, 224, dtype=torch.float64) * 2 - 1)
