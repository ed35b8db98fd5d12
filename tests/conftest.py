"""What all tests stand on: no screen, no network, no user's settings, and one real small model."""

from __future__ import annotations

import os
import tempfile
from pathlib import Path
from typing import Any

import numpy as np
import pytest

_home = tempfile.TemporaryDirectory(prefix="vitviz-tests-")
os.environ["QT_QPA_PLATFORM"] = "offscreen"
os.environ["VITVIZ_CONFIG_DIR"] = str(Path(_home.name, "config"))
os.environ["HF_HUB_OFFLINE"] = "1"
os.environ["VITVIZ_LANGUAGE"] = "en"  # whatever language the machine speaks
os.environ.setdefault(
    "OMP_NUM_THREADS", "1"
)  # small models: waiting for a second thread costs more
# An empty file: figures must look the same whatever the user's matplotlibrc says.
os.environ["MATPLOTLIBRC"] = str(Path(_home.name, "matplotlibrc"))
Path(_home.name, "matplotlibrc").touch()


@pytest.fixture(autouse=True)
def config_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A settings folder of this test's own, empty."""
    folder = tmp_path / "config"
    monkeypatch.setenv("VITVIZ_CONFIG_DIR", str(folder))
    return folder


@pytest.fixture(scope="session")
def photo() -> np.ndarray:
    """A picture-like array (120 rows, 160 cols, RGB): soft light, an edge, a disc, some grain."""
    rows, cols = np.mgrid[0:120, 0:160].astype(np.float32)
    light = np.stack([rows / 120, cols / 160, 0.5 + 0.5 * np.sin(cols / 9)], axis=-1)
    disc = ((rows - 50) ** 2 + (cols - 100) ** 2 < 30**2)[..., None]
    grain = np.random.default_rng(7).normal(0, 0.04, light.shape)
    mixed = np.where(disc, 0.9 - 0.5 * light, light) + grain
    return (np.clip(mixed, 0, 1) * 255).astype(np.uint8)


@pytest.fixture(scope="session")
def tiny_model() -> Any:
    """timm's smallest vision transformer, random weights."""
    import vitviz

    return vitviz.load("test_vit", pretrained=False)


@pytest.fixture(scope="session")
def tiny_trace(tiny_model: Any, photo: np.ndarray) -> Any:
    """What the smallest model did with the picture."""
    import vitviz

    return vitviz.trace(tiny_model, photo)


@pytest.fixture(scope="session")
def tiny_checkpoint(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The smallest model's random weights in a real checkpoint file."""
    import timm
    from safetensors.torch import save_file

    file = tmp_path_factory.mktemp("checkpoints") / "test_vit.safetensors"
    save_file(timm.create_model("test_vit", pretrained=False).state_dict(), str(file))
    return file


@pytest.fixture(scope="session")
def data_folder() -> Path:
    """Real weights and photographs, where VITVIZ_DATA names their folder."""
    named = os.environ.get("VITVIZ_DATA", "")
    if not named or not Path(named).is_dir():
        pytest.skip("VITVIZ_DATA names no folder with real weights and photographs")
    return Path(named)
