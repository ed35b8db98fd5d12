"""Statistics as tables: one line an entry, with its place on every axis, as CSV or Parquet."""

from __future__ import annotations

import csv
import json
from collections.abc import Iterator
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np

from vitviz.core.files import whole
from vitviz.folders.averages.folder_measures import AXES
from vitviz.folders.averages.folder_statistics import (
    QUANTILES,
    FolderStatistics,
    entries_of,
    quantiles,
)
from vitviz.folders.parquet_files import parquet

PLACES = tuple(dict.fromkeys(axis for axes in AXES.values() for axis in axes))
"""Every axis that any measure has: layer, head, prefix, what, other, patch, key."""
NAMED = ("prefix", "what")
"""Axes along which entries have names; along the others they have numbers from 0."""
_NUMBERS = ("count", "mean", "variance", "standard_error")
_PICTURES_AT_ONCE = 512

TableColumns = dict[str, list[Any]]


def save_csv(found: FolderStatistics, target: Path, *, overwrite: bool) -> None:
    """One line an entry; the first line, behind a "#", says what they are of."""
    columns = table_of(found)
    with (
        whole(target, overwrite=overwrite) as unfinished,
        unfinished.open("w", encoding="utf-8", newline="") as file,
    ):
        file.write(f"# {json.dumps(asdict(found.about), ensure_ascii=False)}\n")
        lines = csv.writer(file, lineterminator="\n")
        lines.writerow(columns)
        for line in zip(*columns.values(), strict=True):
            lines.writerow("" if each is None else each for each in line)


def save_parquet(
    found: FolderStatistics, target: Path, *, overwrite: bool, names: tuple[str, ...] = ()
) -> list[Path]:
    """One row an entry, and beside it `...-rows.parquet` with every picture's own numbers, if kept.

    `names` are the pictures of the folder. Returns the files. VitvizError without pyarrow.
    """
    arrow, files = parquet()
    schema = _schema(arrow, with_quantiles=found.rows is not None)
    about = {b"vitviz": json.dumps(asdict(found.about), ensure_ascii=False).encode()}
    with whole(target, overwrite=overwrite) as unfinished:
        table = arrow.table(table_of(found), schema=schema.with_metadata(about))
        files.write_table(table, unfinished, compression="zstd")
    if found.rows is None:
        return [target]
    beside = target.with_stem(f"{target.stem}-rows")
    with whole(beside, overwrite=overwrite) as unfinished:
        schema = _row_schema(arrow).with_metadata(about)
        with files.ParquetWriter(unfinished, schema, compression="zstd") as writer:
            for columns in _rows(found, names):
                writer.write_table(arrow.table(columns, schema=schema))
    return [target, beside]


def table_of(found: FolderStatistics) -> TableColumns:
    """Measure, place, count, mean, variance, standard error, and quantiles where rows were kept."""
    kept = () if found.rows is None else tuple(_quantile(each) for each in QUANTILES)
    columns: TableColumns = {name: [] for name in ("measure", *PLACES, *_NUMBERS, *kept)}
    for name in found.about.views:
        mean = found.average(name)
        _placed(columns, found, name, mean.shape)
        columns["mean"] += _plain(mean)
        moments = found.moments.get(name)
        columns["count"] += [found.used] * mean.size if moments is None else _whole(moments.count)
        nothing: list[Any] = [None] * mean.size
        columns["variance"] += nothing if moments is None else _plain(moments.variance)
        columns["standard_error"] += nothing if moments is None else _plain(moments.standard_error)
        if found.rows is not None:
            rows = found.rows.values.get(name)
            each = [None] * len(QUANTILES) if rows is None else list(quantiles(rows))
            for column, values in zip(kept, each, strict=True):
                columns[column] += nothing if values is None else _plain(values)
    return columns


def _placed(
    columns: TableColumns, found: FolderStatistics, name: str, shape: tuple[int, ...]
) -> None:
    """The measure's name and each entry's place, entries in order."""
    axes, names = entries_of(name, found.about)
    size = int(np.prod(shape))
    places = np.unravel_index(np.arange(size), shape)
    columns["measure"] += [name] * size
    for axis in PLACES:
        if axis not in axes:
            columns[axis] += [None] * size
            continue
        at = places[axes.index(axis)].tolist()
        columns[axis] += [names[each] for each in at] if axis in NAMED else at


def _rows(found: FolderStatistics, names: tuple[str, ...]) -> Iterator[TableColumns]:
    """Every picture's own numbers, some hundred pictures at a time."""
    assert found.rows is not None
    pictures = found.rows.pictures
    for measure, values in found.rows.values.items():
        for start in range(0, len(pictures), _PICTURES_AT_ONCE):
            block = np.asarray(values[start : start + _PICTURES_AT_ONCE])
            columns: TableColumns = {name: [] for name in ("measure", *PLACES)}
            for _ in block:
                _placed(columns, found, measure, block.shape[1:])
            each = pictures[start : start + len(block)].repeat(block[0].size)
            called = [names[at] for at in each] if names else [None] * len(each)
            yield {
                "picture": called,
                "number": each.tolist(),
                **columns,
                "value": _plain(block),
            }


def _schema(arrow: Any, *, with_quantiles: bool) -> Any:
    more = [(_quantile(each), arrow.float64()) for each in QUANTILES] if with_quantiles else []
    numbers = [(name, arrow.float64()) for name in _NUMBERS[1:]]
    return arrow.schema([*_places(arrow), ("count", arrow.int64()), *numbers, *more])


def _row_schema(arrow: Any) -> Any:
    own = [("picture", arrow.string()), ("number", arrow.int64())]
    return arrow.schema([*own, *_places(arrow), ("value", arrow.float64())])


def _places(arrow: Any) -> list[tuple[str, Any]]:
    kinds = {axis: arrow.string() if axis in NAMED else arrow.int32() for axis in PLACES}
    return [("measure", arrow.string()), *kinds.items()]


def _quantile(share: float) -> str:
    return f"q{round(100 * share):02}"


def _plain(values: np.ndarray) -> list[Any]:
    """Python's own numbers; None where there is none."""
    flat = np.asarray(values, np.float64).ravel()
    return [float(each) if np.isfinite(each) else None for each in flat]


def _whole(values: np.ndarray) -> list[Any]:
    found: list[Any] = values.ravel().tolist()
    return found
