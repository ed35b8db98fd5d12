"""Every position in a panel means something, or nothing: pixels, tokens' tiles, heads' tiles."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from vitviz.core.colors import ColorScale
from vitviz.core.data.drawing import (
    Aim,
    Drawing,
    HeadTiles,
    Heat,
    HeatTiles,
    LayerPairs,
    Panel,
    PixelSpace,
    TokenPairs,
    TokenTiles,
    aim,
)
from vitviz.core.data.drawing.token_rows import RowsPart, TokenRows
from vitviz.core.data.geometry import Box, Crop, Spot, TokenGrid

GRID = TokenGrid(2, 3, (10, 10), ("class",))
CROP = Crop((20, 30), (20, 30), (1, 1))
FRAME = GRID.frame
SCALE = ColorScale(0, 1, label="share")


def numbered(*shape: int) -> np.ndarray:
    return np.arange(np.prod(shape), dtype=np.float32).reshape(shape)


def tiles(values: np.ndarray) -> HeatTiles:
    zeros = np.zeros(values.shape[:2], np.float32)
    return HeatTiles(values, zeros, zeros + 1, SCALE)


def test_a_pixel_is_its_token_with_the_value_of_the_map_on_top():
    panel = Panel(
        (Heat(numbered(2, 3), FRAME, SCALE),), FRAME, space=PixelSpace(CROP, GRID), bar=SCALE
    )
    words = "token 6 (1, 2) · 5"
    assert aim(panel, 12, 25) == Aim(token=6, value=5.0, words=words, spot=Spot(12, 25))
    assert aim(panel, 12, 31) is None
    assert aim(panel, -1, 3) is None


def test_a_pixel_without_a_map_is_still_its_token():
    panel = Panel((), FRAME, space=PixelSpace(CROP, GRID))
    assert aim(panel, 0, 0) == Aim(token=1, words="token 1 (0, 0)", spot=Spot(0, 0))


def test_a_cell_of_a_matrix_is_a_query_and_a_key():
    heat = Heat(numbered(6, 6), Box(0, 0, 6, 6), SCALE)
    panel = Panel((heat,), heat.box, space=TokenPairs(CROP, GRID), bar=SCALE)
    found = aim(panel, 4.2, 1.9)
    assert found == Aim(5, value=25.0, words="(1, 1) → (0, 1) · 25", spot=GRID.box(5).centre)
    assert aim(panel, 6.1, 0) is None
    assert aim(panel, 0, -0.1) is None


def test_every_position_is_a_spot_of_the_model_s_pixels():
    """A finer grid in another column must be told where in the patch the cursor is."""
    taken_apart = Panel((), FRAME, space=TokenTiles(CROP, GRID, cols=4, tile=(10, 10), gap=2))
    assert aim(taken_apart, 13, 14).spot == Spot(11, 22)  # token (1, 2), 1 down, 2 across
    of_grids = Panel((), FRAME, space=TokenTiles(CROP, GRID, cols=3, tile=(2, 3), inner=True))
    assert aim(of_grids, 3.5, 5.5).spot == GRID.box(5).centre
    atlas = Panel((), FRAME, space=HeadTiles(CROP, GRID, layers=2, heads=(3, 2)))
    assert aim(atlas, 4.5, 6.25).spot == Spot(15, 22.5)
    for panel, row, col in ((taken_apart, 13, 14), (of_grids, 3.5, 5.5), (atlas, 4.5, 6.25)):
        found = aim(panel, row, col)
        assert GRID.at(found.spot) == found.token


def test_a_value_says_between_which_tokens_it_is():
    heat = Heat(numbered(2, 3), FRAME, SCALE)
    space = PixelSpace(CROP, GRID)
    panel = Panel((heat,), FRAME, space=space, bar=SCALE, query="class")
    assert aim(panel, 12, 25).words == "class → (1, 2): 5"
    assert aim(replace(panel, arrow="←"), 12, 25).words == "class ← (1, 2): 5"
    assert aim(replace(panel, layers=()), 12, 25).words == "token 6 (1, 2)"
    atlas = HeadTiles(CROP, GRID, layers=2, heads=(3, 2))
    panel = Panel((tiles(numbered(2, 3, 2, 3)),), FRAME, space=atlas, bar=SCALE, query="(0, 1)")
    assert aim(panel, 4.2, 6.1).words == "layer 2 head 2 · (0, 1) → (1, 2) · 29"


def test_a_value_comes_with_its_unit():
    bar = ColorScale(0, 1, unit="px")
    panel = Panel((Heat(numbered(2, 3), FRAME, bar),), FRAME, space=PixelSpace(CROP, GRID), bar=bar)
    assert aim(panel, 0, 15).words.endswith("1 px")


def test_a_tile_of_the_sequence_is_its_token_and_the_gap_is_nothing():
    panel = Panel((), FRAME, space=TokenTiles(CROP, GRID, cols=4, tile=(10, 10), gap=2))
    assert aim(panel, 3, 3).token == 1
    assert aim(panel, 13, 13).token == 6
    assert aim(panel, 3, 11) is None
    assert aim(panel, 13, 26) is None  # the second line has two tiles
    assert aim(panel, 3, 49) is None


def test_a_position_in_the_grid_of_grids_is_two_places():
    space = TokenTiles(CROP, GRID, cols=3, tile=(2, 3), inner=True)
    panel = Panel((tiles(numbered(2, 3, 2, 3)),), FRAME, space=space)
    found = aim(panel, 3.5, 5.5)
    assert found.token == 5
    assert found.value == numbered(2, 3, 2, 3)[1, 1, 0, 1]
    assert found.words.startswith("(1, 1) and (0, 1)")


def test_a_tile_of_the_atlas_is_a_layer_and_a_head():
    space = HeadTiles(CROP, GRID, layers=2, heads=(3, 2))
    panel = Panel((tiles(numbered(2, 3, 2, 3)),), FRAME, space=space, bar=SCALE)
    found = aim(panel, 4.2, 6.1)
    assert (found.layer, found.head, found.token) == (1, 1, GRID.token(1, 2))
    assert found.words.startswith("layer 2 head 2 · (1, 2)")
    assert aim(panel, 4.2, 9.1) is None  # the second layer has two heads
    assert aim(panel, 7, 1) is None
    assert aim(panel, 2.5, 1) is None


def test_tiles_over_all_layers_choose_a_head_alone():
    space = HeadTiles(CROP, GRID, layers=2, heads=(2, 1), by_layer=False)
    panel = Panel((tiles(numbered(2, 2, 2, 3)),), FRAME, space=space)
    found = aim(panel, 3.2, 0.1)
    assert (found.layer, found.head) == (None, 2)
    assert found.words.startswith("head 3 ·")


def test_a_panel_without_a_space_means_nothing():
    assert aim(Panel((), FRAME), 1, 1) is None


def test_panels_row_by_row():
    one, two, three = (Panel((), Box(0, 0, size, size)) for size in (1, 2, 3))
    assert Drawing("v", "t", ((one, two), (three,))).panels == (one, two, three)


def test_a_cell_of_two_layers_chooses_the_first_models_layer():
    values = np.arange(6, dtype=np.float32).reshape(2, 3) / 10
    heat = Heat(values, Box(0, 0, 2, 3), ColorScale(0, 1, "magma", "CKA"))
    panel = Panel((heat,), Box(-1, -1, 2, 3), space=LayerPairs(2, 3, ("A", "B")))
    found = aim(panel, 1.2, 2.9)
    assert (found.layer, found.head, found.token) == (1, None, None)
    assert found.value == pytest.approx(0.5)
    assert found.words == "A layer 2, B layer 3 · 0.5"
    assert aim(panel, -0.5, 1) is None
    assert aim(panel, 1, 3.1) is None


def test_a_line_of_a_matrix_is_its_token_with_the_number_there():
    box = Box(10, 5, 24, 8)
    space = TokenRows(CROP, GRID, (RowsPart(box, tuple(range(7))),))
    panel = Panel((Heat(numbered(7, 3), box, SCALE),), Box(0, 0, 30, 10), space=space, bar=SCALE)
    assert aim(panel, 12.5, 6.5) == Aim(
        token=1, value=4.0, words="token 1 (0, 0), number 2 of 3 · 4", spot=Spot(5, 5)
    )
    assert aim(panel, 10.5, 5).spot is None, "the class token lies nowhere in the picture"
    assert aim(panel, 9, 6) is None
    assert space.lines(6) == (Box(22, 5, 24, 8),)
    assert space.lines(7) == ()
