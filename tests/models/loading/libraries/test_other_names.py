"""torchvision's, CLIP's, Meta's and others' files give what those libraries' own networks give."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import pytest
import timm
import torch
from einops import rearrange
from torch import Tensor, nn

import vitviz
from vitviz.core.data.evidence import assumed
from vitviz.core.progress import BadModel

torchvision = pytest.importorskip("torchvision")


def random(model: nn.Module) -> Any:
    """Weights and biases large enough that attention is far from uniform and a lost bias is seen."""
    generator = torch.Generator().manual_seed(5)
    with torch.no_grad():
        for parameter in model.parameters():
            parameter.normal_(0, 0.08 if parameter.ndim > 1 else 0.3, generator=generator)
            if parameter.ndim == 1:
                parameter.add_(0.5)
    return model.eval()


def saved(folder: Path, state: dict[str, Tensor]) -> Path:
    """A file without a name of its own."""
    torch.save(state, folder / "mine.pth")
    return folder / "mine.pth"


def noise(side: int) -> Tensor:
    """A picture for both."""
    return torch.randn(1, 3, side, side, generator=torch.Generator().manual_seed(1))


def vit() -> nn.Module:
    """torchvision's ViT, small."""
    from torchvision.models.vision_transformer import VisionTransformer

    model = VisionTransformer(64, 16, 2, 4, 64, 128, num_classes=5)
    assert isinstance(model, nn.Module)
    return model


def swin(*, second: bool) -> nn.Module:
    """torchvision's Swin and Swin V2, small."""
    from torchvision.models.swin_transformer import (
        PatchMergingV2,
        SwinTransformer,
        SwinTransformerBlockV2,
    )

    more = {"block": SwinTransformerBlockV2, "downsample_layer": PatchMergingV2} if second else {}
    model = SwinTransformer([4, 4], 16, [2, 2, 2, 2], [2, 2, 4, 4], [2, 2], num_classes=5, **more)
    assert isinstance(model, nn.Module)
    return model


@pytest.mark.parametrize(
    ("make", "side"),
    [(vit, 64), (lambda: swin(second=False), 64), (lambda: swin(second=True), 64)],
    ids=["vit", "swin", "swin v2"],
)
def test_torchvisions_own_outputs(make: Callable[[], nn.Module], side: int, tmp_path: Path) -> None:
    theirs = random(make())
    heads = {"num_heads": 4} if make is vit else {}
    model = vitviz.load(saved(tmp_path, theirs.state_dict()), input_size=side, **heads)
    pixels = noise(side)
    with torch.inference_mode():
        torch.testing.assert_close(model.module(pixels), theirs(pixels), atol=1e-4, rtol=1e-4)
    assert not assumed(model.info.evidence)


def test_a_whole_vit_b_of_torchvisions_has_its_heads_proven(tmp_path: Path) -> None:
    with torch.device("meta"):
        shapes = torchvision.models.vit_b_16(num_classes=2).state_dict()
    state = {key: torch.zeros(each.shape, dtype=torch.float16) for key, each in shapes.items()}
    model = vitviz.load(saved(tmp_path, state), strict=True)
    assert model.info.heads == 12
    assert model.info.input_size == (224, 224)


def test_open_clips_tower_of_the_whole_file(tmp_path: Path) -> None:
    open_clip = pytest.importorskip("open_clip")
    size = 64
    theirs = random(
        open_clip.CLIP(
            32,
            {"layers": 2, "width": 64, "head_width": 16, "patch_size": 16, "image_size": size},
            {"context_length": 8, "vocab_size": 50, "width": 32, "heads": 2, "layers": 1},
            quick_gelu=True,
        )
    )
    path = saved(tmp_path, theirs.state_dict())
    seen = vitviz.load(path)
    guesses = {each.fact for each in assumed(seen.info.evidence)}
    assert {"heads", "activation"} <= guesses, "no tensor shows them"
    model = vitviz.load(path, num_heads=4, act_layer="quick_gelu", norm_eps=1e-5)
    theirs.visual.proj = None
    with torch.inference_mode():
        torch.testing.assert_close(
            model.module(noise(size)), theirs.visual(noise(size)), atol=1e-4, rtol=1e-4
        )


def test_a_clip_of_known_size_is_asked_for_its_activation(tmp_path: Path) -> None:
    """OpenAI's has another one than open_clip's, and the same names and shapes."""
    state = state_of("vit_base_patch32_clip_224", num_classes=0)
    theirs = {
        {
            "cls_token": "visual.class_embedding",
            "pos_embed": "visual.positional_embedding",
            "patch_embed.proj.weight": "visual.conv1.weight",
        }.get(key, in_clips_names(key)): value
        for key, value in state.items()
    }
    theirs["visual.class_embedding"] = theirs["visual.class_embedding"].reshape(-1)
    theirs["visual.positional_embedding"] = theirs["visual.positional_embedding"][0]
    theirs |= {"logit_scale": torch.ones(()), "visual.proj": torch.zeros(768, 512)}
    model = vitviz.load(saved(tmp_path, theirs))
    facts = {each.fact: each for each in model.info.evidence}
    assert facts["heads"].certainty == facts["norm eps"].certainty == "proven"
    assert facts["activation"].certainty == "assumed"
    assert "QuickGELU" in facts["activation"].value + facts["activation"].because
    assert facts["mean and std"].value == "mean/std of CLIP"
    assert model.info.classes == 0, "the projection makes no classes"


def in_clips_names(key: str) -> str:
    """timm's names in OpenAI's."""
    for ours, theirs in (
        ("norm_pre", "ln_pre"),
        ("blocks.", "transformer.resblocks."),
        ("norm1", "ln_1"),
        ("norm2", "ln_2"),
        ("attn.qkv.", "attn.in_proj_"),
        ("attn.proj", "attn.out_proj"),
        ("mlp.fc1", "mlp.c_fc"),
        ("mlp.fc2", "mlp.c_proj"),
    ):
        key = key.replace(ours, theirs)
    return "visual." + ("ln_post" + key.removeprefix("norm") if key.startswith("norm.") else key)


def state_of(name: str, **arguments: Any) -> dict[str, Tensor]:
    """A timm model's tensors, in half precision where only their shapes matter."""
    with torch.device("meta"):
        shapes = timm.create_model(name, **arguments).state_dict()
    return {key: torch.zeros(each.shape, dtype=torch.float16) for key, each in shapes.items()}


def dinov3(theirs: Any) -> dict[str, Tensor]:
    """timm's DINOv3 in Meta's names, with what only Meta's file has."""
    state = {
        key.replace("reg_token", "storage_tokens")
        .replace("gamma_1", "ls1.gamma")
        .replace("gamma_2", "ls2.gamma"): value
        for key, value in theirs.state_dict().items()
    }
    for block in range(12):
        path = f"blocks.{block}.attn"
        query, values = (state.pop(f"{path}.{each}_bias", torch.zeros(384)) for each in "qv")
        state[f"{path}.qkv.bias"] = torch.cat([query, torch.full((384,), 7.0), values])
        mask = torch.ones(3 * 384)
        mask[384:768] = 0
        state[f"{path}.qkv.bias_mask"] = mask
    periods = 100 ** (2 * torch.arange(16) / 32)
    return state | {"mask_token": torch.zeros(1, 384), "rope_embed.periods": periods}


@pytest.mark.parametrize("name", ["vit_small_patch16_dinov3", "vit_small_patch16_dinov3_qkvb"])
def test_metas_dinov3_is_what_naming_it_gives(name: str, tmp_path: Path) -> None:
    theirs = random(timm.create_model(name, num_classes=0, dynamic_img_size=True))
    path = saved(tmp_path, dinov3(theirs))
    model = vitviz.load(path, input_size=64)
    assert model.info.architecture.startswith(name)
    assert not assumed(model.info.evidence)
    named = vitviz.load(path, architecture=name, input_size=64)
    with torch.inference_mode():
        found = model.module.forward_features(noise(64))
        torch.testing.assert_close(found, theirs.forward_features(noise(64)))
        torch.testing.assert_close(found, named.module.forward_features(noise(64)))


def test_metas_dinov3_with_rotations_of_its_own_is_not_timms(tmp_path: Path) -> None:
    theirs = timm.create_model("vit_small_patch16_dinov3", num_classes=0)
    state = dinov3(theirs) | {"rope_embed.periods": torch.ones(16)}
    facts = {each.fact: each for each in vitviz.load(saved(tmp_path, state)).info.evidence}
    assert facts["rope"].certainty == "assumed"


@pytest.mark.parametrize("chunks", [1, 2])
def test_metas_dinov2_with_registers_and_in_chunks(chunks: int, tmp_path: Path) -> None:
    theirs = random(timm.create_model("vit_small_patch14_reg4_dinov2", num_classes=0, img_size=518))
    state = dict(theirs.state_dict())
    first = torch.randn(1, 1, 384)
    state["register_tokens"] = state.pop("reg_token")
    state["cls_token"] = state["cls_token"] - first
    state["pos_embed"] = torch.cat([first, state["pos_embed"]], 1)
    state["mask_token"] = torch.zeros(1, 384)
    if chunks > 1:
        state = {
            f"blocks.{int(key.split('.')[1]) // 6}.{key[7:]}"
            if key.startswith("blocks.")
            else key: value
            for key, value in state.items()
        }
    model = vitviz.load(saved(tmp_path, state), strict=True)
    assert model.info.architecture.startswith("vit_small_patch14_reg4_dinov2")
    for key, value in theirs.state_dict().items():
        torch.testing.assert_close(model.module.state_dict()[key], value, msg=key)


def test_segment_anythings_own_names(tmp_path: Path) -> None:
    from timm.models.vision_transformer_sam import VisionTransformerSAM

    theirs = random(
        VisionTransformerSAM(
            128,
            16,
            3,
            0,
            64,
            3,
            4,
            2.0,
            use_rel_pos=True,
            window_size=4,
            global_attn_indexes=(1,),
            neck_chans=32,
            norm_layer=partial(nn.LayerNorm, eps=1e-6),
        )
    )
    state = {
        f"image_encoder.{key.replace('mlp.fc', 'mlp.lin')}": value
        for key, value in theirs.state_dict().items()
    }
    model = vitviz.load(
        saved(tmp_path, state | {"mask_decoder.iou_token.weight": torch.ones(1, 4)})
    )
    assert model.info.heads == 4
    with torch.inference_mode():
        torch.testing.assert_close(
            model.module.forward_features(noise(128)), theirs.forward_features(noise(128))
        )
    assert any("mask_decoder" in note for note in model.info.notes)


MMLAB_BLOCK = (
    ("norm1.", "ln1."),
    ("norm2.", "ln2."),
    ("mlp.fc1.", "ffn.layers.0.0."),
    ("mlp.fc2.", "ffn.layers.1."),
)


@pytest.mark.parametrize("packed", [True, False], ids=["mmpretrain", "mmsegmentation"])
def test_openmmlabs_vit(packed: bool, tmp_path: Path) -> None:
    theirs = random(timm.create_model("test_vit", num_classes=0))
    state = {}
    for key, value in theirs.state_dict().items():
        name = key.replace("blocks.", "layers.").replace(
            "patch_embed.proj.", "patch_embed.projection."
        )
        for ours, mm in MMLAB_BLOCK:
            name = name.replace(ours, mm)
        name = "ln1." + name.removeprefix("norm.") if name.startswith("norm.") else name
        if not packed:
            name = name.replace("attn.qkv.", "attn.attn.in_proj_").replace(
                "attn.proj.", "attn.attn.out_proj."
            )
        state[f"backbone.{name}"] = value
    state["decode_head.conv_seg.weight"] = torch.zeros(3, 3)
    model = vitviz.load(saved(tmp_path, {"state_dict": state}), num_heads=2)
    with torch.inference_mode():
        torch.testing.assert_close(
            model.module.forward_features(noise(160)), theirs.forward_features(noise(160))
        )


def merged_as_openmmlab_does(tokens: Tensor) -> Tensor:
    """Four patches in one by nn.Unfold(2, stride=2), as PatchMerging of mmpretrain reads them."""
    rows = rearrange(tokens, "picture row col dim -> picture dim row col")
    return rearrange(
        nn.functional.unfold(rows, 2, stride=2),
        "picture all (row col) -> picture row col all",
        row=2,
    )


def test_openmmlabs_swin_merges_its_patches_channel_by_channel(tmp_path: Path) -> None:
    theirs = random(
        timm.models.swin_transformer.SwinTransformer(
            64, num_classes=0, embed_dim=16, depths=(2, 2), num_heads=(2, 4), window_size=4
        )
    )
    state = {}
    for key, value in theirs.state_dict().items():
        name = key.replace("layers.1.downsample", "stages.0.downsample").replace(
            "layers.", "stages."
        )
        name = name.replace("attn.", "attn.w_msa.").replace("mlp.fc1.", "ffn.layers.0.0.")
        name = name.replace("mlp.fc2.", "ffn.layers.1.").replace("embed.proj.", "embed.projection.")
        name = "norm3." + name.removeprefix("norm.") if name.startswith("norm.") else name
        state[f"backbone.{name}"] = value
    model = vitviz.load(saved(tmp_path, state), input_size=64)
    tokens = torch.randn(1, 4, 4, 16)
    there = {
        key.rsplit(".", 1)[1]: value for key, value in state.items() if "downsample.norm" in key
    }
    wanted = (
        nn.functional.layer_norm(
            merged_as_openmmlab_does(tokens), (64,), there["weight"], there["bias"]
        )
        @ state["backbone.stages.0.downsample.reduction.weight"].T
    )
    with torch.inference_mode():
        found = model.module.layers[1].downsample(tokens)  # type: ignore[index, union-attr]
    torch.testing.assert_close(found, wanted)


def test_moco_v3s_small_vit_has_twelve_heads(tmp_path: Path) -> None:
    state = state_of("vit_small_patch16_224", num_classes=0)
    head = {"head.0.weight": torch.zeros(8, 384), "head.1.running_mean": torch.zeros(8)}
    moco = {f"module.base_encoder.{key}": value for key, value in (state | head).items()}
    model = vitviz.load(saved(tmp_path, {"state_dict": moco}))
    assert model.info.heads == 12
    facts = {each.fact: each for each in model.info.evidence}
    assert (facts["heads"].value, facts["heads"].certainty) == ("12 heads", "proven")


def test_a_segmenter_with_a_decoder(tmp_path: Path) -> None:
    state = {f"encoder.{key}": value for key, value in state_of("vit_tiny_patch16_384").items()}
    state |= {
        "decoder.blocks.0.attn.qkv.weight": torch.zeros(3, 1),
        "decoder.cls_emb": torch.zeros(1),
    }
    model = vitviz.load(saved(tmp_path, {"model": state}))
    assert model.info.input_size == (384, 384)
    assert model.info.heads == 3


def test_a_left_over_gate_is_refused(tmp_path: Path) -> None:
    state = state_of("test_vit") | {
        "register_of_mine": torch.zeros(1),
        "rope.freqs": torch.zeros(4),
    }
    with pytest.raises(BadModel, match=r"rope\.freqs"):
        vitviz.load(saved(tmp_path, state))
