"""The index of timm's architectures is what the installed timm builds, written and read whole."""

from __future__ import annotations

from pathlib import Path

import pytest
import timm
import torch

from vitviz.models.loading.architectures import index as architectures
from vitviz.models.loading.architectures.facts import FACTS, facts_of
from vitviz.models.loading.architectures.marks import exact, groups, is_on_path

SOME = ("test_vit", "swin_tiny_patch4_window7_224", "coat_tiny", "vit_tiny_patch16_dinov3_qkvb")


@pytest.mark.parametrize("name", SOME)
def test_an_entry_is_what_timm_builds(name: str) -> None:
    found = architectures.index()
    if found.timm != timm.__version__:
        pytest.skip(f"the index is of timm {found.timm}")
    entry = next(each for each in found.architectures if each.name == name)
    module = architectures.built(name)
    assert module is not None
    assert architectures.described(name, module, found.first) == entry


def test_it_is_read_as_it_was_written(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("VITVIZ_CACHE_DIR", str(tmp_path))
    whole = architectures.index()
    few = architectures._indexed(timm.__version__, whole.first, whole.architectures[:5])
    architectures.write(few, architectures.own_file())
    assert architectures.index().architectures == few.architectures


def test_only_what_is_new_is_built(monkeypatch: pytest.MonkeyPatch) -> None:
    whole = architectures.index()
    without = tuple(each for each in whole.architectures if each.name != "test_vit")
    known = architectures._indexed("0", whole.first, without)
    asked: list[str] = []
    build = architectures.built
    monkeypatch.setattr(architectures, "built", lambda name: asked.append(name) or build(name))
    names = [each.name for each in whole.architectures]
    monkeypatch.setattr(timm, "list_models", lambda: names)
    assert architectures.made(known=known).architectures == whole.architectures
    assert asked == ["test_vit"]


def test_facts_that_no_shape_shows_have_marks_of_their_own() -> None:
    with torch.device("meta"):
        plain = timm.create_model("test_vit")
        changed = {
            "heads": timm.create_model("test_vit", num_heads=4),
            "activation": timm.create_model("test_vit", act_layer="quick_gelu"),
            "norm eps": timm.create_model(
                "test_vit", norm_layer=lambda dim, **more: torch.nn.LayerNorm(dim, eps=0.1, **more)
            ),
        }
    own = facts_of(plain)
    for fact, module in changed.items():
        assert exact(dict(module.state_dict())) == exact(dict(plain.state_dict()))
        found = facts_of(module)
        assert [each for each in FACTS if found[each] != own[each]] == [fact]


def test_groups_leave_out_what_sizes_and_classes_change() -> None:
    with torch.device("meta"):
        one = dict(timm.create_model("test_vit").state_dict())
        two = timm.create_model("test_vit", img_size=96, patch_size=8, in_chans=1, num_classes=3)
    assert groups(one) == groups(dict(two.state_dict()))
    assert exact(one) != exact(dict(two.state_dict()))
    assert groups(one) != groups(one | {"blocks.0.attn.gate": torch.zeros(1)})


@pytest.mark.parametrize(
    ("key", "steers"),
    [
        ("rope_embed.periods", True),
        ("storage_tokens", True),
        ("register_tokens", True),
        ("blocks.0.anything", True),
        ("blocks.0.attn.qkv.bias_mask", True),
        ("rel_pos_bias.relative_position_bias_table", True),
        ("mask_token", False),
        ("logit_scale", False),
        ("decoder.blocks.0.attn.qkv.weight", False),
        ("head.mlp.0.weight", False),
        ("text_projection", False),
    ],
)
def test_what_may_be_left_over(key: str, steers: bool) -> None:
    assert is_on_path(key) is steers


def test_those_that_a_file_may_be_come_with_most_of_it_first() -> None:
    state = timm.create_model("test_vit").state_dict()
    names = [each.name for each in architectures.index().like(state)]
    assert names == ["test_vit"]
