"""Whatever can go wrong in a trial, on purpose: what the trials themselves are tried with."""

from __future__ import annotations

import os
import threading
from pathlib import Path

from .trial_run import Refused


def attempt(name: str, data: bytes, folder: Path) -> None:
    """Does what the data says."""
    match data:
        case b"hang":
            threading.Event().wait()
        case b"crash":
            os._exit(9)
        case b"error":
            raise ZeroDivisionError
        case b"lines":
            raise Refused("two\nlines")
        case b"execute":
            (folder / "executed").touch()
            raise Refused("a sentence")
        case b"refuse":
            raise Refused("a sentence")
