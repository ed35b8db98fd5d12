"""Files under a neutral name: what the tensors prove, what is asked for, and what is refused."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import timm
import torch
from torch import Tensor

import vitviz
from vitviz.core.data.evidence import Evidence, assumed
from vitviz.core.progress import BadModel
from vitviz.models.loading.architectures.by_tensors import Sources, by_tensors
from vitviz.models.loading.architectures.facts import heads_of, windows_of
from vitviz.models.loading.architectures.network import ModelBlueprint, empty
from vitviz.models.loading.said import Said


def shapes(name: str, **arguments: Any) -> dict[str, Tensor]:
    """A timm architecture's names and shapes, without bytes."""
    with torch.device("meta"):
        return dict(timm.create_model(name, **arguments).state_dict())


def understood(state: dict[str, Tensor], said: Said | None = None) -> ModelBlueprint:
    """What these tensors are, in a file whose name says nothing."""
    return by_tensors(Sources(Path("mine.pth"), state, {}, said or Said()))[0]


def facts(plan: ModelBlueprint) -> dict[str, Evidence]:
    """The evidence by fact."""
    return {each.fact: each for each in plan.evidence}


SWINS = (
    "swin_tiny_patch4_window7_224",
    "swin_s3_tiny_224",
    "swin_base_patch4_window7_224",
    "swin_base_patch4_window12_384",
)


@pytest.mark.parametrize("name", SWINS)
def test_a_swins_tables_say_which_it_is(name: str) -> None:
    plan = understood(shapes(name, num_classes=3))
    assert plan.timm_name.startswith(name)
    assert not assumed(plan.evidence)
    with torch.device("meta"):
        assert windows_of(empty(plan, "mine")) == windows_of(timm.create_model(name))


def test_a_swin_of_other_windows_has_those_of_its_tables() -> None:
    made = {"window_size": (7, 7, 4, 2), "img_size": 224, "num_classes": 3}
    plan = understood(shapes("swin_tiny_patch4_window7_224", **made))
    with torch.device("meta"):
        windows = windows_of(empty(plan, "mine"))
    assert windows == (7, 7, 7, 7, 4, 4, 4, 4, 4, 4, 2, 2)
    assert facts(plan)["window"].certainty == "proven"


@pytest.mark.parametrize("made", [{"img_size": 448, "window_size": 14}, {"in_chans": 4}])
def test_a_swin_at_other_sizes_keeps_its_name(made: dict[str, Any]) -> None:
    plan = understood(shapes("swin_tiny_patch4_window7_224", num_classes=3, **made))
    assert plan.timm_name.startswith("swin_tiny_")
    assert understood(shapes("swin_s3_tiny_224", in_chans=4)).timm_name.startswith("swin_s3_tiny")


def test_a_perception_encoder_is_not_taken_for_another_librarys_network() -> None:
    plan = understood(shapes("vit_pe_lang_large_patch14_448"))
    assert plan.timm_name.startswith("vit_pe_")


def test_a_swin_v2_is_asked_for_its_window() -> None:
    state = shapes("swinv2_tiny_window16_256", num_classes=3)
    plan = understood(state)
    window = facts(plan)["window"]
    assert window.certainty == "assumed"
    assert "16" in window.value + window.because
    assert {"swinv2_tiny_window8_256", "swinv2_tiny_window16_256"} == {
        each.partition(".")[0] for each in plan.others
    }
    said = understood(state, Said(window_size=16))
    assert said.timm_name.startswith("swinv2_tiny_window16_256")
    with torch.device("meta"):
        assert windows_of(empty(said, "mine"))[0] == 16


def test_a_swin_v2_of_microsofts_stored_its_window() -> None:
    state = in_microsofts_names(shapes("swinv2_tiny_window16_256", num_classes=3))
    for stage, side in enumerate((16, 16, 16, 8)):
        for block in range((2, 2, 6, 2)[stage]):
            table = torch.empty(1, 2 * side - 1, 2 * side - 1, 2, device="meta")
            state[f"layers.{stage}.blocks.{block}.attn.relative_coords_table"] = table
    plan = understood(state)
    assert plan.timm_name.startswith("swinv2_tiny_window16_256")
    assert facts(plan)["window"].certainty == "proven"


def in_microsofts_names(state: dict[str, Tensor]) -> dict[str, Tensor]:
    """Patches are merged at the end of a stage there, and the head has no `fc`."""
    found = {}
    for key, value in state.items():
        name = key.replace("head.fc.", "head.")
        for stage in (1, 2, 3):
            name = name.replace(f"layers.{stage}.downsample", f"layers.{stage - 1}.downsample")
        found[name] = value
    return found


def test_microsofts_swin_is_timms() -> None:
    plan = understood(in_microsofts_names(shapes("swin_tiny_patch4_window7_224", num_classes=3)))
    assert plan.timm_name.startswith("swin_tiny_patch4_window7_224")
    assert plan.arguments["num_classes"] == 3
    assert not assumed(plan.evidence)


@pytest.mark.parametrize(
    ("name", "made"),
    [
        ("beit_base_patch16_224", {"img_size": 160}),
        ("levit_128s", {"img_size": 288}),
        ("vit_base_patch16_dinov3", {}),
        ("samvit_base_patch16_224", {}),
        ("cait_xxs24_224", {"img_size": 256}),
        ("vit_small_patch16_18x2_224", {}),
        ("tnt_s_patch16_224", {}),
        ("mvitv2_tiny", {}),
        ("test_vit3", {"img_size": 96, "in_chans": 4}),
    ],
)
def test_other_families_at_other_sizes(name: str, made: dict[str, Any]) -> None:
    plan = understood(shapes(name, num_classes=3, **made))
    assert plan.timm_name.partition(".")[0] in (name, *plan.others)
    with torch.device("meta"):
        theirs = timm.create_model(name, num_classes=3, **made)
    ours = empty(plan, "mine")
    assert {key: each.shape for key, each in ours.state_dict().items()} == {
        key: each.shape for key, each in theirs.state_dict().items()
    }
    assert heads_of(ours) == heads_of(theirs)


def test_heads_that_timms_own_disagree_on_are_asked_for() -> None:
    """I-JEPA's ViT-B has 16 heads, SigLIP's without a pool has 12, and the same tensors."""
    plan = understood(shapes("vit_base_patch16_gap_224", num_classes=0))
    heads = facts(plan)["heads"]
    assert heads.certainty == "assumed"
    assert {"16", "12"} <= set((heads.value + " " + heads.because).replace(",", " ").split())


def test_a_vit_of_a_depth_that_nobody_has_leaves_its_heads_assumed() -> None:
    plan = understood(shapes("vit_small_patch16_224", depth=3, num_classes=2))
    found = facts(plan)
    assert (found["heads"].value, found["heads"].certainty) == ("6 heads", "assumed")
    assert found["architecture"].certainty == "proven"
    said = understood(shapes("vit_small_patch16_224", depth=3), Said(num_heads=12))
    assert said.arguments["num_heads"] == 12


@pytest.mark.parametrize(
    "key",
    [
        "blocks.0.attn.gate.weight",
        "blocks.3.attn.scale",
        "storage_tokens",
        "rel_pos_bias.table",
        "prompts.0",
        "deep_prompt_embeddings",
        "soft_tokens",
        "det_token",
        "attn_temperature",
    ],
)
def test_what_steers_attention_is_never_left_over(key: str) -> None:
    state = shapes("vit_tiny_patch16_224") | {key: torch.empty(2, device="meta")}
    with pytest.raises(BadModel, match=key.replace(".", r"\.")):
        understood(state)


def test_what_does_not_steer_it_may_be_left_over() -> None:
    state = shapes("vit_tiny_patch16_224")
    more = (
        "mask_token",
        "decoder_pos_embed",
        "decoder_blocks.0.attn.qkv.weight",
        "logit_scale",
        "prompt_encoder.not_a_point_embed.weight",
        "token_embedding.weight",
        "query_tokens",
        "mask_decoder.iou_token.weight",
        "transformer.resblocks.0.attn.in_proj_weight",
    )
    plan = understood(state | {key: torch.empty(2, device="meta") for key in more})
    assert "vit_tiny_patch16_224" in {each.partition(".")[0] for each in plan.others}


def test_a_network_without_attention_is_named() -> None:
    with pytest.raises(BadModel, match="resnet18, which has no attention"):
        understood(shapes("resnet18"))


def test_strict_lists_what_is_assumed_and_how_to_say_it(tmp_path: Path) -> None:
    state = timm.create_model("test_vit", depth=2, num_classes=2).state_dict()
    torch.save(state, tmp_path / "mine.pth")
    with pytest.raises(BadModel, match=r"1 head, .*mean/std of ImageNet are assumed.*num_heads="):
        vitviz.load(tmp_path / "mine.pth", strict=True)
    model = vitviz.load(
        tmp_path / "mine.pth",
        num_heads=2,
        mean=0.5,
        std=(0.5, 0.4, 0.5),
        act_layer="gelu",
        norm_eps=1e-6,
        strict=True,
    )
    assert model.info.heads == 2
    assert model.preprocess.mean == (0.5, 0.5, 0.5)
    assert model.preprocess.std == (0.5, 0.4, 0.5)
    assert ("mean", 0.5) in model.info.asked
    assert {each.certainty for each in model.info.evidence} == {"known", "proven"}


@pytest.mark.parametrize(
    ("said", "sentence"),
    [
        ({"num_heads": 0}, "at least 1 head, not 0"),
        ({"window_size": (7, 0)}, "at least 1 token a side, not 0"),
        ({"std": 0.0}, "above 0, not 0"),
        ({"mean": 127.5}, "0..1, not 127.5; divide it by 255"),
        ({"mean": (0.5, 0.5)}, "2 numbers and the model 3 channels"),
        ({"num_heads": 7}, "cannot be built"),
    ],
)
def test_what_is_said_wrongly_is_one_sentence(said: dict[str, Any], sentence: str) -> None:
    with pytest.raises(BadModel, match=sentence):
        vitviz.load("test_vit", pretrained=False, **said)


def test_a_name_with_its_training_leaves_nothing_open(tmp_path: Path) -> None:
    state = timm.create_model("vit_tiny_patch16_224", num_classes=2).state_dict()
    torch.save(state, tmp_path / "vit_tiny_patch16_224.augreg_in21k_ft_in1k.pth")
    model = vitviz.load(tmp_path / "vit_tiny_patch16_224.augreg_in21k_ft_in1k.pth", strict=True)
    assert {each.certainty for each in model.info.evidence} == {"known"}
    torch.save(state, tmp_path / "mine.pth")
    with pytest.raises(BadModel, match=r"mean/std of .* is assumed.*mean=, std="):
        vitviz.load(tmp_path / "mine.pth", strict=True)


def test_rotations_that_no_tensor_shows_are_asked_for_where_names_are_deit_iiis() -> None:
    """timm's RoPE-ViT with a table of positions has DeiT III's own names: nothing tells them apart."""
    plan = understood(shapes("vit_small_patch16_rope_ape_224"))
    fact = next(each for each in plan.evidence if each.fact == "architecture")
    assert fact.certainty == "assumed"
    assert "vit_small_patch16_rope_ape_224" in fact.because
    assert any(name.startswith("vit_small_patch16_rope_ape_224") for name in plan.others)
    mixed = understood(shapes("vit_small_patch16_rope_mixed_ape_224"))
    assert mixed.family.startswith("vit_small_patch16_rope_mixed_ape_224")
    assert not [each for each in mixed.evidence if each.certainty == "assumed"]
