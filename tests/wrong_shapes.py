"""Wrong arrays, refused in every room whose shapes are checked; test_shapes.py runs this."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest
from jaxtyping import TypeCheckError

from vitviz.core.measures.distance import below_zero
from vitviz.figures.thumbnails import Thumbnails
from vitviz.models.loading.preprocess import normalised, preprocess_of
from vitviz.views.shared.heads_over_depth import mean_of

TURNED = np.zeros((3, 3), np.uint8)
"""Whole numbers without a last axis, which none of these takes."""
THREE = preprocess_of({"input_size": (3, 8, 8), "mean": (0, 0, 0), "std": (1, 1, 1)})


@pytest.mark.parametrize(
    "call",
    [
        lambda: below_zero(TURNED),
        lambda: normalised(TURNED, THREE),
        lambda: mean_of(TURNED),
        lambda: Thumbnails().fitted(TURNED, 1, 1),
    ],
    ids=["core", "models", "views", "figures"],
)
def test_a_wrong_array_is_refused_in_every_room(call: Callable[[], object]) -> None:
    with pytest.raises(TypeCheckError):
        call()
