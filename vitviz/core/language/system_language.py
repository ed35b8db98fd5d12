"""The languages that a person's system is set to, without Qt."""

from __future__ import annotations

import os
import sys
from pathlib import Path

_VARIABLES = ("LANGUAGE", "LC_ALL", "LC_MESSAGES", "LANG")


def system_languages() -> tuple[str, ...]:
    """As the system calls them, the most wanted first: ("zh_CN.UTF-8",); () where it does not say."""
    if found := of_variables():
        return found
    if sys.platform == "darwin":  # a program that is clicked on gets no LANG there
        return of_macos(Path.home() / "Library" / "Preferences" / ".GlobalPreferences.plist")
    if sys.platform == "win32":
        return _of_windows()
    return ()


def of_variables() -> tuple[str, ...]:
    """What the first variable says that is set; LANGUAGE may list several."""
    for name in _VARIABLES:
        if value := os.environ.get(name, ""):
            return tuple(part for part in value.split(":") if part)
    return ()


def of_macos(preferences: Path) -> tuple[str, ...]:
    """AppleLanguages of the settings of macOS; () where they cannot be read."""
    import plistlib

    try:
        found = plistlib.loads(preferences.read_bytes()).get("AppleLanguages", ())
    except (OSError, ValueError, plistlib.InvalidFileException):
        return ()
    return tuple(str(each) for each in found)


def _of_windows() -> tuple[str, ...]:
    if sys.platform != "win32":
        return ()
    import ctypes
    import locale

    named = locale.windows_locale.get(ctypes.windll.kernel32.GetUserDefaultUILanguage(), "")
    return (named,) if named else ()
