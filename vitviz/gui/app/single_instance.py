"""Files that come while the window is open: from a second start, or the desktop's "open with"."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Callable, Sequence
from pathlib import Path

import msgspec
from PySide6.QtCore import QEvent, QObject, Qt
from PySide6.QtGui import QFileOpenEvent
from PySide6.QtNetwork import QLocalServer, QLocalSocket
from PySide6.QtWidgets import QApplication, QWidget

from vitviz.session.app.launch_options import LaunchOptions
from vitviz.session.files.settings import settings_folder
from vitviz.session.pictures.web_picture import is_address

_THANKS = b"vitviz has them\n"
_HERE, _ANSWER = 300, 2000  # milliseconds: a window that answers later hangs, so another one opens
_MOST = 2**20


def hand_over(launch: LaunchOptions) -> bool:
    """Gives a start's files to the window that is open already; False where there is none.

    Only a start that wishes for nothing but files is handed over: a model, a view or a screenshot
    of its own gets a window of its own.
    """
    if launch != LaunchOptions(files=launch.files):
        return False
    socket = QLocalSocket()
    socket.connectToServer(door())
    if not socket.waitForConnected(_HERE):
        return False
    files = [file if is_address(file) else str(Path(file).absolute()) for file in launch.files]
    socket.write(msgspec.json.encode(files) + b"\n")
    while not socket.canReadLine():
        if not socket.waitForReadyRead(_ANSWER):
            return False
    return socket.readLine().data() == _THANKS


def door() -> str:
    """Where the open window listens: one for each user, settings folder and display."""
    shown = os.environ.get("WAYLAND_DISPLAY") or os.environ.get("DISPLAY") or ""
    whose = f"{settings_folder().absolute()} {os.environ.get('USERNAME', '')} {shown}"
    name = f"vitviz-{hashlib.sha256(whose.encode()).hexdigest()[:16]}"
    runtime = os.environ.get("XDG_RUNTIME_DIR", "")  # nobody else may look into it
    return str(Path(runtime, name)) if Path(runtime).is_dir() and runtime else name


def _answered() -> bool:
    socket = QLocalSocket()
    socket.connectToServer(door())
    return socket.waitForConnected(_HERE)


class SingleInstance(QObject):
    """Listens for files, opens them through `opened` and brings the window to the front."""

    def __init__(self, window: QWidget, opened: Callable[[Sequence[str]], object]) -> None:
        super().__init__(window)
        self._window, self._opened = window, opened
        self._server = QLocalServer(self)
        self._server.setSocketOptions(QLocalServer.SocketOption.UserAccessOption)
        self._server.newConnection.connect(self._connected)

    def listen(self) -> bool:
        """Whether this is now the window that later starts find."""
        if _answered():  # asked first: Qt would take the door from a window that lives
            return False
        QLocalServer.removeServer(door())  # left by one that was killed
        return self._server.listen(door())

    def eventFilter(self, watched: QObject, event: QEvent) -> bool:
        """macOS tells an application of files in this way."""
        if isinstance(event, QFileOpenEvent):
            self.take([event.file() or event.url().toString()])
            return True
        return super().eventFilter(watched, event)

    def take(self, files: Sequence[str]) -> None:
        """Opens files and shows the window."""
        if files:
            self._opened(files)
        self._window.setWindowState(self._window.windowState() & ~Qt.WindowState.WindowMinimized)
        self._window.show()
        self._window.raise_()
        self._window.activateWindow()
        QApplication.alert(self._window)

    def _connected(self) -> None:
        socket = self._server.nextPendingConnection()
        if socket is not None:
            socket.setReadBufferSize(_MOST)
            socket.disconnected.connect(socket.deleteLater)
            socket.readyRead.connect(self._read)

    def _read(self) -> None:
        socket = self.sender()
        if not isinstance(socket, QLocalSocket) or not socket.canReadLine():
            return
        try:
            files = msgspec.json.decode(socket.readLine().data(), type=list[str])
        except msgspec.MsgspecError:
            socket.abort()  # whoever this is speaks another language
            return
        socket.write(_THANKS)
        socket.flush()
        self.take(files)
