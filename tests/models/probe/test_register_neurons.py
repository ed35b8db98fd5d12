"""Outliers' neurons are found where they were planted, and an added token takes what they write."""

from __future__ import annotations

import numpy as np
import pytest
import torch

import vitviz
from vitviz import Intervention
from vitviz.core.data.geometry import ADDED_REGISTER
from vitviz.core.data.target import Target
from vitviz.core.progress import Unsupported, VitvizError
from vitviz.models.loading.preprocess import normalised

PLANTED = (2, 7)
OUTLIER = 11


@pytest.fixture(scope="module")
def model():
    """A model whose neuron 7 of layer 2 (from 0) writes a long vector into one patch of the picture."""
    return vitviz.load("test_vit", pretrained=False)


@pytest.fixture(scope="module")
def planted(model, photo):
    """Its trace once the neuron writes."""
    trace = vitviz.trace(model, photo)
    mlp = model.module.blocks[PLANTED[0]].mlp
    seen = []
    with torch.no_grad(), _hooked(mlp.fc1, lambda _m, given, _o: seen.append(given[0][0])):
        model.module(normalised(trace.pixels, model.preprocess))
    token = OUTLIER + len(trace.grid.prefix)
    with torch.no_grad():
        others = torch.cat([seen[0][:token], seen[0][token + 1 :]])
        towards = seen[0][token] - others.mean(dim=0)
        reach = float((others @ towards).max())
        own = float(seen[0][token] @ towards)
        assert own > reach
        mlp.fc1.weight[PLANTED[1]] = 20 * towards / (own - reach)
        mlp.fc1.bias[PLANTED[1]] = -20 * (own + reach) / 2 / (own - reach)
        mlp.fc2.weight[:, PLANTED[1]] = 30.0
    return vitviz.trace(model, photo)


def _hooked(part, hook):
    from contextlib import ExitStack

    stack = ExitStack()
    stack.callback(part.register_forward_hook(hook).remove)
    return stack


def test_the_neuron_that_writes_the_outlier_is_the_strongest(planted):
    assert planted.source.register_neurons(1, 6.0) == (PLANTED,)
    assert len(planted.source.register_neurons(5, 6.0)) == 5


def test_without_an_outlier_there_is_none(tiny_trace):
    with pytest.raises(Unsupported, match="no patch of this picture sticks out"):
        tiny_trace.source.register_neurons(3, 30.0)


def test_an_added_token_takes_the_outlier(model, planted, photo):
    change = Intervention(neurons=(PLANTED,))
    after = vitviz.trace(model, photo, intervention=change)
    assert after.grid.prefix == (*planted.grid.prefix, ADDED_REGISTER)
    assert after.grid.tokens == planted.grid.tokens + 1
    assert after.verified < 1e-4
    lengths = np.linalg.norm(after.source.features()[PLANTED[0]], axis=-1)
    before = np.linalg.norm(planted.source.features()[PLANTED[0]], axis=-1)
    first = len(planted.grid.prefix)
    assert before[first:].argmax() == OUTLIER
    assert lengths.argmax() == first  # the added token
    assert lengths[after.grid.patches].max() < before.max() / 3
    assert model.module.num_prefix_tokens == first
    assert vitviz.trace(model, photo).grid == planted.grid


def test_the_pass_is_that_of_the_tokens_by_hand(model, planted, photo):
    change = Intervention(neurons=(PLANTED,))
    after = vitviz.trace(model, photo, intervention=change)
    module, first = model.module, len(planted.grid.prefix)
    with torch.no_grad():
        tokens = module._pos_embed(module.patch_embed(normalised(after.pixels, model.preprocess)))
        tokens = torch.cat([tokens[:, :first], torch.zeros(1, 1, 64), tokens[:, first:]], dim=1)
        for number, block in enumerate(module.blocks):
            tokens = tokens + block.attn(block.norm1(tokens))
            neurons = block.mlp.act(block.mlp.fc1(block.norm2(tokens)))
            if number == PLANTED[0]:
                largest = neurons[..., PLANTED[1]].max()
                neurons[:, first:, PLANTED[1]] = 0
                neurons[:, first, PLANTED[1]] = largest
            tokens = tokens + block.mlp.fc2(neurons)
    np.testing.assert_allclose(after.source.features()[-1], tokens[0].numpy(), atol=1e-4)


def test_neurons_may_write_nowhere(model, planted, photo):
    change = Intervention(neurons=(PLANTED,), neurons_go="nowhere")
    after = vitviz.trace(model, photo, intervention=change)
    assert after.grid == planted.grid
    lengths = np.linalg.norm(after.source.features()[PLANTED[0]], axis=-1)
    assert lengths[after.grid.patches].argmax() != OUTLIER


def test_other_questions_are_asked_with_the_added_token(model, planted, photo):
    change = Intervention(neurons=(PLANTED,), positions="shuffled")
    after = vitviz.trace(model, photo, intervention=change)
    values = after.source.attribution(vitviz_query()).patches
    assert values.shape == (after.grid.rows * after.grid.cols,)
    assert np.isfinite(values).all()


def vitviz_query():
    from vitviz.core.data.attribution import AttributionQuery

    return AttributionQuery(Target("class", index=3), "relevance")


@pytest.mark.parametrize("neurons", [((99, 0),), ((0, 99_999),)])
def test_a_neuron_that_is_not_there(model, photo, neurons):
    with pytest.raises(VitvizError, match="there is no"):
        vitviz.trace(model, photo, intervention=Intervention(neurons=neurons))


def test_a_model_whose_places_are_told_inside_gets_no_token(load_again, photo):
    model = load_again("vit_small_patch16_dinov3", depth=1, embed_dim=96, num_heads=3, img_size=64)
    with pytest.raises(Unsupported, match=r"none can be added exactly|cannot be seen"):
        vitviz.trace(model, photo, intervention=Intervention(neurons=((0, 0),)))


@pytest.fixture(scope="module")
def load_again():
    return lambda name, **more: vitviz.load(name, pretrained=False, **more)


def test_the_view_says_what_was_found(planted):
    drawing = vitviz.draw("whatif", planted, outliers="to an added token", neurons=1)
    assert "1 neuron writing to an added token" in drawing.title
    assert "layer 3 neuron 8" in drawing.caption
