"""Other programs, found where the system keeps them and never in the folder one happens to be in."""

from __future__ import annotations

import os
import shutil
from pathlib import Path


def program(name: str) -> str | None:
    """The whole path of a program; None where PATH has none such.

    Windows looks into the current folder first, and a PATH may name it: a file that lies beside the
    pictures must not be run because of its name.
    """
    folders = [
        each
        for each in os.environ.get("PATH", os.defpath).split(os.pathsep)
        if each and Path(each).is_absolute()
    ]
    for folder in folders:
        # One folder at a time, with the name behind it: `which` then looks nowhere else.
        if (found := shutil.which(str(Path(folder, name)))) is not None:
            return found
    return None
