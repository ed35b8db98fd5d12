"""Numbers into colours: ends, empty ranges, tiles with a range each, and the tables themselves."""

from __future__ import annotations

from typing import get_args

import numpy as np
import pytest

from vitviz.core.colors import DIVERGING, ColorScale, ColorTable, color_index, colored, table_colors


@pytest.mark.parametrize("table", get_args(ColorTable))
def test_every_table_has_256_colours_that_cannot_be_changed(table):
    colors = table_colors(table)
    assert colors.shape == (256, 3)
    assert colors.dtype == np.uint8
    with pytest.raises(ValueError, match="read-only"):
        colors[0] = 0


@pytest.mark.parametrize("table", sorted(set(get_args(ColorTable)) - set(DIVERGING)))
def test_sequential_tables_grow_steadily_lighter_or_darker(table):
    light = table_colors(table) @ np.array([0.2126, 0.7152, 0.0722])
    steps = np.diff(light[::8])
    assert (steps > 0).all() or (steps < 0).all()


def test_viridis_is_viridis():
    assert table_colors("viridis")[0].tolist() == [68, 1, 84]
    assert table_colors("viridis")[255].tolist() == [253, 231, 37]


def test_an_unknown_table_is_a_key_error():
    with pytest.raises(KeyError):
        table_colors("jet")


def test_ends_and_beyond():
    values = np.array([-1, 0, 0.5, 1, 7, np.nan, np.inf, -np.inf], np.float32)
    assert color_index(values, 0, 1).tolist() == [0, 0, 128, 255, 255, 0, 255, 0]


def test_an_empty_range_is_the_lowest_colour():
    assert color_index(np.full((2, 2), 3, np.float32), 3, 3).tolist() == [[0, 0], [0, 0]]


def test_each_tile_may_have_its_own_range():
    values = np.array([[[0.0, 1.0]], [[0.0, 10.0]]], np.float32)
    high = np.array([1.0, 10.0], np.float32)[:, None, None]
    assert color_index(values, np.zeros_like(high), high).tolist() == [[[0, 255]], [[0, 255]]]


def test_a_map_in_colours():
    painted = colored(np.array([[0.0, 2.0]], np.float32), ColorScale(0, 2, "gray"))
    assert painted.tolist() == [[[0, 0, 0], [255, 255, 255]]]
