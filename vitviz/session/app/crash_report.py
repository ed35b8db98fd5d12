"""What a sudden end leaves: a report in a file, told at the next start and never sent."""

from __future__ import annotations

import atexit
import faulthandler
import os
import platform
import sys
import threading
import time
import traceback
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from types import TracebackType
from typing import TextIO

from vitviz.core.language import _
from vitviz.core.printable import printable
from vitviz.core.version import __version__
from vitviz.session.work.log import log_folder

KEPT = 5
"""Reports that are kept; older ones go."""
_WEEK = 7 * 24 * 3600
ErrorType = type[BaseException]


def reports_folder() -> Path:
    """Where reports lie, beside the log."""
    return log_folder() / "crashes"


class CrashReporter:
    """Writes what nobody foresaw, down to a crash inside torch or Qt, into a file of this process.

    `tell` is called with a sentence while there is somebody to tell; a process that ends without
    having told leaves its file to the next start (`earlier`). A quiet end leaves nothing.
    """

    def __init__(self, folder: Path | None = None) -> None:
        self.tell: Callable[[str], None] | None = None
        self._folder = folder or reports_folder()
        self._file: TextIO | None = None
        self._path, self._quiet = Path(), 0

    def start(self) -> str:
        """From now on; a sentence when no report can be written."""
        stamp = time.strftime("%Y%m%d-%H%M%S")
        self._path = self._folder / f"running-{stamp}-{os.getpid()}.txt"
        try:
            self._folder.mkdir(parents=True, exist_ok=True)
            self._file = private(self._path)
        except OSError as error:
            return _("no crash report can be written to {folder} ({strerror})").format(
                folder=self._folder, strerror=error.strerror
            )
        self._file.write(
            _(
                "vitviz {version}, Python {python_version} on {platform}, started "
                "{strftime}. This file has been sent to nobody.\n"
            ).format(
                version=__version__,
                python_version=platform.python_version(),
                platform=platform.platform(),
                strftime=time.strftime("%Y-%m-%d %H:%M:%S"),
            )
        )
        self._file.flush()
        self._quiet = self._path.stat().st_size
        faulthandler.enable(self._file)
        sys.excepthook = self._unforeseen
        threading.excepthook = self._in_a_thread
        atexit.register(self.end)
        return ""

    def end(self) -> None:
        """The process ends as it should: the file stays only when something is in it untold."""
        if self._file is None:
            return
        faulthandler.disable()
        self._file.close()
        self._file = None
        with suppress(OSError):
            if self._path.stat().st_size <= self._quiet:
                _settle(self._path)

    def _unforeseen(
        self, kind: ErrorType, error: BaseException, trace: TracebackType | None
    ) -> None:
        if issubclass(kind, KeyboardInterrupt) or self._file is None:
            sys.__excepthook__(kind, error, trace)
            return
        text = "".join(traceback.format_exception(kind, error, trace))
        print(printable(text), file=sys.stderr, end="")
        with suppress(OSError, ValueError):
            self._file.write(f"\n{time.strftime('%H:%M:%S')}\n{text}")
            self._file.flush()
            if self.tell is not None:
                said = text.strip().splitlines()[-1][:160]
                self.tell(
                    _("Something went wrong ({said}); the details are in {path}").format(
                        said=said, path=self._path
                    )
                )
                self._quiet = self._path.stat().st_size

    def _in_a_thread(self, args: threading.ExceptHookArgs) -> None:
        if args.exc_value is not None and not issubclass(args.exc_type, SystemExit):
            self._unforeseen(args.exc_type, args.exc_value, args.exc_traceback)


def private(path: Path) -> TextIO:
    """A new file for words that nobody but this user may read: paths and names are in them."""
    handle = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    return os.fdopen(handle, "w", encoding="utf-8", errors="backslashreplace")


def earlier(folder: Path | None = None) -> tuple[str, ...]:
    """A sentence for each earlier vitviz that ended suddenly, told once; its report is kept."""
    folder, told = folder or reports_folder(), []
    for path in sorted(folder.glob("running-*.txt")):
        with suppress(OSError):
            lines = path.read_text(encoding="utf-8", errors="replace").strip().splitlines()
            if len(lines) > 1:
                kept = _settle(path)
                told.append(
                    _(
                        "vitviz ended unexpectedly ({reason}); the report, which nobody "
                        "else has got, is {kept}"
                    ).format(reason=_reason(lines), kept=kept)
                )
            elif time.time() - path.stat().st_mtime > _WEEK:
                path.unlink()  # its computer was switched off, say; a younger one may still run
    for old in sorted(folder.glob("crash-*.txt"))[:-KEPT]:
        with suppress(OSError):
            old.unlink()
    return tuple(told)


def _reason(lines: list[str]) -> str:
    """What went wrong, in a report's own words."""
    fatal = next((line for line in lines if line.startswith("Fatal Python error")), "")
    return (fatal or lines[-1])[:160]


def _settle(path: Path) -> Path:
    """A finished report under its lasting name; a file without anything but its head goes."""
    kept = path.with_name(path.name.replace("running-", "crash-", 1))
    if len(path.read_text(encoding="utf-8", errors="replace").strip().splitlines()) > 1:
        return path.rename(kept)
    path.unlink()
    return path
