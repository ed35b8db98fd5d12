"""One picture's numbers for every method: deletion, insertion, ROAD, mosaics, and a mark of its own."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from jaxtyping import UInt8

from vitviz.core.data.attribution import AttributionQuery, Fill, Method, one_filling
from vitviz.core.data.target import Target
from vitviz.core.data.trace import Picture, Trace
from vitviz.core.measures.faithfulness import RANDOM_MAPS, MaskingCurves
from vitviz.core.measures.marks import (
    Coverage,
    MarkFit,
    mark_fit,
    quarter_of_highest,
    quarter_share,
)
from vitviz.core.pictures.picture_area import PictureArea
from vitviz.core.progress import Unsupported, VitvizError
from vitviz.views.answers import trust
from vitviz.views.shared import model_questions

RANDOM = "random"
MEASURES = (
    "deletion",
    "insertion",
    "road",
    "grid_share",
    "grid_hit",
    "mark_share",
    "mark_hit",
    "mark_overlap",
)
"""Deletion and insertion (areas), ROAD (most against least important first); of a mosaic of four
classes the share in the right quarter and whether the highest patch lies there (GridPG, pointing
game); of a mark the share inside, whether the highest patch lies there, and the best intersection over
union.
"""
MethodNumbers = dict[str, float]
PictureTracer = Callable[[Picture], Trace]


@dataclass(frozen=True, slots=True)
class RatingPlan:
    """What is asked of every picture. `steps` as in `AttributionQuery`, `maps` are those of chance."""

    methods: tuple[Method, ...]
    target: Target
    fill: Fill
    steps: int
    maps: int = RANDOM_MAPS
    road: bool = True


def rated(
    trace: Trace, plan: RatingPlan, mark: PictureArea | None = None
) -> tuple[str, dict[str, MethodNumbers], dict[str, str]]:
    """(the target's name, numbers by method with `random` among them, why methods are left out).

    VitvizError for a mark where the model sees nothing.
    """
    covered = None if mark is None else _covered(trace, mark)
    found: dict[str, MethodNumbers] = {}
    refused: dict[str, str] = {}
    name = ""
    for method in plan.methods:
        try:
            made = trust.attribution(trace, query_of(plan, method, plan.target))
            number = trust.trust_number(trace, made, plan.fill, maps=plan.maps)
        except Unsupported as why:
            refused[method] = str(why)
            continue
        name = made.name
        found[method] = _areas(number.own)
        means = number.chance_areas().mean(axis=0)
        found[RANDOM] = {"deletion": float(means[0]), "insertion": float(means[1])}
        if plan.road:
            found[method]["road"] = trust.road_number(trace, made).combined
            chance = trust.road_of_chance(trace, plan.target, plan.maps)
            found[RANDOM]["road"] = chance.combined
        if covered is not None:
            found[method] |= _in_mark(mark_fit(made.patches, covered))
            found[RANDOM] |= _chance_in_mark(covered, plan.maps)
    return name, found, refused


def query_of(plan: RatingPlan, method: Method, target: Target) -> AttributionQuery:
    """The map of one method as the plan asks for it."""
    fill = one_filling(plan.fill)
    return AttributionQuery(target, method, steps=plan.steps, fill=fill).plain()


def _covered(trace: Trace, mark: PictureArea) -> Coverage:
    covered = mark.coverage(trace.grid, trace.crop)
    if covered.sum() == 0:
        raise VitvizError("its mark lies outside of what the model sees of the picture")
    return covered


def _in_mark(fit: MarkFit) -> MethodNumbers:
    return {"mark_share": fit.inside, "mark_hit": float(fit.hit), "mark_overlap": fit.overlap}


def _chance_in_mark(covered: Coverage, maps: int) -> MethodNumbers:
    """What random maps have: their share and hits are the mark's area, their overlap is measured."""
    every = [np.random.default_rng(seed).permutation(len(covered)) for seed in range(maps)]
    overlap = float(np.mean([mark_fit(each, covered).overlap for each in every]))
    area = float(covered.mean())
    return {"mark_share": area, "mark_hit": float((covered >= 0.5).mean()), "mark_overlap": overlap}


def _areas(curves: MaskingCurves) -> MethodNumbers:
    deletion, insertion = curves.areas
    return {"deletion": deletion, "insertion": insertion}


def grid_shares(
    own: Picture,
    others: Sequence[Picture],
    label: int,
    cell: int,
    plan: RatingPlan,
    traced: PictureTracer,
) -> Mapping[str, MethodNumbers]:
    """GridPG: the share of each method's map of `label` in its own quarter of a mosaic of four, and
    whether its highest patch lies there.

    Rao et al. 2022, arXiv:2205.10435. Methods that do not fit the model are left out.
    """
    trace = traced(mosaic(own, others, cell))
    shares = {RANDOM: {"grid_share": 0.25, "grid_hit": 0.25}}
    for method in plan.methods:
        try:
            query = query_of(plan, method, Target("class", index=label))
            made = model_questions.source_of(trace).attribution(query)
        except Unsupported:
            continue
        row, col = cell // 2, cell % 2
        shares[method] = {
            "grid_share": quarter_share(made.patches, made.grid, row, col),
            "grid_hit": float(quarter_of_highest(made.patches, made.grid) == (row, col)),
        }
    return shares


def mosaic(own: Picture, others: Sequence[Picture], cell: int) -> Picture:
    """Four pictures, each cut square and of the same size, with `own` in that cell (reading order)."""
    side = 256
    tiles = [_square(each.pixels, side) for each in others[:3]]
    tiles.insert(cell, _square(own.pixels, side))
    rows = [np.concatenate(tiles[at : at + 2], axis=1) for at in (0, 2)]
    pixels = np.ascontiguousarray(np.concatenate(rows, axis=0))
    return Picture(f"mosaic of {own.name}", "", pixels, f"mosaic {cell} {own.key}")


def _square(pixels: UInt8[np.ndarray, "row col rgb"], side: int) -> np.ndarray:
    from PIL import Image

    rows, cols = pixels.shape[:2]
    least = min(rows, cols)
    top, left = (rows - least) // 2, (cols - least) // 2
    cut = Image.fromarray(np.ascontiguousarray(pixels[top : top + least, left : left + least]))
    return np.asarray(cut.resize((side, side), Image.Resampling.BICUBIC))
