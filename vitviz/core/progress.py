"""Progress and stop for anything that takes time."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from typing import Protocol


class Cancelled(Exception):
    """Raised inside long work when somebody asked it to stop."""


class Progress(Protocol):
    """Called by long work with what is done of how much; raises `Cancelled` to stop it."""

    def __call__(self, done: float, total: float, what: str = "") -> None:
        """`done` of `total`, in any unit, and `what` is being done. Cancelled where it shall stop."""


def silent(done: float, total: float, what: str = "") -> None:
    """Progress that nobody watches."""


_watching: ContextVar[Progress] = ContextVar("watching", default=silent)


@contextmanager
def watching(progress: Progress) -> Iterator[None]:
    """Has whatever this thread does meanwhile report here, however deep it lies: a view that is drawn
    asks its model for another pass, which takes long and must be stopped.
    """
    before = _watching.set(progress)
    try:
        yield
    finally:
        _watching.reset(before)


def watched() -> Progress:
    """Where to report while somebody is watching; else nobody listens."""
    return _watching.get()


class VitvizError(Exception):
    """Something the user should read: one sentence with what, why, and what now."""


class Unsupported(VitvizError):
    """A model or view that cannot be computed exactly, with the reason; never drawn wrong."""


class BadImage(VitvizError):
    """A file that cannot be opened as a picture, with the reason."""


class BadModel(VitvizError):
    """A model or checkpoint that cannot be opened, with the reason."""
