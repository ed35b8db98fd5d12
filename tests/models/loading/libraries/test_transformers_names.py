"""Files of the transformers library give, in timm's networks, what the library's own model gives."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import load_file, save_file
from torch import Tensor, nn

import vitviz
from vitviz.core.data.evidence import Evidence, assumed
from vitviz.core.progress import BadModel
from vitviz.models.loading.model import Model

hf = pytest.importorskip("transformers")

PICTURE = 64
SMALL = {
    "hidden_size": 64,
    "num_hidden_layers": 2,
    "num_attention_heads": 4,
    "intermediate_size": 128,
    "image_size": PICTURE,
    "patch_size": 16,
}
SWIN = {
    "embed_dim": 16,
    "depths": [2, 2],
    "num_heads": [2, 4],
    "image_size": PICTURE,
    "window_size": 4,
}


def random(model: nn.Module) -> nn.Module:
    """Weights and biases large enough that attention is far from uniform and a lost bias is seen."""
    generator = torch.Generator().manual_seed(5)
    with torch.no_grad():
        for parameter in model.parameters():
            parameter.normal_(0, 0.08 if parameter.ndim > 1 else 0.3, generator=generator)
            if parameter.ndim == 1:
                parameter.add_(0.5)
    return model.eval()


def tokens(theirs: nn.Module, pixels: Tensor) -> Tensor:
    """Their last tokens."""
    found: Tensor = theirs(pixels).last_hidden_state
    return found


def logits(theirs: nn.Module, pixels: Tensor) -> Tensor:
    """Their classes."""
    found: Tensor = theirs(pixels).logits
    return found


def features(module: Any, pixels: Tensor) -> Tensor:
    """timm's last tokens."""
    found: Tensor = module.forward_features(pixels)
    return found


def unnormed(module: Any, pixels: Tensor) -> Tensor:
    """timm's tokens before the last normalisation, which CLIP and MAE leave to the class token."""
    module.norm = nn.Identity()
    return features(module, pixels)


CASES: dict[str, tuple[Callable[[], nn.Module], Callable[..., Tensor], Callable[..., Tensor]]] = {
    "vit": (lambda: hf.ViTModel(hf.ViTConfig(**SMALL), add_pooling_layer=False), tokens, features),
    "vit with classes": (
        lambda: hf.ViTForImageClassification(hf.ViTConfig(**SMALL, num_labels=5)),
        logits,
        lambda module, pixels: module(pixels),
    ),
    "vit without biases, other eps, relu": (
        lambda: hf.ViTModel(
            hf.ViTConfig(**SMALL, qkv_bias=False, layer_norm_eps=0.1, hidden_act="relu")
        ),
        tokens,
        features,
    ),
    "mae": (
        lambda: hf.ViTMAEModel(hf.ViTMAEConfig(**SMALL, mask_ratio=0.0)),
        lambda theirs, pixels: (
            theirs(pixels, noise=torch.arange(16).reshape(1, 16)).last_hidden_state
        ),
        features,
    ),
    "deit": (
        lambda: hf.DeiTModel(hf.DeiTConfig(**SMALL), add_pooling_layer=False),
        tokens,
        features,
    ),
    "deit with one classifier": (
        lambda: hf.DeiTForImageClassification(hf.DeiTConfig(**SMALL, num_labels=5)),
        logits,
        lambda module, pixels: module(pixels),
    ),
    "deit with two classifiers": (
        lambda: hf.DeiTForImageClassificationWithTeacher(hf.DeiTConfig(**SMALL, num_labels=5)),
        logits,
        lambda module, pixels: module(pixels),
    ),
    "dinov2": (lambda: hf.Dinov2Model(hf.Dinov2Config(**SMALL)), tokens, features),
    "dinov2 gated": (
        lambda: hf.Dinov2Model(hf.Dinov2Config(**SMALL, use_swiglu_ffn=True)),
        tokens,
        features,
    ),
    "dinov2 with registers": (
        lambda: hf.Dinov2WithRegistersModel(hf.Dinov2WithRegistersConfig(**SMALL)),
        tokens,
        features,
    ),
    "dinov3": (
        lambda: hf.DINOv3ViTModel(hf.DINOv3ViTConfig(**SMALL, num_register_tokens=4)),
        tokens,
        features,
    ),
    "dinov3 gated": (
        lambda: hf.DINOv3ViTModel(
            hf.DINOv3ViTConfig(
                **SMALL, num_register_tokens=4, use_gated_mlp=True, hidden_act="silu"
            )
        ),
        tokens,
        features,
    ),
    "clip": (
        lambda: hf.CLIPVisionModelWithProjection(hf.CLIPVisionConfig(**SMALL)),
        tokens,
        unnormed,
    ),
    "clip, whole": (
        lambda: hf.CLIPModel(
            hf.CLIPConfig(
                vision_config=SMALL,
                text_config={
                    "hidden_size": 64,
                    "num_hidden_layers": 1,
                    "num_attention_heads": 4,
                    "intermediate_size": 64,
                    "vocab_size": 99,
                    "eos_token_id": 2,
                    "bos_token_id": 1,
                },
            )
        ),
        lambda theirs, pixels: theirs.vision_model(pixels).pooler_output,
        lambda module, pixels: module(pixels),
    ),
    "siglip": (
        lambda: hf.SiglipVisionModel(hf.SiglipVisionConfig(**SMALL)),
        lambda theirs, pixels: theirs(pixels).pooler_output,
        lambda module, pixels: module(pixels),
    ),
    "siglip with classes": (
        lambda: hf.SiglipForImageClassification(hf.SiglipConfig(vision_config=SMALL, num_labels=5)),
        logits,
        lambda module, pixels: module(pixels),
    ),
    "beit": (
        lambda: hf.BeitForImageClassification(
            hf.BeitConfig(**SMALL, use_relative_position_bias=True, num_labels=5)
        ),
        logits,
        lambda module, pixels: module(pixels),
    ),
    "beit with one bias for all": (
        lambda: hf.BeitForImageClassification(
            hf.BeitConfig(
                **SMALL,
                use_shared_relative_position_bias=True,
                num_labels=5,
                use_absolute_position_embeddings=True,
            )
        ),
        logits,
        lambda module, pixels: module(pixels),
    ),
    "swin": (
        lambda: hf.SwinForImageClassification(hf.SwinConfig(**SWIN, num_labels=5)),
        logits,
        lambda module, pixels: module(pixels),
    ),
    "swin v2": (
        lambda: hf.Swinv2ForImageClassification(hf.Swinv2Config(**SWIN, num_labels=5)),
        logits,
        lambda module, pixels: module(pixels),
    ),
    "swin v2 after smaller windows": (
        lambda: hf.Swinv2ForImageClassification(
            hf.Swinv2Config(**SWIN, num_labels=5, pretrained_window_sizes=[2, 2])
        ),
        logits,
        lambda module, pixels: module(pixels),
    ),
    "sam, whole": (
        lambda: hf.SamModel(
            hf.SamConfig(
                vision_config={
                    "hidden_size": 64,
                    "num_hidden_layers": 3,
                    "num_attention_heads": 4,
                    "image_size": 128,
                    "mlp_dim": 128,
                    "window_size": 4,
                    "global_attn_indexes": [1],
                    "output_channels": 32,
                }
            )
        ),
        lambda theirs, pixels: theirs.vision_encoder(pixels).last_hidden_state,
        features,
    ),
    "sam": (
        lambda: hf.SamVisionModel(
            hf.SamVisionConfig(
                hidden_size=64,
                num_hidden_layers=3,
                num_attention_heads=4,
                image_size=128,
                mlp_dim=128,
                window_size=4,
                global_attn_indexes=[1],
                output_channels=32,
            )
        ),
        tokens,
        features,
    ),
}


@pytest.mark.parametrize("case", CASES)
def test_outputs_are_the_librarys_own(case: str, tmp_path: Path) -> None:
    make, ask_them, ask_us = CASES[case]
    theirs = random(make())
    theirs.save_pretrained(tmp_path)
    model = vitviz.load(tmp_path / "model.safetensors")
    side = 128 if case.startswith("sam") else PICTURE
    assert model.info.input_size == (side, side)
    pixels = torch.randn(1, 3, side, side, generator=torch.Generator().manual_seed(1))
    with torch.inference_mode():
        wanted, found = ask_them(theirs, pixels), ask_us(model.module, pixels)
    assert found.shape == wanted.shape
    spread = float(wanted.std())
    assert spread > 1e-3, "the comparison would say nothing"
    torch.testing.assert_close(found, wanted, atol=2e-5 * max(1, spread), rtol=1e-4)
    facts = evidence_of(model)
    assert facts["architecture"].certainty == "proven"
    assert all(each.fact == "mean and std" for each in assumed(model.info.evidence))


def evidence_of(model: Model) -> dict[str, Evidence]:
    """A model's evidence by fact."""
    return {each.fact: each for each in model.info.evidence}


def test_siglip_2_reads_rows_of_pixels_as_patches(tmp_path: Path) -> None:
    small = {key: value for key, value in SMALL.items() if key != "image_size"}
    theirs = random(hf.Siglip2VisionModel(hf.Siglip2VisionConfig(**small, num_patches=16)))
    theirs.save_pretrained(tmp_path)
    model = vitviz.load(tmp_path / "model.safetensors")
    pixels = torch.randn(1, 3, 64, 64)
    patches = pixels.reshape(1, 3, 4, 16, 4, 16).permute(0, 2, 4, 3, 5, 1).reshape(1, 16, -1)
    with torch.inference_mode():
        wanted = theirs(patches, torch.ones(1, 16, dtype=torch.long), torch.tensor([[4, 4]]))
        found = model.module(pixels)
    torch.testing.assert_close(found, wanted.pooler_output, atol=1e-4, rtol=1e-4)


def test_config_beside_the_file_says_the_heads(tmp_path: Path) -> None:
    hf.ViTModel(hf.ViTConfig(**SMALL)).save_pretrained(tmp_path)
    facts = evidence_of(vitviz.load(tmp_path / "model.safetensors"))
    assert (facts["heads"].value, facts["heads"].certainty) == ("4 heads", "known")
    (tmp_path / "config.json").unlink()
    alone = vitviz.load(tmp_path / "model.safetensors")
    assert evidence_of(alone)["heads"].certainty == "assumed"
    assert evidence_of(alone)["norm eps"].certainty == "assumed"
    with pytest.raises(BadModel, match=r"1 head, .* are assumed.*num_heads="):
        vitviz.load(tmp_path / "model.safetensors", strict=True)
    said = vitviz.load(tmp_path / "model.safetensors", num_heads=4)
    assert said.info.heads == 4
    assert evidence_of(said)["heads"].certainty == "known"


def test_what_steers_attention_and_has_no_place_is_refused(tmp_path: Path) -> None:
    hf.ViTModel(hf.ViTConfig(**SMALL)).save_pretrained(tmp_path)
    state = load_file(tmp_path / "model.safetensors")
    state["encoder.layer.0.attention.attention.gate"] = torch.zeros(3)
    save_file(state, tmp_path / "model.safetensors")
    with pytest.raises(BadModel, match=r"steer attention.*attention\.gate"):
        vitviz.load(tmp_path / "model.safetensors")


@pytest.mark.parametrize(
    ("word", "value", "sentence"),
    [
        ("num_hidden_layers", 12, "12 layers and the file has 2"),
        ("hidden_size", 768, "768 channels and the file has 64"),
        ("intermediate_size", 3072, "3072 channels in its MLPs and the file has 128"),
    ],
)
def test_a_config_of_another_network_is_not_followed(
    word: str, value: int, sentence: str, tmp_path: Path
) -> None:
    hf.ViTModel(hf.ViTConfig(**SMALL)).save_pretrained(tmp_path)
    config = tmp_path / "config.json"
    config.write_text(json.dumps(json.loads(config.read_text()) | {word: value}))
    model = vitviz.load(tmp_path / "model.safetensors")
    assert evidence_of(model)["heads"].certainty == "assumed"
    assert any(sentence in note for note in model.info.notes)


def test_a_bias_of_keys_before_rotations_is_not_lost(tmp_path: Path) -> None:
    theirs = random(
        hf.DINOv3ViTModel(hf.DINOv3ViTConfig(**SMALL, key_bias=True, num_register_tokens=2))
    )
    theirs.save_pretrained(tmp_path)
    model = vitviz.load(tmp_path / "model.safetensors")
    pixels = torch.randn(1, 3, PICTURE, PICTURE)
    with torch.inference_mode():
        wanted, found = theirs(pixels).pooler_output, model.module(pixels)
    torch.testing.assert_close(found, wanted)
    (tmp_path / "config.json").unlink()
    with pytest.raises(BadModel, match="key_bias"):
        vitviz.load(tmp_path / "model.safetensors")


def test_a_swins_table_of_positions_is_not_lost(tmp_path: Path) -> None:
    small = {"embed_dim": 32, "depths": [1, 1], "num_heads": [1, 2], "window_size": 4}
    config = hf.SwinConfig(**small, image_size=PICTURE, use_absolute_embeddings=True)
    theirs = random(hf.SwinModel(config))
    theirs.save_pretrained(tmp_path)
    model = vitviz.load(tmp_path / "model.safetensors")
    pixels = torch.randn(1, 3, PICTURE, PICTURE)
    with torch.inference_mode():
        torch.testing.assert_close(model.module(pixels), theirs(pixels).pooler_output)
    (tmp_path / "config.json").unlink()
    with pytest.raises(BadModel, match="position_embeddings"):
        vitviz.load(tmp_path / "model.safetensors")
