"""Counts the files that something a user does passes on its way to the screen.

A file counts when the body of one of its functions ran between the input event and the paint of the
result, in the window's thread or in a worker; what merely was imported does not. The way is what lies
in `gui` and `session`: what a view computes (views, core, models) is that view's own affair.
"""

from __future__ import annotations

import sys
import threading
from types import FrameType
from typing import Any

import vitviz

ROOT = vitviz.__file__.removesuffix("__init__.py")
WAY = ("gui/", "session/")
GUARD = "gui/widgets/override_errors.py"
"""Wrapped around what Qt calls, up to CPython 3.11 alone: no station on anybody's way."""


class FilesPassed:
    """Traces all threads from its start on, and counts between `begin` and `end`.

    To be made before the threads that are to be seen: a profile function reaches only those that
    start later.
    """

    def __init__(self) -> None:
        self._on = False
        self._seen: set[str] = set()

    def __enter__(self) -> FilesPassed:
        self._before = sys.getprofile()
        threading.setprofile(self._look)
        sys.setprofile(self._look)
        return self

    def __exit__(self, *_: object) -> None:
        threading.setprofile(None)  # type: ignore[arg-type]
        sys.setprofile(self._before)

    def begin(self) -> None:
        """From here on files count."""
        self._seen, self._on = set(), True

    def end(self, *_said: object) -> None:
        """Up to here; a slot for what says that the result is there."""
        self._on = False

    @property
    def files(self) -> list[str]:
        """The files of vitviz that ran in between."""
        return sorted(name.removeprefix(ROOT) for name in self._seen)

    def _look(self, frame: FrameType, event: str, _argument: Any) -> None:
        if self._on and event == "call":
            code = frame.f_code
            if code.co_filename.startswith(ROOT) and code.co_name != "<module>":
                self._seen.add(code.co_filename)


def on_the_way(files: list[str]) -> list[str]:
    """Of the files those that carry a wish and its result, not those that compute it."""
    return [name for name in files if name.startswith(WAY) and name != GUARD]
