"""The end of the process: at once, without taking apart all that torch has built."""

from __future__ import annotations

import atexit
import logging
import os
import sys
from contextlib import suppress
from typing import NoReturn


def leave(code: int) -> NoReturn:
    """Ends the process with an exit code, when the window is closed and everything is written.

    What was registered to be done at the end is done (Qt gives its clipboard away there, temporary
    folders go), output is flushed. Then Python would look through torch's half a million objects
    several times before it freed them one by one: seconds in which a closed application still runs.
    """
    atexit._run_exitfuncs()
    logging.shutdown()
    for stream in (sys.stdout, sys.stderr):
        with suppress(OSError, ValueError, AttributeError):  # closed, or none under pythonw
            stream.flush()
    os._exit(code)
