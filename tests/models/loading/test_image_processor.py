"""A processor's file gives the pixels that the library's own processor makes, within 1/255."""

from __future__ import annotations

import json

import numpy as np
import pytest
import torch
from PIL import Image

import vitviz
from vitviz.core.pictures.picture_files import open_picture
from vitviz.models.loading.image_processor import processed
from vitviz.models.loading.preprocess import Preprocess, prepare, tensor_of

transformers = pytest.importorskip("transformers")

CUT = {"crop_size": {"height": 64, "width": 64}, "do_center_crop": True}
IMAGENET = {"image_mean": [0.485, 0.456, 0.406], "image_std": [0.229, 0.224, 0.225]}
KINDS = {
    "ViTImageProcessor": {"size": {"height": 64, "width": 64}},
    "DeiTImageProcessor": {"size": {"height": 73, "width": 73}, **CUT},
    "CLIPImageProcessor": {"size": {"shortest_edge": 64}, **CUT},
    "BitImageProcessor": {"size": {"shortest_edge": 75}, **CUT, **IMAGENET},
    "SiglipImageProcessor": {"size": {"height": 64, "width": 64}},
    "BeitImageProcessor": {"size": {"height": 73, "width": 73}, "rescale_factor": 1 / 127.5, **CUT},
    "ConvNextImageProcessor": {"size": {"shortest_edge": 64}, "crop_pct": 0.875},
}


@pytest.mark.parametrize("slow", [True, False])
@pytest.mark.parametrize("shape", [(120, 160), (97, 71), (64, 64)])
@pytest.mark.parametrize("kind", KINDS)
def test_pixels_are_the_librarys_own(photo, kind, shape, slow):
    name = f"{kind}Pil" if slow else kind
    processor = getattr(transformers, name, None)
    if processor is None:
        pytest.skip(f"this transformers has no {name}")
    made = processor(**KINDS[kind])
    picture = Image.fromarray(photo).resize(shape[::-1])
    theirs = made(picture, return_tensors="pt")["pixel_values"]
    config = json.loads(made.to_json_string())
    version = "4.57.1" if slow else transformers.__version__
    if version.startswith("4") and not slow:
        config["image_processor_type"] = f"{kind}Fast"
    assert config["image_processor_type"].startswith(kind), (
        "the file does not say whose resize it is"
    )
    found = processed(config, Preprocess((64, 64)), version)
    assert found.why == ""
    want = found.preprocess
    ours = tensor_of(prepare(open_picture(np.asarray(picture)), want), want)
    assert ours.shape == theirs.shape
    pixels = (ours - theirs).abs() * torch.tensor(want.std).view(1, 3, 1, 1)
    assert float(pixels.max()) <= 1.01 / 255


def test_another_size_is_prepared_in_proportion(photo):
    config = {"size": {"shortest_edge": 256}, "crop_size": 224, "do_center_crop": True}
    want = processed(config, Preprocess((112, 112))).preprocess
    crop = prepare(open_picture(photo), want).crop
    assert crop.scale == (128 / 120, 170 / 160)


@pytest.mark.parametrize(
    ("config", "said"),
    [
        ({"size": {"longest_edge": 384, "shortest_edge": 224}}, "longest_edge"),
        ({"size": {"height": 64, "width": 64}, "do_pad": True}, "do_pad"),
        ({"image_mean": [0.5] * 3, "size": {"shortest_edge": 64}}, "cuts nothing off"),
        ({"size": 64, "do_resize": False}, "resizes nothing"),
    ],
)
def test_a_file_that_cannot_be_followed_says_why(config, said):
    found = processed(config, Preprocess((64, 64)))
    assert found.preprocess is None
    assert said in found.why
    assert processed({"other": 1}, Preprocess((64, 64))).why == ""


def test_it_is_read_beside_a_file_and_a_model_is_prepared_so(tiny_checkpoint, tmp_path, photo):
    file = tmp_path / "test_vit.safetensors"
    file.write_bytes(tiny_checkpoint.read_bytes())
    made = transformers.ViTImageProcessorPil(size={"height": 160, "width": 160})
    (tmp_path / "preprocessor_config.json").write_text(made.to_json_string())
    model = vitviz.load(file)
    assert model.info.mean == model.info.std == (0.5, 0.5, 0.5)
    trace = vitviz.trace(model, photo)
    assert trace.crop.seen_share == 1
    theirs = made(Image.fromarray(photo), return_tensors="pt")["pixel_values"][0]
    exact = vitviz.trace(model, theirs)
    assert exact.predictions[0].index == trace.predictions[0].index
    rows, other = (each.layers[-1].attention.rows(0) for each in (trace, exact))
    np.testing.assert_allclose(rows, other, atol=1e-3)
    known = {each.fact: each.certainty for each in model.info.evidence}
    assert known["mean and std"] == "known"


def test_whose_resize_it_was_is_assumed_where_no_version_says_it():
    config = {"image_processor_type": "SiglipImageProcessor", "size": {"height": 64, "width": 64}}
    found = processed(config, Preprocess((64, 64)))
    assert [each.certainty for each in found.evidence] == ["assumed"]
    assert "3 of 255" in found.evidence[0].because
    for version in ("4.30.0", "5.1.0"):
        assert processed(config, Preprocess((64, 64)), version).evidence == ()
    bilinear = {**config, "resample": 2}
    assert processed(bilinear, Preprocess((64, 64))).evidence == ()
    called = {**config, "image_processor_type": "SiglipImageProcessorFast"}
    assert processed(called, Preprocess((64, 64))).preprocess.resizer == "torchvision"
