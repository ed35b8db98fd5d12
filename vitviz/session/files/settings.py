"""What vitviz remembers between starts: theme, look, device, recent files, where the window was."""

from __future__ import annotations

from pathlib import Path
from typing import Literal

import msgspec

from vitviz.core.files import whole
from vitviz.core.language import _
from vitviz.core.progress import VitvizError
from vitviz.session.files.confirmed_models import ConfirmedModel
from vitviz.session.files.settings_folder import SETTINGS_FILE, settings_folder
from vitviz.views.options import Look

_NEWEST = 1


class Settings(msgspec.Struct, frozen=True, omit_defaults=True):
    """Everything remembered; a change makes a new one.

    `memory_mb` bounds each of what is kept: traces, loaded models, open pictures. `interface_size` is a
    percentage beside the system's own scale, `language` a code, "" for the system's. `window_geometry`
    and `window_state` are Qt's bytes in base64; `said` is what somebody said of models, by name,
    `confirmed` what earlier versions kept of that: which architecture a file is.
    """

    version: int = _NEWEST
    theme: Literal["auto", "dark", "light"] = "auto"
    look: Look = Look()
    device: str = "auto"
    precision: str = "auto"
    fit: Literal["crop", "pad", "squash"] = "crop"
    memory_mb: int = 1024
    model: str = ""
    recent_files: tuple[str, ...] = ()
    recent_models: tuple[str, ...] = ()
    recent_sessions: tuple[str, ...] = ()
    favourites: tuple[str, ...] = ()
    confirmed: dict[str, str] = msgspec.field(default_factory=dict)
    said: dict[str, ConfirmedModel] = msgspec.field(default_factory=dict)
    picture_folder: str = ""
    figure_folder: str = ""
    interface_size: int = 100
    language: str = ""
    window_geometry: str = ""
    window_state: str = ""


def read_settings(folder: Path | None = None) -> tuple[Settings, str]:
    """The remembered settings, and a sentence when they could not be read ("" otherwise).

    A broken file, or one of a newer vitviz, is kept aside as settings.json.bak and defaults are used.
    """
    file = (folder or settings_folder()) / SETTINGS_FILE
    try:
        found = msgspec.json.decode(file.read_bytes(), type=Settings)
    except FileNotFoundError:
        return Settings(), ""
    except (OSError, msgspec.MsgspecError, UnicodeDecodeError) as error:
        return Settings(), _set_aside(file, str(error))
    if found.version > _NEWEST:
        return Settings(), _set_aside(
            file, _("they are of version {version}, newer than this").format(version=found.version)
        )
    return found, ""


def write_settings(settings: Settings, folder: Path | None = None) -> str:
    """Remembers the settings, all or nothing; a sentence when that failed ("" otherwise)."""
    folder = folder or settings_folder()
    text = msgspec.json.format(msgspec.json.encode(settings), indent=2)
    try:
        folder.mkdir(parents=True, exist_ok=True)
        with whole(folder / SETTINGS_FILE, private=True) as unfinished:
            unfinished.write_bytes(text)
    except (OSError, VitvizError) as error:
        why = getattr(error, "strerror", None) or error
        return _("the settings could not be saved in {folder} ({why}); check the folder").format(
            folder=folder, why=why
        )
    return ""


def _set_aside(file: Path, why: str) -> str:
    kept = file.with_name(f"{file.name}.bak")
    try:
        file.replace(kept)
    except OSError:
        return _(
            "the settings in {file} could not be read ({why}); vitviz starts with its defaults"
        ).format(file=file, why=why)
    return _(
        "the settings could not be read ({why}); vitviz starts with its defaults and "
        "keeps the old ones in {kept}"
    ).format(why=why, kept=kept)
