"""What stands before an encoder's names is taken off by what the encoder is made of."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest
import timm
import torch
from torch import Tensor

import vitviz
from vitviz.core.progress import BadModel
from vitviz.models.loading.checkpoint.encoders import choose_encoder, find_encoders
from vitviz.models.loading.checkpoint.named_tensors import named_tensors

State = dict[str, Tensor]


def shapes_of(name: str, **arguments: Any) -> State:
    with torch.device("meta"):
        return dict(timm.create_model(name, **arguments).state_dict())


def prefixed(state: Mapping[str, Tensor], prefix: str) -> State:
    return {prefix + key: tensor for key, tensor in state.items()}


PREFIXES = ("", "module.", "0.", "vit.", "student.backbone.", "pretrained.model.", "layers.2.net.")
FAMILIES = (
    "test_vit",
    "test_vit3",
    "swin_tiny_patch4_window7_224",
    "swinv2_tiny_window8_256",
    "levit_128s",
    "cait_xxs24_224",
    "xcit_nano_12_p16_224",
    "pvt_v2_b0",
    "mobilevit_xxs",
    "efficientvit_b0",
    "gcvit_xxtiny",
    "maxvit_tiny_tf_224",
    "coat_tiny",
    "crossvit_tiny_240",
    "tnt_s_patch16_224",
    "sam2_hiera_tiny",
    "hiera_tiny_224",
    "vit_small_r26_s32_224",
    "vit_small_patch16_dinov3",
    "convit_tiny",
    "twins_pcpvt_small",
    "visformer_tiny",
    "beit_base_patch16_224",
    "poolformer_s12",
)


@pytest.mark.parametrize("family", FAMILIES)
def test_an_encoder_is_found_behind_any_prefix(family: str) -> None:
    state = shapes_of(family)
    for prefix in PREFIXES:
        found = choose_encoder(prefixed(state, prefix), ("",), "a.pth")
        if prefix == "" or find_encoders(state):
            assert set(found.state) == set(state), prefix


@pytest.fixture(scope="module")
def vit() -> State:
    return dict(timm.create_model("test_vit", num_classes=3).state_dict())


METHODS = {
    "dino": (("teacher", "student"), "backbone.", "teacher.backbone.", "DINO"),
    "moco v3": (
        ("state_dict",),
        "module.base_encoder.",
        "state_dict.module.base_encoder.",
        "MoCo v3",
    ),
    "ema": (("state_dict", "state_dict_ema"), "", "state_dict_ema.", "averaged"),
    "jepa": (("encoder", "target_encoder"), "module.", "target_encoder.module.", "JEPA"),
}


@pytest.mark.parametrize("method", METHODS)
def test_of_two_encoders_the_methods_own_is_taken(method: str, vit: State) -> None:
    groups, before, prefix, reason = METHODS[method]
    found: dict[str, Any] = {
        group: {before + key: torch.full_like(value, index) for key, value in vit.items()}
        for index, group in enumerate(groups)
    }
    if method == "moco v3":
        found["state_dict"] |= prefixed(vit, "module.momentum_encoder.")
    named = named_tensors(found, "a.pth")
    chosen = choose_encoder(named.tensors, named.groups, "a.pth")
    assert chosen.encoder.prefix == prefix
    assert reason in chosen.reason
    assert set(chosen.state) == set(vit)
    other = chosen.others[0]
    named_one = choose_encoder(named.tensors, named.groups, "a.pth", other.title)
    assert named_one.encoder == other
    assert not named_one.reason


def test_an_encoder_is_chosen_by_a_part_of_its_name(vit: State) -> None:
    found = prefixed(vit, "student.backbone.") | prefixed(vit, "teacher.backbone.")
    assert choose_encoder(found, ("",), "a.pth", "student").encoder.prefix == "student.backbone."
    with pytest.raises(BadModel, match=r"no encoder 'ema'; it has “student.backbone” and “teacher"):
        choose_encoder(found, ("",), "a.pth", "ema")


def test_a_larger_teacher_is_another_network(vit: State) -> None:
    large = shapes_of("vit_tiny_patch16_224")
    chosen = choose_encoder(prefixed(large, "teacher.") | prefixed(vit, "student."), ("",), "a.pth")
    assert chosen.encoder.prefix == "student."
    assert "distilled" in chosen.reason


def test_an_encoder_inside_another_is_its_copy_and_a_text_tower_is_none(vit: State) -> None:
    copied = find_encoders(vit | prefixed(vit, "momentum."))
    assert [each.prefix for each in copied] == ["", "momentum."]
    text = {f"transformer.resblocks.{n}.attn.in_proj_weight": torch.zeros(3, 3) for n in range(2)}
    found = find_encoders(text | prefixed(vit, "visual."))
    assert [each.prefix for each in found] == ["visual."]


def test_a_masked_decoder_stays_beside_the_encoder_and_a_head_of_its_own_dict_comes_along(
    vit: State,
) -> None:
    decoder = {f"decoder_blocks.{n}.attn.qkv.weight": torch.zeros(3, 3) for n in range(2)}
    chosen = choose_encoder(vit | decoder, ("",), "a.pth")
    assert set(chosen.state) == {*vit, *decoder}
    apart = {"backbone": vit, "classifier": {"weight": torch.zeros(5, 64)}, "optimizer": {"a": vit}}
    named = named_tensors(apart, "a.pth")
    chosen = choose_encoder(named.tensors, named.groups, "a.pth")
    assert set(chosen.state) == {*vit, "classifier.weight"}


def test_a_classifier_outside_of_the_encoder_is_said_to_be_left_out(tmp_path: Path) -> None:
    state = timm.create_model("test_vit", num_classes=0).state_dict()
    beside = {"classifier.weight": torch.randn(3, 64), "classifier.bias": torch.randn(3)}
    torch.save({f"vit.{key}": tensor for key, tensor in state.items()} | beside, tmp_path / "a.pth")
    model = vitviz.load(tmp_path / "a.pth")
    assert model.info.classes == 0
    assert any(
        "classifier.weight and classifier.bias make 3 classes of the network's 64 numbers" in note
        for note in model.info.notes
    )
