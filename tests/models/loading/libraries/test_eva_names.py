"""BAAI's EVA-02 and Meta's DeiT III files give what timm makes of them by its own reader."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
import timm
import torch
from timm.models.eva import checkpoint_filter_fn as eva_reader
from timm.models.vision_transformer import checkpoint_filter_fn as vit_reader
from torch import Tensor, nn

import vitviz
from vitviz.core.data.evidence import assumed
from vitviz.models.loading.libraries.tables import in_timms_names


def random(model: nn.Module) -> nn.Module:
    """Weights large enough that a lost tensor is seen."""
    generator = torch.Generator().manual_seed(5)
    with torch.no_grad():
        for parameter in model.parameters():
            parameter.normal_(0, 0.08 if parameter.ndim > 1 else 0.3, generator=generator)
    return model.eval()


def as_baai_names_it(state: dict[str, Tensor]) -> dict[str, Tensor]:
    """timm's names of an EVA-02 turned back, with what BAAI keeps beside them."""
    turns = (
        ("mlp.norm.", "mlp.ffn_ln."),
        ("attn.norm.", "attn.inner_attn_ln."),
        ("mlp.fc1_g.", "mlp.w1."),
        ("mlp.fc1_x.", "mlp.w2."),
        ("mlp.fc1.", "mlp.w12."),
        ("mlp.fc2.", "mlp.w3."),
        ("q_proj.bias", "q_bias"),
        ("v_proj.bias", "v_bias"),
    )
    found = {}
    for key, value in state.items():
        for here, there in turns:
            key = key.replace(here, there)
        found[key] = value
    for name in ("freqs_cos", "freqs_sin"):
        found[f"rope.{name}"] = torch.zeros(256, 64)
        found[f"blocks.0.attn.rope.{name}"] = torch.zeros(256, 64)
    return found


def as_deit_iii_names_it(state: dict[str, Tensor]) -> dict[str, Tensor]:
    return {re.sub(r"ls([12])\.gamma", r"gamma_\1", key): value for key, value in state.items()}


@pytest.mark.parametrize(
    ("name", "turn", "read"),
    [
        ("eva02_tiny_patch14_224", as_baai_names_it, eva_reader),
        ("deit3_small_patch16_224", as_deit_iii_names_it, vit_reader),
    ],
)
def test_a_file_as_its_makers_name_it(name: str, turn, read, tmp_path: Path) -> None:  # type: ignore[no-untyped-def]
    own = random(timm.create_model(name))
    theirs = turn(own.state_dict())
    assert set(theirs) != set(own.state_dict())
    more = {"adapt_layer_scale": True} if "deit3" in name else {}
    by_timm = read(dict(theirs), own, **more)
    assert all(torch.equal(by_timm[key], value) for key, value in own.state_dict().items())
    torch.save({"model": theirs}, tmp_path / "mine.pth")
    model = vitviz.load(tmp_path / "mine.pth")
    assert model.info.architecture.startswith(name)
    assert model.info.weights == "trained"
    unknown = {each.fact for each in assumed(model.info.evidence)}
    # DeiT III's names are those of timm's RoPE-ViT too.
    assert unknown & {"architecture", "heads", "rope"} == (
        {"architecture"} if "deit3" in name else set()
    )
    pixels = torch.randn(1, 3, *own.patch_embed.img_size)
    with torch.no_grad():
        torch.testing.assert_close(model.module(pixels), own(pixels), atol=1e-5, rtol=1e-5)


def test_the_larger_evas_have_three_projections_with_two_biases() -> None:
    with torch.device("meta"):
        own = timm.create_model("eva02_base_patch14_224").state_dict()
    theirs = as_baai_names_it(own)
    assert "blocks.0.attn.q_bias" in theirs
    found = in_timms_names(theirs, {})
    assert found is not None
    assert found.layout.title == "BAAI's EVA-02"
    assert set(found.state) == set(own)
    assert not found.left
