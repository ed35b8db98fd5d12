"""Models that read another number of channels than three: grey, or a sentence."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image

import vitviz
from vitviz.core.progress import BadImage
from vitviz.models.loading.preprocess import Preprocess, for_channels, normalised


def test_a_model_of_one_channel_reads_grey(photo: np.ndarray) -> None:
    model = vitviz.load("test_vit", pretrained=False, in_chans=1)
    assert any("turned to grey" in note for note in model.info.notes)
    coloured = vitviz.trace(model, photo)
    grey = np.asarray(Image.fromarray(photo).convert("L").convert("RGB"))
    there = vitviz.trace(model, grey)
    ours, theirs = (trace.layers[-1].attention.rows(0) for trace in (coloured, there))
    np.testing.assert_allclose(ours, theirs, atol=1e-3)  # the crop is resized before it is grey


def test_grey_is_pillows_and_normalised_by_the_average() -> None:
    pixels = np.random.default_rng(0).integers(0, 256, (6, 5, 3), dtype=np.uint8)
    want = for_channels(Preprocess((6, 5)), 1)
    assert want.mean == pytest.approx((0.449,))
    assert want.std == pytest.approx((0.226,))
    luma = pixels @ np.array([0.299, 0.587, 0.114])
    expected = (np.round(luma) / 255 - want.mean[0]) / want.std[0]
    found = normalised(pixels, want)
    assert found.shape == (1, 1, 6, 5)
    assert abs(found[0, 0].numpy() - expected).max() < 1.01 / 255 / want.std[0]


@pytest.mark.parametrize("channels", [4, 12])
def test_other_channels_are_a_sentence_for_a_picture_and_open_for_a_tensor(
    channels: int, photo: Any
) -> None:
    model = vitviz.load("test_vit", pretrained=False, in_chans=channels)
    with pytest.raises(BadImage, match=f"reads {channels} channels and .* is opened with 3"):
        vitviz.trace(model, photo)
    trace = vitviz.trace(model, torch.zeros(channels, 160, 160))
    assert len(trace.layers) == len(model.module.blocks)


def test_three_channels_stay_as_timm_has_them() -> None:
    want = Preprocess((6, 5))
    assert for_channels(want, 3) is want
    assert for_channels(want, 12).mean == pytest.approx((0.449,) * 12)
