"""A start: the window first, then the picture; the log says when."""

from __future__ import annotations

import logging
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image
from pytestqt.qtbot import QtBot

from vitviz.gui.app.application import NEW_HERE, PAINTED, SHOWN, ApplicationStarter
from vitviz.gui.app.main_window import MainWindow
from vitviz.session.app.launch_options import LaunchOptions
from vitviz.session.files.settings import Settings
from vitviz.session.session import Session
from vitviz.session.work.jobs import InlineJobs

ROOT = Path(__file__).resolve().parents[3]


def test_the_log_has_the_moments_that_a_person_waits_for(
    qtbot: QtBot,
    photo: np.ndarray,
    tiny_checkpoint: Path,
    tmp_path: Path,
    caplog: pytest.LogCaptureFixture,
) -> None:
    picture = tmp_path / "photo.png"
    Image.fromarray(photo).save(picture)
    caplog.set_level(logging.INFO, "vitviz")
    window = MainWindow(Session(InlineJobs(), save=lambda _settings: ""))
    qtbot.addWidget(window)
    starter = ApplicationStarter(
        window, LaunchOptions(files=(str(picture),), model=str(tiny_checkpoint))
    )
    assert not window.welcome.isVisibleTo(window), "a picture is coming"
    expected = window.board.placed
    window.installEventFilter(starter)
    window.show()
    qtbot.waitUntil(lambda: PAINTED in caplog.messages)
    assert window.board.placed == expected, "the cards that stay are there from the start"
    assert window.session.trace is not None
    assert caplog.messages == [SHOWN, PAINTED]
    assert window.notices.sentences == (NEW_HERE,), "the walk through is offered"
    assert window.session.settings.now.walk_offered, "once"
    window.session.chosen.select(depth=0.0)
    assert caplog.messages.count(PAINTED) == 1, "a start is over once"


def test_the_walk_through_is_offered_once(
    qtbot: QtBot,
    photo: np.ndarray,
    tiny_checkpoint: Path,
    tmp_path: Path,
    caplog: pytest.LogCaptureFixture,
) -> None:
    picture = tmp_path / "photo.png"
    Image.fromarray(photo).save(picture)
    caplog.set_level(logging.INFO, "vitviz")
    before = Settings(walk_offered=True)
    window = MainWindow(Session(InlineJobs(), before, save=lambda _settings: ""))
    qtbot.addWidget(window)
    wish = LaunchOptions(files=(str(picture),), model=str(tiny_checkpoint))
    window.installEventFilter(ApplicationStarter(window, wish))
    window.show()
    qtbot.waitUntil(lambda: PAINTED in caplog.messages)
    assert window.notices.sentences == ()


@pytest.mark.parametrize(
    ("more", "code"),
    [({}, 0), ({"layer": 1}, 0), ({"layer": 99}, 1), ({"files": ("gone.png",)}, 1)],
)
def test_a_screenshot_that_lacks_something_asked_for_is_taken_and_ends_with_1(
    qtbot: QtBot,
    photo: np.ndarray,
    tiny_checkpoint: Path,
    tmp_path: Path,
    more: dict[str, Any],
    code: int,
) -> None:
    picture, shot = tmp_path / "photo.png", tmp_path / "shot.png"
    Image.fromarray(photo).save(picture)
    files = (str(picture), *more.get("files", ()))
    window = MainWindow(Session(InlineJobs(), save=lambda _settings: ""))
    qtbot.addWidget(window)
    wish = LaunchOptions(model=str(tiny_checkpoint), screenshot=shot, **{**more, "files": files})
    starter = ApplicationStarter(window, wish)
    window.installEventFilter(starter)
    window.show()
    qtbot.waitUntil(lambda: not window.isVisible(), timeout=30_000)
    assert shot.is_file()
    assert starter.code == code


def test_a_damaged_session_ends_a_screenshot_with_its_sentence(
    tmp_path: Path,
) -> None:
    """The window of its own: here nothing is done at once, as in the program."""
    (tmp_path / "damaged.vitviz").write_bytes(b"{")
    ended = subprocess.run(
        [
            sys.executable,
            "-m",
            "vitviz",
            str(tmp_path / "damaged.vitviz"),
            "--screenshot",
            str(tmp_path / "shot.png"),
        ],
        capture_output=True,
        text=True,
        timeout=300,
        cwd=ROOT,
    )
    assert ended.returncode == 1
    assert ended.stderr.strip() == (
        "damaged.vitviz is no session of vitviz; choose a file that ends in .vitviz"
    )
