"""The layers of a drawing, painted into a pair of axes."""

from __future__ import annotations

from typing import Any, assert_never

import numpy as np
from einops import repeat
from jaxtyping import UInt8
from matplotlib.axes import Axes
from matplotlib.collections import LineCollection
from matplotlib.patches import Rectangle
from matplotlib.patheffects import withStroke

from vitviz.core.data.drawing import (
    Bars,
    DrawnLayer,
    Grid,
    Heat,
    HeatTiles,
    Label,
    Labels,
    Message,
    Outlines,
    Raster,
    RasterTiles,
    Segments,
)
from vitviz.core.data.drawing.diagram import Diagram
from vitviz.core.data.geometry import Box
from vitviz.core.data.plots import Plot, Table
from vitviz.core.drawings.laid_maps import contours, heat_pixels, toned
from vitviz.core.drawings.tiled_images import heat_mosaic, mosaic_box, raster_mosaic
from vitviz.figures.diagram import paint_diagram
from vitviz.figures.embedded import Copies, EmbeddedImage
from vitviz.figures.paper import PaperStyle
from vitviz.figures.plots import paint_plot, paint_table
from vitviz.figures.text import family, height, printable, wrapped
from vitviz.figures.thumbnails import Thumbnails

INK, QUIET, FAINT, ACCENT, LINE = "#1a1c20", "#5c636e", "#9aa1ab", "#dd4a1c", "#dcdfe4"
CRISP, FEW = 800, 48
"""Cells are repeated up to about so many pixels: readers of PDF and SVG blur small images. Few of them
are larger than a pixel of any figure, and need not be where it is of pixels itself.
"""


def paint(
    axes: Axes,
    layer: DrawnLayer,
    room: tuple[float, float],
    paper: PaperStyle,
    copies: Copies | Thumbnails | None = None,
) -> None:
    """One layer into axes of `room` (height, width) in millimetres.

    `copies` are the images of the figure so far: for vector files each once and as it is, for pixels
    as small as they are shown; None where nobody knows what becomes of it. The axes' limits are set.
    """
    match layer:
        case Raster():
            paint_image(axes, toned(layer), layer.box, smooth=layer.smooth, copies=copies)
        case Heat():
            _heat(axes, layer, copies)
        case HeatTiles():
            paint_image(axes, heat_mosaic(layer), mosaic_box(layer), copies=copies)
        case RasterTiles():
            paint_image(axes, raster_mosaic(layer), mosaic_box(layer), copies=copies)
        case Grid():
            _grid(axes, layer)
        case Outlines():
            _outlines(axes, layer)
        case Segments():
            _segments(axes, layer)
        case Labels():
            _labels(axes, layer, room, paper)
        case Bars():
            _bars(axes, layer, room, paper)
        case Message():
            _message(axes, layer, room, paper)
        case Plot():
            paint_plot(axes, layer, room, paper)
        case Table():
            paint_table(axes, layer, room, paper)
        case Diagram():
            (left, right), (bottom, top) = axes.get_xlim(), axes.get_ylim()
            paint_diagram(axes, layer, Box(top, left, bottom, right), room, paper)
        case _:
            assert_never(layer)


def paint_image(
    axes: Axes,
    pixels: UInt8[np.ndarray, "row col channel"],
    box: Box,
    opacity: float = 1.0,
    *,
    copies: Copies | Thumbnails | None,
    smooth: bool = False,
) -> None:
    """An image over a box; embedded once and as it is in vector files."""
    vector = isinstance(copies, dict)
    if smooth and isinstance(copies, Thumbnails):
        pixels = copies.fitted(pixels, *_shown(axes, box))
    few = not vector and max(pixels.shape[:2]) <= FEW
    factor = 1 if smooth or few else max(1, CRISP // max(pixels.shape[:2]))
    crisp = repeat(pixels, "row col channel -> (row y) (col x) channel", y=factor, x=factor)
    if isinstance(copies, dict):
        axes.add_image(EmbeddedImage(axes, copies, crisp, box, opacity))
        return
    exact = smooth and pixels.shape[:2] == _shown(axes, box)
    fine: Any = "nearest" if few or exact else "lanczos" if smooth else "auto"
    axes.imshow(
        crisp,
        extent=(box.left, box.right, box.bottom, box.top),
        aspect="auto",
        alpha=None if opacity >= 1 else opacity,
        interpolation=fine,
    )


def _heat(axes: Axes, heat: Heat, copies: Copies | Thumbnails | None) -> None:
    """A map over what lies below it: an image, or lines of equal value."""
    if heat.lay == "contours":
        for line in contours(heat):
            ends = line.pieces[..., ::-1]
            for color, width in (("#000000a0", 1.7), ([part / 255 for part in line.color], 0.9)):
                lines = LineCollection(
                    list(ends), colors=[color], linewidths=width, capstyle="round"
                )
                axes.add_collection(lines, autolim=False)
        return
    pixels = heat_pixels(heat)
    opacity = 1.0
    if heat.lay in ("tint", "map alone"):  # alike everywhere, so that vector files have it once
        pixels, opacity = pixels[..., :3], float(pixels[0, 0, 3]) / 255
    paint_image(axes, pixels, heat.box, opacity, smooth=heat.smooth, copies=copies)


def _shown(axes: Axes, box: Box) -> tuple[int, int]:
    """(rows, cols) of pixels that a box has on the page, at the figure's resolution."""
    left, right = axes.get_xlim()
    low, high = axes.get_ylim()
    across, up = axes.bbox.width * box.width, axes.bbox.height * box.height
    return round(up / abs(high - low)), round(across / abs(right - left))


def _grid(axes: Axes, grid: Grid) -> None:
    box = grid.box
    across = [
        ((box.left, row), (box.right, row))
        for row in np.linspace(box.top, box.bottom, grid.rows + 1)[1:-1]
    ]
    down = [
        ((col, box.top), (col, box.bottom))
        for col in np.linspace(box.left, box.right, grid.cols + 1)[1:-1]
    ]
    color = "white" if grid.role == "grid" else FAINT
    axes.add_collection(LineCollection(across + down, colors=color, linewidths=0.3, alpha=0.55))


def _outlines(axes: Axes, outlines: Outlines) -> None:
    firm = outlines.role in ("pin", "chosen", "seen")
    for box in outlines.boxes:
        axes.add_patch(
            Rectangle(
                (box.left, box.top),
                box.width,
                box.height,
                fill=False,
                edgecolor=FAINT if outlines.role == "quiet" else ACCENT,
                linewidth=1.1 if firm else 0.7,
                joinstyle="miter",
                clip_on=False,
                path_effects=[withStroke(linewidth=2.2 if firm else 1.5, foreground="#00000080")],
            )
        )


def _segments(axes: Axes, segments: Segments) -> None:
    ends = [[(one.col, one.row), (other.col, other.row)] for one, other in segments.ends]
    color = FAINT if segments.role == "quiet" else ACCENT
    lines = LineCollection(ends, colors=color, linewidths=0.9, alpha=0.9)
    axes.add_collection(lines, autolim=False)


_SIDES: dict[str, tuple[Any, Any]] = {
    "centre": ("center", "center"),
    "left": ("left", "center"),
    "right": ("right", "center"),
    "top": ("center", "top"),
    "bottom": ("center", "bottom"),
}


def _labels(axes: Axes, labels: Labels, room: tuple[float, float], paper: PaperStyle) -> None:
    number = labels.role == "number"
    size = _number_size(axes, labels, room) if number else paper.size * 6 / 7
    for label in labels.labels:
        _label(axes, label, size, number, paper)


def _number_size(axes: Axes, labels: Labels, room: tuple[float, float]) -> float:
    """Type that fits between neighbouring numbers, in points."""
    spots = [label.at for label in labels.labels[:2]]
    left, right = axes.get_xlim()
    apart = abs(spots[-1].col - spots[0].col) or abs(right - left)
    return float(np.clip(apart / abs(right - left) * room[1], 0.8, 6.0))


def _label(axes: Axes, label: Label, size: float, number: bool, paper: PaperStyle) -> None:
    across, along = _SIDES[label.anchor]
    text = axes.text(
        label.at.col,
        label.at.row,
        printable(label.text, paper.font),
        ha=across,
        va=along,
        fontsize=size,
        color="white" if number else QUIET,
        parse_math=False,
        family=family(paper.font, label.text),
    )
    if number:
        text.set_path_effects([withStroke(linewidth=size / 5, foreground="#000000b0")])


def _bars(axes: Axes, bars: Bars, room: tuple[float, float], paper: PaperStyle) -> None:
    """Each name above its bar, its number at the end of the line."""
    step = 1 / max(len(bars.names), 1)
    for index, (name, value, text) in enumerate(
        zip(bars.names, bars.values, bars.texts, strict=True)
    ):
        top = 1 - index * step
        share = min(max(value / bars.high, 0.0), 1.0) if bars.high > 0 else 0.0
        shortened = wrapped(name, room[1] - 2 * paper.size, paper.size, paper)
        shown = shortened[0] + (" …" if len(shortened) > 1 else "") if shortened else ""
        common: dict[str, Any] = {
            "transform": axes.transAxes,
            "fontsize": paper.size,
            "va": "top",
            "parse_math": False,
            "family": family(paper.font, name),
        }
        axes.text(0, top - 0.08 * step, printable(shown, paper.font), color=INK, **common)
        axes.text(1, top - 0.08 * step, text, color=QUIET, ha="right", **common)
        for length, color in ((1.0, LINE), (share, ACCENT if index == 0 else FAINT)):
            axes.add_patch(
                Rectangle(
                    (0, top - 0.78 * step),
                    length,
                    0.2 * step,
                    transform=axes.transAxes,
                    color=color,
                    linewidth=0,
                )
            )


def _message(axes: Axes, message: Message, room: tuple[float, float], paper: PaperStyle) -> None:
    """The sentence in the middle, the hint quieter below."""
    size = paper.size * 7.5 / 7
    said, hint = (
        wrapped(text, 0.84 * room[1], size, paper) for text in (message.text, message.hint)
    )
    total = height(len(said) + len(hint), size)
    top = 0.5 + total / 2 / room[0]
    for lines, color, start in ((said, INK, 0), (hint, QUIET, len(said))):
        axes.text(
            0.5,
            top - height(start, size) / room[0],
            printable("\n".join(lines), paper.font),
            transform=axes.transAxes,
            ha="center",
            va="top",
            color=color,
            fontsize=size,
            linespacing=1.25,
            parse_math=False,
            family=family(paper.font, message.text + message.hint),
        )
