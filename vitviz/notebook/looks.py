"""Drawings as PNG and SVG, pictures small, traces and models as tables of facts."""

from __future__ import annotations

import html
import io
from collections.abc import Iterable
from dataclasses import replace
from typing import Any

from PIL import Image

from vitviz.core.data.drawing import Drawing, Heat, HeatTiles, Raster, RasterTiles
from vitviz.core.data.evidence import Evidence
from vitviz.core.data.prediction import percent
from vitviz.core.data.trace import ModelInfo, Picture, Trace
from vitviz.core.notation import shown_number
from vitviz.core.pictures.picture_files import thumbnail
from vitviz.figures.paper import PaperStyle
from vitviz.figures.save import written

DENSITY = 2
"""Pixels of the file for each pixel of the page, for dense screens."""

SMALL = 40_000
"""Cells of maps and pictures below which a drawing is shown as SVG."""

SIDE = 256

DensePng = tuple[bytes, dict[str, int]] | None


def drawing_svg(drawing: Drawing) -> str | None:
    """A small drawing as SVG; None for one whose maps would make that large."""
    if cells(drawing) > SMALL:
        return None
    return written(drawing, "svg", PaperStyle()).decode("utf-8")


def drawing_png(drawing: Drawing) -> DensePng:
    """A large drawing as PNG, twice as dense as it is wide."""
    if cells(drawing) <= SMALL:
        return None
    paper = replace(PaperStyle(), dpi=96 * DENSITY)
    return _dense(written(drawing, "png", paper))


def cells(drawing: Drawing) -> int:
    """How many cells and pixels its maps and pictures have."""
    sizes = 0
    for panel in drawing.panels:
        for layer in panel.layers:
            match layer:
                case Heat() | HeatTiles():
                    sizes += layer.values.size
                case Raster() | RasterTiles():
                    sizes += layer.pixels.size // layer.pixels.shape[-1]
    return sizes


def _dense(data: bytes) -> DensePng:
    with Image.open(io.BytesIO(data)) as image:
        width, height = image.size
    return data, {"width": width // DENSITY, "height": height // DENSITY}


def picture_png(picture: Picture) -> DensePng:
    """The picture small."""
    file = io.BytesIO()
    Image.fromarray(thumbnail(picture, SIDE * DENSITY)).save(file, "PNG")
    return _dense(file.getvalue())


def model_html(model: Any) -> str:
    """What a model is, and how each of it is known."""
    info: ModelInfo = model.info
    return table(info.title, [*_model_rows(info), *_evidence_rows(info.evidence)])


def trace_html(trace: Trace) -> str:
    """What a trace holds, and how far it was verified."""
    grid = trace.grid
    rows = [
        ("model", trace.model.called),
        (
            "picture",
            f"{trace.picture.name}, {trace.picture.size[1]} × {trace.picture.size[0]} pixels",
        ),
        ("tokens", f"{grid.rows} × {grid.cols} patches" + _behind(grid.prefix)),
        ("attention", f"{len(trace.layers)} layers, {trace.heads} heads"),
        ("pools", str(len(trace.pools)) if trace.pools else ""),
        ("matrices", str(len(trace.matrices)) if trace.matrices else ""),
        ("verified", f"{shown_number(trace.verified, 2)} of the module's own output"),
        (
            "answer",
            ", ".join(f"{each.name} {percent(each.share)}" for each in trace.predictions[:3]),
        ),
        *(("refused", each) for each in trace.refused),
        *(("note", each) for each in trace.model.notes),
        *_evidence_rows(each for each in trace.model.evidence if each.certainty == "assumed"),
    ]
    return table("Trace", rows)


def _behind(prefix: tuple[str, ...]) -> str:
    if not prefix:
        return ""
    return f" behind {', '.join(prefix) if len(prefix) < 7 else f'{len(prefix)} other tokens'}"


def _model_rows(info: ModelInfo) -> list[tuple[str, str]]:
    return [
        ("architecture", info.architecture),
        ("weights", f"{info.weights} ({info.source})" if info.source else info.weights),
        ("parameters", f"{info.parameters:,}"),
        ("reads", f"{info.input_size[1]} × {info.input_size[0]} pixels"),
        ("patch", f"{info.patch[1]} × {info.patch[0]} pixels" if all(info.patch) else ""),
        ("classes", str(info.classes) if info.classes else "none: it gives features"),
        ("runs on", f"{info.device}, {info.precision}"),
        *(("note", each) for each in info.notes),
    ]


def _evidence_rows(evidence: Iterable[Evidence]) -> list[tuple[str, str]]:
    return [(each.fact, f"{each.value} ({each.certainty}: {each.because})") for each in evidence]


def table(title: str, rows: Iterable[tuple[str, str]]) -> str:
    """Facts below each other; empty ones are left out. All of it is text, whatever it holds."""
    lines = "".join(
        f"<tr><th style='text-align:left'>{html.escape(name)}</th>"
        f"<td style='text-align:left'>{html.escape(value)}</td></tr>"
        for name, value in rows
        if value
    )
    return f"<table><caption>{html.escape(title)}</caption>{lines}</table>"
