"""Lines of equal value in pixels lie where their pieces lie, and cost no more for being many."""

from __future__ import annotations

import numpy as np
import pytest

from vitviz.core.colors import ColorScale, table_colors
from vitviz.core.data.drawing import Heat
from vitviz.core.data.geometry import Box
from vitviz.core.drawings.contour_pixels import HALO, contour_pixels
from vitviz.core.drawings.laid_maps import contours, level_places

SIDE = 200


PLAIN = ColorScale(0, 1)


def heat(values: np.ndarray, scale: ColorScale = PLAIN) -> Heat:
    return Heat(values.astype(np.float32), Box(0, 0, SIDE, SIDE), scale, lay="contours")


def pixels(one: Heat) -> np.ndarray:
    return contour_pixels(one, (SIDE, SIDE), range(SIDE), range(SIDE))


@pytest.mark.parametrize("scale", [PLAIN, ColorScale(0.2, 0.7), ColorScale(0.1, 1, log=True)])
def test_lines_lie_where_their_pieces_lie(scale: ColorScale):
    y, x = np.mgrid[:9, :9] / 8
    one = heat(np.exp(-((x - 0.4) ** 2 + (y - 0.55) ** 2) * 4), scale)
    seen = pixels(one)
    middles = np.concatenate([line.pieces.mean(axis=1) for line in contours(one)])
    at = np.clip(middles.astype(int), 0, SIDE - 1)
    inner = ((middles > 1) & (middles < SIDE - 1)).all(axis=1)
    assert (seen[at[inner, 0], at[inner, 1], 3] > 100).mean() > 0.98
    rows, cols = np.nonzero(seen[..., 3])
    there = np.stack([rows, cols], axis=1) + 0.5
    away = np.sqrt(((there[:, None] - middles[None]) ** 2).sum(axis=-1)).min(axis=1)
    assert np.quantile(away, 0.99) < HALO


def test_a_line_has_the_colour_of_its_value():
    ramp = np.tile(np.linspace(0, 1, 20), (20, 1))
    (seen,) = contour_pixels(heat(ramp), (SIDE, 8 * SIDE), range(1), range(8 * SIDE), sharp=4.0)
    found = {tuple(color) for color in seen.tolist() if color[3] == 255}
    assert {(*table_colors("viridis")[place].tolist(), 255) for place in level_places()} <= found


@pytest.mark.parametrize("value", [0.0, 1 / 3, 0.5, 1.0, np.nan])
def test_a_plain_has_no_lines(value: float):
    assert not pixels(heat(np.full((5, 7), value)))[..., 3].any()


def test_a_part_is_a_part_of_the_whole():
    one = heat(np.random.default_rng(0).random((6, 9)))
    part = contour_pixels(one, (SIDE, SIDE), range(20, 90), range(130, 200))
    assert (part == pixels(one)[20:90, 130:200]).all()


def test_a_screen_with_finer_pixels_has_lines_of_more_of_them():
    ramp = heat(np.tile(np.linspace(0, 1, 20), (20, 1)))
    fine = contour_pixels(ramp, (2 * SIDE, 2 * SIDE), range(1), range(2 * SIDE), sharp=2.0)
    share = (pixels(ramp)[0, :, 3] / 255).sum(), (fine[0, :, 3] / 255).sum()
    assert share[1] == pytest.approx(2 * share[0], rel=0.1)
