"""A head taken out is a head whose output is zero, or its mean, in front of the projection."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from eager_reference import attributor_of

from vitviz.core.data.target import Target
from vitviz.core.progress import Unsupported
from vitviz.models.attribution.head_ablation import ablated_heads

CLASS = Target("class", index=3)


def by_hand(asked, layer, head, by):
    """The logit's fall with a slice of what the projection reads exchanged."""
    module = asked.model.module
    projection = module.blocks[layer].attn.proj
    width = projection.in_features // module.blocks[layer].attn.num_heads

    def exchange(_module, given):
        tokens = given[0].clone()
        own = tokens[..., head * width : (head + 1) * width]
        own.copy_(own.mean(dim=1, keepdim=True) if by == "mean" else torch.zeros_like(own))
        return (tokens,)

    with torch.no_grad():
        before = float(module(asked.pixels)[0, 3])
        hook = projection.register_forward_pre_hook(exchange)
        after = float(module(asked.pixels)[0, 3])
        hook.remove()
    return before - after


@pytest.mark.parametrize("by", ["zero", "mean"])
def test_every_head_of_every_layer(asked, by):
    found = asked.heads(CLASS, by)
    heads = asked.model.module.blocks[0].attn.num_heads
    assert found.ablated.shape == (len(asked.model.module.blocks), heads)
    for layer in (0, len(found.ablated) - 1):
        for head in range(heads):
            expected = by_hand(asked, layer, head, by)
            assert found.ablated[layer, head] == pytest.approx(expected, rel=1e-3, abs=1e-5)


@pytest.mark.parametrize("by", ["zero", "mean"])
def test_the_gradient_foretells_a_small_change(asked, by):
    """By a difference quotient in float64: a thousandth of the way to what is put in place."""
    found = asked.heads(CLASS, by)
    module = asked.model.module.double()
    try:
        attention = module.blocks[1].attn
        width = attention.proj.in_features // attention.num_heads

        def nudged(step):
            def nudge(_module, given):
                tokens = given[0].clone()
                own = tokens[..., :width]
                mean = own.mean(dim=1, keepdim=True) if by == "mean" else 0
                own.copy_(own + step * (mean - own))
                return (tokens,)

            hook = attention.proj.register_forward_pre_hook(nudge)
            with torch.no_grad():
                value = float(module(asked.pixels.double())[0, 3])
            hook.remove()
            return value

        expected = (nudged(-1e-3) - nudged(1e-3)) / 2e-3
    finally:
        module.float()
    assert found.first_order[1, 0] == pytest.approx(expected, rel=1e-2, abs=1e-6)


def test_heads_inside_windows_are_taken_out_too(load_tiny, photo):
    model = load_tiny(
        "swin_tiny_patch4_window7_224",
        img_size=64,
        depths=(2, 1),
        embed_dim=24,
        num_heads=(2, 4),
        window_size=4,
        num_classes=5,
    )
    asked = attributor_of(model, photo)
    found = asked.heads(CLASS, "zero")
    assert np.isnan(found.ablated[0]).tolist() == [False, False, True, True]
    module = model.module
    first = module.layers[0].blocks[1].attn
    width = first.proj.in_features // 2

    def zero(_module, given):
        tokens = given[0].clone()
        tokens[..., width:] = 0
        return (tokens,)

    with torch.no_grad():
        before = float(module(asked.pixels)[0, 3])
        hook = first.proj.register_forward_pre_hook(zero)
        after = float(module(asked.pixels)[0, 3])
        hook.remove()
    assert found.ablated[1, 1] == pytest.approx(before - after, rel=1e-3, abs=1e-5)


def test_a_module_that_is_never_met_is_said(asked):
    score = asked.score(CLASS)
    with pytest.raises(Unsupported, match=r"no attention of blocks\.0\.mlp"):
        ablated_heads(asked.model.module, asked.pixels, score, [("blocks.0.mlp", 2)], "zero")
