"""What the application is started with: the command line's wishes for the window."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from vitviz.core.data.said_facts import NOTHING_SAID, SaidFacts


@dataclass(frozen=True, slots=True)
class LaunchOptions:
    """Wishes for a start of the window; what is None or empty is remembered or default.

    `size` is (width, height) in pixels. With `screenshot` the window paints everything, saves what a
    person would see to that file and closes. `token` is "ROW,COL" or a prefix token's name, `layer`
    counts from 0 (negative from the last), `view` is the one to maximise. With
    `allow_download` a session fetches models that are not on this computer without asking.
    """

    files: tuple[str, ...] = ()
    model: str = ""
    patch: int | None = None
    fit: Literal["crop", "pad", "squash"] | None = None
    device: str = ""
    theme: Literal["auto", "dark", "light"] | None = None
    size: tuple[int, int] | None = None
    screenshot: Path | None = None
    token: str = ""
    layer: int | None = None
    head: int | None = None
    view: str = ""
    allow_download: bool = False
    input_size: int | tuple[int, int] | None = None
    architecture: str = ""
    facts: SaidFacts = NOTHING_SAID
