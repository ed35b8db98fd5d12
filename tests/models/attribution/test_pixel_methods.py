"""Methods over pixels equal captum's, added up in patches."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from einops import rearrange, reduce
from torch.nn import functional

from vitviz.core.data.attribution import AttributionQuery
from vitviz.core.data.geometry import TokenGrid
from vitviz.core.data.target import Target
from vitviz.models.attribution import pixel_methods
from vitviz.models.attribution.hidden_patches import blurred, by_patch, filling, owners

CLASS = Target("class", index=3)


def patched(values, grid):
    """(1 rgb row col) added up in square patches, by einops alone."""
    return reduce(
        values.detach(), "1 rgb (row p) (col q) -> (row col)", "sum", row=grid.rows, col=grid.cols
    )


def test_a_pixel_belongs_to_its_patch():
    grid = TokenGrid(2, 3, (4, 5))
    expected = torch.arange(6).reshape(2, 3).repeat_interleave(4, 0).repeat_interleave(5, 1)
    assert torch.equal(owners(grid, 8, 15), expected)
    torch.testing.assert_close(by_patch(torch.ones(8, 15), grid), torch.full((6,), 20.0))


def test_input_times_gradient_is_captums(asked, of_class):
    captum = pytest.importorskip("captum.attr")
    expected = captum.InputXGradient(asked.model.module).attribute(
        asked.pixels.clone().requires_grad_(), target=3
    )
    score, found = of_class
    made = asked.map(AttributionQuery(CLASS, "input x gradient"), score, found)
    np.testing.assert_allclose(made.patches, patched(expected, asked.grid), rtol=1e-3, atol=1e-6)


@pytest.mark.parametrize("fill", ["mean", "zero", "blur"])
def test_integrated_gradients_are_captums(asked, of_class, fill):
    captum = pytest.importorskip("captum.attr")
    baseline = filling(asked.pixels, asked.model.preprocess, fill)
    expected = captum.IntegratedGradients(asked.model.module).attribute(
        asked.pixels, baselines=baseline, target=3, n_steps=8, method="gausslegendre"
    )
    made = asked.map(
        AttributionQuery(CLASS, "integrated gradients", steps=8, fill=fill), of_class[0], None
    )
    np.testing.assert_allclose(made.patches, patched(expected, asked.grid), rtol=1e-3, atol=1e-6)


def test_the_completeness_error_is_how_far_the_sum_is_off(asked, of_class):
    made = asked.map(AttributionQuery(CLASS, "integrated gradients", steps=24), of_class[0], None)
    facts = dict(made.facts)
    with torch.no_grad():
        here = float(asked.model.module(asked.pixels)[0, 3])
        there = float(asked.model.module(torch.zeros_like(asked.pixels))[0, 3])
    assert made.value == pytest.approx(here, rel=1e-5)
    off = abs(float(made.patches.sum()) - (here - there))
    assert float(facts["completeness error"]) == pytest.approx(off, abs=2e-3)
    assert off < 0.05 * abs(here - there)


def test_smoothgrad_is_captums_with_the_same_noise(asked, of_class, monkeypatch):
    captum = pytest.importorskip("captum.attr")
    noise = pixel_methods.smooth_noise(asked.pixels, 4, 0.15, 1)
    assert float(noise.std()) == pytest.approx(
        0.15 * float(asked.pixels.max() - asked.pixels.min()), rel=0.02
    )
    total = torch.zeros_like(asked.pixels)
    saliency = captum.Saliency(asked.model.module)
    for one in noise:
        given = (asked.pixels + one).requires_grad_()
        total += saliency.attribute(given, target=3, abs=False).detach()
    made = asked.map(AttributionQuery(CLASS, "SmoothGrad", steps=4, seed=1), of_class[0], None)
    expected = patched((total / 4).abs(), asked.grid)
    np.testing.assert_allclose(made.patches, expected, rtol=1e-3, atol=1e-7)


def test_occlusion_of_every_patch_is_captums(asked, of_class):
    captum = pytest.importorskip("captum.attr")
    patch = tuple(map(int, asked.grid.patch))
    window = (3, *patch)
    expected = captum.Occlusion(asked.model.module).attribute(
        asked.pixels, window, strides=window, target=3, baselines=0
    )
    made = asked.map(AttributionQuery(CLASS, "occlusion"), of_class[0], None)
    corner = expected[0, 0, :: patch[0], :: patch[1]].flatten()
    np.testing.assert_allclose(made.patches, corner, rtol=1e-3, atol=1e-5)


def test_windows_of_occlusion_overlap_and_are_averaged_as_in_captum(asked, of_class):
    captum = pytest.importorskip("captum.attr")
    side = int(asked.grid.patch[0])
    expected = captum.Occlusion(asked.model.module).attribute(
        asked.pixels, (3, 9 * side, 9 * side), strides=(3, side, side), target=3, baselines=0
    )
    made = asked.map(AttributionQuery(CLASS, "occlusion", window=9), of_class[0], None)
    corner = expected[0, 0, ::side, ::side].flatten()
    np.testing.assert_allclose(made.patches, corner, rtol=1e-3, atol=1e-5)
    assert dict(made.facts)["windows"] == "4"


def test_dropped_tokens_are_really_left_out(asked, of_class):
    """The same by hand: embed, take tokens away, run the blocks."""
    module, grid = asked.model.module, asked.grid
    hidden = np.zeros((3, grid.rows * grid.cols), bool)
    hidden[1, :5] = True
    hidden[2, ::2] = True
    found = asked.hidden(of_class[0], hidden, "drop")
    with torch.no_grad():
        tokens = module._pos_embed(module.patch_embed(asked.pixels))
        for row, gone in zip(found, hidden, strict=True):
            seen = np.concatenate([[True], ~gone])
            left = module.blocks(module.norm_pre(tokens[:, torch.from_numpy(seen)]))
            expected = module.forward_head(module.norm(left))[0]
            np.testing.assert_allclose(row, expected, rtol=1e-4, atol=1e-5)


def test_blur_is_the_gaussian_of_rise(asked):
    """A plain convolution with the outer product of the bells."""
    at = torch.arange(11) - 5.0
    bell = torch.exp(-(at**2) / 50)
    kernel = torch.outer(bell, bell) / bell.sum() ** 2
    expected = functional.conv2d(asked.pixels, kernel.expand(3, 1, 11, 11), padding=5, groups=3)
    torch.testing.assert_close(blurred(asked.pixels), expected, rtol=1e-4, atol=1e-5)


def test_rise_is_the_weighted_mean_of_its_masks(asked, of_class):
    """The published sums, (scores @ masks) / N / p, with masks at every pixel."""
    module, count = asked.model.module, 12
    rows, cols = asked.pixels.shape[-2:]
    masks = pixel_methods.rise_masks(rows, cols, count, 5)(slice(0, count))
    assert masks.shape == (count, rows, cols)
    assert 0 <= float(masks.min()) <= float(masks.max()) <= 1
    with torch.no_grad():
        shown = rearrange(masks, "mask row col -> mask 1 row col") * asked.pixels
        shares = module(shown).softmax(dim=1)[:, 3].double()
    each = rearrange(
        masks.double(),
        "mask (row p) (col q) -> mask (row col) (p q)",
        row=asked.grid.rows,
        col=asked.grid.cols,
    ).mean(-1)
    weighed = shares[:, None] * each / 0.5
    made = asked.map(AttributionQuery(CLASS, "RISE", steps=count, seed=5), of_class[0], None)
    np.testing.assert_allclose(made.patches, weighed.mean(0), rtol=1e-4)
    np.testing.assert_allclose(made.error, weighed.std(0) / np.sqrt(count), rtol=1e-3)


def test_masks_are_visible_by_half():
    masks = pixel_methods.rise_masks(64, 64, 400, 0)(slice(0, 400))
    assert float(masks.mean()) == pytest.approx(0.5, abs=0.02)
