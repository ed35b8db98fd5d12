"""What the window begins with: a photograph that the model knows, and a patch on what it is of."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import vitviz
from vitviz.core.data.selection import Place, Selection
from vitviz.core.pictures.picture_files import bundled_pictures, bundled_spot, open_picture
from vitviz.models.loading.bundled import bundled
from vitviz.session.app.first_choices import first_selection, first_sources
from vitviz.session.app.launch_options import LaunchOptions


def test_it_begins_with_the_dog() -> None:
    assert first_sources(LaunchOptions())[0] == bundled_pictures()[0]
    assert bundled_pictures()[0].name == "dog.webp"


@pytest.mark.parametrize("size", bundled()[0].patch_sizes)
def test_it_begins_on_a_patch_of_the_dog(size: int) -> None:
    model = vitviz.load(bundled()[0].name, patch_size=size)
    trace = vitviz.trace(model, bundled_pictures()[0])
    token = first_selection(LaunchOptions(), Selection(), trace).token(trace.grid, trace.crop)
    box = trace.grid.box(token)
    assert box is not None
    there = trace.crop.box_to_original(box)
    assert there.left < 840 < there.right, "the dog's mouth, in pixels of the photograph"
    assert there.top < 213 < there.bottom
    asked = first_selection(LaunchOptions(token="class"), Selection(), trace)
    assert asked.pin == Place(prefix="class"), "what was asked for goes first"


def test_a_picture_of_ones_own_is_looked_at_from_the_class_token(
    tiny_trace: Any, photo: np.ndarray
) -> None:
    assert bundled_spot(open_picture(photo)) is None
    assert first_selection(LaunchOptions(), Selection(), tiny_trace) == Selection()
