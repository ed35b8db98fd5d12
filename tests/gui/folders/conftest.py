"""A folder of pictures with a broken one in it."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from PIL import Image


@pytest.fixture
def album(tmp_path: Path, photo: np.ndarray) -> Path:
    folder = tmp_path / "album"
    folder.mkdir()
    for turn in range(3):
        Image.fromarray(np.rot90(photo, turn)).save(folder / f"{turn}.png")
    (folder / "broken.png").write_bytes(b"no picture")
    return folder
