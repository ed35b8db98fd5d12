"""Averages over a folder as drawings: heads over the depth with their standard errors, mean maps."""

from __future__ import annotations

from collections.abc import Sequence
from typing import assert_never

import numpy as np
from einops import rearrange, repeat
from jaxtyping import Float32, Float64

from vitviz.core.colors import ColorScale
from vitviz.core.counted import head_name, layer_name
from vitviz.core.data.drawing import Drawing, Heat, LayerPairs, Listed, Panel
from vitviz.core.data.geometry import Box
from vitviz.core.data.plots import Curve, Plot, Tone, Whose, axis
from vitviz.core.progress import VitvizError
from vitviz.folders.averages.folder_measures import MEASURES
from vitviz.folders.averages.folder_statistics import FolderStatistics, entries_of
from vitviz.views.options import Look
from vitviz.views.shared.map_ranges import ranges_words, tiles_of
from vitviz.views.shared.picture_layers import axes as numbered_axes

_EXTENT = Box(0, 0, 3, 4)
_ROBUST = Look(range="robust")
"""Many heads' maps together: one range, which a single bright one cannot empty."""
_TONES: tuple[Tone, ...] = ("plain", "second", "third", "chosen", "quiet")

Means = Float64[np.ndarray, "layer column"]


def averages_drawing(found: FolderStatistics, names: Sequence[str] = ()) -> Drawing:
    """The measures of these names (all where none are named), one row each.

    VitvizError for one that is not among them.
    """
    wanted = tuple(names) or found.about.views
    for name in wanted:
        if name not in found.about.views:
            raise VitvizError(
                f"{name} was not averaged here; there are: {', '.join(found.about.views)}"
            )
    about = found.about
    title = ", ".join(MEASURES[name].title for name in wanted) if len(wanted) < 4 else "Averages"
    return Drawing(
        "averages",
        f"{title} over {found.used:,} pictures of {about.folder}",
        tuple(_row(found, name) for name in wanted),
        " ".join(_sentences(found, wanted)),
        recipe=(
            ("model", about.model),
            ("weights", about.weights),
            ("precision", about.precision),
            ("patch", " × ".join(map(str, about.patch))),
            ("folder", about.folder),
            ("pictures", f"{found.used} of {about.pictures}"),
            ("list of pictures", about.digest),
            ("token", about.token),
        ),
    )


def _sentences(found: FolderStatistics, names: Sequence[str]) -> list[str]:
    """What must be known of the numbers."""
    said = [f"Means over {found.used:,} pictures of {found.about.folder}."]
    if any(_has_errors(found, name) for name in names):
        said.append("Bars are the standard error of the mean over pictures.")
    if {"rollout", "attention"} & set(names):
        said.append(f"Maps are of the {found.about.token} token.")
    if "attention" in names:
        said += ranges_words(_ROBUST)
    if found.broken:
        said.append(f"{len(found.broken):,} pictures could not be used.")
    if found.missing:
        said.append(f"{len(found.missing):,} of {found.about.parts:,} parts are missing.")
    if found.about.weights == "untrained":
        said.append("Untrained weights: what is shown was never learned.")
    return said


def _has_errors(found: FolderStatistics, name: str) -> bool:
    return MEASURES[name].form in ("heads", "prefix shares", "lengths") and found.used > 1


def _row(found: FolderStatistics, name: str) -> tuple[Panel, ...]:
    measure = MEASURES[name]
    mean, error = found.average(name), found.standard_error(name)
    names = entries_of(name, found.about)[1]
    match measure.form:
        case "heads":
            return (_heads(mean, error, measure.title, measure.label),)
        case "prefix shares":
            every = zip(names, _last(mean), _last(error), strict=True)
            return tuple(
                _heads(each, off, f"On {word}", measure.label) for word, each, off in every
            )
        case "lengths":
            return _lengths(mean, error, names)
        case "layer pairs":
            return (_pairs(mean, found.about.model),)
        case "places":
            return (_places(mean, found.about.grid),)
        case "map":
            return (_map(mean, found.about.grid, measure.title, measure.label),)
        case "maps":
            return (_maps(mean, found, measure.title, measure.label),)
        case _:
            assert_never(measure.form)


def _last(values: np.ndarray | None) -> Float64[np.ndarray, "prefix layer head"]:
    assert values is not None
    return np.moveaxis(values, -1, 0)


def _heads(mean: Means, error: Means | None, title: str, label: str) -> Panel:
    """Every head as a point over its layer, with its standard error."""
    layers, heads = mean.shape
    depth = repeat(np.arange(1.0, layers + 1), "layer -> layer head", head=heads)
    # Heads of a layer stand beside each other, so that their errors can be told apart.
    depth = depth + (np.arange(heads) - (heads - 1) / 2) * min(0.5 / max(heads - 1, 1), 0.12)
    whose = tuple(
        Whose(f"{layer_name(layer)} {head_name(head)}", layer, head)
        for layer in range(layers)
        for head in range(heads)
    )
    there = np.isfinite(mean)
    means = np.where(there, mean, 0).sum(1) / np.maximum(there.sum(1), 1)
    curves = (
        Curve(np.arange(1.0, layers + 1), means, "mean of the heads", tone="quiet"),
        *_errors(depth, mean, error),
        Curve(depth.ravel(), mean.ravel(), "a head", "points", whose=whose),
    )
    across = axis("layer", np.arange(layers), low=0.5, high=layers + 0.5, whole=True)
    # Shares and distances begin at zero; what an answer loses without a head may be below it.
    low = 0.0 if np.nanmin(mean, initial=0.0) >= 0 else None
    upright = axis(label, *(curve.y for curve in curves), low=low)
    return Panel((Plot(curves, across, upright),), _EXTENT, title, Listed(layers))


def _errors(
    x: Means | Float64[np.ndarray, "layer"],
    mean: np.ndarray,
    error: np.ndarray | None,
    tone: Tone = "plain",
) -> tuple[Curve, ...]:
    """Upright lines one standard error up and down, of which the caption speaks; none where it is not
    known."""
    if error is None or not np.isfinite(error).any():
        return ()
    gap = np.full(mean.size, np.nan)
    ends = np.stack([(mean - error).ravel(), (mean + error).ravel(), gap], axis=-1)
    across = repeat(x.ravel(), "point -> (point end)", end=3)
    return (Curve(across, ends.ravel(), tone=tone),)


def _lengths(mean: Means, error: Means | None, names: tuple[str, ...]) -> tuple[Panel, ...]:
    """Lengths over the depth, and beside them the longest patch, beside which all others are small,
    and how many stick out."""
    longest, out = names.index("longest patch"), names.index("share of outliers")
    others = [column for column in range(len(names)) if column not in (longest, out)]
    label = "length of the stream"
    return (
        _columns(mean, error, names, others, "Lengths of tokens", label),
        _columns(mean, error, names, [longest], "The longest patch", label),
        _columns(mean, error, names, [out], "Patches that stick out", "share of the patches"),
    )


def _columns(
    mean: Means,
    error: Means | None,
    names: tuple[str, ...],
    columns: Sequence[int],
    title: str,
    label: str,
) -> Panel:
    layers = len(mean)
    depth = np.arange(1.0, layers + 1)
    whose = tuple(Whose(layer_name(layer), layer) for layer in range(layers))
    curves: list[Curve] = []
    for place, column in enumerate(columns):
        tone = _TONES[place % len(_TONES)]
        off = None if error is None else error[:, column]
        curves += _errors(depth, mean[:, column], off, tone)
        curves.append(Curve(depth, mean[:, column], names[column], tone=tone, whose=whose))
    across = axis("layer", depth, low=0.5, high=layers + 0.5, whole=True)
    upright = axis(label, *(curve.y for curve in curves), low=0.0)
    return Panel((Plot(tuple(curves), across, upright),), _EXTENT, title, Listed(layers))


def _pairs(mean: Means, model: str) -> Panel:
    layers = len(mean)
    scale = ColorScale(0.0, 1.0, "magma", "CKA")
    labels, extent = numbered_axes(layers, layers, (1, 1), gap=0)
    heat = Heat(mean.astype(np.float32), Box(0, 0, layers, layers), scale)
    space = LayerPairs(layers, layers, (model, model))
    return Panel((heat, labels), extent, "Layers compared", space, scale)


def _places(mean: np.ndarray, grid: tuple[int, int]) -> Panel:
    rows, cols = grid
    tiles = rearrange(
        mean.astype(np.float32),
        "(down across) (row col) -> down across row col",
        down=rows,
        row=rows,
    )
    extent = Box(0, 0, rows * (rows + 1) - 1, cols * (cols + 1) - 1)
    return _tiled(tiles, extent, "Position similarity", "cosine similarity", Look(range="view"))


def _map(mean: np.ndarray, grid: tuple[int, int], title: str, label: str) -> Panel:
    rows, cols = grid
    if mean.size != rows * cols:  # layers through stages: the first one's grid
        rows, cols = (
            round(np.sqrt(mean.size * rows / cols)),
            round(np.sqrt(mean.size * cols / rows)),
        )
    values = rearrange(mean.astype(np.float32), "(row col) -> row col", row=rows)
    scale = _scale(values, label)
    return Panel(
        (Heat(values, Box(0, 0, rows, cols), scale),), Box(0, 0, rows, cols), title, bar=scale
    )


def _maps(mean: np.ndarray, found: FolderStatistics, title: str, label: str) -> Panel:
    about = found.about
    rows, cols = about.grid
    patches = mean[..., len(about.prefix) :].astype(np.float32)
    tiles = rearrange(patches, "layer head (row col) -> layer head row col", row=rows)
    labels, extent = numbered_axes(tiles.shape[0], tiles.shape[1], (rows, cols))
    panel = _tiled(tiles, extent, f"{title}: layers down, heads across", label, _ROBUST)
    return Panel((*panel.layers, labels), extent, panel.title, bar=panel.bar)


def _tiled(
    tiles: Float32[np.ndarray, "tile_row tile_col row col"],
    extent: Box,
    title: str,
    label: str,
    look: Look,
) -> Panel:
    """Small maps in one range, with one bar."""
    shown = tiles_of(tiles, look, label)
    return Panel((shown,), extent, title, bar=shown.scale)


def _scale(values: Float32[np.ndarray, "..."], label: str) -> ColorScale:
    return ColorScale(float(np.nanmin(values)), float(np.nanmax(values)), "viridis", label)
