"""A second start gives its files to the window that is open, and gets a window where there is none."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from PySide6.QtCore import QCoreApplication, QUrl
from PySide6.QtGui import QFileOpenEvent
from PySide6.QtNetwork import QLocalServer, QLocalSocket
from PySide6.QtWidgets import QWidget
from pytestqt.qtbot import QtBot

from vitviz.gui.app.single_instance import SingleInstance, hand_over
from vitviz.gui.app.window_door import door, same_user
from vitviz.session.app.launch_options import LaunchOptions

ROOT = Path(__file__).resolve().parents[3]


@pytest.fixture
def opened() -> list[list[str]]:
    return []


@pytest.fixture
def arrivals(qtbot: QtBot, opened: list[list[str]]) -> Iterator[SingleInstance]:
    window = QWidget()
    qtbot.addWidget(window)
    found = SingleInstance(window, lambda files: opened.append(list(files)))
    assert found.listen()
    yield found
    found._server.close()


def second_start(*files: str, cwd: Path = ROOT) -> subprocess.Popen[str]:
    """Another process that hands its files over; its exit code is 0 when somebody took them."""
    code = (
        "import sys; from vitviz.gui.app.single_instance import hand_over; "
        "from vitviz.session.app.launch_options import LaunchOptions; "
        "sys.exit(not hand_over(LaunchOptions(files=tuple(sys.argv[1:]))))"
    )
    paths = os.pathsep.join([str(ROOT), os.environ.get("PYTHONPATH", "")])
    return subprocess.Popen(
        [sys.executable, "-c", code, *files],
        cwd=cwd,
        env=os.environ | {"PYTHONPATH": paths},
        text=True,
    )


def test_a_second_start_hands_its_files_over(
    qtbot: QtBot, arrivals: SingleInstance, opened: list[list[str]], tmp_path: Path
) -> None:
    second = second_start("cat.png", "https://example.org/dog.png", cwd=tmp_path)
    qtbot.waitUntil(lambda: second.poll() is not None, timeout=20_000)
    assert second.returncode == 0
    assert opened == [[str(tmp_path / "cat.png"), "https://example.org/dog.png"]]
    assert arrivals._window.isVisible()


def test_without_a_window_a_start_opens_its_own(arrivals: SingleInstance) -> None:
    arrivals._server.close()
    assert not hand_over(LaunchOptions(files=("cat.png",)))


def test_wishes_beyond_files_get_a_window_of_their_own(arrivals: SingleInstance) -> None:
    assert not hand_over(LaunchOptions(files=("cat.png",), model="vit_base_patch16_224"))
    assert not hand_over(LaunchOptions(screenshot=Path("out.png")))


def test_a_door_left_by_a_killed_window_is_taken_over(qtbot: QtBot, config_folder: Path) -> None:
    code = (
        "import os; from PySide6.QtCore import QCoreApplication; "
        "from PySide6.QtNetwork import QLocalServer; from vitviz.gui.app.window_door import door\n"
        "app = QCoreApplication([]); s = QLocalServer(); assert s.listen(door()); os._exit(9)"
    )
    assert subprocess.run([sys.executable, "-c", code], cwd=ROOT).returncode == 9
    window = QWidget()
    qtbot.addWidget(window)
    late = SingleInstance(window, print)
    assert late.listen()
    second = SingleInstance(window, print)
    assert not second.listen(), "the door of a window that lives is left to it"
    late._server.close()


def test_strangers_at_the_door_are_sent_away(
    qtbot: QtBot, arrivals: SingleInstance, opened: list[list[str]]
) -> None:
    socket = QLocalSocket()
    socket.connectToServer(door())
    assert socket.waitForConnected(1000)
    socket.write(b'{"not": "a list of files"}\n')
    socket.flush()
    qtbot.waitUntil(lambda: socket.state() == QLocalSocket.LocalSocketState.UnconnectedState)
    assert opened == []


def test_somebody_else_behind_the_door_gets_no_thanks(qtbot: QtBot, config_folder: Path) -> None:
    stranger = QLocalServer()
    assert stranger.listen(door())
    second = second_start("cat.png")

    def answer() -> None:
        peer = stranger.nextPendingConnection()
        peer.write(b"who are you\n")
        peer.flush()

    stranger.newConnection.connect(answer)
    qtbot.waitUntil(lambda: second.poll() is not None, timeout=20_000)
    assert second.returncode == 1
    stranger.close()


def test_macos_tells_of_files_by_an_event(
    arrivals: SingleInstance, opened: list[list[str]]
) -> None:
    app = QCoreApplication.instance()
    assert app is not None
    app.installEventFilter(arrivals)
    QCoreApplication.sendEvent(app, QFileOpenEvent(QUrl.fromLocalFile("/pictures/cat.png")))
    app.removeEventFilter(arrivals)
    assert opened == [["/pictures/cat.png"]]


def test_the_door_is_in_a_folder_of_this_user_alone(
    config_folder: Path, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.delenv("XDG_RUNTIME_DIR", raising=False)
    folder = Path(door()).parent
    assert folder.stat().st_mode & 0o777 == 0o700
    monkeypatch.setenv("XDG_RUNTIME_DIR", str(tmp_path))
    tmp_path.chmod(0o777)  # anybody could have put a door there
    assert Path(door()).parent != tmp_path
    tmp_path.chmod(0o700)
    assert Path(door()).parent == tmp_path


def test_without_a_private_place_every_start_opens_a_window(
    config_folder: Path, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.delenv("XDG_RUNTIME_DIR", raising=False)
    monkeypatch.setenv("VITVIZ_CONFIG_DIR", str(tmp_path / ("x" * 120)))
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    squatted = tmp_path / f"vitviz-{os.getuid()}"
    squatted.mkdir(mode=0o777)
    squatted.chmod(0o777)
    assert door() == ""
    assert not hand_over(LaunchOptions(files=("cat.png",)))
    squatted.chmod(0o700)
    assert Path(door()).parent == squatted


def test_the_user_at_the_other_side_is_known(qtbot: QtBot, arrivals: SingleInstance) -> None:
    socket = QLocalSocket()
    socket.connectToServer(door())
    assert socket.waitForConnected(1000)
    assert same_user(socket)
    assert not same_user(QLocalSocket()), "where nobody says who is there, nobody is trusted"


@pytest.mark.parametrize(
    "message",
    [
        b"x" * (2**22 + 10),
        b'["' + b"y" * 100_000 + b'"]\n',
        b"[" * 100_000 + b"\n",
        b'["\xff\xfe"]\n',
        b"null\n",
    ],
)
def test_a_message_of_any_size_and_content_ends_in_a_sentence_or_silence(
    qtbot: QtBot, message: bytes, config_folder: Path
) -> None:
    window, said, opened = QWidget(), [], []
    qtbot.addWidget(window)
    arrivals = SingleInstance(window, opened.append, said.extend)
    assert arrivals.listen()
    socket = QLocalSocket()
    socket.connectToServer(door())
    assert socket.waitForConnected(1000)
    socket.write(message)
    qtbot.waitUntil(lambda: socket.state() == QLocalSocket.LocalSocketState.UnconnectedState)
    assert not opened
    assert all("nothing was opened" in sentence and len(sentence) < 200 for sentence in said)
    arrivals._server.close()
