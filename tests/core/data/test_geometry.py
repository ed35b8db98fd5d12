"""Original picture, model pixels and tokens: exact both ways, for crop, pad, EXIF turn."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image, ImageOps

from vitviz.core.data.geometry import Box, Crop, Spot, TokenGrid

sizes = st.tuples(st.integers(1, 5000), st.integers(1, 5000))
numbers = st.floats(-5000, 5000, allow_nan=False)
spots = st.builds(Spot, numbers, numbers)
crops = st.builds(
    Crop,
    original=sizes,
    model=sizes,
    scale=st.tuples(st.floats(0.02, 50), st.floats(0.02, 50)),
    offset=st.tuples(st.floats(-900, 900), st.floats(-900, 900)),
    orientation=st.integers(1, 8),
)
grids = st.builds(
    TokenGrid,
    rows=st.integers(1, 40),
    cols=st.integers(1, 40),
    patch=st.tuples(st.floats(1, 64), st.floats(1, 64)),
    prefix=st.sampled_from(
        [(), ("class",), ("register 1",), ("class", "distillation"), ("class", "register 1")]
    ),
)


def same(one: Spot, other: Spot, tolerance: float = 1e-6) -> bool:
    return one.row == pytest.approx(other.row, abs=tolerance) and one.col == pytest.approx(
        other.col, abs=tolerance
    )


@given(crops, spots)
def test_original_to_model_and_back(crop, spot):
    assert same(crop.to_original(crop.to_model(spot)), spot)
    assert same(crop.to_model(crop.to_original(spot)), spot)


@given(crops, spots)
def test_stored_to_upright_and_back(crop, spot):
    assert same(crop.from_stored(crop.to_stored(spot)), spot)
    assert same(crop.to_stored(crop.from_stored(spot)), spot)


@given(crops, spots, st.floats(0.1, 100), st.floats(0.1, 100))
def test_boxes_walk_like_their_corners(crop, corner, height, width):
    box = Box(corner.row, corner.col, corner.row + height, corner.col + width)
    there = crop.box_to_model(box)
    assert same(Spot(there.top, there.left), crop.to_model(corner))
    back = crop.box_to_original(there)
    assert same(back.centre, box.centre)


@pytest.mark.parametrize("orientation", range(1, 9))
def test_the_exif_turn_agrees_with_pillow(orientation):
    stored = np.arange(3 * 5, dtype=np.uint8).reshape(3, 5)
    image = Image.fromarray(stored)
    image.getexif()[274] = orientation
    upright = np.asarray(ImageOps.exif_transpose(image))
    crop = Crop(upright.shape, (3, 5), (1, 1), orientation=orientation)
    assert crop.stored == stored.shape
    for (row, col), value in np.ndenumerate(upright):
        spot = crop.to_stored(Spot(row + 0.5, col + 0.5))
        assert stored[int(spot.row), int(spot.col)] == value


@given(grids, st.data())
def test_token_to_place_to_pixels_and_back(grid, data):
    token = data.draw(st.integers(0, grid.tokens - 1))
    place, box = grid.place(token), grid.box(token)
    if token < len(grid.prefix):
        assert place is None
        assert box is None
        assert grid.name(token) == grid.prefix[token]
        return
    assert grid.token(*place) == token
    assert grid.at(box.centre) == token
    assert grid.name(token) == f"({place[0]}, {place[1]})"


@given(crops, grids, st.data())
def test_token_to_the_original_and_back(crop, grid, data):
    token = data.draw(st.integers(len(grid.prefix), grid.tokens - 1))
    spot = crop.to_original(grid.box(token).centre)
    assert grid.at(crop.to_model(spot)) == token


@given(grids)
def test_the_sequence_is_prefix_then_patches(grid):
    everything = list(range(grid.tokens))
    assert everything[grid.patches] == [
        grid.token(row, col) for row in range(grid.rows) for col in range(grid.cols)
    ]
    assert grid.place(grid.middle) == (grid.rows // 2, grid.cols // 2)


@given(grids)
def test_nothing_lies_outside_the_frame(grid):
    frame = grid.frame
    for spot in (Spot(-0.01, 0), Spot(0, -0.01), Spot(frame.bottom, 0), Spot(0, frame.right)):
        assert grid.at(spot) is None
    assert grid.at(Spot(0, 0)) == len(grid.prefix)
    last = Spot(np.nextafter(frame.bottom, 0), np.nextafter(frame.right, 0))
    assert grid.at(last) == grid.tokens - 1


def test_a_centre_crop_sees_the_middle():
    crop = Crop((480, 640), (224, 224), (0.5, 0.5), (-8, -48))
    assert crop.seen == Box(16, 96, 464, 544)
    assert crop.seen_share == pytest.approx(448 * 448 / (480 * 640))


def test_padding_sees_the_whole_picture():
    crop = Crop((100, 200), (224, 224), (1.12, 1.12), (56, 0))
    assert crop.seen_share == pytest.approx(1)
    assert crop.to_original(Spot(0, 0)).row == pytest.approx(-50)
    assert crop.seen_words == "100%"


def test_what_is_seen_of_a_strip_is_not_said_to_be_nothing():
    strip = Crop((1, 5000), (224, 224), (224, 224), (0, -400_000))
    assert 0 < strip.seen_share < 0.001
    assert strip.seen_words == "under 1%"


def test_boxes_that_do_not_meet_share_nothing():
    shared = Box(0, 0, 2, 2).clip(Box(5, 5, 6, 6))
    assert (shared.height, shared.width) == (0, 0)


@pytest.mark.parametrize("orientation", [0, 9])
def test_a_wrong_orientation_is_refused(orientation):
    with pytest.raises(ValueError, match="1 to 8"):
        Crop((3, 3), (3, 3), (1, 1), orientation=orientation)


def test_impossible_sizes_are_refused_with_their_numbers():
    with pytest.raises(ValueError, match=r"\(0, 3\)"):
        Crop((0, 3), (3, 3), (1, 1))
    with pytest.raises(ValueError, match="0 x 4"):
        TokenGrid(0, 4, (16, 16))


def test_what_is_not_in_the_grid_is_an_index_error():
    grid = TokenGrid(2, 3, (16, 16), ("class",))
    with pytest.raises(IndexError, match="2 x 3"):
        grid.token(2, 0)
    with pytest.raises(IndexError, match="7"):
        grid.place(7)


@given(
    rows=st.integers(1, 5),
    cols=st.integers(1, 5),
    words=st.tuples(st.integers(1, 4), st.integers(1, 4)),
    prefix=st.integers(0, 2),
    data=st.data(),
)
def test_every_word_is_found_again_at_its_middle(
    rows: int, cols: int, words: tuple[int, int], prefix: int, data: st.DataObject
) -> None:
    names = tuple(f"prefix {index}" for index in range(prefix))
    grid = TokenGrid(rows, cols, (14.0, 10.0), names, words)
    token = data.draw(st.integers(prefix, grid.tokens - 1))
    word = data.draw(st.integers(0, words[0] * words[1] - 1))
    box, patch = grid.word_box(token, word), grid.box(token)
    assert box is not None
    assert patch is not None
    assert (grid.at(box.centre), grid.word_at(box.centre)) == (token, word)
    assert box.clip(patch) == box


def test_words_are_a_grid_of_their_own() -> None:
    grid = TokenGrid(2, 3, (16, 16), ("class",), (4, 2))
    alone, together = grid.word_grid(alone=True), grid.word_grid(alone=False)
    assert (alone.rows, alone.cols, alone.patch) == (4, 2, (4, 8))
    assert (together.rows, together.cols, together.frame) == (8, 6, grid.frame)
    assert alone.name(5) == "word (2, 1)"
    assert together.name(together.token(6, 5)) == "(1, 2) word (2, 1)"
    with pytest.raises(ValueError, match="not divided"):
        alone.word_grid(alone=True)


def test_a_word_lies_at_the_same_place_seen_from_its_patch() -> None:
    crop = Crop((100, 120), (32, 48), (0.4, 0.4), (-4.0, 0.0))
    grid = TokenGrid(2, 3, (16, 16), ("class",), (4, 4))
    token, word = grid.token(1, 2), 9
    patch, box, inside = grid.box(token), grid.word_box(token, word), grid.word_grid(alone=True)
    assert patch is not None
    assert box is not None
    near = inside.box(word)
    assert near is not None
    within = crop.within(patch)
    assert within.model == (16, 16)
    there, here = within.to_original(near.centre), crop.to_original(box.centre)
    assert (there.row, there.col) == pytest.approx((here.row, here.col))


def test_a_grid_without_words_has_none_anywhere() -> None:
    grid = TokenGrid(2, 2, (16, 16), ("class",))
    assert grid.word_at(Spot(3, 3)) is None
    with pytest.raises(IndexError, match="0 x 0 words"):
        grid.word_box(1, 0)
    assert TokenGrid(2, 2, (16, 16), ("class",), (4, 4)).word_box(0, 0) is None
