"""Where settings lie, and what a start needs of them before it can read all."""

from __future__ import annotations

import json
import os
from pathlib import Path

SETTINGS_FILE = "settings.json"


def settings_folder() -> Path:
    """Where settings and the log lie: VITVIZ_CONFIG_DIR, or the system's place for settings."""
    chosen = os.environ.get("VITVIZ_CONFIG_DIR")
    if chosen:
        return Path(chosen)
    import platformdirs

    return platformdirs.user_config_path("vitviz", appauthor=False)


def remembered_language() -> str:
    """The language that was chosen in the window; "" where none was, or nothing can be read.

    Settings as a whole take a third of a second to import; the first word is said before that.
    """
    try:
        found = json.loads((settings_folder() / SETTINGS_FILE).read_bytes())
    except (OSError, ValueError):
        return ""
    return str(found.get("language", "")) if isinstance(found, dict) else ""
