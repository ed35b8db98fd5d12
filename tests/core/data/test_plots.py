"""Axes have round numbers inside their range, points and lines of tables know whose they are."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as some

from vitviz.core.data.drawing import Listed, Panel, aim
from vitviz.core.data.geometry import Box
from vitviz.core.data.plots import Axis, Curve, Plot, Table, Whose, axis

ends = some.floats(-1e6, 1e6)


@given(ends, some.floats(1e-6, 1e6), some.integers(1, 12), some.booleans())
def test_ticks_are_few_round_rising_and_inside(low, reach, most, whole):
    one = Axis("", low, low + reach, whole)
    ticks = one.ticks(most)
    assert len(ticks) <= most + 1
    slack = 1e-7 * (abs(low) + reach) + 1e-9
    assert all(low - slack <= each <= low + reach + slack for each in ticks)
    assert list(ticks) == sorted(set(ticks))
    if whole:
        assert all(each == round(each) for each in ticks)


def test_an_axis_leaves_out_what_is_no_number():
    made = axis("", np.array([1.0, np.nan, 3.0]), [np.inf, 2.0])
    assert made.low == pytest.approx(0.92)
    assert made.high == pytest.approx(3.08)


def test_a_point_is_found_where_it_is_drawn():
    whose = tuple(Whose(f"layer {n + 1}", n, 0) for n in range(3))
    curve = Curve(np.array([1.0, 2, 3]), np.array([0.0, 5, 10]), kind="points", whose=whose)
    plot = Plot((curve,), Axis("layer", 0, 4), Axis("distance", 0, 10))
    panel = Panel((plot,), Box(0, 0, 3, 4), space=Listed(3))
    found = aim(panel, 1.5, 2.0)
    assert (found.layer, found.head, found.value) == (1, 0, 5.0)
    assert found.words == "layer 2: 5 · distance"
    assert aim(panel, 0.2, 0.2) is None


def test_a_line_of_a_table_knows_its_layer_and_its_heading_nothing():
    table = Table(("layer", "p"), (("1", "0.5"), ("2", "–")), whose=(Whose("", 0), Whose("", 1)))
    panel = Panel((table,), Box(0, 0, 3, 4), space=Listed(2))
    assert aim(panel, 0.5, 0) is None
    assert [aim(panel, row, 0).layer for row in (1.5, 2.5)] == [0, 1]
    assert aim(panel, 3.5, 0) is None
    assert table.numeric == (True, True)
    assert table.widths == (5, 3)
