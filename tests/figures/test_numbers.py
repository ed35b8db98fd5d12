"""The numbers beside a figure are the numbers in it, with their axes named, in full precision."""

from __future__ import annotations

import csv
import io
import json

import numpy as np
import pytest
from reference import make_trace

from vitviz.core.data.drawing import Heat, HeatTiles
from vitviz.core.data.selection import Selection
from vitviz.figures.numbers import numbers
from vitviz.figures.raw import raw_attention
from vitviz.figures.save import save
from vitviz.views import views


@pytest.fixture(scope="module")
def trace():
    return make_trace(rows=3, cols=4)


@pytest.fixture(scope="module")
def heads(trace):
    return views()["heads"].draw(trace, Selection(), {"opacity": 0.5})


def test_arrays_are_what_is_drawn_under_their_axes(heads):
    one, atlas = numbers(heads)[:2]
    heat = next(layer for layer in heads.panels[0].layers if isinstance(layer, Heat))
    tiles = next(layer for layer in heads.panels[1].layers if isinstance(layer, HeatTiles))
    assert (one.axes, atlas.axes) == (("row", "col"), ("layer", "head", "row", "col"))
    assert one.values is heat.values
    assert atlas.values is tiles.values


def test_an_npz_has_the_arrays_and_says_what_they_are(heads, tmp_path):
    file = save(heads, tmp_path / "a.npz")
    with np.load(file) as arrays:
        about = json.loads(str(arrays["about"]))
        np.testing.assert_array_equal(arrays["panel1"], numbers(heads)[0].values)
    assert about["arrays"]["panel2"]["axes"] == ["layer", "head", "row", "col"]
    assert about["arrays"]["panel1"]["label"] == "attention"
    assert about["recipe"]["options"] == {"opacity": 0.5}


def table_in(file):
    """The lines of a CSV below its recipe."""
    above, text = file.read_text("utf-8").split("\n", 1)
    assert json.loads(above.removeprefix("# "))["versions"]
    return list(csv.DictReader(io.StringIO(text)))


def test_a_csv_has_a_line_for_every_number_and_loses_no_digit(heads, tmp_path):
    lines = table_in(save(heads, tmp_path / "a.csv"))
    one, atlas = numbers(heads)[:2]
    assert len([line for line in lines if line["panel"] == "panel1"]) == one.values.size
    for line in lines[:: len(lines) // 40]:
        values = one if line["panel"] == "panel1" else atlas
        at = tuple(int(line[axis]) for axis in values.axes)
        assert np.float32(line["value"]) == values.values[at]


def test_bars_are_named(trace, tmp_path):
    drawing = views()["predictions"].draw(trace, Selection())
    lines = table_in(save(drawing, tmp_path / "a.csv"))
    assert [line["name"] for line in lines] == ["cat", "dog", "mouse"]
    assert float(lines[0]["value"]) == pytest.approx(0.7)


@pytest.mark.parametrize("kind", ["npz", "csv"])
def test_the_same_numbers_are_the_same_file(heads, tmp_path, kind):
    files = [save(heads, tmp_path / f"{name}.{kind}").read_bytes() for name in "ab"]
    assert files[0] == files[1]


def test_raw_attention_has_rows_and_matrices(tiny_trace, tmp_path):
    data, about = raw_attention(tiny_trace, Selection(), matrices=True)
    with np.load(io.BytesIO(data)) as arrays:
        assert about["axes"]["rows"] == "layer head key"
        assert about["axes"]["matrix_0"] == "head query key"
        layer = tiny_trace.layers[1].attention
        np.testing.assert_array_equal(arrays["rows"][1], layer.rows(0))
        np.testing.assert_array_equal(arrays["matrix_1"][0], layer.matrix(0))
    assert about["tokens"][0] == "class"
    assert len(about["tokens"]) == tiny_trace.grid.tokens


def test_layers_of_different_sizes_stay_apart():
    small, large = make_trace(rows=2, cols=2, depth=1), make_trace(rows=3, cols=3, depth=1)
    from dataclasses import replace

    both = replace(large, layers=(*large.layers, *small.layers))
    _, about = raw_attention(both, Selection())
    assert about["axes"] == {"rows_0": "head key", "rows_1": "head key"}
