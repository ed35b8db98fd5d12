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


ROOMS = ",".join(f"vitviz.{room}" for room in ("core", "models", "views", "figures"))


@pytest.mark.parametrize(
    ("tests", "checked_rooms"),
    [
        (("core/data", "core/drawings", "core/measures"), "vitviz.core"),
        (("wrong_shapes.py", "views/test_drawings.py"), ROOMS),
    ],
    ids=["core", "every view"],
)
def test_tests_hold_with_every_shape_checked(tests: tuple[str, ...], checked_rooms: str) -> None:
    files = [f"tests/{name}" for name in tests]
    hook = f"--jaxtyping-packages={checked_rooms},shapes.checked"
    done = subprocess.run(
        [sys.executable, "-m", "pytest", *files, hook],
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
