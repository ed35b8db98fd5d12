"""An installation can be tried: its own model reads its own picture, and every view is saved."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

import vitviz
from vitviz.cli import run
from vitviz.core import resources
from vitviz.core.progress import VitvizError
from vitviz.models.families import families
from vitviz.models.loading import bundled
from vitviz.session.app.smoke import smoke
from vitviz.views import views


def test_an_installation_that_works(capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["smoke", "--json"], lambda _launch: 9) == 0
    found = json.loads(capsys.readouterr().out)
    assert found["version"] == vitviz.__version__
    assert found["views"] == len(views())
    assert found["families"] == len(families())
    assert found["models"] == len(bundled.bundled())
    assert found["names"] > 1000
    assert found["verified"] < 1e-4
    assert sorted(found["drawn"] + found["refused"]) == sorted(views())
    assert {"patches", "heads", "rollout", "positions"} <= set(found["drawn"])


def test_an_installation_without_its_data(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "tables.npz").touch()
    bundled.bundled.cache_clear()
    monkeypatch.setattr(resources, "resource_folder", lambda: tmp_path)
    monkeypatch.setattr(bundled, "resource_folder", lambda: tmp_path)
    try:
        with pytest.raises(VitvizError, match="0 bundled models"):
            smoke()
    finally:
        bundled.bundled.cache_clear()
