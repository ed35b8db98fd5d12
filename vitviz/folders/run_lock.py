"""Who is at work in a folder: a lock of the system, or in a store a note that is kept fresh."""

from __future__ import annotations

import json
import os
import time
from contextlib import suppress
from pathlib import Path
from platform import node
from tempfile import TemporaryDirectory
from threading import Event, Thread
from typing import Any, Protocol

from filelock import FileLock, Timeout

from vitviz.core.files import is_running
from vitviz.core.progress import VitvizError
from vitviz.core.storage import StoragePath

FRESH = 60.0
"""Seconds after which a run in a store says again that it is at work."""
STALE = 5 * FRESH
"""Seconds after which one that has said nothing is taken to be dead."""


class RunLock(Protocol):
    """Held while a run is at work."""

    def acquire(self, timeout: float | None = None) -> Any:
        """Timeout where somebody else holds it, OSError where it cannot be written."""

    def release(self) -> None:
        """Lets others in."""


def lock_of(file: Path) -> RunLock:
    """The lock of this name."""
    return StorageLock(file) if isinstance(file, StoragePath) else FileLock(file)


class StorageLock:
    """A note in a store that says who is at work there, written again every minute.

    A store has no locks that end with a process. Where it can refuse to replace a file (S3, Google and
    Azure do) two runs cannot both begin; a note that is five minutes old, or of a process of this
    machine that is no more, is taken over.
    """

    def __init__(self, file: StoragePath) -> None:
        self._file = file
        self._ended = Event()

    def acquire(self, timeout: float | None = None) -> None:
        try:
            self._say(new=True)
        except FileExistsError:
            if self._is_held():
                raise Timeout(str(self._file)) from None
            self._say()
        self._ended.clear()
        Thread(target=self._go_on, name="storage lock", daemon=True).start()

    def release(self) -> None:
        self._ended.set()
        with suppress(OSError, VitvizError):
            self._file.unlink(missing_ok=True)

    def _go_on(self) -> None:
        while not self._ended.wait(FRESH):
            with suppress(OSError, VitvizError):
                self._say()

    def _say(self, *, new: bool = False) -> None:
        words = {"machine": node(), "process": os.getpid(), "at": time.time()}
        with TemporaryDirectory(prefix="vitviz-") as folder:
            note = Path(folder, "lock")
            note.write_text(json.dumps(words), "utf-8")
            self._file.put(note, new=new)

    def _is_held(self) -> bool:
        try:
            found = json.loads(self._file.read_text("utf-8"))
            machine, process, at = found["machine"], int(found["process"]), float(found["at"])
        except (OSError, ValueError, KeyError, TypeError):
            return False
        if machine == node() and process != os.getpid() and not is_running(process):
            return False
        return time.time() - at < STALE
