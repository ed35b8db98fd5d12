"""The arrays of one picture: attention rows, features, logits, q, k and v, by layer, head and token."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np

from vitviz.core.data.recipe import NEWEST, run_of
from vitviz.core.data.selection import Selection
from vitviz.core.data.trace import Trace
from vitviz.figures.numbers import zipped
from vitviz.figures.raw import raw_attention
from vitviz.figures.recipes import versions
from vitviz.folders.picture_traces import PictureNumbers

QKV = ("query", "key", "value")


@dataclass(frozen=True, slots=True, eq=False)
class VectorRow:
    """One vector of one picture: what it is, and which layer, head and token it belongs to.

    `quantity` is "attention" (what the token gives to each key), "features" (the token after the
    block), "logits" (one number a class), "query", "key" or "value". `layer` and `head` count from 0.
    """

    quantity: str
    layer: int | None
    head: int | None
    token: str | None
    values: np.ndarray


def vector_rows(
    numbers: PictureNumbers, selection: Selection, names: Sequence[str]
) -> Iterator[VectorRow]:
    """Every vector of these arrays, quantity by quantity, layer by layer."""
    trace = numbers.trace
    for name in names:
        match name:
            case "attention":
                yield from _attention_rows(trace, selection)
            case "features":
                assert numbers.features is not None
                for (layer, token), values in _vectors(numbers.features):
                    yield VectorRow(name, layer, None, trace.grid.name(token), values)
            case "logits":
                if numbers.logits is not None:
                    yield VectorRow(name, None, None, None, numbers.logits)
            case _:
                yield from _qkv_rows(numbers)


def _attention_rows(trace: Trace, selection: Selection) -> Iterator[VectorRow]:
    for at, layer in enumerate(trace.layers):
        token = selection.token(layer.grid, trace.crop)
        named = layer.grid.name(token)
        for head, values in enumerate(layer.attention.rows(token)):
            yield VectorRow("attention", at, head, named, values)


def _qkv_rows(numbers: PictureNumbers) -> Iterator[VectorRow]:
    assert numbers.qkv is not None
    for at, name in enumerate(QKV):
        for (layer, head, token), values in _vectors(numbers.qkv[:, at]):
            yield VectorRow(name, layer, head, numbers.trace.grid.name(token), values)


def _vectors(values: np.ndarray) -> Iterator[tuple[tuple[int, ...], np.ndarray]]:
    return ((at, values[at]) for at in np.ndindex(values.shape[:-1]))


def arrays_npz(numbers: PictureNumbers, selection: Selection, name: str) -> bytes:
    """One of the arrays as .npz, with what it is under "about"."""
    trace = numbers.trace
    match name:
        case "attention":
            return raw_attention(trace, selection)[0]
        case "features":
            assert numbers.features is not None
            return zipped({name: numbers.features}, _about(trace, {name: "layer token dim"}))
        case "logits":
            logits = np.empty(0, np.float32) if numbers.logits is None else numbers.logits
            return zipped({name: logits}, _about(trace, {name: "label"}))
        case _:
            assert numbers.qkv is not None
            every = {kind: numbers.qkv[:, at] for at, kind in enumerate(QKV)}
            return zipped(every, _about(trace, dict.fromkeys(QKV, "layer head token dim")))


def arrays_csv(numbers: PictureNumbers, selection: Selection, name: str) -> bytes:
    """One of the arrays as a table: a line a vector, its numbers in columns of their own."""
    rows = list(vector_rows(numbers, selection, [name]))
    width = max((len(row.values) for row in rows), default=0)
    file = io.StringIO(newline="")
    lines = csv.writer(file, lineterminator="\n")
    lines.writerow(("quantity", "layer", "head", "token", *range(width)))
    for row in rows:
        place = ("" if each is None else each for each in (row.layer, row.head, row.token))
        lines.writerow((row.quantity, *place, *map(repr, row.values.tolist())))
    return file.getvalue().encode("utf-8")


def _about(trace: Trace, axes: dict[str, str]) -> dict[str, Any]:
    """The tokens by name, and what the arrays were made from."""
    grid = trace.grid
    return {
        "vitviz": NEWEST,
        "axes": axes,
        "tokens": [grid.name(token) for token in range(grid.tokens)],
        "grid": [grid.rows, grid.cols],
        "layers": [layer.name for layer in trace.layers],
        "run": asdict(run_of(trace)),
        "versions": dict(versions()),
    }
