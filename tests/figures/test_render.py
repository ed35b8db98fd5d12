"""What is printed is what the screen shows: the same numbers, colours, places and words."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from drawn import drawn
from einops import repeat
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from reference import make_trace

from vitviz.core.colors import ColorScale
from vitviz.core.data.drawing import Bars, Drawing, Heat, HeatTiles, Label, Labels, Message, Panel
from vitviz.core.data.geometry import Box, Spot
from vitviz.core.data.plots import Axis, Curve, Plot
from vitviz.core.data.selection import Selection
from vitviz.core.drawings.laid_maps import heat_pixels
from vitviz.core.drawings.tiled_images import heat_mosaic, upsampled
from vitviz.core.notation import shown_number
from vitviz.core.progress import VitvizError
from vitviz.figures.layout import MARGIN, lay_out
from vitviz.figures.paper import PaperStyle
from vitviz.figures.render import render
from vitviz.figures.text import MM, typeset, width
from vitviz.views import views


@pytest.fixture(scope="module")
def heads():
    return views()["heads"].draw(make_trace(rows=4, cols=6), Selection(), {"opacity": 1.0})


def words(figure):
    return {text.get_text() for text in figure.texts} | {
        text.get_text() for axes in figure.axes for text in axes.texts
    }


def enlarged(pixels, shown):
    factor = shown.shape[0] // pixels.shape[0]
    return repeat(pixels, "row col c -> (row y) (col x) c", y=factor, x=factor)


def test_heat_is_painted_in_cores_colours(heads):
    heat = next(layer for layer in heads.panels[0].layers if isinstance(layer, Heat))
    shown = render(heads).axes[0].images[1].get_array()
    np.testing.assert_array_equal(shown, enlarged(heat_pixels(heat), shown))


def test_the_atlas_is_the_mosaic_of_the_screen(heads):
    tiles = next(layer for layer in heads.panels[1].layers if isinstance(layer, HeatTiles))
    figure = render(heads)
    shown = next(
        image
        for axes in figure.axes[1:]
        for image in axes.images
        if image.get_array().shape[-1] == 4
    )
    np.testing.assert_array_equal(
        shown.get_array(), enlarged(heat_mosaic(tiles), shown.get_array())
    )
    assert shown.get_extent() == [0, 13, 14, 0]


def test_titles_ranges_and_facts_are_in_words(heads):
    shown = words(render(heads))
    assert heads.title in shown
    assert "Layer 3, mean of 2 heads" in shown
    assert {"class", "patches", "attention"} <= shown
    assert shown_number(heads.panels[0].bar.high) in shown


def test_the_model_and_the_picture_are_printed_by_name():
    trace = make_trace()
    info = replace(trace.model, name="/home/somebody/weights/mine.safetensors")
    drawing = views()["heads"].draw(replace(trace, model=info), Selection())
    shown = words(render(drawing))
    assert "Model: Tiny · picture: noise.png" in shown
    assert not any("somebody" in text for text in (*shown, *dict(drawing.recipe).values()))


def test_panels_keep_their_shape_and_stay_on_the_page():
    for drawing in drawn(original=(200, 60)):
        page = lay_out(drawing, PaperStyle())
        for placed in page.placed:
            assert placed.axes.left >= MARGIN
            assert placed.axes.right <= 180 - MARGIN + 1e-6
            assert placed.bottom <= page.height
            if not any(isinstance(layer, Bars) for layer in placed.panel.layers):
                extent = placed.panel.extent
                assert placed.axes.height / placed.axes.width == pytest.approx(
                    extent.height / extent.width
                )


@pytest.mark.parametrize("width", [60, 90, 180])
@pytest.mark.parametrize("heads", [1, 3, 12])
def test_no_word_leaves_the_page(width, heads):
    for drawing in drawn(rows=14, cols=14, depth=12, heads=heads, original=(336, 224)):
        stay_on_the_page(render(drawing, width_mm=width))


def stay_on_the_page(figure):
    with typeset():
        figure.draw_without_rendering()
    right, top = figure.get_size_inches() * figure.dpi
    texts = [*figure.texts, *(text for axes in figure.axes for text in axes.texts)]
    boxes = [text.get_window_extent() for text in texts]
    assert max(box.x1 for box in boxes) <= right
    assert max(box.y1 for box in boxes) <= top
    assert min(min(box.x0, box.y0) for box in boxes) >= 0


@pytest.mark.parametrize("dpi", [72, 120, 200, 300])
@pytest.mark.parametrize("bold", [False, True])
def test_words_are_as_wide_as_they_were_measured(dpi, bold):
    figure = Figure(dpi=dpi)
    canvas = FigureCanvasAgg(figure)
    for text in ("4.01e-5", "Each layer passes 50% on and mixes 50% by its attention", "räven 7"):
        drawn = figure.text(0, 0, text, fontsize=7, weight="bold" if bold else "normal")
        with typeset():
            inches = drawn.get_window_extent(canvas.get_renderer()).width / dpi
        assert inches / MM == pytest.approx(
            width(text, 7, PaperStyle(), bold), rel=0.004, abs=25.4 / dpi
        )


def test_panels_of_a_row_do_not_overlap(heads):
    one, other = lay_out(heads, PaperStyle()).placed
    assert one.axes.right < other.axes.left
    assert one.axes.top == other.axes.top


def test_long_titles_break_into_lines():
    title = "Where the class token of a model with a long name looks " * 3
    page = lay_out(Drawing("v", title, ((Panel((), Box(0, 0, 1, 1)),),)), PaperStyle(90))
    assert len(page.title) > 2
    assert " ".join(page.title) == title.strip()


def test_dollars_and_brackets_are_words_not_formulas(tmp_path):
    labels = Labels((Label("$a_b$", Spot(0.5, 0.5)),))
    panel = Panel((labels, Message("costs 3$ or $4")), Box(0, 0, 1, 1), "$x^{")
    figure = render(Drawing("v", "a $ title_1", ((panel,),), "caption $\\frac$"))
    figure.savefig(tmp_path / "a.png")
    assert {"a $ title_1", "$x^{", "$a_b$", "caption $\\frac$"} <= words(figure)


def test_smooth_maps_keep_their_values_at_the_centres():
    values = np.array([[0, 1], [2, 3]], np.float32)
    fine = upsampled(values, side=6)
    assert fine.shape == (6, 6)
    np.testing.assert_allclose(fine[1::3, 1::3], values)
    assert fine.dtype == np.float32
    assert (fine[2, 2] > 0) & (fine[2, 2] < 3)


def test_an_empty_range_and_an_infinite_value_still_print(tmp_path):
    values = np.array([[1, 1], [1, np.inf]], np.float32)
    panel = Panel(
        (Heat(values, Box(0, 0, 2, 2), ColorScale(1, 1)),), Box(0, 0, 2, 2), bar=ColorScale(1, 1)
    )
    render(Drawing("v", "t", ((panel,),))).savefig(tmp_path / "a.png")


def test_a_page_too_narrow_is_refused(heads):
    with pytest.raises(VitvizError, match=r"40 mm .*, not 10"):
        render(heads, width_mm=10)


@pytest.mark.parametrize("width", [85, 180])
def test_the_words_around_a_plot_do_not_touch(width):
    line = Curve(np.arange(3.0), np.arange(3.0) / 2, "a line with a name")
    plot = Plot((line,), Axis("layer", 0, 2), Axis("share of attention", 0, 5))
    figure = render(
        Drawing("test", "", ((Panel((plot,), Box(0, 0, 3, 4)),),)), paper=PaperStyle(width_mm=width)
    )
    FigureCanvasAgg(figure)
    boxes = {
        text.get_text(): text.get_window_extent() for axes in figure.axes for text in axes.texts
    }
    words = [boxes[each] for each in ("a line with a name", "share of attention", "5", "layer")]
    for index, one in enumerate(words):
        for other in words[index + 1 :]:
            assert not one.padded(2).overlaps(other)
