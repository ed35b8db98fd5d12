"""Networks without memory are built in no time, and are the same networks."""

from __future__ import annotations

import pytest
import timm
import torch

from vitviz.models.loading.architectures.shapes_only import shapes_only


@pytest.mark.parametrize("name", ["test_vit", "swin_tiny_patch4_window7_224", "test_efficientnet"])
def test_shapes_are_those_of_the_filled_network(name: str) -> None:
    with shapes_only():
        empty = timm.create_model(name)
    state = timm.create_model(name).state_dict()
    assert {key: (each.shape, each.dtype) for key, each in empty.state_dict().items()} == {
        key: (each.shape, each.dtype) for key, each in state.items()
    }
    assert all(parameter.is_meta for parameter in empty.parameters())


def test_tensors_with_bytes_are_filled_as_ever() -> None:
    with shapes_only():
        nothing, there = torch.empty(3), torch.empty(3, device="cpu")
        assert nothing.zero_() is nothing
        there.zero_().add_(2)
    assert torch.equal(there, torch.full((3,), 2.0))
