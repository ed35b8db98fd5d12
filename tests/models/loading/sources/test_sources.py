"""Other libraries' models, with the preprocessing that these libraries give them."""

from __future__ import annotations

import numpy as np
import pytest
import torch
import torchvision
from PIL import Image

import vitviz
from vitviz.core.progress import BadModel

SMALL = {
    "hidden_size": 48,
    "num_hidden_layers": 2,
    "num_attention_heads": 4,
    "intermediate_size": 96,
    "image_size": 64,
    "patch_size": 16,
}


def test_torchvisions_own_preprocessing_and_maps(photo):
    torch.manual_seed(0)
    model = vitviz.load("torchvision/vit_b_32", pretrained=False)
    trace = vitviz.trace(model, photo)
    theirs = torchvision.models.ViT_B_32_Weights.DEFAULT.transforms()(Image.fromarray(photo))
    read = (trace.pixels / 255 - np.array(model.info.mean)) / np.array(model.info.std)
    np.testing.assert_allclose(read, theirs.permute(1, 2, 0), atol=1 / 255 / min(model.info.std))
    facts = {each.fact: each.certainty for each in model.info.evidence}
    assert facts["mean and std"] == "known"
    assert (model.info.weights, model.info.classes, model.info.name) == (
        "untrained",
        1000,
        "torchvision/vit_b_32",
    )
    assert trace.grid.prefix == ("class",)
    seen = []
    module = model.module.inner.encoder.layers[3].self_attention
    hook = module.register_forward_pre_hook(lambda _, given: seen.append(given[0]))
    with torch.no_grad():
        model.module(theirs[None])
        hook.remove()
        _, maps = module(*seen * 3, average_attn_weights=False)
    for query in (0, 30):
        np.testing.assert_allclose(
            trace.layers[3].attention.rows(query), maps[0, :, query], atol=2e-6
        )


@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("torchvision/vit_b_17", r"did you mean torchvision/vit_b_16\?"),
        ("torchvision/resnet18", "no attention among tokens"),
        ("transformers/nowhere/at_all", "transformers makes no model of nowhere/at_all"),
        ("open_clip/ViT-B-33", r"did you mean open_clip/ViT-B-32\?"),
    ],
)
def test_what_a_library_does_not_have_is_said(name, words):
    pytest.importorskip(name.partition("/")[0])
    with pytest.raises(BadModel, match=words):
        vitviz.load(name, pretrained="/at_all" in name, allow_download=False)


@pytest.fixture(scope="module")
def transformers():
    return pytest.importorskip("transformers")


def saved(transformers, folder, kind):
    """A small model of a kind and its processor, as save_pretrained writes them."""
    torch.manual_seed(0)
    match kind:
        case "vit":
            config = transformers.ViTConfig(**SMALL, id2label={0: "cat", 1: "dog", 2: "owl"})
            model = transformers.ViTForImageClassification(config)
            processor = transformers.ViTImageProcessor(size={"height": 64, "width": 64})
        case "dinov2":
            config = transformers.Dinov2Config(**{**SMALL, "patch_size": 8})
            model = transformers.Dinov2Model(config)
            processor = transformers.BitImageProcessor(
                size={"shortest_edge": 72}, crop_size={"height": 64, "width": 64}
            )
        case "clip":
            text = {"hidden_size": 32, "num_hidden_layers": 1, "num_attention_heads": 2}
            config = transformers.CLIPConfig(vision_config=SMALL, text_config=text)
            model = transformers.CLIPModel(config)
            processor = transformers.CLIPImageProcessor(
                size={"shortest_edge": 64}, crop_size={"height": 64, "width": 64}
            )
        case "siglip":
            model = transformers.SiglipVisionModel(transformers.SiglipVisionConfig(**SMALL))
            processor = transformers.SiglipImageProcessor(size={"height": 64, "width": 64})
        case "swin":
            sizes = {"image_size": 64, "window_size": 4, "embed_dim": 24}
            config = transformers.SwinConfig(**sizes, depths=[2, 2], num_heads=[2, 4])
            model = transformers.SwinForImageClassification(config)
            processor = transformers.ViTImageProcessor(size={"height": 64, "width": 64})
    model.save_pretrained(folder)
    processor.save_pretrained(folder)
    return model.eval(), processor


@pytest.mark.filterwarnings("ignore")  # transformers' own about its own
@pytest.mark.parametrize("kind", ["vit", "dinov2", "clip", "siglip", "swin"])
def test_a_folder_of_save_pretrained(transformers, kind, tmp_path, photo):
    _, processor = saved(transformers, tmp_path, kind)
    model = vitviz.load(f"transformers/{tmp_path}")
    trace = vitviz.trace(model, photo)
    theirs = processor(images=Image.fromarray(photo), return_tensors="pt")["pixel_values"][0]
    mean, std = np.array(model.info.mean), np.array(model.info.std)
    read = (trace.pixels / 255 - mean) / std
    np.testing.assert_allclose(read, theirs.permute(1, 2, 0), atol=1 / 255 / std.min())
    cells = {"dinov2": 8, "swin": 16}.get(kind, 4)
    assert (trace.grid.rows, trace.grid.cols) == (cells, cells)
    assert trace.refused == ()
    assert trace.matrices == ()
    assert model.info.weights == "trained"
    assert model.info.weights_hash
    assert model.info.classes == {"vit": 3, "swin": 2}.get(kind, 0)
    if kind == "vit":
        assert {each.name for each in trace.predictions} == {"cat", "dog", "owl"}
    assert model.reload is not None


@pytest.mark.filterwarnings("ignore")
def test_maps_are_those_that_transformers_gives_when_asked(transformers, tmp_path, photo):
    own, processor = saved(transformers, tmp_path, "vit")
    own.set_attn_implementation("eager")
    trace = vitviz.trace(vitviz.load(f"transformers/{tmp_path}"), photo)
    pixels = processor(images=Image.fromarray(photo), return_tensors="pt")["pixel_values"]
    with torch.no_grad():
        answer = own(pixels, output_attentions=True)
    for layer, maps in zip(trace.layers, answer.attentions, strict=True):
        for query in (0, 9):
            np.testing.assert_allclose(layer.attention.rows(query), maps[0, :, query], atol=2e-6)
    found = {each.index: each.logit for each in trace.predictions}
    np.testing.assert_allclose([found[each] for each in range(3)], answer.logits[0], atol=1e-5)


@pytest.mark.filterwarnings("ignore")
def test_what_timm_can_build_gives_equal_maps(transformers, tmp_path, photo):
    saved(transformers, tmp_path, "vit")
    theirs = vitviz.trace(vitviz.load(f"transformers/{tmp_path}"), photo)
    timms = vitviz.trace(vitviz.load(tmp_path / "model.safetensors"), photo)
    assert timms.model.family == "vit"
    assert theirs.grid == timms.grid
    np.testing.assert_allclose(
        theirs.layers[0].attention.rows(0), timms.layers[0].attention.rows(0), atol=0.02
    )


@pytest.mark.filterwarnings("ignore")
def test_open_clips_image_tower(photo):
    pytest.importorskip("open_clip")
    torch.manual_seed(0)
    trace = vitviz.trace(vitviz.load("open_clip/ViT-B-32", pretrained=False), photo)
    assert (trace.grid.rows, trace.grid.prefix) == (7, ("class",))
    assert len(trace.layers) == 12
    assert trace.refused == ()
    assert trace.predictions == ()


def test_a_list_of_pictures_gives_a_tuple_of_traces(tiny_model, photo):
    both = vitviz.trace(tiny_model, [photo, Image.fromarray(photo), torch.zeros(2, 3, 160, 160)])
    assert len(both) == 4
    assert isinstance(both, tuple)
    assert both[0].picture.key == both[1].picture.key


def test_what_a_library_decides_itself_cannot_be_said(tmp_path):
    for said in ({"mean": 0.5}, {"num_heads": 3}, {"crop_pct": 0.9}, {"architecture": "test_vit"}):
        with pytest.raises(BadModel, match=f"{next(iter(said))} cannot be said of it"):
            vitviz.load("torchvision/vit_b_16", pretrained=False, **said)


@pytest.mark.filterwarnings("ignore")
def test_classes_of_a_librarys_model_are_said(transformers, tmp_path, photo):
    saved(transformers, tmp_path, "swin")
    model = vitviz.load(f"transformers/{tmp_path}", classes=("ant", "bee"), multi_label=True)
    assert model.labels == ("ant", "bee")
    assert vitviz.trace(model, photo).model.scores == "sigmoid"
