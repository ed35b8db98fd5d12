"""The garbage collector, kept away from imports: what they make stays, half a million objects of it.

While torch and timm are imported it looks through all of that again and again and finds nothing: a
sixth of the time. A full pass over it takes a sixth of a second, in which no thread runs, the window's
neither.
"""

from __future__ import annotations

import gc
from collections.abc import Iterator
from contextlib import contextmanager
from threading import Lock

_lock = Lock()
_pauses = 0
_was_on = False
_own_process = False


def own_this_process() -> None:
    """Says that vitviz is the program that runs: what was imported is never looked through again.

    In somebody else's script garbage of theirs would be kept with it.
    """
    global _own_process
    _own_process = True


@contextmanager
def garbage_kept() -> Iterator[None]:
    """No collection meanwhile, in no thread; a collector that was off stays off.

    >>> with garbage_kept():
    ...     import json
    """
    pause()
    try:
        yield
    finally:
        resume()


def pause() -> None:
    """As `garbage_kept` begins; each pause is ended by one `resume`."""
    global _pauses, _was_on
    with _lock:
        if _pauses == 0:
            _was_on = gc.isenabled()
            gc.disable()
        _pauses += 1


def resume() -> None:
    """As `garbage_kept` ends."""
    global _pauses
    with _lock:
        _pauses -= 1
        if _pauses == 0 and _was_on:
            if _own_process:
                gc.freeze()
            gc.enable()
