"""What the tests of attribution share: the smallest model asked why, and the same by autograd."""

from __future__ import annotations

from typing import Any

import pytest
from eager_reference import EagerMaps, attributor_of, eager_maps

import vitviz
from vitviz.core.data.target import Target
from vitviz.models.attribution.attributor import Attributor


@pytest.fixture(scope="session")
def asked(tiny_model: Any, photo: Any) -> Attributor:
    """The smallest model over the picture."""
    return attributor_of(tiny_model, photo)


@pytest.fixture(scope="session")
def eager(tiny_model: Any, asked: Attributor) -> EagerMaps:
    """The same by plain autograd, for class 3."""
    return eager_maps(tiny_model, asked.pixels, 3)


@pytest.fixture(scope="session")
def of_class(asked: Attributor) -> Any:
    """The gradients of class 3."""
    score = asked.score(Target("class", index=3))
    return score, asked.gradients(score)


@pytest.fixture(scope="session")
def load_tiny() -> Any:
    """Small models by name, loaded once."""
    known: dict[Any, Any] = {}

    def load(name: str, **arguments: Any) -> Any:
        key = (name, *sorted(arguments.items()))
        if key not in known:
            known[key] = vitviz.load(name, pretrained=False, **arguments)
        return known[key]

    return load
