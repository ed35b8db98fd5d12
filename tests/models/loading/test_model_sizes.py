"""What is said of a model's sizes before it is loaded holds when it is."""

from __future__ import annotations

import numpy as np
import pytest
import timm
import torch
from einops import rearrange
from safetensors.torch import save_file
from torch.nn import functional

import vitviz
from vitviz.core.measures import cost as core
from vitviz.core.measures.cost import note, patch_sizes
from vitviz.core.progress import BadModel, Unsupported
from vitviz.models import cost, dimensions
from vitviz.models.record import recorder


@pytest.mark.parametrize(
    ("patch", "size"), [(None, None), (8, None), (32, None), (16, 96), (8, (64, 96))]
)
def test_the_cost_said_before_is_the_trace_made_after(tiny_checkpoint, photo, patch, size):
    said = cost(tiny_checkpoint, patch, size)
    model = vitviz.load(tiny_checkpoint, patch_size=patch, input_size=size)
    trace = vitviz.trace(model, photo)
    assert said.tokens == trace.grid.tokens
    assert said.grid == (trace.grid.rows, trace.grid.cols)
    assert said.trace_bytes == pytest.approx(trace.held_bytes, rel=0.02)


def test_values_are_kept_as_long_as_the_recorder_keeps_them():
    assert core.KEEP_VALUES == recorder.KEEP_VALUES


def test_the_compute_is_that_of_the_model(tiny_checkpoint):
    """torch counts the multiplications of every product itself; not all its fused kernels are counted,
    so attention is made of plain products here."""
    from torch.nn.attention import SDPBackend, sdpa_kernel
    from torch.utils.flop_counter import FlopCounterMode

    counted = {}
    for patch in (8, 16):
        model = vitviz.load(tiny_checkpoint, patch_size=patch).module
        plain = sdpa_kernel(SDPBackend.MATH)
        with FlopCounterMode(display=False) as counter, torch.no_grad(), plain:
            model(torch.zeros(1, 3, 160, 160))
        counted[patch] = counter.get_total_flops()
    said = cost(tiny_checkpoint, 8).relative / cost(tiny_checkpoint, 16).relative
    assert said == pytest.approx(counted[8] / counted[16], rel=0.02)


@pytest.mark.parametrize(
    ("name", "patch", "prefix", "trained"),
    [
        ("vit_tiny_patch16_224.augreg_in21k", 16, 1, (16,)),
        ("vit_small_patch14_reg4_dinov2", 14, 5, (14,)),
        ("deit_tiny_distilled_patch16_224", 16, 2, (16,)),
        ("vit_base_patch16_siglip_224", 16, 0, (16,)),
        ("eva02_tiny_patch14_224", 14, 1, (14,)),
        ("flexivit_small.1200ep_in1k", 16, 1, (8, 10, 12, 15, 16, 20, 24, 30, 40, 48)),
        ("flexivit_base.patch30_in21k", 16, 1, (16,)),
    ],
)
def test_dimensions_of_timm_models(name, patch, prefix, trained):
    found = dimensions(name)
    assert (found.patch, found.prefix, found.trained, found.fixed) == (patch, prefix, trained, "")


@pytest.mark.parametrize(
    ("name", "why"),
    [
        ("swin_tiny_patch4_window7_224", "no plain row of blocks"),
        ("vit_tiny_r_s16_p8_224", "otherwise than by one convolution"),
        ("samvit_base_patch16", "timm knows no way"),
        ("resnet18", "no plain row of blocks"),
    ],
)
def test_a_model_whose_patches_cannot_change_says_why(name, why):
    found = dimensions(name)
    assert why in found.fixed
    assert len(patch_sizes(found)) <= 1
    with pytest.raises(Unsupported, match=why):
        cost(name, 8)


def test_a_trained_model_whose_patches_cannot_change_is_not_loaded_with_others(tmp_path):
    file = tmp_path / "cait_xxs24_224.safetensors"
    save_file(timm.create_model("cait_xxs24_224").state_dict(), str(file))
    with pytest.raises(BadModel, match="leave the patch size out"):
        vitviz.load(file, patch_size=8)


def test_a_patch_that_leaves_pixels_over_is_refused_when_it_is_loaded(tiny_checkpoint):
    with pytest.raises(Unsupported, match=r"patch 12 does not divide a picture of 160 × 160"):
        vitviz.load(tiny_checkpoint, patch_size=12)
    assert vitviz.load(tiny_checkpoint, patch_size=12, input_size=156).info.patch == (12, 12)


@pytest.mark.parametrize(
    "name", ["vit_tiny_patch16_224", "deit_tiny_distilled_patch16_224", "eva02_tiny_patch14_224"]
)
def test_larger_filters_say_of_larger_patches_what_the_own_ones_said(name, tmp_path):
    """What makes a pseudo-inverse resize (FlexiViT, eq. 4) the right one: it loses nothing upwards."""
    own = timm.create_model(name, depth=1, img_size=56 if "14" in name else 64).eval()
    patch, rows = own.patch_embed.patch_size[0], own.patch_embed.grid_size[0]
    file = tmp_path / f"{name}.safetensors"
    save_file(own.state_dict(), str(file))
    side = 2 * patch * rows
    larger = vitviz.load(file, patch_size=2 * patch, input_size=side, depth=1).module
    pixels = torch.randn(1, 3, patch * rows, patch * rows)
    split = {"row": rows, "col": rows}
    patches = rearrange(pixels, "1 rgb (row y) (col x) -> (row col) rgb y x", **split)
    resized = functional.interpolate(patches, scale_factor=2, mode="bicubic", antialias=True)
    doubled = rearrange(resized, "(row col) rgb y x -> 1 rgb (row y) (col x)", **split)
    with torch.no_grad():
        torch.testing.assert_close(
            larger.patch_embed(doubled), own.patch_embed(pixels), atol=1e-4, rtol=1e-4
        )
        if own.pos_embed is not None:  # the same grid: nothing to resample
            torch.testing.assert_close(larger.pos_embed, own.pos_embed)


def test_no_model_of_that_name():
    with pytest.raises(BadModel, match="cannot be built"):
        dimensions("vit_nonsense")


@pytest.fixture(scope="module")
def named(data_folder):
    """Photographs that the small trained model names at its own sizes."""
    koala, panda, cat = "koala", "panda", "chelsea"
    files = [next((data_folder / "photos").glob(f"{each}.*")) for each in (koala, panda, cat)]
    weights = next((data_folder / "weights").glob("vit_tiny_patch16_224*"))
    return files, weights


@pytest.mark.parametrize(("patch", "size"), [(16, 224), (8, 112), (32, 448), (14, 224)])
def test_names_stay_right_at_resampled_sizes(named, patch, size):
    files, weights = named
    model = vitviz.load(weights, patch_size=patch, input_size=size)
    right = [
        any(word in vitviz.trace(model, file).predictions[0].name for word in words)
        for file, words in zip(files, (("koala",), ("panda",), ("cat", "tabby")), strict=True)
    ]
    assert np.sum(right) >= 3 - (patch == 14)
    if patch != 16:
        assert any("not trained at this size" in each for each in model.info.notes)
        assert note(dimensions(weights), patch)
