"""What the tests of folders share: a folder of small pictures, one of them broken."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from vitviz.folders import picture_list


@pytest.fixture
def few_in_a_part(monkeypatch: pytest.MonkeyPatch) -> int:
    """Parts of five pictures, so that a small folder has several."""
    from vitviz.folders.averages import statistics_run

    for module in (picture_list, statistics_run):
        monkeypatch.setattr(module, "PART", 5)
    return 5


@pytest.fixture
def pictures(tmp_path: Path, photo: np.ndarray) -> Path:
    """Twelve pictures in two folders, and one that is none."""
    folder = tmp_path / "photos"
    (folder / "inner").mkdir(parents=True)
    for at in range(12):
        place = folder / "inner" if at % 4 == 3 else folder
        turned = np.roll(photo, 11 * at, axis=1)[:: 1 - 2 * (at % 2)]
        Image.fromarray(turned).save(place / f"{at}.png")
    (folder / "broken.png").write_bytes(b"no picture")
    return folder
