"""Somebody's preprocessing is measured, and is what its own parts say it is."""

from __future__ import annotations

import numpy as np
import pytest
import timm
import torch
from PIL import Image
from torchvision.transforms import v2

from vitviz.core.pictures.picture_files import open_picture
from vitviz.core.progress import BadModel
from vitviz.models.loading.live.measured_transform import measured_transform
from vitviz.models.loading.preprocess import Preprocess, prepare, preprocess_of, tensor_of

TENSOR = [v2.ToImage(), v2.ToDtype(torch.float32, scale=True)]
NORMAL = v2.Normalize([0.485, 0.456, 0.406], [0.229, 0.224, 0.225])
SIZES = [(240, 320), (517, 333), (64, 64), (1200, 900)]


def picture(size):
    noise = np.random.default_rng(0).integers(0, 256, (*size, 3), np.uint8)
    return open_picture(noise)


@pytest.mark.parametrize("size", SIZES, ids=str)
def test_timms_own_transform_has_the_geometry_that_vitviz_has(size):
    config = timm.data.resolve_data_config({}, model=timm.create_model("test_vit"))
    measured = measured_transform(timm.data.create_transform(**config, is_training=False))
    known = preprocess_of(config)
    np.testing.assert_allclose(measured.mean, known.mean, atol=1e-4)
    np.testing.assert_allclose(measured.std, known.std, atol=1e-4)
    ours = prepare(picture(size), known)
    theirs = prepare(picture(size), Preprocess(measured.size, transform=measured))
    assert theirs.crop == ours.crop
    np.testing.assert_allclose(tensor_of(theirs, known), tensor_of(ours, known), atol=1e-5)
    np.testing.assert_array_equal(theirs.pixels, ours.pixels)


@pytest.mark.parametrize("size", SIZES, ids=str)
def test_other_geometries(size):
    squash = measured_transform(v2.Compose([v2.Resize((96, 128)), *TENSOR, NORMAL]))
    crop = squash.crop(size, 1)
    assert crop.scale == pytest.approx((96 / size[0], 128 / size[1]))
    assert crop.offset == (0, 0)
    padded = measured_transform(v2.Compose([v2.Resize((60, 80)), v2.Pad(8), *TENSOR, NORMAL]))
    assert padded.crop(size, 6).offset == (8, 8)
    assert padded.crop(size, 6).orientation == 6


BAD = {
    "random": (v2.Compose([v2.RandomCrop(64), *TENSOR]), "another tensor of the same picture"),
    "no tensor": (lambda image: image, "not a tensor of floats"),
    "raises": (lambda image: image.nothing, "fails on a picture"),
    "bytes": (v2.Compose([v2.ToImage()]), "not a tensor of floats"),
    "no normalisation": (v2.Compose([*TENSOR, torch.square]), "no normalisation by a mean"),
}


@pytest.mark.parametrize(("function", "words"), BAD.values(), ids=list(BAD))
def test_what_is_no_transform_is_said(function, words):
    with pytest.raises(BadModel, match=words):
        measured_transform(function)


@pytest.mark.parametrize("turn", [Image.Transpose.FLIP_LEFT_RIGHT, Image.Transpose.ROTATE_90])
def test_mirrored_and_turned_pictures_are_refused(turn):
    function = v2.Compose([lambda image: image.transpose(turn), v2.Resize((64, 64)), *TENSOR])
    with pytest.raises(BadModel, match="turns"):
        measured_transform(function).crop((200, 200), 1)


def test_a_size_that_follows_the_picture_is_refused():
    measured = measured_transform(v2.Compose([v2.Resize(64), *TENSOR]))
    with pytest.raises(BadModel, match="to one size"):
        measured.crop((100, 300), 1)
