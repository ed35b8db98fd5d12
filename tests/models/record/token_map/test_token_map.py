"""Where the tokens of a module are is found by asking it, and is what its code says."""

from __future__ import annotations

import numpy as np
import pytest
import timm
import torch
import torchvision
from handmade import Handmade
from torch import nn

from vitviz.core.data.windows import shifted, whole
from vitviz.core.progress import Unsupported
from vitviz.models.record.token_map.token_map import token_map


def measured(module, side=48, **more):
    module.eval()
    return token_map(module, module, (side, side), next(module.parameters()), **more)


def test_a_sequence_in_reading_order_is_proven_patch_by_patch():
    torch.manual_seed(0)
    found = measured(Handmade())
    assert (found.grid.rows, found.grid.cols, found.grid.patch) == (6, 8, (8.0, 6.0))
    assert found.exact
    assert [call.name for call in found.calls] == ["stack.0", "stack.1", "stack.2"]
    for call in found.calls:
        assert call.keys.in_order
        assert call.asking.in_order
        assert call.queries_seen
        assert call.heads == 4
    whole_passes, entrance = found.passes
    assert whole_passes == 4  # one and three halves; all else ends at the first attention
    assert entrance < 40


@pytest.mark.parametrize("last", [False, True])
def test_another_order_is_found(last):
    torch.manual_seed(0)
    found = measured(Handmade(last=last, down=True))
    tokens = found.calls[0].keys.tokens[0]
    columns = 1 + np.arange(48).reshape(6, 8).T.reshape(-1)
    assert tokens.tolist() == ([*columns, 0] if last else [0, *columns])
    assert not found.calls[0].keys.in_order


def test_the_size_of_a_patch_can_be_said_and_must_be_true():
    assert measured(timm.create_model("test_vit"), 160, patch=16).grid.rows == 10
    with pytest.raises(Unsupported, match="does not fit"):
        measured(Handmade(), patch=64)


def test_tokens_whose_reading_overlaps_are_where_they_read_most():
    torch.manual_seed(0)
    found = measured(Handmade(overlap=True))
    assert not found.exact
    assert (found.grid.rows, found.grid.cols) == (6, 8)
    assert all(call.keys.in_order for call in found.calls)


def test_windows_shifted_windows_and_merged_stages_are_what_their_code_makes():
    torch.manual_seed(0)
    module = torchvision.models.SwinTransformer(
        [4, 4], 24, [2, 2], [2, 3], [4, 4], stochastic_depth_prob=0
    )
    found = measured(module, 64)
    assert not any(call.why for call in found.calls)
    for call, side, shift in zip(found.calls, (16, 16, 8, 8), (0, 2, 0, 2), strict=True):
        expected = shifted(whole(side, side), (4, 4), (shift, shift))
        assert (call.keys.grid.rows, call.keys.grid.patch) == (side, (64 / side, 64 / side))
        np.testing.assert_array_equal(call.keys.tokens, expected.keys)
        assert (call.regions is None) == (expected.regions is None)
        if expected.regions is not None:
            same = call.regions[:, :, None] == call.regions[:, None]
            told = expected.regions[:, :, None] == expected.regions[:, None]
            np.testing.assert_array_equal(same, told)


def test_fewer_keys_than_queries_lie_on_a_coarser_grid():
    torch.manual_seed(0)
    found = measured(timm.create_model("pvt_v2_b0"), 64)
    first = found.calls[0]
    assert (first.asking.grid.rows, first.keys.grid.rows) == (16, 2)
    assert first.asking.in_order
    assert first.keys.in_order


def test_tokens_left_out_at_random_are_refused():
    with pytest.raises(Unsupported, match="each time for the same picture"):
        measured(Handmade(random=True))


def test_no_attention_is_no_map():
    with pytest.raises(Unsupported, match="no attention call"):
        measured(nn.Sequential(nn.Conv2d(3, 4, 3), nn.Flatten()))


def test_half_precision_measures_the_same():
    torch.manual_seed(0)
    found = measured(Handmade().bfloat16())
    assert (found.grid.rows, found.grid.cols) == (6, 8)
    assert found.exact


def test_nothing_random_of_the_users_is_touched():
    torch.manual_seed(3)
    expected = torch.rand(2)
    module = Handmade()
    torch.manual_seed(3)
    measured(module)
    assert torch.equal(torch.rand(2), expected)
