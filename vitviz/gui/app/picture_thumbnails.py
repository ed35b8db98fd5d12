"""Thumbnails for the film strip, made off the window's thread for the pictures that are in sight."""

from __future__ import annotations

import logging
from collections.abc import Sequence

import numpy as np

from vitviz.core.pictures.picture_files import thumbnail
from vitviz.core.progress import Progress
from vitviz.gui.panels.filmstrip import SHARP, Filmstrip
from vitviz.session.session import Session

_log = logging.getLogger("vitviz")


def make_thumbnails(session: Session, filmstrip: Filmstrip, keys: Sequence[str]) -> None:
    """Has them made and shown; a large picture takes a while to be made small."""
    wanted = [one for one in session.pictures.open if one.key in set(keys)]

    def work(_progress: Progress) -> list[tuple[str, np.ndarray]]:
        return [(one.key, thumbnail(one, SHARP)) for one in wanted]

    def done(made: list[tuple[str, np.ndarray]]) -> None:
        for key, pixels in made:
            filmstrip.show_thumbnail(key, pixels)

    if wanted:
        session.jobs.submit(
            ("thumbnails", keys[0]),
            work,
            lane="read",
            done=done,
            failed=lambda error: _log.error("making thumbnails", exc_info=error),
        )
