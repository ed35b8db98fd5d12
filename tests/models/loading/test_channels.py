"""Models that read another number of channels than three: grey, or a sentence."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import timm
import torch
from PIL import Image

import vitviz
from vitviz.core.data.picture_choice import PictureChoice
from vitviz.core.pictures.picture_files import open_picture
from vitviz.core.progress import BadImage
from vitviz.models.loading.checkpoint.card import card_of
from vitviz.models.loading.checkpoint.recognise import recognise
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


def test_twelve_bands_of_a_tiff_reach_a_model_of_twelve_channels(tmp_path: Path) -> None:
    tifffile = pytest.importorskip("tifffile")
    torch.manual_seed(0)
    bands = np.random.default_rng(0).integers(0, 256, (160, 160, 13), dtype=np.uint8)
    twelve, thirteen = tmp_path / "twelve.tif", tmp_path / "thirteen.tif"
    tifffile.imwrite(twelve, bands[..., :12], photometric="minisblack", planarconfig="contig")
    tifffile.imwrite(thirteen, bands, photometric="minisblack", planarconfig="contig")
    model = vitviz.load("test_vit", pretrained=False, in_chans=12, num_classes=3, crop_pct=1)
    assert model.info.evidence[-1].certainty == "assumed"
    trace = vitviz.trace(model, twelve)
    mean, std = (torch.tensor(each).view(12, 1, 1) for each in (model.info.mean, model.info.std))
    exact = (torch.from_numpy(bands[..., :12] / 255).permute(2, 0, 1) - mean) / std
    with torch.no_grad():
        logits = model.module(exact.float()[None])[0]
    np.testing.assert_allclose(
        sorted(each.logit for each in trace.predictions), sorted(logits.tolist()), atol=1e-4
    )
    with pytest.raises(
        BadImage, match=r"13 bands and this model reads 12; say which, .*--bands 1,2"
    ):
        vitviz.trace(model, thirteen)
    chosen = tuple(range(13, 1, -1))
    picture = open_picture(thirteen, choice=PictureChoice(bands=chosen))
    other = vitviz.trace(model, picture)
    exact = (torch.from_numpy(bands[..., :0:-1] / 255).permute(2, 0, 1) - mean) / std
    with torch.no_grad():
        logits = model.module(exact.float()[None])[0]
    np.testing.assert_allclose(
        sorted(each.logit for each in other.predictions), sorted(logits.tolist()), atol=1e-4
    )
    assert picture.note.startswith("bands 13, 12, 11 of 13")


def test_wide_numbers_are_scaled_to_their_range_and_batches_read_them_too(tmp_path: Path) -> None:
    tifffile = pytest.importorskip("tifffile")
    bands = np.random.default_rng(1).integers(0, 4000, (170, 200, 4), dtype=np.uint16)
    for name in ("a", "b"):
        file = tmp_path / "in" / f"{name}.tif"
        file.parent.mkdir(exist_ok=True)
        tifffile.imwrite(file, bands, photometric="minisblack", planarconfig="contig")
    model = vitviz.load("test_vit", pretrained=False, in_chans=4, num_classes=3)
    alone = vitviz.trace(model, tmp_path / "in" / "a.tif")
    vitviz.batch(tmp_path / "in", out=tmp_path / "out", logits=True, model=model)
    with np.load(tmp_path / "out" / "a-logits.npz") as found:
        logits = next(found[name] for name in found.files if found[name].size == 3)
    kept = {each.index: each.logit for each in alone.predictions}
    np.testing.assert_allclose(logits.ravel(), [kept[at] for at in range(3)], atol=1e-3)


def test_the_dialog_and_the_card_have_a_mean_for_each_channel(tmp_path: Path) -> None:
    model = timm.create_model("test_vit", in_chans=1, num_classes=3)
    torch.save(model.state_dict(), tmp_path / "grey.pth")
    found = recognise(tmp_path / "grey.pth")
    assert len(found.mean) == len(found.std) == 1
    card, _ = card_of(tmp_path / "grey.pth")
    assert card["input_size"][0] == len(card["mean"]) == 1
