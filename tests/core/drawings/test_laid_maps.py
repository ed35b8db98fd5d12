"""How maps lie over pictures: opacity by value, lines of equal value, bars of what is seen."""

from __future__ import annotations

from dataclasses import replace
from typing import get_args

import numpy as np
import pytest

from vitviz.core.colors import ColorScale, Lay, color_index, table_colors
from vitviz.core.data.drawing import Heat, Panel, Raster
from vitviz.core.data.geometry import Box
from vitviz.core.drawings.laid_maps import (
    LEVELS,
    bar_colors,
    contours,
    heat_pixels,
    laid_colors,
    tone_under,
    toned,
)

BOX = Box(0, 0, 30, 60)
PICTURE = Raster(np.arange(5400, dtype=np.uint16).astype(np.uint8).reshape(30, 60, 3), BOX)


def heat(values: np.ndarray, lay: Lay = "fade", table="viridis") -> Heat:
    scale = ColorScale(float(values.min()), float(values.max()), table)
    return Heat(values.astype(np.float32), BOX, scale, 0.65, lay=lay)


def cover(table, lay: Lay, opacity: float = 0.65) -> np.ndarray:
    return laid_colors(table, lay, opacity)[:, 3].astype(int)


def test_a_fading_map_shows_the_picture_where_it_is_lowest_and_itself_where_it_is_highest():
    found = cover("viridis", "fade")
    assert found[0] == 0
    assert found[255] > 230
    assert (np.diff(found) >= 0).all()
    assert (laid_colors("viridis", "fade", 0.65)[:, :3] == table_colors("viridis")).all()
    assert (cover("viridis", "fade", 0.9) >= found).all()
    assert not cover("viridis", "fade", 0.0).any()
    assert (cover("viridis", "fade", 1.0) == 255).all()


@pytest.mark.parametrize("lay", ["fade", "light"])
def test_signed_numbers_rise_to_both_sides_of_zero(lay: Lay):
    found = cover("vik", lay)
    assert found[127:129].max() < 10
    assert (found == found[::-1]).all()
    assert found[0] > 230


def test_a_lit_picture_is_dark_where_the_value_is_low():
    colors = laid_colors("viridis", "light", 0.65)
    assert not colors[:, :3].any()
    assert (np.diff(colors[:, 3].astype(int)) <= 0).all()
    assert colors[255, 3] == 0
    assert colors[0, 3] > 150


def test_a_tint_is_as_opaque_everywhere_and_a_map_alone_hides_all():
    assert (cover("magma", "tint", 0.4) == 102).all()
    assert (cover("magma", "map alone", 0.4) == 255).all()
    values = np.random.default_rng(0).random((3, 6))
    scale = heat(values).scale
    index = color_index(values.astype(np.float32), scale.low, scale.high)
    assert (heat_pixels(heat(values, "tint"))[..., :3] == table_colors("viridis")[index]).all()


def test_grey_keeps_away_from_the_strong_colours():
    assert tone_under("viridis", "fade") == tone_under("inferno", "contours") == "dark grey"
    assert tone_under("vik", "fade") == tone_under("vik", "light") == "light grey"
    assert tone_under("viridis", "light") == tone_under("viridis", "tint") == "own colours"
    assert toned(PICTURE) is PICTURE.pixels
    dark = toned(replace(PICTURE, tone="dark grey"))
    light = toned(replace(PICTURE, tone="light grey"))
    assert (dark[..., 0] == dark[..., 2]).all()
    assert dark.max() <= 191
    assert light.min() >= 102
    assert (np.argsort(dark, axis=None, kind="stable") >= 0).all()


def test_lines_of_equal_value_lie_between_the_middles_of_cells():
    ramp = np.tile(np.arange(6.0), (3, 1))
    lines = contours(heat(ramp, "contours"))
    assert len(lines) == LEVELS
    middles = [5 + 10 * 5 * (at + 1) / (LEVELS + 1) for at in range(LEVELS)]
    for line, across in zip(lines, middles, strict=True):
        assert np.allclose(line.pieces[..., 1], across, atol=0.12)  # of 256 places on the scale
        assert line.pieces[..., 0].min() == 0
        assert line.pieces[..., 0].max() == 30
    assert contours(heat(np.ones((3, 6)), "contours")) == ()


def test_a_hill_has_closed_lines_around_it_and_none_across():
    values = np.zeros((9, 18))
    values[4, 9] = 1
    for line in contours(heat(values, "contours")):
        ends = np.round(line.pieces.reshape(-1, 2), 6)
        _, count = np.unique(ends, axis=0, return_counts=True)
        assert (count == 2).all()
        assert np.abs(ends - np.array([15, 31 + 2 / 3])).max() < 3.5


def test_opposite_corners_are_cut_off_each_on_its_own():
    checks = np.indices((3, 6)).sum(axis=0) % 2
    for line in contours(heat(checks.astype(float), "contours")):
        assert np.isfinite(line.pieces).all()
        lengths = np.linalg.norm(line.pieces[:, 0] - line.pieces[:, 1], axis=-1)
        assert lengths.max() < 1.0


@pytest.mark.parametrize("lay", get_args(Lay))
def test_a_bar_shows_what_is_seen_over_grey(lay: Lay):
    one = heat(np.random.default_rng(0).random((3, 6)), lay)
    bar = bar_colors(Panel((PICTURE, one), BOX, bar=one.scale))
    colors = laid_colors("viridis", lay, 0.65).astype(float)
    below = {"fade": 96, "contours": 96, "light": 192, "tint": 128, "map alone": 128}[lay]
    share = colors[:, 3:] / 255
    assert np.abs(bar - (share * colors[:, :3] + (1 - share) * below)).max() <= 1
    alone = bar_colors(Panel((one,), BOX, bar=one.scale))
    assert (alone == table_colors("viridis")).all()
    with pytest.raises(ValueError, match="no colour bar"):
        bar_colors(Panel((PICTURE, one), BOX))


def test_a_logarithmic_scale_has_equal_factors_equally_far_apart():
    scale = ColorScale(0.001, 1.0, log=True)
    assert scale.powers
    values = np.array([0.0, 0.001, 0.0316227766, 1.0, 2.0, np.nan], np.float32)
    assert color_index(values, 0.001, 1.0, log=True).tolist() == [0, 0, 128, 255, 255, 0]
    assert not replace(scale, low=0.0).powers
    assert not replace(scale, low=1.0).powers
