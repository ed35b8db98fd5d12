"""The shapes in signatures are true: the tests of numbers run once more with every array looked at."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from jaxtyping import Float32, jaxtyped
from shapes import COUNTED, checked

ROOT = Path(__file__).resolve().parents[1]


CHECKED = ",".join(f"vitviz.{room}" for room in ("core", "models", "views", "figures"))
NUMBERS = (
    "wrong_shapes.py",
    "core/data",
    "core/drawings",
    "core/measures",
    "views/test_drawings.py",
)
"""Tests that together meet nearly every array that vitviz hands on: every view is drawn in them."""


def test_the_tests_of_numbers_hold_with_every_shape_checked() -> None:
    rooms = [f"tests/{room}" for room in NUMBERS]
    done = subprocess.run(
        [sys.executable, "-m", "pytest", *rooms, f"--jaxtyping-packages={CHECKED},shapes.checked"],
        cwd=ROOT,
        capture_output=True,
        text=True,
    )
    if done.returncode != 0:
        pytest.fail(done.stdout[-4000:] + done.stderr[-1000:], pytrace=False)


def test_a_wrong_shape_is_found() -> None:
    @jaxtyped(typechecker=checked)
    def transposed(one: Float32[np.ndarray, "row col"]) -> Float32[np.ndarray, "col row"]:
        return one

    before = COUNTED["checked"]
    square = np.zeros((2, 2), np.float32)
    assert transposed(square) is square
    assert COUNTED["checked"] > before
    with pytest.raises(Exception, match="Type-check error"):
        transposed(np.zeros((2, 3), np.float32))
