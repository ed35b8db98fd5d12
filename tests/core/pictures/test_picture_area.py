"""A painted part of a picture goes into a text and back, and covers the patches that it lies over."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from vitviz.core.data.geometry import Box, Crop, TokenGrid
from vitviz.core.pictures.mask_file import mask_file
from vitviz.core.pictures.picture_area import PictureArea, area_of, border
from vitviz.core.progress import VitvizError

GRID = TokenGrid(4, 5, (8, 8), ("class",))
CROP = Crop((64, 80), (32, 40), (0.5, 0.5))


@pytest.mark.parametrize("count", range(0, 21, 4))
def test_patches_keep_their_order_through_a_text(count: int) -> None:
    patches = np.random.default_rng(count).permutation(20)[:count].tolist()
    area = PictureArea.read(area_of(patches, GRID, CROP).text)
    assert list(area.patches(GRID, CROP)) == patches


def test_a_box_covers_shares_of_patches() -> None:
    area = PictureArea.read("8, 0, 16, 32")  # half of the first row's first two patches
    covered = area.coverage(GRID, CROP)
    assert covered[:3] == pytest.approx([0.5, 0.5, 0])
    assert covered[5:].sum() == 0


def test_the_same_area_covers_the_same_place_in_a_finer_grid() -> None:
    finer = TokenGrid(8, 10, (4, 4), ())
    area = area_of([6, 7], GRID, CROP)
    assert area.patches(finer, CROP) == (22, 23, 24, 25, 32, 33, 34, 35)


@pytest.mark.parametrize("seed", range(5))
def test_a_mask_over_the_patches_covers_just_these(seed: int) -> None:
    wanted = np.random.default_rng(seed).random(20) < 0.4
    mask = np.kron(wanted.reshape(4, 5), np.ones((16, 16))).astype(bool)
    area = PictureArea.read(PictureArea.of_mask(mask).text)
    assert area.coverage(GRID, CROP) == pytest.approx(wanted.astype(float), abs=1e-9)
    assert len(area.text) < 300


def test_a_large_mask_is_made_coarser() -> None:
    mask = np.zeros((640, 800), bool)
    mask[:320] = True
    area = PictureArea.of_mask(mask)
    assert area.mask is not None
    assert area.mask[:2] == (128, 128)
    assert area.patches(GRID, CROP) == tuple(range(10))


def test_a_mask_comes_from_a_picture_file(tmp_path: Path) -> None:
    pixels = np.zeros((64, 80), np.uint8)
    pixels[16:32, 32:64] = 200
    file = tmp_path / "mask.png"
    Image.fromarray(pixels).save(file)
    assert mask_file(file).patches(GRID, CROP) == (7, 8)
    Image.fromarray(np.full((64, 80), 9, np.uint8)).save(file)
    with pytest.raises(VitvizError, match="marks nothing"):
        mask_file(file)


def test_more_and_fewer_patches() -> None:
    area = area_of([3, 4], GRID, CROP).with_patches([9], GRID, CROP)
    assert area.patches(GRID, CROP) == (3, 4, 9)
    assert area.without_patches([4], GRID, CROP).patches(GRID, CROP) == (3, 9)
    assert PictureArea().text == ""
    assert PictureArea.read("  ") == PictureArea()


def test_the_border_goes_around_what_is_covered() -> None:
    covered = np.zeros(20, bool)
    covered[[6, 7]] = True
    lines = border(covered, GRID)
    assert len(lines) == 6
    rows = {spot.row for line in lines for spot in line}
    cols = {spot.col for line in lines for spot in line}
    assert (min(rows), max(rows), min(cols), max(cols)) == (8, 16, 8, 24)


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("1 2 3", "TOP LEFT BOTTOM RIGHT"),
        ("5 5 5 9", "no area"),
        ("nan 0 5 9", "no box of a picture"),
        ("mask:4x4:!!!!", "TOP LEFT BOTTOM RIGHT"),
        ("mask:4x4:AAAA", "damaged"),
        ("mask:999x4:AAAA", "1 to 128 rows"),
    ],
)
def test_a_text_that_says_no_area_gets_a_sentence(text: str, said: str) -> None:
    with pytest.raises(VitvizError, match=said):
        PictureArea.read(text)


def test_boxes_are_as_they_were_written() -> None:
    assert PictureArea.read("1 2 3 4.5; 5 6 7 8").boxes == (Box(1, 2, 3, 4.5), Box(5, 6, 7, 8))
