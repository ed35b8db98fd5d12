"""The account sums to the logit, and each entry is what one piece of the stream adds to it."""

from __future__ import annotations

from contextlib import ExitStack

import numpy as np
import pytest
import torch
from eager_reference import attributor_of
from einops import rearrange

from vitviz.core.data.target import Target, target_of
from vitviz.core.progress import Unsupported


def account(load_tiny, photo, name, said="3", **arguments):
    asked = attributor_of(load_tiny(name, **arguments), photo)
    return asked, asked.ledger(target_of(said))


@pytest.mark.parametrize("name", ["test_vit", "test_vit2", "test_vit4"])
@pytest.mark.parametrize("said", ["3", "3-1", "predicted"])
def test_entries_sum_to_the_number(load_tiny, photo, name, said):
    torch.manual_seed(2)
    asked, found = account(load_tiny, photo, name, said)
    with torch.no_grad():
        logits = asked.model.module(asked.pixels)[0]
    expected = {"3": logits[3], "3-1": logits[3] - logits[1], "predicted": logits.max()}[said]
    assert found.total == pytest.approx(float(expected), rel=1e-5)
    assert found.sum == pytest.approx(found.total, abs=1e-4)


def test_an_entry_is_one_heads_part_of_one_token(load_tiny, photo):
    """With attention taken apart by hand, and the last norm's scale held."""
    asked, found = account(load_tiny, photo, "test_vit")
    module = asked.model.module
    streams = []
    hooks = [module.blocks[-1].register_forward_hook(lambda _m, _g, out: streams.append(out))]
    kept = {}
    attention = module.blocks[1].attn
    attention.fused_attn = False
    hooks.append(
        attention.attn_drop.register_forward_hook(lambda _m, given, _o: kept.update(maps=given[0]))
    )
    hooks.append(attention.qkv.register_forward_hook(lambda _m, _g, out: kept.update(qkv=out)))
    with torch.no_grad():
        module(asked.pixels)
    attention.fused_attn = True
    for hook in hooks:
        hook.remove()
    last = streams[0][0, 0].double()
    norm = module.norm if not isinstance(module.norm, torch.nn.Identity) else module.fc_norm
    scale = 1 / torch.sqrt(last.var(unbiased=False) + norm.eps)
    direct = module.head.weight[3].double() * norm.weight.double() * scale
    direct = direct - direct.mean()
    heads = attention.num_heads
    values = kept["qkv"][0].reshape(-1, 3, heads, attention.head_dim)[:, 2].double()
    width = attention.head_dim
    for head in range(heads):
        out = attention.proj.weight.double()[:, head * width : (head + 1) * width]
        scaled = getattr(module.blocks[1].ls1, "gamma", torch.ones(()))
        seen = (direct * scaled.double()) @ out
        expected = kept["maps"][0, head, 0].double() * (values[:, head] @ seen)
        np.testing.assert_allclose(found.heads[1, head], expected.detach(), rtol=1e-3, atol=1e-6)


def test_what_is_no_sum_is_refused(load_tiny, photo):
    with pytest.raises(Unsupported, match=r"not linear|no account|no norm"):
        account(load_tiny, photo, "test_vit3")  # an attention pool reads the tokens
    with pytest.raises(Unsupported, match=r"cannot be told apart|no sum"):
        account(load_tiny, photo, "swinv2_tiny_window8_256", **STAGES)  # norms behind the branches


STAGES = {
    "img_size": 64,
    "depths": (2, 1),
    "embed_dim": 24,
    "num_heads": (2, 4),
    "window_size": 4,
    "num_classes": 5,
}


@pytest.mark.parametrize("said", ["3", "3-1"])
def test_entries_of_stages_sum_to_the_number(load_tiny, photo, said):
    asked, found = account(load_tiny, photo, "swin_tiny_patch4_window7_224", said, **STAGES)
    with torch.no_grad():
        logits = asked.model.module(asked.pixels)[0]
    expected = {"3": logits[3], "3-1": logits[3] - logits[1]}[said]
    assert found.total == pytest.approx(float(expected), rel=1e-4)
    assert found.sum == pytest.approx(found.total, abs=1e-5)
    assert found.heads.shape == (3, 4, 16 * 16)
    assert not found.heads[:2, 2:].any()  # the first stage has two heads
    assert found.heads[0].any()


def test_a_head_of_an_early_stage_is_worth_its_entries(load_tiny, photo):
    """Taken out of the stream, with every later norm's scale and block held, it is what falls."""
    asked, found = account(load_tiny, photo, "swin_tiny_patch4_window7_224", **STAGES)
    module = asked.model.module
    streams = {}
    block = module.layers[0].blocks[1]
    with ExitStack() as hooks, torch.no_grad():
        hooks.callback(
            block.attn.proj.register_forward_pre_hook(
                lambda _m, given: streams.update(heads=given[0])
            ).remove
        )
        module(asked.pixels)
    given, (side, _) = streams["heads"], block.window_size
    part = torch.zeros_like(given)
    part[..., 12:] = given[..., 12:]  # the second of two heads
    with torch.no_grad():
        added = part @ block.attn.proj.weight.T
        added = rearrange(
            added, "(down right) (row col) dim -> 1 (down row) (right col) dim", down=4, row=side
        )
        if any(block.shift_size):
            added = torch.roll(added, block.shift_size, dims=(1, 2))
        merging = module.layers[1].downsample
        ends = {}
        hook = merging.register_forward_pre_hook(lambda _m, given: ends.update(end=given[0]))
        last = (
            module.layers[1]
            .blocks[-1]
            .register_forward_hook(lambda _m, _g, out: ends.update(last=out))
        )
        module(asked.pixels)
        hook.remove()
        last.remove()
        worth = _merged(merging, ends["end"], added)
        final = ends["last"]
        centred = worth - worth.mean(dim=-1, keepdim=True)
        scale = torch.rsqrt(final.var(dim=-1, unbiased=False, keepdim=True) + module.norm.eps)
        pooled = (centred * scale * module.norm.weight).mean(dim=(1, 2))
        expected = float((pooled @ module.head.fc.weight[3])[0])
    assert float(found.heads[1, 1].sum()) == pytest.approx(expected, rel=1e-3, abs=1e-6)


def _merged(merging, stream, added):
    """What a merging makes of something added to the stream, the scale of its norm held."""

    def four(tokens):
        pattern = "b (row p) (col q) dim -> b row col (q p dim)"
        return rearrange(tokens, pattern, p=2, q=2)

    whole, part = four(stream), four(added)
    scale = torch.rsqrt(whole.var(dim=-1, unbiased=False, keepdim=True) + merging.norm.eps)
    centred = part - part.mean(dim=-1, keepdim=True)
    return merging.reduction(centred * scale * merging.norm.weight)


def test_the_model_is_left_as_it_was(load_tiny, photo):
    asked, _ = account(load_tiny, photo, "test_vit")
    module = asked.model.module
    assert "forward" not in vars(module.norm)
    assert "forward" not in vars(module.fc_norm)
    assert not any(part._forward_hooks for part in module.modules())


def test_a_feature_is_accounted_for_too(load_tiny, photo):
    _, found = account(load_tiny, photo, "test_vit", "feature:5")
    assert found.sum == pytest.approx(found.total, abs=1e-4)
    assert found.target == Target("feature", index=5)
