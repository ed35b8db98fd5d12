"""One picture's numbers for every method: deletion, insertion, and the share in a mosaic's quarter."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from jaxtyping import UInt8

from vitviz.core.data.attribution import AttributionQuery, Fill, Method
from vitviz.core.data.target import Target
from vitviz.core.data.trace import Picture, Trace
from vitviz.core.measures.faithfulness import MaskingCurves
from vitviz.core.measures.marks import quarter_share
from vitviz.core.progress import Unsupported
from vitviz.views.answers import trust
from vitviz.views.shared import model_questions

RANDOM = "random"
MEASURES = ("deletion", "insertion", "grid_share")
MethodNumbers = dict[str, float]
PictureTracer = Callable[[Picture], Trace]


@dataclass(frozen=True, slots=True)
class RatingPlan:
    """What is asked of every picture. `steps` as in `AttributionQuery`."""

    methods: tuple[Method, ...]
    target: Target
    fill: Fill
    steps: int


def rated(trace: Trace, plan: RatingPlan) -> tuple[str, dict[str, MethodNumbers], dict[str, str]]:
    """(the target's name, numbers by method with `random` among them, why methods are left out)."""
    found: dict[str, MethodNumbers] = {}
    refused: dict[str, str] = {}
    name = ""
    for method in plan.methods:
        try:
            made = trust.attribution(trace, query_of(plan, method, plan.target))
            number = trust.trust_number(trace, made, plan.fill)
        except Unsupported as why:
            refused[method] = str(why)
            continue
        name = made.name
        found[method] = _areas(number.own)
        means = number.chance_areas().mean(axis=0)
        found[RANDOM] = {"deletion": float(means[0]), "insertion": float(means[1])}
    return name, found, refused


def query_of(plan: RatingPlan, method: Method, target: Target) -> AttributionQuery:
    """The map of one method as the plan asks for it."""
    own: Fill = "mean" if plan.fill == "drop" else plan.fill
    return AttributionQuery(target, method, steps=plan.steps, fill=own).plain()


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
) -> Mapping[str, float]:
    """GridPG: the share of each method's map of `label` in its own quarter of a mosaic of four.

    Rao et al. 2022, arXiv:2205.10435. Methods that do not fit the model are left out.
    """
    trace = traced(mosaic(own, others, cell))
    shares = {RANDOM: 0.25}
    for method in plan.methods:
        try:
            query = query_of(plan, method, Target("class", index=label))
            made = model_questions.source_of(trace).attribution(query)
        except Unsupported:
            continue
        shares[method] = quarter_share(made.patches, made.grid, cell // 2, cell % 2)
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
