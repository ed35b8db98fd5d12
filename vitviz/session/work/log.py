"""Errors nobody foresaw: a sentence for the user, the traceback for the log file.

The log also has the moments of a start, so that whoever waited too long can say for what.
"""

from __future__ import annotations

import logging
import os
from io import TextIOWrapper
from logging.handlers import RotatingFileHandler
from pathlib import Path

import platformdirs

from vitviz.core.language import _
from vitviz.core.progress import VitvizError

_log = logging.getLogger("vitviz")


_LONGEST = 20_000
"""Letters of one entry: a message from outside must not fill the log."""


class _PrivateLog(RotatingFileHandler):
    """A log that nobody but this user may read: paths and names are in it."""

    def _open(self) -> TextIOWrapper:
        os.close(os.open(self.baseFilename, os.O_WRONLY | os.O_CREAT, 0o600))
        Path(self.baseFilename).chmod(0o600)  # one that an older vitviz began
        return super()._open()

    def format(self, record: logging.LogRecord) -> str:
        text = super().format(record)
        return (
            text
            if len(text) <= _LONGEST
            else _("{text} … {text_count:,} letters").format(
                text=text[:_LONGEST], text_count=len(text)
            )
        )


def log_folder() -> Path:
    """Where log and crash reports lie: VITVIZ_CONFIG_DIR, or the system's place for logs."""
    chosen = os.environ.get("VITVIZ_CONFIG_DIR")
    return Path(chosen) if chosen else platformdirs.user_log_path("vitviz", appauthor=False)


def log_file() -> Path:
    """Where the log lies."""
    return log_folder() / "vitviz.log"


def start_log() -> str:
    """Writes vitviz's log to its file from now on; a sentence when that is not possible."""
    if any(isinstance(handler, RotatingFileHandler) for handler in _log.handlers):
        return ""
    try:
        log_file().parent.mkdir(parents=True, exist_ok=True)
        handler = _PrivateLog(
            log_file(),
            maxBytes=500_000,
            backupCount=1,
            encoding="utf-8",
            delay=True,
            errors="backslashreplace",
        )
    except OSError as error:
        return _("no log can be written to {log_file} ({strerror}); check the folder").format(
            log_file=log_file(), strerror=error.strerror
        )
    handler.setFormatter(logging.Formatter("%(asctime)s %(levelname)s %(message)s"))
    _log.addHandler(handler)
    _log.setLevel(logging.INFO)
    return ""


def sentence(error: BaseException, doing: str) -> str:
    """An error in one sentence: vitviz's own say it already, others are named and logged."""
    if isinstance(error, VitvizError):
        return str(error)
    _log.error("%s failed", doing, exc_info=error)
    said = str(error).strip().splitlines()
    detail = f"{type(error).__name__}: {said[0][:160]}" if said else type(error).__name__
    if _of_memory(error):
        return _(
            "{doing} needs more memory than is free ({detail}); close pictures, "
            "models or other programs, or take a smaller input size"
        ).format(doing=doing, detail=detail)
    return _("{doing} failed ({detail}); the details are in {log_file}").format(
        doing=doing, detail=detail, log_file=log_file()
    )


def _of_memory(error: BaseException) -> bool:
    """Whether memory did not suffice, as numpy and torch say it, each in its own way."""
    kind = type(error).__name__ == "OutOfMemoryError" or isinstance(error, MemoryError)
    return kind or "can't allocate memory" in str(error)
