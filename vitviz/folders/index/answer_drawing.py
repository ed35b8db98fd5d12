"""The best places of an index as pictures side by side, each with its place outlined."""

from __future__ import annotations

import numpy as np

from vitviz.core.data.drawing import Drawing, Message, Outlines, Panel, Raster
from vitviz.core.data.geometry import Box, Crop
from vitviz.core.data.trace import Picture
from vitviz.core.pictures.picture_files import thumbnail
from vitviz.folders.index.index_query import IndexAnswer, picture_of
from vitviz.folders.index.index_search import FoundPlace
from vitviz.folders.index.vector_index import VectorIndex

ACROSS = 4
SIDE = 512
"""Most pixels of a picture's longer side in the figure."""


def answer_drawing(index: VectorIndex, answer: IndexAnswer) -> Drawing:
    """The picture that was asked with, where there is one, and the best places, best first."""
    panels = [_found(index, answer, place) for place in answer.places]
    if answer.query is not None and answer.token is not None:
        panels.insert(0, _asked(index, answer.query, answer.token))
    rows = tuple(tuple(panels[at : at + ACROSS]) for at in range(0, len(panels), ACROSS))
    about = index.about
    return Drawing(
        "find",
        f"Most {answer.asked}" if answer.query is not None else f"What excites {answer.asked}",
        rows,
        f"{len(answer.places)} of {len(index.entries):,} pictures, by {answer.label}; {about.words}.",
        recipe=(
            ("model", about.called),
            ("weights", about.weights),
            ("vectors", about.kind),
            ("layer", f"{about.layer + 1} of {about.layers}"),
        ),
    )


def _asked(index: VectorIndex, picture: Picture, token: int) -> Panel:
    entry = index.entry(picture.key)
    box = None if entry is None else _box(index, entry.crop, token)
    return _panel(picture, box, "Asked with")


def _found(index: VectorIndex, answer: IndexAnswer, place: FoundPlace) -> Panel:
    picture = picture_of(index, place)
    title = f"{place.entry.name} · {place.score:.3f}"
    if isinstance(picture, str):
        return Panel((Message(picture),), Box(0, 0, 3, 4), title)
    return _panel(picture, _box(index, place.entry.crop, place.token), title)


def _box(index: VectorIndex, crop: Crop, token: int) -> Box | None:
    box = index.about.grid.box(token)
    return None if box is None else crop.box_to_original(box)


def _panel(picture: Picture, box: Box | None, title: str) -> Panel:
    rows, cols = picture.pixels.shape[:2]
    frame = Box(0, 0, rows, cols)
    small = np.ascontiguousarray(thumbnail(picture, SIDE))
    marks = () if box is None else (Outlines((box,), "pin"),)
    return Panel((Raster(small, frame), *marks), frame, title)
