"""What mixes tokens without attention that was seen is found, and named; what does not is not."""

from __future__ import annotations

import pytest
import timm
import torch
import torchvision
from handmade import Handmade
from torch import nn

import vitviz
from vitviz.core.progress import BadModel
from vitviz.models.record.token_map.unseen_mixing import mixing_sentence, unseen_mixing


def mixing(module, side=48):
    torch.manual_seed(0)
    module.eval()
    return unseen_mixing(module, module, (side, side), next(module.parameters()))


class Hidden(nn.Module):
    """Attention by a weight that is no softmax, written so that nothing of it is an attention call."""

    def __init__(self, dim=32) -> None:
        super().__init__()
        self.to_qkv, self.last = nn.Linear(dim, 3 * dim), nn.Linear(dim, dim)

    def forward(self, x):
        q, k, v = self.to_qkv(x).chunk(3, -1)
        weights = torch.relu(q @ k.mT)
        return self.last(weights / (weights.sum(-1, keepdim=True) + 1) @ v)


class Residual(nn.Module):
    def __init__(self, part) -> None:
        super().__init__()
        self.part = part

    def forward(self, x):
        return x + self.part(x)


@pytest.mark.parametrize(
    "make",
    [Handmade, lambda: timm.create_model("test_vit"), lambda: torchvision.models.swin_t()],
    ids=["handmade", "test_vit", "swin"],
)
def test_a_model_whose_attention_is_all_seen_mixes_nothing_else(make):
    side = 48 if make is Handmade else (64 if "swin" in str(make) else 160)
    assert mixing(make(), side if side != 64 else 224) == ()


def test_blocks_that_hide_their_attention_are_named():
    module = Handmade()
    module.stack.insert(1, Residual(Hidden()))
    module.stack.append(Residual(Hidden()))
    assert mixing(module) == ("stack.1.part", "stack.4.part")
    loaded = vitviz.load(module, input_size=48)
    assert loaded.info.notes == ("stack.1.part, stack.4.part mix tokens and were not seen",)


def test_zero_calls_is_no_silent_success():
    module = Handmade()
    module.stack = nn.ModuleList([Residual(Hidden())])
    with pytest.raises(BadModel, match=r"stack\.0\.part mixes tokens and was not seen"):
        vitviz.load(module, input_size=48)


def test_convolutions_are_known_to_mix():
    assert mixing(timm.create_model("resnet18"), 64) == ()


def test_the_sentence_names_a_few():
    assert mixing_sentence([]) == ""
    assert mixing_sentence(["a"]) == "a mixes tokens and was not seen"
    assert mixing_sentence(list("abcde")) == "a, b, c and 2 more mix tokens and were not seen"
