"""What a batch does for a film beside its frames: their figures joined to a film again."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import replace

from vitviz.folders.batch import BatchOutcome
from vitviz.folders.batch_order import BatchOrder
from vitviz.folders.films import FilmFrames, join_film

FRAMES = "frames"
"""The folder of unpacked frames, inside the results."""


def film_kinds(kinds: Sequence[str]) -> tuple[str, ...]:
    """The kinds of files that frames are drawn into: a film is joined from PNGs."""
    plain = tuple(kind for kind in kinds if kind != "mp4")
    return tuple(dict.fromkeys((*plain, "png"))) if "mp4" in kinds else plain


def with_film(
    found: BatchOutcome, order: BatchOrder, film: FilmFrames, joined: bool
) -> BatchOutcome:
    """Joins the figures of each view, where that was asked; a film that ended early is said.

    What was joined before stays while no frame was made anew. VitvizError without PyAV.
    """
    stem = film.name.rpartition(".")[0] or film.name
    for view, values in order.views if joined else ():
        target = order.out / f"{stem}-{view.name}.mp4"
        frames = sorted(order.out.glob(f"[0-9]*-{view.name}.png"))
        if found.done or not target.is_file():
            settings = {**order.settings, "view": view.name, "options": dict(values)}
            words = json.dumps({"film": film.name, **settings}, default=str)
            join_film(frames, target, film.rate, words)
    if not film.note:
        return found
    return replace(found, broken=(*found.broken, (film.name, film.note)))
