"""The numbers of a drawing, exactly as drawn, with their axes named: for scripts and spreadsheets."""

from __future__ import annotations

import csv
import io
import json
import zipfile
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import IO, Any, assert_never

import numpy as np
from einops import rearrange
from jaxtyping import Float32

from vitviz.core.colors import ColorScale
from vitviz.core.data.drawing import (
    Bars,
    Drawing,
    HeadTiles,
    Heat,
    HeatTiles,
    LayerPairs,
    Panel,
    TokenPairs,
    TokenTiles,
)
from vitviz.core.data.plots import Plot
from vitviz.figures.recipes import recipe


@dataclass(frozen=True, slots=True, eq=False)
class DrawingNumbers:
    """One array that is drawn: its name, its axes in order, and what its numbers are."""

    name: str
    axes: tuple[str, ...]
    values: Float32[np.ndarray, "..."]
    title: str
    scale: ColorScale | None = None
    names: tuple[str, ...] = ()
    """What stands at each place of the first axis, where that has a name."""


def numbers(drawing: Drawing) -> tuple[DrawingNumbers, ...]:
    """Every map, atlas and list of bars of a drawing; pictures are left out."""
    return tuple(
        found
        for at, panel in enumerate(drawing.panels, start=1)
        for found in _of_panel(panel, f"panel{at}")
    )


def _of_panel(panel: Panel, name: str) -> Iterator[DrawingNumbers]:
    count = 0
    for layer in panel.layers:
        if not isinstance(layer, Heat | HeatTiles | Bars | Plot):
            continue
        count += 1
        own = name if count == 1 else f"{name}_{count}"
        match layer:
            case Heat():
                yield DrawingNumbers(own, _heat_axes(panel), layer.values, panel.title, layer.scale)
            case HeatTiles():
                axes, values = _tiles(panel, layer)
                yield DrawingNumbers(own, axes, values, panel.title, layer.scale)
            case Bars():
                values = np.array(layer.values, np.float32)
                yield DrawingNumbers(own, ("name",), values, panel.title, names=layer.names)
            case Plot():
                for at, curve in enumerate(layer.curves, start=1):
                    both = np.stack([curve.x, curve.y], axis=-1).astype(np.float32)
                    title = f"{panel.title}: {curve.name or layer.y.label}"
                    whose = tuple(each.words for each in curve.whose)
                    yield DrawingNumbers(
                        f"{own}_curve{at}", ("point", "side"), both, title, names=whose
                    )
            case _:
                assert_never(layer)


def _heat_axes(panel: Panel) -> tuple[str, ...]:
    match panel.space:
        case LayerPairs():
            return "layer", "other_layer"
        case TokenPairs():
            return "query", "key"
        case _:
            return "row", "col"


def _tiles(panel: Panel, tiles: HeatTiles) -> tuple[tuple[str, ...], np.ndarray]:
    match panel.space:
        case HeadTiles(by_layer=True):
            return ("layer", "head", "row", "col"), tiles.values
        case HeadTiles() as space:
            heads = rearrange(tiles.values, "line head row col -> (line head) row col")
            return ("head", "row", "col"), heads[: sum(space.heads)]
        case TokenTiles() as space:
            patches = rearrange(tiles.values, "down across row col -> (down across) row col")
            return ("patch", "row", "col"), patches[: space.grid.rows * space.grid.cols]
        case _:
            return ("tile_row", "tile_col", "row", "col"), tiles.values


def about(drawing: Drawing) -> dict[str, Any]:
    """What the arrays are, and the recipe."""
    arrays = {
        each.name: {
            "axes": each.axes,
            "title": each.title,
            "names": each.names,
            **(
                {}
                if each.scale is None
                else {
                    "label": each.scale.label,
                    "unit": each.scale.unit,
                    "low": each.scale.low,
                    "high": each.scale.high,
                }
            ),
        }
        for each in numbers(drawing)
    }
    return {"title": drawing.title, "arrays": arrays, "recipe": json.loads(recipe(drawing))}


def write_npz(drawing: Drawing) -> bytes:
    """A zip of numpy arrays, `about` in JSON among them; the same bytes for the same numbers."""
    arrays: dict[str, np.ndarray] = {each.name: each.values for each in numbers(drawing)}
    return zipped(arrays, about(drawing))


def zipped(arrays: dict[str, np.ndarray], words: dict[str, Any]) -> bytes:
    """Arrays by name, with what they are in JSON under "about", as np.load reads them."""
    file = io.BytesIO()
    zip_into(file, arrays, words)
    return file.getvalue()


def zip_into(file: IO[bytes], arrays: Mapping[str, np.ndarray], words: Mapping[str, Any]) -> None:
    """`zipped`, into an open file, so that arrays larger than memory may be mapped from others.

    Only the words are compressed: measured attention gets 8 % smaller, and takes ten times as long.
    """
    with zipfile.ZipFile(file, "w") as archive:
        named = {**arrays, "about": np.array(json.dumps(words, ensure_ascii=False))}
        for name, values in named.items():
            entry = zipfile.ZipInfo(f"{name}.npy")  # dated 1980, always
            entry.compress_type = zipfile.ZIP_DEFLATED if name == "about" else zipfile.ZIP_STORED
            with archive.open(entry, "w", force_zip64=True) as opened:
                np.lib.format.write_array(opened, np.asarray(values, order="C"), allow_pickle=False)


def write_csv(drawing: Drawing) -> bytes:
    """One line a number: the panel, its place on every axis, and the value in full.

    The recipe stands above them in a line of its own that begins with "#".
    """
    found = numbers(drawing)
    axes = tuple(dict.fromkeys(axis for each in found for axis in each.axes))
    file = io.StringIO(newline="")
    file.write(f"# {recipe(drawing)}\n")
    lines = csv.writer(file, lineterminator="\n")
    lines.writerow(("panel", "title", "quantity", *axes, "value"))
    for each in found:
        lines.writerows(_csv_lines(each, axes))
    return file.getvalue().encode("utf-8")


def _csv_lines(one: DrawingNumbers, axes: tuple[str, ...]) -> Iterator[tuple[Any, ...]]:
    scale = one.scale
    quantity = "" if scale is None else " ".join(filter(None, (scale.label, scale.unit)))
    places = [one.axes.index(axis) if axis in one.axes else -1 for axis in axes]
    for index in np.ndindex(one.values.shape):
        value = one.values[index]
        if np.isnan(value):
            continue
        at: tuple[Any, ...] = index
        if one.names:
            at = (one.names[index[0]], *index[1:])
        shown = tuple(at[place] if place >= 0 else "" for place in places)
        yield (one.name, one.title, quantity, *shown, repr(float(value)))
