"""From pixels to tokens: cutting into patches, and the learned filters that read them."""

from __future__ import annotations

from math import ceil, sqrt
from typing import Annotated, Literal

import numpy as np
from einops import rearrange, reduce
from jaxtyping import Float64, UInt8

from vitviz.core.data.block_steps import PatchStem
from vitviz.core.data.drawing import Drawing, Panel, RasterTiles
from vitviz.core.data.geometry import Box
from vitviz.core.data.plots import Table
from vitviz.core.data.selection import Selection
from vitviz.core.data.trace import Trace
from vitviz.core.language import _
from vitviz.core.measures.pca import components
from vitviz.core.notation import shown_number
from vitviz.core.progress import Unsupported
from vitviz.views import view
from vitviz.views.options import OptionHelp
from vitviz.views.shared import model_questions, picture_layers
from vitviz.views.shared.cache_per_trace import kept

COMPONENTS = 28
"""As many as in the paper's figure."""


@view(
    "embedding",
    title="Patch embedding",
    shows=(
        "Each patch is a row of numbers, and one learned matrix turns it into a token. The "
        "columns of "
        "that matrix are small pictures: the filters, and what they have in common. A convolution "
        "whose stride is its kernel does just the same; the largest difference between the two on "
        "this picture stands in the table. Where windows overlap, or more layers follow before the "
        "first token, the table says so; in a TNT they make words, which a second matrix joins."
    ),
    formula="N = H · W / P²; token = W · patch + b with W of D × P²C; "
    "rearrange('(row p1) (col p2) c -> (row col) (p1 p2 c)')",
    source="Dosovitskiy et al. 2020, arXiv:2010.11929, section 3.1 and figure 7 (left)",
    order=87,
    shown=False,
)
def draw(
    trace: Trace,
    selection: Selection,
    *,
    filters: Annotated[
        Literal["principal components", "all filters"],
        OptionHelp(
            "The 28 directions that explain most of the filters, as in the paper, or every filter"
        ),
    ] = "principal components",
) -> Drawing:
    """The model's own numbers with the proof, beside its filters."""
    try:
        stem = model_questions.stem(trace)
    except Unsupported as why:
        return model_questions.refused(trace, "embedding", _("Patch embedding"), why)
    return Drawing(
        "embedding",
        _title(stem),
        ((_numbers(trace, stem), _filters(trace, filters)),),
        picture_layers.caption(trace, _said(trace, stem)),
    )


def _title(stem: PatchStem) -> str:
    dim, rgb, high, wide = stem.kernel.shape
    what = "Patches" if stem.patches else "Windows"
    into = "tokens" if stem.patches else "vectors"
    return _("{what} of {wide} × {high} × {rgb} = {all} numbers become {into} of {dim}").format(
        what=what, wide=wide, high=high, rgb=rgb, all=high * wide * rgb, into=into, dim=dim
    )


def _numbers(trace: Trace, stem: PatchStem) -> Panel:
    """The model's real numbers, and the proof that convolution and matrix are one."""
    (rows, cols), grid = trace.crop.model, trace.grid
    rgb = stem.kernel.shape[1]
    count = grid.rows * grid.cols
    lines = (
        (_("picture  H × W × C"), f"{rows} × {cols} × {rgb}"),
        *_windows(trace, stem),
        *_sentence(trace, stem),
        (_("grid, rows × cols"), f"{grid.rows} × {grid.cols}"),
        (_("tokens, with prefix"), f"{count} + {len(grid.prefix)} = {grid.tokens}"),
        (_("convolution − matrix"), shown_number(stem.difference, 2)),
        (_("largest output"), shown_number(stem.largest)),
        (_("difference / output"), shown_number(stem.difference / (stem.largest or 1.0), 1)),
    )
    table = Table((_("this model"), ""), lines, len(lines) - 3)
    box = Box(0, 0, len(lines) + 1, 0.5 * sum(table.widths))
    return Panel((table,), box, _("In numbers"), weight=1.7)


def _windows(trace: Trace, stem: PatchStem) -> list[tuple[str, str]]:
    """The windows of the convolution: patches, or what else they are."""
    dim, rgb, high, wide = stem.kernel.shape
    (rows, cols), count, inputs = trace.crop.model, len(stem.tokens), high * wide * rgb
    bias = ("bias", "none" if stem.bias is None else f"{len(stem.bias)}")
    matrix = f"{dim} × {inputs} = {dim * inputs:,}"
    if not stem.patches:
        return [
            (_("windows"), f"{high} × {wide}"),
            (_("steps of"), _by(stem.step)),
            (_("padded by"), _by(stem.padding)),
            (_("number of windows"), f"{count:,}"),
            (_("one window"), f"{high * wide} · {rgb} = {inputs}"),
            (_("becomes"), f"{dim}"),
            ("matrix", matrix),
            bias,
        ]
    whole = count * high * wide == rows * cols
    number = f"{rows} · {cols} / {high * wide} = {count}" if whole else f"{count}"
    return [
        ("patch  P", f"{high}" if high == wide else f"{high} × {wide}"),
        (_("patches  N = H · W / P²"), number),
        (_("one patch  P² · C"), f"{high * wide} · {rgb} = {inputs}"),
        (_("one token  D"), f"{dim}"),
        (_("matrix  D × P²C"), matrix),
        bias,
    ]


def _sentence(trace: Trace, stem: PatchStem) -> list[tuple[str, str]]:
    """How a TNT makes a token of the words of a patch."""
    words, dim = trace.grid.words, len(stem.kernel)
    if words is None:
        return []
    count = words[0] * words[1]
    return [
        (_("words of a patch"), f"{_by(words)} = {count}"),
        (_("side by side"), f"{count} · {dim} = {count * dim}"),
        (_("one token  D"), f"{trace.model.dim}"),
        (_("matrix"), f"{trace.model.dim} × {count * dim} = {trace.model.dim * count * dim:,}"),
    ]


def _by(size: tuple[int, int]) -> str:
    return f"{size[0]} × {size[1]}"


def _said(trace: Trace, stem: PatchStem) -> str:
    """What the windows are, where they are no patches, and how filters are coloured."""
    said = _(
        "Convolution − matrix: the largest difference of their outputs on this picture. "
        "Every filter is stretched from its least to its largest number."
    )
    if stem.patches and len(stem.tokens) == trace.grid.rows * trace.grid.cols:
        return said
    if stem.patches:
        return _("Its patches are joined by later layers. ") + said
    first = trace.grid.words is not None or len(stem.tokens) == trace.grid.rows * trace.grid.cols
    more = "" if first else _("; more layers follow before the first token")
    return _("The windows overlap, so they are no separate patches{more}. {said}").format(
        more=more, said=said
    )


@kept(most=2)
def _filters(trace: Trace, filters: str) -> Panel:
    stem = model_questions.stem(trace)
    if filters == "all filters":
        return _tiled(
            _pictures(stem.kernel),
            _("All {count} filters").format(count=len(stem.kernel)),
        )
    flat = rearrange(stem.kernel, "dim rgb row col -> dim (rgb row col)")
    count = min(COMPONENTS, *flat.shape)
    found, _unused, shares = components(flat, count)
    count = int((shares > 0).sum())  # around their mean, so few filters have one direction less
    _unused, rgb, high, _unused = stem.kernel.shape
    laid = rearrange(found[:count], "pc (rgb row col) -> pc rgb row col", rgb=rgb, row=high)
    of_all = (_("of the filters' variance"), f"{shares.sum():.0%}")
    return _tiled(
        _pictures(laid), _("First {count} principal components").format(count=count), of_all
    )


def _pictures(
    kernels: Float64[np.ndarray, "pc rgb row col"],
) -> UInt8[np.ndarray, "pc row col rgb"]:
    """Each filter as a picture, from its least to its largest number; grey where it has one channel."""
    low, high = (reduce(kernels, "pc rgb row col -> pc 1 1 1", how) for how in ("min", "max"))
    scaled = (kernels - low) / np.where(high > low, high - low, 1)
    pixels = rearrange((255 * scaled + 0.5).astype(np.uint8), "pc rgb row col -> pc row col rgb")
    return pixels if pixels.shape[-1] == 3 else np.repeat(pixels[..., :1], 3, axis=-1)


def _tiled(
    pictures: UInt8[np.ndarray, "pc row col rgb"], title: str, *facts: tuple[str, str]
) -> Panel:
    count, high, wide, _ = pictures.shape
    across = ceil(sqrt(count * 7 / 4)) if count > COMPONENTS else min(7, count)
    down = ceil(count / across)
    padded = np.pad(pictures, ((0, down * across - count), (0, 0), (0, 0), (0, 0)))
    tiles = rearrange(padded, "(down across) row col rgb -> down across row col rgb", down=down)
    extent = Box(0, 0, down * (high + 1) - 1, across * (wide + 1) - 1)
    return Panel((RasterTiles(tiles, count=count),), extent, title, facts=facts)
