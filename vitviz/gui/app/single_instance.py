"""Files that come while the window is open: from a second start, or the desktop's "open with"."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import msgspec
from PySide6.QtCore import QEvent, QObject, Qt
from PySide6.QtGui import QFileOpenEvent
from PySide6.QtNetwork import QLocalServer, QLocalSocket
from PySide6.QtWidgets import QApplication, QWidget

from vitviz.core.files import expanded
from vitviz.core.language import _
from vitviz.gui.app.window_door import door, same_user
from vitviz.session.app.launch_options import LaunchOptions
from vitviz.session.pictures.picture_list import is_address

_THANKS = b"vitviz has them\n"
_HERE, _ANSWER = 300, 2000  # milliseconds: a window that answers later hangs, so another one opens
_MOST, _MOST_FILES, _MOST_LETTERS = 2**22, 20_000, 4096
"""Bytes of a message, files in it, and letters of a file's path: whoever says more gets no answer."""


def hand_over(launch: LaunchOptions) -> bool:
    """Gives a start's files to the window that is open already; False where there is none.

    Only a start that wishes for nothing but files is handed over: a model, a view or a screenshot
    of its own gets a window of its own.
    """
    if launch != LaunchOptions(files=launch.files):
        return False
    socket = _connected_to(door())
    if socket is None:
        return False
    files = [file if is_address(file) else str(expanded(file).absolute()) for file in launch.files]
    try:
        message = msgspec.json.encode(files) + b"\n"
    except UnicodeEncodeError:  # names that are no text: this start opens them itself
        return False
    if len(message) > _MOST:
        return False
    socket.write(message)
    while not socket.canReadLine():
        if not socket.waitForReadyRead(_ANSWER):
            return False
    return socket.readLine().data() == _THANKS


def _connected_to(place: str) -> QLocalSocket | None:
    """A line to the window behind a door; None where there is no window, or another user's."""
    if not place:
        return None
    socket = QLocalSocket()
    socket.connectToServer(place)
    if not socket.waitForConnected(_HERE) or not same_user(socket):
        return None
    return socket


class SingleInstance(QObject):
    """Listens for files, opens them through `opened` and brings the window to the front."""

    def __init__(
        self,
        window: QWidget,
        opened: Callable[[Sequence[str]], object],
        say: Callable[[list[str]], object] = lambda _: None,
    ) -> None:
        super().__init__(window)
        self._window, self._opened, self._say = window, opened, say
        self._server = QLocalServer(self)
        self._server.setSocketOptions(QLocalServer.SocketOption.UserAccessOption)
        self._server.newConnection.connect(self._connected)

    def listen(self) -> bool:
        """Whether this is now the window that later starts find."""
        place = door()
        # Asked first: Qt would take the door from a window that lives.
        if not place or _connected_to(place) is not None:
            return False
        QLocalServer.removeServer(place)  # left by one that was killed
        return self._server.listen(place)

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
        if socket is None:
            return
        if not same_user(socket):
            socket.abort()
        else:
            socket.setReadBufferSize(_MOST)
            socket.disconnected.connect(socket.deleteLater)
            socket.readyRead.connect(self._read)

    def _read(self) -> None:
        socket = self.sender()
        if not isinstance(socket, QLocalSocket):
            return
        if not socket.canReadLine():
            if socket.bytesAvailable() >= _MOST:
                self._refuse(socket, _("a message of more than {most:,} bytes").format(most=_MOST))
            return
        try:
            files = msgspec.json.decode(socket.readLine().data(), type=list[str])
        except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError):
            socket.abort()  # whoever this is speaks another language
            return
        if len(files) > _MOST_FILES or any(len(file) > _MOST_LETTERS for file in files):
            self._refuse(
                socket,
                _("{files_count:,} names of up to {max:,} letters").format(
                    files_count=len(files), max=max(map(len, files))
                ),
            )
            return
        socket.write(_THANKS)
        socket.flush()
        self.take(files)

    def _refuse(self, socket: QLocalSocket, what: str) -> None:
        socket.abort()
        self._say(
            [
                _(
                    "another start sent {what}, which are no files to open; nothing was opened"
                ).format(what=what)
            ]
        )
