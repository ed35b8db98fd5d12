"""libtiff's remarks on damaged files, which it prints on the terminal past everybody."""

from __future__ import annotations

import ctypes
import ctypes.util
import logging
from functools import cache
from pathlib import Path

import PIL

_log = logging.getLogger("vitviz")


@cache
def quiet_libtiff() -> bool:
    """Has the libtiff that Pillow uses say nothing by itself; False where it cannot be told.

    What is wrong with a file is said in vitviz's sentence. A libtiff built into Pillow's own module, as
    on Windows, has no door to it.
    """
    for name in _libraries():
        try:
            library = ctypes.CDLL(name)
            for handler in ("TIFFSetErrorHandler", "TIFFSetWarningHandler"):
                tell = getattr(library, handler)
                tell.argtypes, tell.restype = (ctypes.c_void_p,), ctypes.c_void_p
                tell(None)
        except (OSError, AttributeError) as error:
            _log.info("libtiff at %s keeps its words: %s", name, error)
        else:
            return True
    return False


def _libraries() -> list[str]:
    """Where libtiff may be: beside Pillow in its wheels, else the system's."""
    home = Path(PIL.__file__).parent
    own = [*home.parent.glob("pillow.libs/libtiff*"), *home.glob(".dylibs/libtiff*")]
    system = ctypes.util.find_library("tiff") if not own else None
    return [*map(str, own), *([system] if system else [])]
