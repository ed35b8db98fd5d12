"""The film strip in the order of likeness to what is chosen."""

from __future__ import annotations

import numpy as np

import vitviz
from vitviz.core.data.selection import place_of
from vitviz.session.session import Session
from vitviz.session.work.jobs import InlineJobs
from vitviz.session.work.request import ModelRequest
from vitviz.views.shared.compared_vectors import unit_vectors


def test_pictures_stand_in_the_order_of_their_best_places_and_back(photo: np.ndarray) -> None:
    session = Session(InlineJobs(), save=lambda _settings: "")
    session.columns.use_model(ModelRequest("vitviz/flexvit"))
    noise = np.random.default_rng(0).integers(0, 255, photo.shape, np.uint8)
    pictures = [photo, noise, 255 - photo, photo[:, ::-1].copy()]
    session.open(pictures)
    first = [picture.key for picture in session.pictures]
    session.columns.show(first[0])
    trace = session.trace
    assert trace is not None
    token = trace.grid.token(2, 3)
    session.chosen.pin(place_of(token, trace.grid, trace.crop))
    said: list[str] = []
    session.problems.connect(said.extend)
    session.order_pictures()
    model = vitviz.load("vitviz/flexvit")
    layer = len(trace.layers) - 1
    sought = unit_vectors(trace, layer, "tokens")[token]
    best = {}
    for key, pixels in zip(first, pictures, strict=True):
        read = vitviz.trace(model, pixels)
        best[key] = (unit_vectors(read, layer, "tokens")[read.grid.patches] @ sought).max()
    assert [one.key for one in session.pictures] == sorted(first, key=lambda key: -best[key])
    assert session.columns.current is not None
    assert session.columns.current.key == first[0]
    assert "undo" in said[-1]
    assert session.history.undo() == "order of pictures"
    assert [one.key for one in session.pictures] == first
    session.history.redo()
    assert [one.key for one in session.pictures] != first


def test_one_picture_has_no_order(photo: np.ndarray) -> None:
    session = Session(InlineJobs(), save=lambda _settings: "")
    session.columns.use_model(ModelRequest("test_vit", pretrained=False))
    said: list[str] = []
    session.problems.connect(said.extend)
    assert session.order_pictures() is None
    assert "Open several pictures" in said[0]
    session.open([photo])
    assert session.order_pictures() is None
