"""The numbers of a drawing, exactly as drawn, with their axes named: for scripts and spreadsheets."""

from __future__ import annotations

import csv
import io
import json
import zipfile
from collections.abc import Iterator, Mapping
from typing import IO, Any

import numpy as np

from vitviz.core.data.drawing import Drawing, DrawingNumbers, numbers
from vitviz.figures.recipes import recipe


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
