"""LoRA adapters merged as peft merges them, or refused."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
import timm
import torch
from safetensors.torch import save_file
from torch import Tensor

from vitviz.core.progress import BadModel
from vitviz.models.loading.checkpoint.adapters import merged_adapters
from vitviz.models.loading.checkpoint.checkpoint import read_checkpoint

StateDict = dict[str, Tensor]


def adapted(**settings: Any) -> Any:
    """timm's test_vit with an adapter of random numbers, as peft makes it."""
    peft = pytest.importorskip("peft")
    torch.manual_seed(0)
    model = timm.create_model("test_vit", num_classes=3)
    config = peft.LoraConfig(
        **{"r": 4, "lora_alpha": 12, "target_modules": ["qkv", "proj"]} | settings
    )
    found = peft.get_peft_model(model, config)
    with torch.no_grad():
        for name, parameter in found.named_parameters():
            if "lora_" in name:
                parameter.normal_(0, 0.2)
    return found


SETTINGS: dict[str, dict[str, Any]] = {
    "plain": {},
    "rslora": {"use_rslora": True},
    "patterns": {
        "rank_pattern": {"blocks.0.attn.qkv": 2},
        "alpha_pattern": {"blocks.0.attn.qkv": 5},
    },
    "trained head": {"modules_to_save": ["head"]},
    "with the stem": {"target_modules": ["patch_embed.proj", "qkv"]},
}


@pytest.mark.parametrize("kind", SETTINGS)
def test_adapters_are_merged_as_peft_merges_them(kind: str, tmp_path: Path) -> None:
    model = adapted(**SETTINGS[kind])
    if kind == "trained head":
        torch.nn.init.normal_(model.base_model.model.head.modules_to_save.default.weight)
    model.save_pretrained(tmp_path)
    torch.save(model.state_dict(), tmp_path / "unmerged.pth")
    found = read_checkpoint(tmp_path / "unmerged.pth")
    theirs = model.merge_and_unload().state_dict()
    assert set(found.state) == set(theirs)
    for key, value in theirs.items():
        torch.testing.assert_close(found.state[key], value, rtol=1e-5, atol=1e-6)
    assert any("merged into its weights" in note for note in found.notes)


def test_an_adapter_alone_says_so(tmp_path: Path) -> None:
    adapted().save_pretrained(tmp_path)
    with pytest.raises(BadModel, match=r"holds an adapter.* alone"):
        read_checkpoint(tmp_path)


def test_without_alpha_it_is_refused(tmp_path: Path) -> None:
    torch.save(adapted().state_dict(), tmp_path / "a.pth")
    with pytest.raises(BadModel, match=r"nothing that says their alpha.*adapter_config.json"):
        read_checkpoint(tmp_path / "a.pth")


def test_alpha_may_lie_in_the_file(tmp_path: Path) -> None:
    state = adapted().state_dict()
    torch.save({"model": state, "lora_alpha": 12, "r": 4}, tmp_path / "a.pth")
    assert "blocks.0.attn.qkv.weight" in read_checkpoint(tmp_path / "a.pth").state


@pytest.mark.parametrize("settings", [{"use_dora": True}, {"lora_bias": True}])
def test_other_kinds_of_adapters_are_refused(settings: dict[str, Any], tmp_path: Path) -> None:
    torch.save({"model": adapted(**settings).state_dict(), "lora_alpha": 12}, tmp_path / "a.pth")
    with pytest.raises(BadModel, match="is not merged here"):
        read_checkpoint(tmp_path / "a.pth")


def test_what_does_not_belong_together_is_refused() -> None:
    state = {
        "a.weight": torch.zeros(6, 5),
        "a.lora_A.weight": torch.zeros(2, 5),
        "a.lora_B.weight": torch.zeros(6, 2),
    }
    assert merged_adapters(state, {"lora_alpha": 2}, "x").state["a.weight"].shape == (6, 5)
    with pytest.raises(BadModel, match=r"has the rank 2 and adapter_config.json says 8"):
        merged_adapters(state, {"lora_alpha": 2, "r": 8}, "x")
    with pytest.raises(BadModel, match="does not fit its weight"):
        merged_adapters(state | {"a.weight": torch.zeros(7, 5)}, {"lora_alpha": 2}, "x")
    with pytest.raises(BadModel, match="chooses layers by a pattern"):
        merged_adapters(state, {"lora_alpha": 2, "alpha_pattern": {"[ab].*": 3}}, "x")
    two = state | {"a.lora_A.x.weight": torch.zeros(2, 5), "a.lora_B.x.weight": torch.zeros(6, 2)}
    with pytest.raises(BadModel, match="holds 2 adapters"):
        merged_adapters(two, {"lora_alpha": 2}, "x")


def test_factors_by_other_names_carry_their_own_alpha(tmp_path: Path) -> None:
    vit = dict(timm.create_model("test_vit", num_classes=3).state_dict())
    key = "blocks.1.mlp.fc1"
    down, up = torch.randn(2, 64), torch.randn(vit[f"{key}.weight"].shape[0], 2)
    more = {
        f"{key}.lora_down.weight": down,
        f"{key}.lora_up.weight": up,
        f"{key}.alpha": torch.tensor(1.0),
    }
    save_file(vit | more, tmp_path / "a.safetensors")
    found = read_checkpoint(tmp_path / "a.safetensors").state
    assert set(found) == set(vit)
    torch.testing.assert_close(found[f"{key}.weight"], vit[f"{key}.weight"] + up @ down / 2)


def test_settings_are_read_from_beside_the_file(tmp_path: Path) -> None:
    torch.save(adapted().state_dict(), tmp_path / "a.pth")
    settings = {"r": 4, "lora_alpha": 12, "peft_type": "LORA"}
    (tmp_path / "adapter_config.json").write_text(json.dumps(settings), encoding="utf-8")
    assert "head.weight" in read_checkpoint(tmp_path / "a.pth").state
