"""Progress and stop for anything that takes time."""

from __future__ import annotations

from typing import Protocol


class Cancelled(Exception):
    """Raised inside long work when somebody asked it to stop."""


class Progress(Protocol):
    """Called by long work with what is done of how much; raises `Cancelled` to stop it."""

    def __call__(self, done: float, total: float, what: str = "") -> None: ...


def silent(done: float, total: float, what: str = "") -> None:
    """Progress that nobody watches."""


class VitvizError(Exception):
    """Something the user should read: one sentence with what, why, and what now."""


class Unsupported(VitvizError):
    """A model or view that cannot be computed exactly, with the reason; never drawn wrong."""


class BadImage(VitvizError):
    """A file that cannot be opened as a picture, with the reason."""


class BadModel(VitvizError):
    """A model or checkpoint that cannot be opened, with the reason."""
