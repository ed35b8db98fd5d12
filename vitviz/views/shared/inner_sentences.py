"""What the views of a TNT's words share: the chosen sentence and word, their pixels and outlines."""

from __future__ import annotations

from dataclasses import dataclass
from math import ceil, floor

import numpy as np
from einops import rearrange, reduce
from jaxtyping import Float32

from vitviz.core.data.drawing import Raster
from vitviz.core.data.geometry import Box, TokenGrid
from vitviz.core.data.inner_words import InnerWords
from vitviz.core.data.selection import Selection
from vitviz.core.data.trace import Trace
from vitviz.core.language import _
from vitviz.core.progress import Unsupported

Shape = tuple[int, int]


@dataclass(frozen=True, slots=True)
class ChosenWord:
    """A word inside its sentence; `box` and `word_box` lie in model pixels."""

    token: int
    sentence: int
    word: int
    box: Box
    word_box: Box
    name: str
    """The word's own row and column, "(1, 2)"."""


def no_words(trace: Trace) -> str:
    """Why a trace has no words to show, "" where it has."""
    if trace.words is not None:
        return ""
    said = next((f": {reason}" for reason in trace.refused if "attn_in" in reason), "")
    if said:
        return _("{title} has no words that could be verified{said}").format(
            title=trace.model.title, said=said
        )
    return _(
        "{title} does not divide its patches into words; take a Transformer in "
        "Transformer, such as tnt_s_patch16_224"
    ).format(title=trace.model.title)


def words_of(trace: Trace) -> InnerWords:
    """The inner level. Unsupported, with the reason, where a trace has none."""
    if trace.words is None:
        raise Unsupported(no_words(trace))
    return trace.words


def shape_of(trace: Trace) -> Shape:
    """Words of every patch, (down, across)."""
    assert trace.grid.words is not None
    return trace.grid.words


def chosen(trace: Trace, selection: Selection) -> ChosenWord:
    """The sentence and the word to draw for; the middle sentence while a prefix token is chosen."""
    grid = trace.grid
    token = selection.token(grid, trace.crop)
    token = grid.middle if grid.place(token) is None else token
    word = selection.word(grid, trace.crop) or 0
    box, word_box = grid.box(token), grid.word_box(token, word)
    assert box is not None
    assert word_box is not None
    down, across = divmod(word, shape_of(trace)[1])
    return ChosenWord(token, token - len(grid.prefix), word, box, word_box, f"({down}, {across})")


def inner_layer(trace: Trace, selection: Selection) -> tuple[int, int | None]:
    """The inner layer at the chosen depth, and the head as far as that layer has it."""
    layers = words_of(trace).layers
    layer = selection.layer(len(layers))
    last = layers[layer].attention.heads - 1
    return layer, None if selection.head is None else min(selection.head, last)


def receptive(trace: Trace, one: ChosenWord) -> Box:
    """The pixels that the word's convolution reads: over the patch's edges only where it may.

    Word j of a row begins at pixel j * stride - kernel // 2, so words look up and left.
    """
    words = words_of(trace)
    side = words.kernel // 2
    top, left = one.word_box.top - side, one.word_box.left - side
    whole = Box(top, left, top + words.kernel, left + words.kernel)
    return whole.clip(one.box if words.reach == "patch" else trace.crop.frame)


def around(trace: Trace, one: ChosenWord) -> Box:
    """The patch with as much of its neighbours as its words see."""
    words, box = words_of(trace), one.box
    if words.reach == "patch":
        return box
    before = words.kernel // 2
    after = max(words.kernel - before - words.stride, 0)
    grown = Box(box.top - before, box.left - before, box.bottom + after, box.right + after)
    return grown.clip(trace.crop.frame)


def cut(trace: Trace, box: Box) -> tuple[Raster, ...]:
    """The picture inside a box of model pixels, as sharp as there is; the model's own at its edge."""
    sharp = _cut(trace.seen, trace.seen_box, box)
    inside = box.clip(trace.seen_box) == box
    rough = None if inside else _cut(trace.pixels, trace.crop.frame, box)
    return tuple(raster for raster in (rough, sharp) if raster is not None)


def _cut(pixels: np.ndarray, over: Box, box: Box) -> Raster | None:
    """Whole pixels that cover a box, and where they lie."""
    rows, cols = pixels.shape[:2]
    down, across = over.height / rows, over.width / cols
    top = max(floor((box.top - over.top) / down), 0)
    left = max(floor((box.left - over.left) / across), 0)
    bottom = min(ceil((box.bottom - over.top) / down), rows)
    right = min(ceil((box.right - over.left) / across), cols)
    if bottom <= top or right <= left:
        return None
    covered = Box(
        over.top + top * down,
        over.left + left * across,
        over.top + bottom * down,
        over.left + right * across,
    )
    return Raster(pixels[top:bottom, left:right], covered, smooth=False)


def stitched(
    values: Float32[np.ndarray, "... sentence word"], grid: TokenGrid
) -> Float32[np.ndarray, "..."]:
    """Values of all words laid out over the picture, every sentence's where it lies."""
    assert grid.words is not None
    laid: Float32[np.ndarray, "..."] = rearrange(
        values,
        "... (row col) (down across) -> ... (row down) (col across)",
        row=grid.rows,
        down=grid.words[0],
    )
    return laid


def reach_words(trace: Trace) -> str:
    """What a word sees of the picture before any attention, in a sentence."""
    words = words_of(trace)
    side = f"{words.kernel} × {words.kernel}"
    if words.reach == "patch":
        return _(
            "Each word is read from {side} pixels of its own patch alone (zeros beyond it)."
        ).format(side=side)
    return _(
        "Each word is read from {side} pixels of the whole picture, over its patch's edges too."
    ).format(side=side)


def rank_agreement(one: np.ndarray, other: np.ndarray) -> float:
    """Spearman's rank correlation of two maps, -1 to 1; 0 where one of them is flat."""
    ranks = [_ranks(each.ravel()) for each in (one, other)]
    centred = [each - each.mean() for each in ranks]
    length = float(np.sqrt(np.square(centred[0]).sum() * np.square(centred[1]).sum()))
    return float((centred[0] * centred[1]).sum()) / length if length > 0 else 0.0


def _ranks(values: np.ndarray) -> np.ndarray:
    """The rank of every value, equal ones sharing the mean of theirs."""
    _, place, count = np.unique(values, return_inverse=True, return_counts=True)
    last = np.cumsum(count)
    shared: np.ndarray = ((last - count + 1 + last) / 2)[place]
    return shared


def fused(maps: Float32[np.ndarray, "head ..."], head: int | None) -> Float32[np.ndarray, "..."]:
    """One head's map, or the mean of all."""
    one: Float32[np.ndarray, "..."] = (
        reduce(maps, "head ... -> ...", "mean") if head is None else maps[head]
    )
    return one
