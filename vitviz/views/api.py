"""One view of one trace, drawn in one call: what scripts and notebooks use."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from operator import index
from typing import Any

import numpy as np

from vitviz.core.data.drawing import Drawing
from vitviz.core.data.geometry import Crop, TokenGrid
from vitviz.core.data.selection import Place, Selection, place_of
from vitviz.core.data.target import Target, target_of
from vitviz.core.data.trace import Trace
from vitviz.core.drawings.shared_ranges import in_ranges
from vitviz.core.pictures.picture_files import open_picture
from vitviz.core.progress import VitvizError
from vitviz.views import find

Token = tuple[int, ...] | int | str | None
"""A patch's (row, col), a number in the sequence, a prefix token's name; None for the class token."""


def draw(
    view: str,
    trace: Trace,
    *,
    token: Token = None,
    layer: int | None = None,
    head: int | None = None,
    target: Target | int | str | Callable[[Any], Any] | None = None,
    against: Trace | None = None,
    pairs: Sequence[tuple[Trace, Trace]] = (),
    more: Sequence[Trace] = (),
    ranges: Sequence[tuple[int, float, float]] = (),
    **options: Any,
) -> Drawing:
    """Draws a view of what a model did with a picture: `draw("rollout", trace, token=(7, 7))`.

    >>> drawing = vitviz.draw("rollout", trace, token=(7, 7), discard=0.5)
    >>> drawing.title
    'Attention rollout from token (7, 7): layers 6 to 1, heads fused by mean'
    >>> [panel.title for panel in drawing.panels]
    ['Heads fused by mean', 'Each head alone']
    >>> {name: values.shape for name, values in drawing.arrays.items()}
    {'panel1': (10, 10), 'panel2': (2, 10, 10)}

    A number that does not exist is refused in a sentence, and so is a map that cannot be had:

    >>> vitviz.draw("heads", trace, layer=6)
    Traceback (most recent call last):
    vitviz.core.progress.VitvizError: there is no layer 6; the 6 layers are 0 to 5, or -1 for the last
    >>> vitviz.draw("words", trace)
    Traceback (most recent call last):
    vitviz.core.progress.Unsupported: test_vit does not divide its patches into words; take a ...

    - `view` is a view's name: "patches", "heads", "rollout", "positions", "predictions", ...
      (`vitviz views` lists all).
    - `token` is a patch's (row, col) in the grid of `trace.grid.rows` x `trace.grid.cols` (in a TNT
      also with the row and column of a word in it: `(7, 7, 1, 2)`), a number in the sequence of
      `trace.grid.tokens`, or a prefix token's name such as "class"; without it the class token, or
      the middle patch where there is none.
    - `layer` counts from 0, negative from the end, the last by default; `head` from 0, None for all
      together.
    - `target` is what maps of an answer are asked about: a class by number or name, "285-281",
      "feature:17", "lens:5", or a function of the model's output (`Target`); without it the
      predicted class.
    - `against` is the second trace of a view that compares two: `draw("difference", trace,
      against=other)`; `pairs` are further pictures through the same two models, for `cka`.
    - `more` are traces of further pictures through the same model, for views of many pictures, such
      as `distance`.
    - `ranges` are (panel, low, high), to colour a drawing as it was beside others.
    - `options` are the view's own.

    Returns a frozen `Drawing`: its panels hold the numbers, `vitviz.save` prints it. Raises
    VitvizError for a name or number that does not exist, Unsupported for a map that cannot be
    computed exactly. The source of each view is on its page of the guide, and in
    `vitviz.views.find(view).source`.
    """
    pairs, more = options.pop("also", pairs), options.pop("others", more)  # the words of 0.1
    chosen = find(view)
    for one in (trace, *(() if against is None else (against,)), *more):
        if not isinstance(one, Trace):
            raise VitvizError(
                f"a view is drawn of a trace, not of {type(one).__name__}; make one with "
                "vitviz.trace(model, picture)"
            )
    selection = selection_of(trace, token=token, layer=layer, head=head)
    selection = replace(selection, target=pictured(target_of(target)))
    return in_ranges(chosen.draw(trace, selection, options, against, pairs, more), ranges)


def pictured(target: Target) -> Target:
    """A target with the picture opened that it compares with. BadImage where it is none."""
    if target.kind != "cosine" or target.picture is not None:
        return target
    picture = open_picture(target.other)
    return replace(target, other=picture.name, text=picture.key, picture=picture)


def selection_of(
    trace: Trace,
    *,
    token: Token = None,
    layer: int | None = None,
    head: int | None = None,
) -> Selection:
    """What is chosen, said as `draw` takes it. VitvizError for a name or number that is not there."""
    selection = token_chosen(token, trace.grid, trace.crop)
    if layer is not None:
        layers = trace.depths
        selection = selection.with_layer(_layer(layer, layers), layers)
    return _with_head(trace, selection, head)


def token_chosen(token: Token, grid: TokenGrid, crop: Crop) -> Selection:
    """A token, said as `draw` takes it, in a grid over a picture. VitvizError where it is not there."""
    return Selection() if token is None else Selection(pin=_place(token, grid, crop))


def _place(token: tuple[int, ...] | int | str, grid: TokenGrid, crop: Crop) -> Place:
    """The place of a token, however it was named."""
    token = _plain(token)
    try:
        match token:
            case str() if token in grid.prefix:
                return Place(prefix=token)
            case int():
                return place_of(token, grid, crop)
            case (int(row), int(col)):
                return place_of(grid.token(row, col), grid, crop)
            case (int(row), int(col), int(down), int(across)) if grid.words is not None:
                return _word_place(grid, crop, grid.token(row, col), (down, across))
            case _:
                names = ", ".join(grid.prefix) or "none"
                raise VitvizError(
                    f"there is no token {token!r}; say (row, col), a number, or a prefix token's "
                    f"name, of which there are: {names}"
                )
    except IndexError as error:
        raise VitvizError(f"{error}; rows, columns and tokens count from 0") from error


def _word_place(grid: TokenGrid, crop: Crop, token: int, word: tuple[int, int]) -> Place:
    """The middle of a patch's word."""
    words = grid.words
    assert words is not None
    if not (0 <= word[0] < words[0] and 0 <= word[1] < words[1]):
        raise IndexError(f"word {word} is outside the {words[0]} x {words[1]} words of a patch")
    box = grid.word_box(token, word[0] * words[1] + word[1])
    assert box is not None
    return Place(crop.to_original(box.centre))


def _plain(token: Any) -> Any:
    """A token's numbers as Python's own: numpy's come from argmax and unravel_index."""
    try:
        return index(token) if np.ndim(token) == 0 else tuple(map(index, token))
    except TypeError:
        return token


def _layer(layer: int, layers: int) -> int:
    layer = _whole("layer", layer)
    if not -layers <= layer < layers:
        raise VitvizError(
            f"there is no layer {layer}; the {layers} layers are 0 to {layers - 1}, or -1 for the last"
        )
    return layer % layers


def _whole(word: str, number: Any) -> int:
    """A number of layers or heads as Python's own. VitvizError for what is none."""
    try:
        return index(number)
    except TypeError:
        raise VitvizError(f"a {word} is a whole number, not {number!r}") from None


def _with_head(trace: Trace, selection: Selection, head: int | None) -> Selection:
    """The selection with a head that the chosen layer has."""
    if head is None or not trace.layers:
        return selection
    head = _whole("head", head)
    layer = selection.layer(len(trace.layers))
    heads = trace.layers[layer].attention.heads
    if not 0 <= head < heads:
        raise VitvizError(f"there is no head {head}; layer {layer} has heads 0 to {heads - 1}")
    return replace(selection, head=head)
