"""The account sums to the logit, and each entry is what one piece of the stream adds to it."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from eager_reference import attributor_of

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
    with pytest.raises(Unsupported, match=r"cannot be told apart|no sum|no list"):
        account(
            load_tiny,
            photo,
            "swin_tiny_patch4_window7_224",
            img_size=64,
            depths=(2, 1),
            embed_dim=24,
            num_heads=(2, 4),
            window_size=4,
            num_classes=5,
        )


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
