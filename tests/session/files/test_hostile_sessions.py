"""A session's file that means ill, or is damaged: a sentence, nothing fetched, nothing half opened."""

from __future__ import annotations

import json
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from localhub import Hub, served, turn_to
from PIL import Image

from vitviz.core.progress import VitvizError
from vitviz.session.files import session_format
from vitviz.session.session import Session
from vitviz.session.session_files import SessionFiles
from vitviz.session.work.jobs import InlineJobs
from vitviz.session.work.request import ModelRequest


@pytest.fixture
def file(photo: np.ndarray, tmp_path: Path) -> Path:
    """A real session of one model and one picture."""
    Image.fromarray(photo).save(tmp_path / "photo.png")
    made = Session(InlineJobs(), save=lambda _settings: "")
    made.columns.use_model(ModelRequest("test_vit", pretrained=False))
    made.open([tmp_path / "photo.png"])
    SessionFiles(made).save(tmp_path / "mine.vitviz", {})
    return tmp_path / "mine.vitviz"


def change(file: Path, *path: Any, value: Any) -> None:
    """Writes the session with something else in one place."""
    known = found = json.loads(file.read_bytes())
    *way, last = path
    for step in way:
        found = found.setdefault(step, {}) if isinstance(found, dict) else found[step]
    found[last] = value
    file.write_text(json.dumps(known))


COLUMN = ("columns", 0, "model")


@pytest.mark.parametrize(
    ("path", "value"),
    [
        (("active",), -1),
        (("reference",), -5),
        (("active",), None),
        (("columns",), None),
        (("selections", 0, "depth"), 9),
        (("selections", 0, "head"), -1),
        ((*COLUMN, "patch_size"), -1),
        ((*COLUMN, "input_size"), 10**9),
        ((*COLUMN, "name"), None),
        ((*COLUMN, "architecture"), "x" * 1000),
        ((*COLUMN, "fit"), "stretch"),
        (("pictures", 0, "key"), 7),
        (("look", "table"), 5),
        (("options",), []),
    ],
)
def test_what_no_vitviz_has_written_is_damage(
    file: Path, path: tuple[Any, ...], value: Any
) -> None:
    change(file, *path, value=value)
    with pytest.raises(VitvizError, match=r"mine\.vitviz is damaged"):
        session_format.read(file)


@pytest.mark.parametrize("text", [b"", b"[" * 100_000, b'{"a":' * 100_000, b"\xff\xfe", b"null"])
def test_what_is_no_session_says_so(file: Path, text: bytes) -> None:
    file.write_bytes(text)
    with pytest.raises(VitvizError, match="no session"):
        session_format.read(file)


def test_deep_inside_a_session_is_damage(file: Path) -> None:
    head = '{"kind": "vitviz session", "version": 1, "options": {"x": '
    file.write_text(head + "[" * 100_000)
    with pytest.raises(VitvizError):
        session_format.read(file)


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="this system has no pipes in folders")
def test_a_pipe_is_no_session(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe.vitviz")
    with pytest.raises(VitvizError, match="ordinary"):
        session_format.read(tmp_path / "pipe.vitviz")


def opened(file: Path, act: Callable[[SessionFiles], None]) -> tuple[Session, list[Any], list[str]]:
    made = Session(InlineJobs(), save=lambda _settings: "")
    asked: list[Any] = []
    said: list[str] = []
    files = SessionFiles(made)
    files.far.connect(lambda *more: asked.append(more))
    made.problems.connect(said.extend)
    made.columns.trace_failed.connect(lambda sentence, _column: said.append(sentence))
    act(files)
    return made, asked, said


def test_a_session_fetches_nothing_without_a_question(
    file: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    change(file, *COLUMN, "name", value="hf-hub:someone/model")
    change(file, *COLUMN, "pretrained", value=True)
    with served(Hub()) as hub:
        turn_to(hub, tmp_path / "hub", monkeypatch)
        made, asked, _ = opened(file, lambda files: files.open(file))
        assert [models for _, _, models in asked] == [{"hf-hub:someone/model": "someone/model"}]
        assert not made.pictures.open, "nothing is opened before the answer"
        _, asked, said = opened(file, lambda files: files.open(file, download="no"))
        assert not asked
        assert "no model of this session is on this computer" in said[0]
        assert not hub.asked
        _, _, said = opened(file, lambda files: files.open(file, download="yes"))
        assert hub.asked
        assert "the hub has no" in said[0]


def test_what_is_on_this_computer_is_opened_without_a_question(file: Path) -> None:
    made, asked, said = opened(file, lambda files: files.open(file))
    assert made.trace is not None
    assert not asked
    assert not said
