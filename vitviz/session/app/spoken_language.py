"""Which language a start of vitviz speaks: what was asked for, as far as it can be shown."""

from __future__ import annotations

import sys

from vitviz.core.language import ENGLISH, can_be_written, chosen_language, speak
from vitviz.core.progress import VitvizError
from vitviz.session.files.settings_folder import remembered_language


def speak_as_chosen(*, on_console: bool) -> None:
    """Has this process speak the language of VITVIZ_LANGUAGE, of the settings or of the system.

    What a console cannot write is said in English there, and so is everything where VITVIZ_LANGUAGE
    names no language, after a sentence that says so.
    """
    try:
        code = chosen_language(remembered_language())
    except VitvizError as error:
        print(f"vitviz: {error}", file=sys.stderr)
        code = ENGLISH
    streams = (sys.stdout, sys.stderr) if on_console else ()
    writable = all(can_be_written(code, getattr(each, "encoding", None)) for each in streams)
    speak(code if writable else ENGLISH)
