"""A program is never taken from the folder one happens to be in."""

from __future__ import annotations

import os
import sys
from pathlib import Path

import pytest

from vitviz.core.programs import program


@pytest.mark.parametrize("path", ["", ".", ":.", "relative"])
def test_what_lies_beside_the_pictures_is_not_run(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, path: str
) -> None:
    for folder in (tmp_path, tmp_path / "relative"):
        folder.mkdir(exist_ok=True)
        file = folder / ("ffmpeg.exe" if os.name == "nt" else "ffmpeg")
        file.write_text("#!/bin/sh\nexit 0\n")
        file.chmod(0o755)
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("PATH", path)
    assert program("ffmpeg") is None
    monkeypatch.setenv("PATH", os.pathsep.join([".", str(tmp_path)]))
    assert program("ffmpeg") == str(file.parent.parent / file.name)


def test_a_program_is_found_by_its_whole_path(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", str(Path(sys.executable).parent))
    assert program(Path(sys.executable).name) == sys.executable
