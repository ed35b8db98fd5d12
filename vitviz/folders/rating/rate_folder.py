"""Ways of asking why, rated over a folder of pictures: a table with intervals, a figure, resumable."""

from __future__ import annotations

import csv
import glob
import io
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from jaxtyping import Float64

from vitviz.core.data.drawing import Drawing, Panel
from vitviz.core.data.geometry import Box
from vitviz.core.data.picture_choice import AS_IT_IS, PictureChoice
from vitviz.core.data.plots import Axis, Curve, Plot, Table
from vitviz.core.data.target import named_class
from vitviz.core.data.trace import Picture, Trace
from vitviz.core.files import whole
from vitviz.core.measures.bootstrap import MeanInterval, mean_interval
from vitviz.core.pictures.mask_file import mask_file
from vitviz.core.pictures.picture_area import PictureArea
from vitviz.core.pictures.picture_files import open_picture, picture_files
from vitviz.core.progress import Progress, Unsupported, VitvizError, silent
from vitviz.folders.manifest import BatchManifest
from vitviz.folders.output_files import OutputFiles
from vitviz.folders.rating.picture_rating import (
    MEASURES,
    RANDOM,
    MethodNumbers,
    RatingPlan,
    grid_shares,
    rated,
)

if TYPE_CHECKING:
    from vitviz.models import Model

ENDING = "rating.json"
BETTER = {name: "low" if name == "deletion" else "high" for name in MEASURES}
"""Which way each measure is good."""

MEASURE_TITLES = {
    "deletion": "Most important patches hidden first",
    "insertion": "Most important patches shown first",
    "road": "ROAD: removed and foretold",
    "grid_share": "Share in the right quarter of a mosaic",
    "grid_hit": "Highest patch in the right quarter",
    "mark_share": "Share inside the mark",
    "mark_hit": "Highest patch inside the mark",
    "mark_overlap": "Best overlap with the mark",
}
MEASURE_WORDS = {
    "deletion": "deletion",
    "insertion": "insertion",
    "road": "ROAD",
    "grid_share": "in quarter",
    "grid_hit": "hits quarter",
    "mark_share": "in mark",
    "mark_hit": "hits mark",
    "mark_overlap": "overlap",
}
ACROSS = 3
"""Panels side by side."""

Ratings = dict[str, dict[str, MethodNumbers]]
"""Numbers by picture and method."""


@dataclass(frozen=True, slots=True)
class FolderRating:
    """What came of it: the files, every method's means, and the pictures left out with the reason."""

    files: tuple[Path, ...]
    means: Mapping[str, Mapping[str, MeanInterval]]
    times: Mapping[str, Mapping[str, MeanInterval]]
    done: int
    before: int
    broken: tuple[tuple[str, str], ...]
    refused: Mapping[str, str]
    graded: int
    marked: int = 0


def rate_folder(
    model: Model,
    folder: Path,
    out: Path,
    plan: RatingPlan,
    settings: Mapping[str, Any],
    *,
    marks: Path | None = None,
    choice: PictureChoice = AS_IT_IS,
    anew: bool = False,
    progress: Progress = silent,
) -> FolderRating:
    """Rates every picture that is not rated yet, and sums up all that are.

    `marks` is a folder of masks, each called like its picture, white where the answer should come from;
    `choice` says which page and bands of a file are the picture. What `progress` raises stops it; the
    same order goes on from there. VitvizError for a folder without pictures, or a place that holds
    results of another order.
    """
    files = picture_files([folder])
    if not files:
        raise VitvizError(f"there are no pictures in {folder}; name a folder that has some")
    targets = OutputFiles(folder, out, [ENDING])
    labels = class_folders(files, folder, model.labels, model.info.classes)
    broken: list[tuple[str, str]] = []
    done = before = 0
    with BatchManifest(out, (1, 1), settings, anew=anew) as manifest:
        for number, file in enumerate(files):
            made = targets.of(file)
            if manifest.has(file, made):
                before += 1
                continue
            progress(number, len(files), file.name)
            try:
                mark = mark_of(file, folder, marks)
                _rate_one(model, file, labels, plan, made[ENDING], choice, mark)
            except VitvizError as why:
                broken.append((str(file), str(why)))
                continue
            manifest.add(file, made.values())
            done += 1
        progress(len(files), len(files), "")
    every = {file: targets.of(file)[ENDING] for file in files}
    read = {str(file): _read(path) for file, path in every.items() if path.is_file()}
    return _summed(out, read, done, before, tuple(broken))


def mark_of(file: Path, folder: Path, marks: Path | None) -> PictureArea | None:
    """The mask of a picture, by its name, in a folder that is built like the pictures'; None without.

    VitvizError for one that cannot be read.
    """
    if marks is None:
        return None
    place = (marks / file.relative_to(folder)).parent
    there = sorted(place.glob(f"{glob.escape(file.stem)}.*"))
    return mask_file(there[0]) if there else None


def class_folders(
    files: Sequence[Path], folder: Path, labels: Sequence[str], classes: int
) -> dict[Path, int]:
    """The class of each picture whose folder is called by a class's name or number; {} without."""
    found: dict[Path, int] = {}
    for file in files:
        name = file.parent.name if file.parent != folder else ""
        if name.isdecimal() and int(name) < classes:
            found[file] = int(name)
        elif name:
            try:
                found[file] = named_class(name.replace("_", " "), labels)
            except VitvizError:
                continue
    return found


def _rate_one(
    model: Model,
    file: Path,
    labels: Mapping[Path, int],
    plan: RatingPlan,
    target: Path,
    choice: PictureChoice,
    mark: PictureArea | None,
) -> None:
    from vitviz import models

    def traced(picture: Picture) -> Trace:
        return models.trace(model, picture)

    picture = open_picture(file, choice=choice)
    name, numbers, refused = rated(traced(picture), plan, mark)
    if not numbers:
        raise Unsupported("; ".join(refused.values()))
    if file in labels:
        for method, shares in _graded(file, picture, labels, plan, traced).items():
            numbers[method] = {**numbers.get(method, {}), **shares}
    about = {"target": name, "numbers": numbers, "refused": refused}
    target.parent.mkdir(parents=True, exist_ok=True)
    with whole(target, overwrite=True) as unfinished:
        unfinished.write_text(json.dumps(about), encoding="utf-8")


def _graded(
    file: Path, picture: Picture, labels: Mapping[Path, int], plan: RatingPlan, traced: Any
) -> Mapping[str, MethodNumbers]:
    """The shares in a mosaic with three pictures of other classes; {} where there are not so many."""
    label = labels[file]
    others = sorted(each for each, other in labels.items() if other != label)
    at = sorted(labels).index(file)
    by_class: dict[int, Path] = {}
    for each in others[at:] + others[:at]:
        by_class.setdefault(labels[each], each)
    few = [open_picture(each, choice=picture.choice) for each in list(by_class.values())[:3]]
    if len(few) < 3:
        return {}
    return grid_shares(picture, few, label, at % 4, plan, traced)


def _read(path: Path) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
    return found


def _summed(
    out: Path,
    read: Mapping[str, Mapping[str, Any]],
    done: int,
    before: int,
    broken: tuple[tuple[str, str], ...],
) -> FolderRating:
    ratings: Ratings = {file: each["numbers"] for file, each in read.items()}
    if not ratings:
        why = broken[0][1] if broken else "nothing was rated"
        raise VitvizError(f"none of the pictures could be rated; the first: {why}")
    refused = {name: why for each in read.values() for name, why in each["refused"].items()}
    methods = list(dict.fromkeys(name for each in ratings.values() for name in each))
    means = {method: _means(ratings, method) for method in methods}
    times = {method: _times(ratings, method) for method in methods if method != RANDOM}
    graded, marked = (
        sum(measure in each.get(RANDOM, {}) for each in ratings.values())
        for measure in ("grid_share", "mark_share")
    )
    files = (
        _written(out / "ratings.csv", _rows(read)),
        _written(out / "summary.csv", _summary_rows(means, times)),
    )
    return FolderRating(files, means, times, done, before, broken, refused, graded, marked)


def _column(ratings: Ratings, method: str, measure: str) -> Float64[np.ndarray, "picture"]:
    nan = float("nan")
    return np.array([each.get(method, {}).get(measure, nan) for each in ratings.values()])


def _means(ratings: Ratings, method: str) -> dict[str, MeanInterval]:
    return {measure: mean_interval(_column(ratings, method, measure)) for measure in MEASURES}


def _times(ratings: Ratings, method: str) -> dict[str, MeanInterval]:
    """How many times better than random, picture by picture (geometric mean, back from logarithms)."""
    found = {}
    for measure in ("deletion", "insertion"):
        own, chance = _column(ratings, method, measure), _column(ratings, RANDOM, measure)
        with np.errstate(divide="ignore", invalid="ignore"):
            ratio = np.log(chance / own if BETTER[measure] == "low" else own / chance)
        interval = mean_interval(ratio)
        mean, low, high = (
            float(np.exp(each)) for each in (interval.mean, interval.low, interval.high)
        )
        found[measure] = MeanInterval(mean, low, high, interval.count)
    return found


def _rows(read: Mapping[str, Mapping[str, Any]]) -> list[list[str]]:
    rows = [["picture", "target", "method", *MEASURES]]
    for file, each in read.items():
        for method, numbers in each["numbers"].items():
            values = [f"{numbers[name]:.6g}" if name in numbers else "" for name in MEASURES]
            rows.append([Path(file).name, each["target"], method, *values])
    return rows


def _summary_rows(
    means: Mapping[str, Mapping[str, MeanInterval]], times: Mapping[str, Mapping[str, MeanInterval]]
) -> list[list[str]]:
    rows = [["method", "measure", "mean", "low", "high", "pictures"]]
    for method, found in means.items():
        every = {
            **found,
            **{f"{name}, times random": each for name, each in times.get(method, {}).items()},
        }
        rows += [
            [
                method,
                name,
                f"{each.mean:.6g}",
                f"{each.low:.6g}",
                f"{each.high:.6g}",
                str(each.count),
            ]
            for name, each in every.items()
            if each.count
        ]
    return rows


def _written(path: Path, rows: Sequence[Sequence[str]]) -> Path:
    text = io.StringIO()
    csv.writer(text, lineterminator="\n").writerows(rows)
    with whole(path, overwrite=True) as unfinished:
        unfinished.write_text(text.getvalue(), encoding="utf-8")
    return path


def ordered(found: FolderRating) -> list[str]:
    """The methods from the best in deletion to the worst."""
    return sorted(found.means, key=lambda name: found.means[name]["deletion"].mean)


def rating_figure(found: FolderRating, caption: str) -> Drawing:
    """Every method's mean with its interval, best above, and the same as a table."""
    names = ordered(found)
    measures = [each for each in MEASURES if found.means[names[0]][each].count]
    panels = [_interval_panel(found, names, measure) for measure in measures]
    lines = [tuple(panels[at : at + ACROSS]) for at in range(0, len(panels), ACROSS)]
    rows = tuple(tuple(_cells(found, name, measures)) for name in names)
    words = (MEASURE_WORDS[measure] for measure in measures)
    table = Table(("method", *words, "deletion, × random", "insertion, × random"), rows)
    extent = Box(0, 0, len(rows) + 1, 0.5 * sum(table.widths))
    pictures = max(each["deletion"].count for each in found.means.values())
    title = f"Methods over {pictures} picture{'s' * (pictures != 1)}"
    return Drawing(
        "rating", title, (*lines, (Panel((table,), extent, "Means over the pictures"),)), caption
    )


def _cells(found: FolderRating, name: str, measures: Sequence[str]) -> list[str]:
    every = [found.means[name][measure] for measure in measures]
    times = found.times.get(name, {})
    cells = [f"{each.mean:.3f}" if each.count else "–" for each in every]
    ratios = (times.get(measure) for measure in ("deletion", "insertion"))
    return [name, *cells, *("–" if each is None else f"{each.mean:.2f}" for each in ratios)]


def _interval_panel(found: FolderRating, names: Sequence[str], measure: str) -> Panel:
    height = np.arange(len(names), 0, -1.0)
    every = [found.means[name][measure] for name in names]
    nan = np.nan
    across = np.array([[each.low, each.high, nan] for each in every]).ravel()
    up = np.repeat(height, 3)
    means = np.array([each.mean for each in every])
    least, most = float(np.nanmin(across)), float(np.nanmax(across))
    air = 0.05 * (most - least) or 0.05
    curves = (
        Curve(across, up, "95 % interval", tone="quiet"),
        Curve(means, height, "mean", "points", "chosen"),
    )
    plot = Plot(
        curves,
        Axis(
            f"{MEASURE_WORDS[measure]} ({BETTER[measure]} is good)",
            least - air,
            most + air,
        ),
        Axis("rank in deletion, best above", 0.5, len(names) + 0.5, True),
    )
    return Panel((plot,), Box(0, 0, 3, 4), MEASURE_TITLES[measure])
