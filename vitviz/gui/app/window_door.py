"""The door of the open window: a private place, and who stands at the other side of it."""

from __future__ import annotations

import hashlib
import os
import socket
import struct
import sys
import tempfile
from pathlib import Path

from PySide6.QtNetwork import QLocalSocket

from vitviz.core.files import private_folder
from vitviz.session.files.settings_folder import settings_folder

_LONGEST = 100
"""Letters of a socket's path that every Unix takes."""
_XUCRED = 76  # bytes of macOS' struct xucred, whose second number is the user


def door() -> str:
    """Where the open window listens: one for each user, settings folder and display; "" where there is
    no place that nobody else can reach, and every start opens a window of its own."""
    shown = os.environ.get("WAYLAND_DISPLAY") or os.environ.get("DISPLAY") or ""
    whose = f"{settings_folder().absolute()} {os.environ.get('USERNAME', '')} {shown}"
    name = f"vitviz-{hashlib.sha256(whose.encode('utf-8', 'surrogateescape')).hexdigest()[:16]}"
    if not hasattr(os, "getuid"):
        return name  # Windows: Qt gives the pipe to this user alone
    for folder in _places():
        path = folder / name
        if len(os.fsencode(path)) > _LONGEST:
            continue
        try:
            private_folder(folder)
        except OSError:
            continue
        return str(path)
    return ""


def _places() -> tuple[Path, ...]:
    """Folders for the door, the best first; the last is guessable, and taken only where it is ours."""
    runtime = os.environ.get("XDG_RUNTIME_DIR", "")
    given = (Path(runtime),) if runtime and Path(runtime).is_dir() else ()
    return (
        *given,
        settings_folder() / "door",
        Path(tempfile.gettempdir(), f"vitviz-{os.getuid()}"),
    )


def same_user(connection: QLocalSocket) -> bool:
    """Whether the process at the other side is this user's; False where the system does not say."""
    if not hasattr(os, "getuid"):
        return True
    try:
        with socket.socket(fileno=os.dup(int(connection.socketDescriptor()))) as peer:
            return _user(peer) == os.getuid()
    except (OSError, ValueError, struct.error):
        return False


def _user(peer: socket.socket) -> int:
    """The number of the user at the other side. OSError or ValueError where it cannot be had."""
    if hasattr(socket, "SO_PEERCRED"):
        found = peer.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, struct.calcsize("3i"))
        return int(struct.unpack("3i", found)[1])
    if sys.platform == "darwin":
        found = peer.getsockopt(0, 1, _XUCRED)  # SOL_LOCAL, LOCAL_PEERCRED
        return int(struct.unpack_from("II", found)[1])
    raise ValueError("this system does not say who is there")
