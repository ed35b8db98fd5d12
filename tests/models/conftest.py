"""What the tests of models share: a small network that attends inside windows."""

from __future__ import annotations

import pytest

import vitviz


@pytest.fixture(scope="session")
def windowed(photo):
    sizes = {
        "img_size": 64,
        "depths": (2, 1),
        "embed_dim": 24,
        "num_heads": (2, 4),
        "window_size": 4,
    }
    model = vitviz.load("swin_tiny_patch4_window7_224", pretrained=False, **sizes)
    return model, vitviz.trace(model, photo)
