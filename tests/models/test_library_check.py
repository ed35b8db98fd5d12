"""Other libraries' networks are tried as timm's are."""

from __future__ import annotations

import pytest

from vitviz.models import library_check
from vitviz.models.library_check import check_libraries


def test_torchvisions_transformers_are_captured_and_laid_out(monkeypatch):
    monkeypatch.setattr(library_check, "TORCHVISION", ("swin_t", "resnet18"))
    (swin,) = check_libraries(("torchvision",))  # a network without attention is left out
    assert (swin.module, swin.model, swin.calls) == ("torchvision", "swin_t", 12)
    assert swin.good
    assert set(swin.mapping) == {"window", "pooled"}


def test_a_network_of_transformers_is_cut_to_four_layers(monkeypatch):
    transformers = pytest.importorskip("transformers")
    config = transformers.ViTConfig
    network = library_check._small(config, transformers.ViTForImageClassification)
    assert network.config.num_hidden_layers == 4
    swin = library_check._cut(transformers.SwinConfig())
    assert list(swin.depths) == [2, 2, 2, 2]
