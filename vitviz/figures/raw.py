"""The raw attention of a trace as arrays with named axes: one token's rows, or whole matrices."""

from __future__ import annotations

from dataclasses import asdict
from functools import lru_cache
from typing import Any

import numpy as np
from einops import rearrange

from vitviz.core.data.geometry import TokenGrid
from vitviz.core.data.recipe import NEWEST, run_of
from vitviz.core.data.selection import Selection
from vitviz.core.data.trace import Layer, Trace
from vitviz.figures.numbers import zipped
from vitviz.figures.recipes import versions


def raw_attention(
    trace: Trace, selection: Selection, *, matrices: bool = False
) -> tuple[bytes, dict[str, Any]]:
    """A zip of numpy arrays, and what they are.

    `rows` (layer head key) where one token looks; layers of different sizes are `rows_0`, `rows_1`, ...
    (head key). With `matrices` also `matrix_0`, ... (head query key), one layer after the other.
    """
    rows = [_row(layer, trace, selection) for layer in trace.layers]
    arrays: dict[str, np.ndarray] = {}
    axes: dict[str, str] = {}
    if len({row.shape for row in rows}) == 1:
        arrays["rows"], axes["rows"] = np.stack(rows), "layer head key"
    else:
        arrays |= {f"rows_{at}": row for at, row in enumerate(rows)}
        axes |= {f"rows_{at}": "head key" for at in range(len(rows))}
    if matrices:
        for at, layer in enumerate(trace.layers):
            arrays[f"matrix_{at}"] = _matrix(layer)
            axes[f"matrix_{at}"] = "head query key"
    words = _about(trace, selection) | {"axes": axes, "recipe": _recipe(trace, selection, matrices)}
    return zipped(arrays, words), words


def _row(layer: Layer, trace: Trace, selection: Selection) -> np.ndarray:
    return layer.attention.rows(selection.token(layer.grid, trace.crop))


def _matrix(layer: Layer) -> np.ndarray:
    maps = [layer.attention.matrix(head) for head in range(layer.attention.heads)]
    return np.array(rearrange(maps, "head query key -> head query key"))


def _recipe(trace: Trace, selection: Selection, matrices: bool) -> dict[str, Any]:
    """What makes the file again."""
    raw = {"run": asdict(run_of(trace)), "selection": asdict(selection), "matrices": matrices}
    return {"vitviz": NEWEST, "raw": raw, "versions": dict(versions())}


def _about(trace: Trace, selection: Selection) -> dict[str, Any]:
    """The tokens by name, what was measured, and what it was made from."""
    grid, crop = trace.grid, trace.crop
    return {
        "vitviz": NEWEST,
        "token": grid.name(selection.token(grid, crop)),
        "tokens": _names(grid),
        "grid": [grid.rows, grid.cols],
        "layers": [layer.name for layer in trace.layers],
        "verified": trace.verified,
        "refused": trace.refused,
        "how known": trace.badge.clause,
        "evidence": [asdict(each) for each in trace.model.evidence],
        "predictions": [asdict(each) for each in trace.predictions],
        "scores": trace.model.scores,
        "run": asdict(run_of(trace)),
        "versions": dict(versions()),
    }


@lru_cache(maxsize=8)
def _names(grid: TokenGrid) -> tuple[str, ...]:
    return tuple(grid.name(token) for token in range(grid.tokens))
