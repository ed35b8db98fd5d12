"""Figures on disk: whole or not at all, text as text, images once, the recipe inside."""

from __future__ import annotations

import base64
import io
import json
import re
from dataclasses import replace
from xml.etree import ElementTree as ET

import numpy as np
import pytest
from PIL import Image
from reference import make_trace

import vitviz
from vitviz.core.data.plots import Plot
from vitviz.core.data.selection import Selection
from vitviz.core.drawings.laid_maps import toned
from vitviz.core.progress import VitvizError
from vitviz.figures.save import recipe, save
from vitviz.views import views


@pytest.fixture(scope="module")
def drawing():
    trace = make_trace(rows=5, cols=5)
    return views()["heads"].draw(trace, Selection(), {"direction": "is looked at by"})


@pytest.mark.parametrize("name", list(views()))
@pytest.mark.parametrize("kind", ["png", "svg", "pdf", "tiff"])
def test_every_view_saves_as_every_kind(name, kind, tmp_path, tiny_trace, tiny_other):
    target = tmp_path / f"figure.{kind}"
    start = {"png": b"\x89PNG", "svg": b"<?xml", "pdf": b"%PDF", "tiff": b"II*"}[kind]
    if why := views()[name].applies(tiny_trace):
        pytest.skip(why)
    drawing = views()[name].draw(tiny_trace, Selection(), against=tiny_other)
    assert save(drawing, target, dpi=50) == target
    assert target.read_bytes().startswith(start)
    pages = sorted(file.name for file in tmp_path.iterdir())
    assert set(pages) == {target.name, *(f"figure-{at + 1}.{kind}" for at in range(1, len(pages)))}
    assert len(pages) == 1 or kind != "pdf"


@pytest.fixture(scope="module")
def tiny_other(photo):
    """The smallest model again, with larger patches."""
    return vitviz.trace(vitviz.load("test_vit", pretrained=False, patch_size=32), photo)


def test_a_png_has_the_width_and_the_recipe(drawing, tmp_path):
    save(drawing, tmp_path / "a.PNG", dpi=127, width_mm=100)
    with Image.open(tmp_path / "a.PNG") as image:
        assert image.width == 500
        assert json.loads(image.text["vitviz"])["options"] == {"direction": "is looked at by"}
        assert image.text["Title"] == drawing.title


def test_an_svg_has_its_words_as_text_and_its_recipe(drawing, tmp_path):
    save(drawing, tmp_path / "a.svg")
    text = (tmp_path / "a.svg").read_text(encoding="utf-8")
    assert f">{drawing.title}</text>" in text
    assert "picture key" in text
    assert "attention</text>" in text


def test_an_svg_holds_the_picture_once_and_as_it_is(drawing, tmp_path):
    save(drawing, tmp_path / "a.svg")
    found = re.findall(r'base64,\s*([^"]+)"', (tmp_path / "a.svg").read_text(encoding="utf-8"))
    images = [Image.open(io.BytesIO(base64.b64decode(data))).convert("RGB") for data in found]
    seen = toned(drawing.panels[0].layers[0])
    same = [image for image in images if image.size == seen.shape[1::-1]]
    assert len(same) == 1
    np.testing.assert_array_equal(np.asarray(same[0]), seen)


@pytest.mark.parametrize(("kind", "image"), [("pdf", b"/Subtype /Image"), ("svg", b"base64,")])
def test_images_shown_in_several_panels_are_in_the_file_once(drawing, tmp_path, kind, image):
    """A page of fifteen layers over one photograph must not hold the photograph fifteen times."""
    one, three = (replace(drawing, rows=(drawing.panels[:1] * times,)) for times in (1, 3))
    found = [save(each, tmp_path / f"a.{kind}").read_bytes().count(image) for each in (one, three)]
    assert found[0] > 0
    assert found[0] == found[1]


def test_an_svg_shows_the_image_it_defines_in_every_panel(drawing, tmp_path):
    """Names are unique, and what was said of one place only (where, how dense) stays there."""
    panel = drawing.panels[0]
    file = save(replace(drawing, rows=((panel, panel),)), tmp_path / "a.svg")
    root = ET.parse(file).getroot()
    spaces = {"svg": "http://www.w3.org/2000/svg"}
    link = "{http://www.w3.org/1999/xlink}href"
    names = [each.get("id") for each in root.iter() if each.get("id")]
    assert len(names) == len(set(names))
    defined = root.findall(".//svg:defs/svg:image", spaces)
    used = root.findall(".//svg:use", spaces)
    of_image = [use for use in used if use.get(link)[1:] in {each.get("id") for each in defined}]
    assert len(of_image) == 2 * len(defined) > 0
    assert all(use.get("transform") for use in of_image)
    assert not any(each.get("transform") or each.get("opacity") for each in defined)


def test_a_pdf_names_its_title(drawing, tmp_path):
    save(drawing, tmp_path / "a.pdf")
    data = (tmp_path / "a.pdf").read_bytes()
    assert drawing.title.encode() in data
    assert b"/Type3" not in data  # real fonts, so that text can be searched


@pytest.mark.parametrize("kind", ["svg", "pdf", "png"])
def test_the_same_drawing_is_the_same_file(drawing, tmp_path, kind):
    files = [save(drawing, tmp_path / f"{name}.{kind}").read_bytes() for name in "ab"]
    assert files[0] == files[1]


def test_the_recipe_is_json_with_model_picture_and_selection(drawing):
    known = json.loads(recipe(drawing))
    assert (known["view"], known["model"], known["token"]) == ("heads", "tiny", "class")


@pytest.mark.parametrize("name", ["figure.jpg", "figure"])
def test_another_suffix_is_one_sentence(drawing, tmp_path, name):
    with pytest.raises(VitvizError, match=r"figure.* cannot be saved: figures are \.png"):
        save(drawing, tmp_path / name)


def test_what_is_no_drawing_is_one_sentence(tiny_trace, tmp_path):
    with pytest.raises(VitvizError, match="a drawing, not Trace; make one with"):
        save(tiny_trace, tmp_path / "figure.png")


def test_a_missing_folder_is_one_sentence(drawing, tmp_path):
    with pytest.raises(VitvizError, match="there is no folder"):
        save(drawing, tmp_path / "nowhere" / "a.png")


def test_a_place_that_cannot_be_written_is_one_sentence(drawing, tmp_path):
    (tmp_path / "a.png").mkdir()
    with pytest.raises(VitvizError, match="choose another place"):
        save(drawing, tmp_path / "a.png")
    assert [file.name for file in tmp_path.iterdir()] == ["a.png"]


def test_a_failure_leaves_the_old_file_as_it_was(drawing, tmp_path):
    target = tmp_path / "a.png"
    target.write_bytes(b"old")
    with pytest.raises(VitvizError, match="40 mm"):
        save(drawing, target, width_mm=3)
    assert target.read_bytes() == b"old"


def test_names_of_curves_are_whole_on_narrow_paper(tiny_trace, tmp_path):
    drawing = views()["distance"].draw(tiny_trace, Selection())
    names = [
        curve.name
        for panel in drawing.panels
        for layer in panel.layers
        if isinstance(layer, Plot)
        for curve in layer.curves
        if curve.name
    ]
    assert max(map(len, names)) > 40
    root = ET.parse(save(drawing, tmp_path / "a.svg", width_mm=60)).getroot()
    said = " ".join(
        "".join(each.itertext()) for each in root.iter("{http://www.w3.org/2000/svg}text")
    )
    assert all(name in said for name in names)
