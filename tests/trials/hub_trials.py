"""A hub that answers as it likes: nothing outside the cache, nothing executed, a sentence each time."""

from __future__ import annotations

import json
import os
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np

from .checkpoint_trials import hostile, real
from .recipe_trials import changed
from .trial_run import TrialCount, within

_CONFIG = {
    "architecture": "test_vit",
    "num_classes": 1000,
    "model_args": {"img_size": 160},
    "pretrained_cfg": {"input_size": [3, 160, 160], "mean": [0.5, 0.5, 0.5], "classifier": "head"},
}
_HEADERS = ("ETag", "X-Linked-Etag", "X-Repo-Commit", "X-Linked-Size", "Content-Length", "Location")
_SAID = (
    "../../../escaped",
    '"../../escaped"',
    "/tmp/escaped",
    "",
    "-1",
    "99999999999",
    "\x7f",
    "a" * 400,
)


def run(*, seed: int, minutes: float, most: int, keep: Path) -> TrialCount:
    """Loads models from it."""
    import vitviz
    from vitviz.core.progress import VitvizError

    count, draw = TrialCount("hub"), np.random.default_rng(seed)
    weights = [*real().values(), *hostile().values()]
    for number in within(minutes, most or 200):
        headers = {
            _HEADERS[int(draw.integers(len(_HEADERS)))]: _SAID[int(draw.integers(len(_SAID)))]
            for _ in range(int(draw.integers(0, 3)))
        }
        config = changed(_CONFIG, draw)[0] if draw.random() < 0.6 else _CONFIG
        name = ("model.safetensors", "pytorch_model.bin")[int(draw.integers(2))]
        files = {
            "someone/model/config.json": json.dumps(config).encode(),
            f"someone/model/{name}": weights[int(draw.integers(len(weights)))],
        }
        began = time.monotonic()
        with (
            tempfile.TemporaryDirectory(prefix="vitviz-hub-") as top,
            _hub(files, headers, int(draw.integers(0, 2)) * 5000, Path(top)),
        ):
            here = Path.cwd()
            try:
                os.chdir(top)
                vitviz.load("hf-hub:someone/model")
                count.opened += 1
            except VitvizError:
                count.refused += 1
            except Exception as error:
                about = {"headers": headers, "config": config, "weights": name}
                count.failures.append((f"{number}", f"{type(error).__name__}: {error}"))
                keep.mkdir(parents=True, exist_ok=True)
                (keep / f"hub-{number:03}.json").write_text(json.dumps(about, indent=1))
            finally:
                os.chdir(here)
            outside = [
                file
                for file in Path(top).rglob("*")
                if file.is_file() and file.relative_to(top).parts[0] != "cache"
            ]
            if outside or Path("/tmp/escaped").exists():
                count.failures.append((f"{number}", f"outside the cache: {outside}"))
        count.slowest = max(count.slowest, time.monotonic() - began)
    return count


@contextmanager
def _hub(
    files: dict[str, bytes], headers: dict[str, str], surplus: int, folder: Path
) -> Iterator[None]:
    """The hub at work, asked by the hub's own library."""
    import pytest

    from vitviz.models.loading.hub import download

    try:
        from localhub import Hub, served, turn_to
    except ImportError:  # run as a program, without pytest's path
        from tests.localhub import Hub, served, turn_to
    hub: Any = Hub(files, surplus=surplus, headers=headers)
    with served(hub), pytest.MonkeyPatch.context() as patch:
        patch.setattr(download, "WAITS", (0.01,))
        turn_to(hub, folder / "cache", patch)
        yield
