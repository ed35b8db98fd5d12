"""Grids on paper: no text over another or off the page, no page too high, every page readable alone."""

from __future__ import annotations

import re
from dataclasses import replace

import pytest
from drawn import drawn
from PIL import Image
from printed_texts import faults, texts_of
from reference import make_trace

from vitviz.core.data.drawing import Drawing, Panel
from vitviz.core.data.geometry import Box
from vitviz.core.data.recipe import PageRecipe
from vitviz.core.data.selection import Selection
from vitviz.core.drawings.drawing_sheet import page
from vitviz.core.files import Exists
from vitviz.core.notation import shown_number
from vitviz.core.progress import VitvizError
from vitviz.figures.layout import paper_pages
from vitviz.figures.page_breaks import LEAST_MAP
from vitviz.figures.panel_rows import has_content
from vitviz.figures.paper import PaperStyle
from vitviz.figures.render import render, render_pages
from vitviz.figures.save import save, save_pages
from vitviz.session.figure.drawing_sweep import sheet_of, steps, sweep
from vitviz.session.figure.sweep_steps import SweepSubject
from vitviz.views import find, views

WIDTHS = (85.0, 180.0)


@pytest.fixture(scope="module")
def subject():
    return SweepSubject(
        make_trace(rows=4, cols=4, depth=12, heads=3), Selection(), {"range": "map"}
    )


@pytest.fixture(scope="module")
def grid(subject):
    """Twelve layers down, three heads across."""

    def made(one_range: bool = True, ways: tuple[str, ...] = ("layer", "head")) -> Drawing:
        view = find("heads")
        gone = [steps(view, subject, way) for way in ways]
        drawings = sweep(view, subject, gone)
        return page(drawings, replace(sheet_of(view, drawings, gone), one_range=one_range))

    return made


def printed(drawing: Drawing, **paper):
    return list(render_pages(drawing, PaperStyle(dpi=60, grid=True, **paper)))


@pytest.mark.parametrize("width", [85, 180])
def test_no_text_of_any_view_lies_over_another_or_leaves_the_page(width):
    for drawing in drawn(rows=7, cols=7, depth=12, heads=3, original=(336, 224)):
        assert faults(render(drawing, width_mm=width)) == [], drawing.view


@pytest.mark.parametrize("bars", ["each", "shared"])
@pytest.mark.parametrize("one_range", [True, False])
@pytest.mark.parametrize("ways", [("layer", "head"), ("head", "layer")])
def test_no_text_of_a_grid_lies_over_another_or_leaves_the_page(grid, bars, one_range, ways):
    for width in WIDTHS:
        for figure in printed(grid(one_range, ways), width_mm=width, bars=bars):
            assert faults(figure) == []
            assert figure.get_figheight() * 25.4 <= 240


def test_what_lies_over_another_or_leaves_the_page_is_found():
    figure = render(Drawing("v", "a title", ((Panel((), Box(0, 0, 1, 1), "a panel"),),)))
    figure.text(0.98, 0.5, "much too far to the right")
    figure.text(0.1, 0.5, "one of two"), figure.text(0.12, 0.5, "the other")
    said = " ".join(faults(figure))
    assert "'much too far to the right' leaves the page" in said
    assert "'one of two' lies over 'the other'" in said


def test_the_ends_of_every_range_are_printed_below_its_map(grid):
    whole = grid(one_range=False)
    (figure,) = printed(whole, width_mm=180, bars="each")
    words = [text.get_text() for text, _ in texts_of(figure)]
    for panel in whole.panels:
        if panel.bar is not None:
            assert {shown_number(panel.bar.high, digits) for digits in (2, 3)} & set(words)
    assert words.count("attention") == 0
    assert any(
        word.startswith("Colours: attention, each map in a range of its own") for word in words
    )


def test_one_bar_for_all_is_one_bar_in_one_range(grid):
    whole = grid(one_range=False)
    (laid,) = paper_pages(whole, PaperStyle(bars="shared"))
    (bar,) = laid.bars
    scales = {one.panel.bar for one in laid.placed if one.panel.bar is not None}
    assert scales == {bar.scale}
    assert all(one.bar is None for one in laid.placed)
    highs = [panel.bar.high for panel in whole.panels if panel.bar is not None]
    assert bar.scale.high == max(highs)


def test_two_quantities_have_two_bars():
    drawing = find("heads").draw(make_trace(), Selection(), {"range": "map"})
    (laid,) = paper_pages(drawing, PaperStyle(bars="shared"))
    assert [bar.scale.label for bar in laid.bars] == ["attention", "relative attention"]
    assert all(one.bar is None for one in laid.placed)


def test_a_long_grid_wraps_so_that_it_fills_one_page(grid):
    (laid,) = paper_pages(grid(), PaperStyle(bars="shared", grid=True))
    maps = [one for one in laid.placed if has_content(one.panel)]
    assert len({round(one.axes.left, 3) for one in maps}) == 6  # two blocks of three heads
    assert min(one.axes.width for one in maps) > 20
    assert laid.height <= 240
    first = [one for one in maps if one.axes.top == min(each.axes.top for each in maps)]
    assert [" ".join(one.heading) for one in first] == ["head 1", "head 2", "head 3"] * 2


def test_a_longer_one_goes_on_overleaf_with_its_headings_bars_and_caption(subject):
    view, heads = find("heads"), steps(find("heads"), subject, "head")
    drawings = sweep(view, subject, [heads])
    names = tuple(f"picture {at}" for at in range(40))
    sheet = replace(sheet_of(view, drawings, [heads]), across=3, rows=names)
    pages = paper_pages(page(drawings * 40, sheet), PaperStyle(85, bars="shared", grid=True))
    assert len(pages) > 1
    shown = [sum(has_content(one.panel) for one in each.placed) for each in pages]
    assert sum(shown) == 120
    assert max(shown) - min(shown) <= 3 * len(pages)
    for at, each in enumerate(pages, start=1):
        assert each.height <= 240
        assert " ".join(each.title).endswith(f"({at} of {len(pages)})")
        top = min(one.axes.top for one in each.placed)
        first = [one for one in each.placed if one.axes.top == top and has_content(one.panel)]
        assert [" ".join(one.heading) for one in first] == ["head 1", "head 2", "head 3"]
        assert each.bars
        assert each.caption
        assert min(one.axes.width for one in each.placed if has_content(one.panel)) >= LEAST_MAP


def test_all_views_go_on_overleaf(subject):
    view = find("heads")
    every = [steps(view, subject, "view=heads,rollout,distance,positions,entropy,predictions")]
    drawings = sweep(view, subject, every)
    whole = page(drawings, sheet_of(view, drawings, every))
    pages = paper_pages(whole, PaperStyle(grid=True, bars="shared"))
    assert len(pages) > 1
    assert all(each.height <= 240 for each in pages)
    assert sum(len(each.placed) for each in pages) == len(whole.panels)
    assert len(paper_pages(whole, PaperStyle(grid=True, height_mm=None))) == 1


def test_names_of_rows_take_several_lines_before_they_take_the_page(subject):
    view, heads = find("heads"), steps(find("heads"), subject, "head")
    names = ("vit_base_patch16_224.augreg_in21k_ft_in1k.safetensors, patch 16",) * 2
    sheet = replace(sheet_of(view, sweep(view, subject, [heads]), [heads]), rows=names)
    (figure,) = printed(page(sweep(view, subject, [heads]) * 2, sheet), width_mm=85)
    assert faults(figure) == []


@pytest.fixture
def tall() -> Drawing:
    panels = [Panel((), Box(0, 0, 1, 1), f"panel {at}") for at in range(7)]
    return Drawing("v", "a title", tuple((panel,) for panel in panels))


def test_a_pdf_has_all_pages_and_pictures_are_numbered(tall, tmp_path):
    paper = PaperStyle(dpi=50)
    assert save_pages(tall, tmp_path / "a.pdf", paper) == (tmp_path / "a.pdf",)
    data = (tmp_path / "a.pdf").read_bytes()
    pages = int(re.search(rb"/Count (\d+)", data)[1])
    assert pages > 1
    files = save_pages(tall, tmp_path / "a.png", paper)
    assert [file.name for file in files] == [
        "a.png",
        *(f"a-{at}.png" for at in range(2, pages + 1)),
    ]
    for file in files:
        with Image.open(file) as image:
            assert image.height <= 240 / 25.4 * 50
    assert save(tall, tmp_path / "b.svg") == tmp_path / "b.svg"
    assert (tmp_path / "b-2.svg").exists()


def test_no_page_replaces_a_file_that_is_to_stay(tall, tmp_path):
    kept = tmp_path / "a-2.png"
    kept.write_bytes(b"mine")
    with pytest.raises(Exists):
        save(tall, tmp_path / "a.png", dpi=50, overwrite=False)
    assert [file.name for file in tmp_path.iterdir()] == ["a-2.png"]
    assert kept.read_bytes() == b"mine"


@pytest.mark.parametrize("height", [5, 1e6])
def test_a_page_of_an_impossible_height_is_refused(height):
    with pytest.raises(VitvizError, match="mm high"):
        PaperStyle(height_mm=height)


def test_a_page_recipe_without_rows_wraps_nothing():
    drawings = [views()["heads"].draw(make_trace(), Selection())] * 30
    sheet = PageRecipe("t", "", 3, tuple(f"layer {at}" for at in range(30)), (), 0)
    pages = paper_pages(page(drawings, sheet), PaperStyle(85, grid=True))
    assert [one.heading for each in pages for one in each.placed][:3] == [
        ("layer 0",),
        ("layer 1",),
        ("layer 2",),
    ]
    assert all(each.height <= 240 for each in pages)


def test_a_grid_a_little_too_high_is_made_a_little_smaller(subject):
    view, heads = find("heads"), [steps(find("heads"), subject, "head")]
    drawings = sweep(view, subject, heads)
    sheet = replace(sheet_of(view, drawings, heads), across=3, rows=("a", "b", "c", "d"))
    whole, paper = page(drawings * 4, sheet), PaperStyle(bars="shared", grid=True)
    high = paper_pages(whole, replace(paper, height_mm=None))[0].height
    (laid,) = paper_pages(whole, replace(paper, height_mm=high - 8))
    assert laid.height <= high - 8
    assert len({one.axes.top for one in laid.placed}) == 4  # in four rows as before
