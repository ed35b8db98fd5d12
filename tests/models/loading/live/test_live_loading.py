"""Anybody's module is looked into, and is afterwards as it was."""

from __future__ import annotations

import copy

import numpy as np
import pytest
import timm
import torch
from handmade import Handmade
from torch import nn
from torchvision.transforms import v2

import vitviz
from vitviz.core.progress import BadModel, Cancelled


@pytest.fixture
def handmade():
    torch.manual_seed(0)
    return Handmade()


def prepared(size=48, mean=0.5, std=0.25):
    return v2.Compose(
        [
            v2.ToImage(),
            v2.Resize(size + 8),
            v2.CenterCrop(size),
            v2.ToDtype(torch.float32, scale=True),
            v2.Normalize([mean] * 3, [std] * 3),
        ]
    )


def test_a_module_of_twenty_lines_to_its_first_rollout(handmade, photo):
    drawing = vitviz.draw("rollout", vitviz.trace(vitviz.load(handmade, input_size=48), photo))
    assert drawing.panels


def test_its_maps_are_those_of_its_own_formula(handmade, photo):
    trace = vitviz.trace(vitviz.load(handmade, transform=prepared()), photo)
    x = prepared()(v2.functional.to_pil_image(photo))[None]
    own = handmade.eval()
    tokens = torch.cat([own.cls_token, own.cut(x).flatten(2).transpose(1, 2)], 1) + own.pos
    block = own.stack[0]
    q, k, _ = block.to_qkv(block.first(tokens)).view(1, 49, 3, 4, 8).permute(2, 0, 3, 1, 4)
    maps = (q @ k.mT * 8**-0.5).softmax(-1)[0].detach().numpy()
    for query in (0, 17, 48):
        np.testing.assert_allclose(trace.layers[0].attention.rows(query), maps[:, query], atol=1e-6)


def test_tokens_in_another_order_are_shown_in_reading_order(photo):
    torch.manual_seed(0)
    straight, turned = Handmade(), Handmade(down=True, last=True)
    turned.load_state_dict(straight.state_dict())
    order = np.r_[1 + np.arange(48).reshape(6, 8).T.reshape(-1), 0]
    turned.pos.data = straight.pos.data[:, order]
    one, other = (
        vitviz.trace(vitviz.load(each, input_size=48, prefix=["class"]), photo)
        for each in (straight, turned)
    )
    assert one.grid == other.grid
    for a, b in zip(one.layers, other.layers, strict=True):
        np.testing.assert_allclose(a.attention.matrix(), b.attention.matrix(), atol=1e-6)
    np.testing.assert_allclose(one.source.features(), other.source.features(), atol=1e-5)


def test_what_is_known_and_what_is_assumed_is_said(handmade, photo):
    model = vitviz.load(handmade, transform=prepared(), classes=list("abcde"), title="run 7")
    facts = {each.fact: each for each in model.info.evidence}
    assert facts["token map"].certainty == "proven"
    assert "6 × 8 tokens of 8 × 6 pixels" in facts["token map"].value
    assert facts["prefix tokens"].value == "class"
    assert facts["mean and std"].certainty == "proven"
    assert facts["classes"].certainty == "known"
    assert (model.info.title, model.info.heads, model.info.dim) == ("run 7", 4, 32)
    guessed = vitviz.load(handmade, input_size=48)
    facts = {each.fact: each for each in guessed.info.evidence}
    assert facts["mean and std"].certainty == "assumed"
    found = vitviz.trace(model, photo)
    assert {each.name for each in found.predictions} == set("abcde")
    assert found.positions.shape == (48, 32)


def test_a_module_in_training_is_in_training_afterwards(handmade, photo):
    class Frozen(nn.BatchNorm1d):
        """Stays in evaluation, as many people's do."""

        def train(self, mode=True):
            return super().train(False)

    handmade.extra = Frozen(3)
    handmade.answer.requires_grad_(False)
    handmade.train()
    seen = []
    handmade.stack[1].register_forward_hook(lambda module, *_: seen.append(module.training))
    before = {name: each.training for name, each in handmade.named_modules()}
    weights = copy.deepcopy(handmade.state_dict())
    grads = [each.requires_grad for each in handmade.parameters()]
    model = vitviz.load(handmade, input_size=48)
    vitviz.trace(model, photo).source.features()
    assert seen
    assert not any(seen)  # in evaluation mode during every pass
    assert {name: each.training for name, each in handmade.named_modules()} == before
    assert all(torch.equal(each, weights[name]) for name, each in handmade.state_dict().items())
    assert [each.requires_grad for each in handmade.parameters()] == grads
    assert all(each.grad is None for each in handmade.parameters())
    assert [len(each._forward_hooks) for each in handmade.stack] == [0, 1, 0]
    handmade(torch.rand(2, 3, 48, 48)).sum().backward()
    assert handmade.cut.weight.grad is not None


def test_stopping_puts_its_mode_back(handmade, photo):
    model = vitviz.load(handmade.train(), input_size=48)

    def stop(done, total, what=""):
        raise Cancelled

    with pytest.raises(Cancelled):
        vitviz.trace(model, photo, progress=stop)
    assert all(each.training for each in handmade.modules())


def test_it_stays_in_its_number_type_and_under_autocast(handmade, photo):
    half = vitviz.load(copy.deepcopy(handmade).bfloat16(), input_size=48)
    assert half.info.precision == "bf16"
    assert vitviz.trace(half, photo).refused == ()
    model = vitviz.load(handmade, input_size=48)
    with torch.autocast("cpu", torch.bfloat16):
        trace = vitviz.trace(model, photo)
        loss = handmade(torch.rand(2, 3, 48, 48)).float().sum()
    loss.backward()
    assert handmade.stack[0].to_qkv.weight.grad is not None  # no cast without gradients was left
    assert trace.refused == ()
    assert trace.verified > 1e-4  # in half precision, verified as such
    assert next(handmade.parameters()).dtype == torch.float32


class Wrapped(nn.Module):
    """As training frameworks have it: the network is one attribute of several."""

    def __init__(self, network, **more) -> None:
        super().__init__()
        self.network, self.loss = network, nn.CrossEntropyLoss()
        for name, each in more.items():
            setattr(self, name, each)

    def forward(self, x):
        return self.network(x)


class Segmenter(nn.Module):
    """A dense net with a timm model inside whose own head is not used."""

    def __init__(self) -> None:
        super().__init__()
        self.encoder = timm.create_model("test_vit")
        self.decoder = nn.Conv2d(64, 4, 1)

    def forward(self, x):
        found = self.encoder.forward_features(x)
        return {"out": self.decoder(found[:, 1:].mT.reshape(len(x), -1, 10, 10))}


WRAPPED = {
    "alone": lambda vit: vit,
    "sequential": lambda vit: nn.Sequential(vit, nn.Linear(1000, 7)),
    "parallel": nn.DataParallel,
    "framework": Wrapped,
    "compiled": torch.compile,
}


@pytest.mark.parametrize("wrap", WRAPPED.values(), ids=list(WRAPPED))
def test_a_timm_model_is_found_in_what_stands_around_it(wrap, photo):
    torch.manual_seed(0)
    vit = timm.create_model("test_vit").eval()
    model = vitviz.load(wrap(vit))
    trace = vitviz.trace(model, photo)
    plain = vitviz.trace(vitviz.load(vit), photo)
    assert (model.info.family, trace.grid) == ("vit", plain.grid)
    assert [layer.name for layer in trace.layers] == [layer.name for layer in plain.layers]
    np.testing.assert_array_equal(
        trace.layers[-1].attention.rows(0), plain.layers[-1].attention.rows(0)
    )
    assert model.info.classes == (7 if wrap is WRAPPED["sequential"] else 1000)


def test_an_encoder_that_a_net_calls_in_its_own_way_is_measured(photo):
    torch.manual_seed(0)
    model = vitviz.load(Segmenter())
    trace = vitviz.trace(model, photo)
    assert model.info.family == "measured"
    assert (trace.grid.rows, trace.grid.prefix) == (10, ("class",))
    assert trace.predictions == ()
    assert trace.refused == ()


def test_adapters_of_peft_are_live(photo):
    peft = pytest.importorskip("peft")
    torch.manual_seed(0)
    vit = timm.create_model("test_vit").eval()
    before = vitviz.trace(vitviz.load(vit), photo).layers[-1].attention.rows(0)
    adapted = peft.get_peft_model(
        vit, peft.LoraConfig(target_modules=["qkv"], init_lora_weights=False)
    )
    after = vitviz.trace(vitviz.load(adapted), photo).layers[-1].attention.rows(0)
    assert np.abs(before - after).max() > 1e-3
    with adapted.disable_adapter():
        off = vitviz.trace(vitviz.load(adapted), photo).layers[-1].attention.rows(0)
    np.testing.assert_allclose(off, before, atol=1e-6)


def test_how_it_is_called_can_be_said(handmade, photo):
    class Named(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.inner = handmade

        def forward(self, *, pixel_values, scale):
            return [self.inner(pixel_values) * scale]

    model = vitviz.load(Named(), call=lambda own, x: own(pixel_values=x, scale=2.0), input_size=48)
    trace = vitviz.trace(model, photo)
    assert [layer.name for layer in trace.layers] == [f"inner.stack.{each}" for each in range(3)]
    assert model.info.classes == 5


class TwoInputs(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.vision_model = Handmade()
        self.words = nn.Embedding(2000, 4)

    def forward(self, tokens, x):
        return self.vision_model(x) + self.words(tokens).sum()


class NoTensor(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.part = nn.Conv2d(3, 4, 3)

    def forward(self, x):
        return str(self.part(x).shape)


BAD = {
    "raises": (lambda: nn.Linear(7, 3), {}, r"could not be run with a picture of 224 × 224"),
    "no tensor": (NoTensor, {"input_size": 48}, "returns no tensor"),
    "other inputs": (TwoInputs, {}, r"vitviz\.load\(module\.vision_model\)"),
    "on meta": (lambda: Handmade().to("meta"), {}, "meta device"),
    "no attention": (lambda: nn.Sequential(nn.Conv2d(3, 4, 3)), {}, "no attention among tokens"),
    "words": (lambda: nn.Sequential(nn.Embedding(5000, 4)), {}, "reads words, not pictures"),
    "films": (lambda: nn.Sequential(nn.Conv3d(3, 4, 3)), {}, "reads films"),
    "nothing in it": (nn.Identity, {}, "has no weights"),
    "grey": (lambda: nn.Sequential(nn.Conv2d(1, 4, 3)), {"input_size": 48}, "reads 1 channels"),
    "a class": (lambda: Handmade, {}, r"make one with Handmade\(\.\.\.\)"),
    "a number": (lambda: 7, {}, "not 7; or it is a torch module"),
    "too few names": (Handmade, {"input_size": 48, "classes": ["a"]}, "classes= has 1 names"),
    "another size": (Handmade, {"input_size": 64}, "64 × 64 pixels"),
    "no function": (Handmade, {"call": 3}, "call= is a function"),
}


@pytest.mark.parametrize(("make", "more", "words"), BAD.values(), ids=list(BAD))
def test_bad_input_is_a_sentence(make, more, words):
    with pytest.raises(BadModel, match=words) as caught:
        vitviz.load(make(), **more)
    assert "\n" not in str(caught.value)


def test_what_is_said_of_a_module_is_not_said_of_a_name():
    with pytest.raises(BadModel, match="title= is for a module in memory"):
        vitviz.load("test_vit", pretrained=False, title="a")


def test_places_that_are_not_found_leave_matrices(photo):
    trace = vitviz.trace(vitviz.load(Handmade(random=True), input_size=48), photo)
    assert trace.layers == ()
    assert len(trace.matrices) == 3
    assert "each time for the same picture" in trace.matrices[0].why
    assert any("was not found" in note for note in trace.model.notes)
