"""Methods rated over a folder: random is always among them, and a run goes on where it stopped."""

from __future__ import annotations

import csv
import json
from dataclasses import replace

import numpy as np
import pytest
from PIL import Image

import vitviz
from vitviz.core.data.attribution import AttributionQuery
from vitviz.core.data.target import Target
from vitviz.core.measures.marks import mark_fit, quarter_of_highest, quarter_share
from vitviz.core.pictures.picture_area import PictureArea
from vitviz.core.pictures.picture_files import open_picture
from vitviz.core.progress import Cancelled, VitvizError
from vitviz.folders.rating.picture_rating import RatingPlan, mosaic
from vitviz.folders.rating.rate_folder import class_folders, ordered, rate_folder, rating_figure
from vitviz.views.answers import trust

PLAN = RatingPlan(("relevance", "attention"), Target(), "mean", 4)
SETTINGS = {"rate": ["relevance", "attention"]}


@pytest.fixture(scope="module")
def model():
    return vitviz.load("test_vit", pretrained=False, input_size=64)


@pytest.fixture
def folder(tmp_path, photo):
    """Five pictures in folders that are called by their classes."""
    for number, name in enumerate(("0", "1", "2", "3", "3")):
        place = tmp_path / "photos" / name
        place.mkdir(parents=True, exist_ok=True)
        pixels = np.roll(photo, 13 * number, axis=1)
        Image.fromarray(pixels).save(place / f"{number}.png")
    return tmp_path / "photos"


def test_numbers_are_those_of_the_view(model, folder, tmp_path):
    found = rate_folder(model, folder, tmp_path / "out", PLAN, SETTINGS)
    assert found.done == 5
    assert set(found.means) == {"relevance", "random", "attention"}
    with (tmp_path / "out" / "ratings.csv").open(encoding="utf-8") as file:
        rows = list(csv.DictReader(file))
    assert len(rows) == 15
    trace = vitviz.trace(model, folder / "0" / "0.png")
    made = trust.attribution(trace, AttributionQuery().plain())
    number = trust.trust_number(trace, made, "mean")
    row = next(
        each for each in rows if each["picture"] == "0.png" and each["method"] == "relevance"
    )
    assert float(row["deletion"]) == pytest.approx(number.own.areas[0], rel=1e-4)
    assert float(row["insertion"]) == pytest.approx(number.own.areas[1], rel=1e-4)
    chance = next(
        each for each in rows if each["picture"] == "0.png" and each["method"] == "random"
    )
    assert float(chance["deletion"]) == pytest.approx(number.chance_areas()[:, 0].mean(), rel=1e-4)
    means = [float(each["deletion"]) for each in rows if each["method"] == "relevance"]
    assert found.means["relevance"]["deletion"].mean == pytest.approx(np.mean(means), rel=1e-4)
    assert float(row["road"]) == pytest.approx(trust.road_number(trace, made).combined, abs=1e-6)
    assert found.means["random"]["road"].count == 5


def test_the_share_in_a_quarter_is_that_of_the_mosaic(model, folder, tmp_path):
    found = rate_folder(model, folder, tmp_path / "out", PLAN, SETTINGS)
    assert found.graded == 5
    about = json.loads((tmp_path / "out" / "0" / "0-rating.json").read_text(encoding="utf-8"))
    pictures = [open_picture(folder / name / f"{name}.png") for name in ("0", "1", "2", "3")]
    trace = vitviz.trace(model, mosaic(pictures[0], pictures[1:], 0))
    made = trace.source.attribution(AttributionQuery(Target("class", index=0)).plain())
    expected = quarter_share(made.patches, made.grid, 0, 0)
    assert about["numbers"]["relevance"]["grid_share"] == pytest.approx(expected, rel=1e-4)
    assert about["numbers"]["random"]["grid_share"] == 0.25
    highest = np.unravel_index(np.argmax(made.patches), (made.grid.rows, made.grid.cols))
    upper_left = highest[0] < made.grid.rows / 2 and highest[1] < made.grid.cols / 2
    assert about["numbers"]["relevance"]["grid_hit"] == float(upper_left)


def test_a_mask_called_like_its_picture_is_its_mark(model, folder, tmp_path):
    (tmp_path / "marks" / "1").mkdir(parents=True)
    inside = np.zeros((64, 64, 3), np.uint8)
    inside[:32] = 255
    Image.fromarray(inside).save(tmp_path / "marks" / "1" / "1.png")
    plan = replace(PLAN, road=False, maps=2)
    found = rate_folder(model, folder, tmp_path / "out", plan, SETTINGS, marks=tmp_path / "marks")
    assert found.marked == 1
    trace = vitviz.trace(model, folder / "1" / "1.png")
    made = trust.attribution(trace, AttributionQuery().plain())
    covered = PictureArea.of_mask(inside[..., 0] > 0).coverage(trace.grid, trace.crop)
    fit = mark_fit(made.patches, covered)
    assert found.means["relevance"]["mark_share"].mean == pytest.approx(fit.inside)
    assert found.means["relevance"]["mark_overlap"].mean == pytest.approx(fit.overlap)
    assert found.means["random"]["mark_share"].mean == pytest.approx(covered.mean())
    assert not found.means["relevance"]["road"].count


def test_the_cell_of_the_highest_patch(tiny_trace):
    grid = tiny_trace.grid
    values = np.zeros(grid.rows * grid.cols)
    values[grid.cols * (grid.rows - 1)] = 1
    assert quarter_of_highest(values, grid) == (1, 0)
    assert quarter_of_highest(-values, grid) == (0, 0)


def test_a_run_goes_on_where_it_stopped(model, folder, tmp_path):
    out = tmp_path / "out"

    def stop(done, total, what=""):
        if done == 2:
            raise Cancelled

    with pytest.raises(Cancelled):
        rate_folder(model, folder, out, PLAN, SETTINGS, progress=stop)
    found = rate_folder(model, folder, out, PLAN, SETTINGS)
    assert (found.done, found.before) == (3, 2)
    with pytest.raises(VitvizError, match="another order"):
        rate_folder(model, folder, out, PLAN, {"rate": ["LeGrad"]})


def test_a_picture_that_is_none_is_left_out_with_the_reason(model, folder, tmp_path):
    (folder / "1" / "broken.png").write_bytes(b"no picture")
    found = rate_folder(model, folder, tmp_path / "out", PLAN, SETTINGS)
    ((file, why),) = found.broken
    assert file.endswith("broken.png")
    assert "not a picture" in why
    assert found.done == 5


def test_folders_are_classes_by_number_or_name(tmp_path):
    files = [tmp_path / name / "a.png" for name in ("2", "giant_panda", "holiday")] + [
        tmp_path / "b.png"
    ]
    labels = ("tench", "giant panda, panda", "owl")
    assert class_folders(files, tmp_path, labels, 3) == {files[0]: 2, files[1]: 1}


def test_the_figure_has_the_best_above(model, folder, tmp_path):
    found = rate_folder(model, folder, tmp_path / "out", PLAN, SETTINGS)
    drawing = rating_figure(found, "caption")
    table = drawing.panels[-1].layers[0]
    assert [row[0] for row in table.rows] == ordered(found)
    deletions = [float(row[1]) for row in table.rows]
    assert deletions == sorted(deletions)
