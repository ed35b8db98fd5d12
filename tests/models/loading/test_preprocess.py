"""The model's pixels equal timm's own evaluation, and every place is found both ways."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image
from timm.data import create_transform

from vitviz.core.data.geometry import Spot
from vitviz.core.pictures.picture_files import open_picture
from vitviz.models.loading.preprocess import Preprocess, normalised, prepare

MEAN, STD = (0.5, 0.4, 0.3), (0.2, 0.25, 0.3)


def noise(rows, cols, seed=0):
    return np.random.default_rng(seed).integers(0, 256, (rows, cols, 3), dtype=np.uint8)


@pytest.mark.parametrize("size", [(64, 64), (48, 80), (81, 81)])
@pytest.mark.parametrize("mode", ["center", "squash", "border"])
@pytest.mark.parametrize("pct", [1.0, 0.9, 0.875, 1.1])
def test_it_is_timms_own_transform_pixel_for_pixel(size, mode, pct):
    for seed, shape in enumerate([(100, 137), (137, 100), (64, 64), (31, 33), (300, 41)]):
        pixels = noise(*shape, seed)
        want = Preprocess(size, MEAN, STD, "bicubic", pct, mode)
        transform = create_transform(
            (3, *size), interpolation="bicubic", mean=MEAN, std=STD, crop_pct=pct, crop_mode=mode
        )
        expected = transform(Image.fromarray(pixels))[None]
        prepared = prepare(open_picture(pixels), want)
        torch.testing.assert_close(normalised(prepared.pixels, want), expected, atol=1e-6, rtol=0)


@settings(deadline=None, max_examples=40)
@given(
    shape=st.tuples(st.integers(20, 200), st.integers(20, 200)),
    size=st.tuples(st.integers(16, 90), st.integers(16, 90)),
    fit=st.sampled_from(["crop", "pad", "squash"]),
    spot=st.tuples(st.floats(0, 1), st.floats(0, 1)),
)
def test_places_go_both_ways(shape, size, fit, spot):
    prepared = prepare(open_picture(noise(*shape)), Preprocess(size, crop_pct=0.9), fit)
    crop = prepared.crop
    assert (crop.original, crop.model) == (shape, size)
    assert prepared.pixels.shape == (*size, 3)
    there = Spot(spot[0] * size[0], spot[1] * size[1])
    back = crop.to_model(crop.to_original(there))
    assert (back.row, back.col) == pytest.approx((there.row, there.col), abs=1e-9)
    box = prepared.seen_box
    assert box.top >= -1e-9
    assert box.bottom <= size[0] + 1e-9
    assert box.left >= -1e-9
    assert box.right <= size[1] + 1e-9
    seen = prepared.seen.shape
    assert max(seen) <= 768
    assert abs(seen[0] / seen[1] * box.width / box.height - 1) < 0.6 / min(seen[:2]) + 0.05


def test_a_mark_in_the_picture_lies_where_the_crop_says():
    pixels = np.zeros((300, 500, 3), np.uint8)
    pixels[140:160, 300:320] = 255
    for fit in ("crop", "pad", "squash"):
        prepared = prepare(open_picture(pixels), Preprocess((128, 128), crop_pct=0.9), fit)
        bright = np.argwhere(prepared.pixels[..., 0] > 200)
        if fit == "pad":
            inside = prepared.seen_box
            bright = bright[(bright[:, 0] > inside.top) & (bright[:, 0] < inside.bottom)]
        centre = prepared.crop.to_model(Spot(150, 310))
        assert bright.mean(0) + 0.5 == pytest.approx((centre.row, centre.col), abs=0.5)


def test_the_whole_picture_fits():
    picture = open_picture(noise(100, 400))
    want = Preprocess((64, 64), MEAN, crop_pct=0.9)
    cropped, padded, squashed = (prepare(picture, want, fit) for fit in ("crop", "pad", "squash"))
    assert cropped.crop.seen_share < 0.25
    assert padded.crop.seen_share == squashed.crop.seen_share == 1
    assert (padded.seen_box.top, padded.seen_box.bottom) == (24, 40)
    assert padded.seen_box.width == squashed.seen_box.width == 64
    np.testing.assert_array_equal(padded.pixels[0, 0], np.round(255 * np.array(MEAN)))


def test_what_is_shown_is_sharper_than_what_the_model_reads():
    prepared = prepare(open_picture(noise(1500, 2000)), Preprocess((64, 64)))
    assert prepared.seen.shape == (768, 768, 3)
    small = prepare(open_picture(noise(20, 20)), Preprocess((64, 64)))
    assert small.seen.shape == (64, 64, 3)
