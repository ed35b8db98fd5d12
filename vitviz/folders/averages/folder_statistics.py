"""Means, variances and standard errors over the pictures of a folder, in parts that can be merged."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from functools import reduce
from pathlib import Path
from tokenize import TokenError
from typing import Any
from zipfile import BadZipFile

import numpy as np
from jaxtyping import Float32, Float64, Int64

from vitviz.core.files import whole
from vitviz.core.measures.cka import Hsic, cka_of
from vitviz.core.measures.running_moments import RunningMoments
from vitviz.core.progress import VitvizError
from vitviz.core.storage import place_of
from vitviz.figures.numbers import zip_into
from vitviz.folders.averages.folder_measures import CKA, LENGTHS, MEASURES

FORMAT = 1
"""Of the files; a newer one is refused."""
QUANTILES = (0.05, 0.25, 0.5, 0.75, 0.95)
ACROSS, OWN = f"{CKA}_across", f"{CKA}_own"
"""What is averaged for CKA, minibatch by minibatch: HSIC of two layers, and of one with itself."""
_BLOCK = 16_000_000
"""Numbers of rows that are sorted at once."""


@dataclass(frozen=True, slots=True)
class StatisticsAbout:
    """What statistics are of: two of the same kind can be merged.

    `folder` is its name alone, `digest` stands for all names of pictures in it, `token` is the chosen
    token's name where a measure asks for one, `minibatch` the most pictures of one HSIC.
    """

    model: str
    weights: str
    precision: str
    patch: tuple[int, int]
    input_size: tuple[int, int]
    fit: str
    views: tuple[str, ...]
    token: str
    folder: str
    digest: str
    pictures: int
    parts: int
    minibatch: int
    grid: tuple[int, int]
    prefix: tuple[str, ...]
    notes: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, eq=False)
class PictureRows:
    """Every picture's own numbers: `pictures` are places in the folder's list, `values` by measure."""

    pictures: Int64[np.ndarray, "picture"]
    values: Mapping[str, Float32[np.ndarray, "picture *entry"]]


@dataclass(frozen=True, slots=True, eq=False)
class FolderStatistics:
    """The moments of each measure over the parts that are `done` (numbers of parts, in order).

    `broken` are pictures that were left out, each with the reason. `rows` are there on request.
    """

    about: StatisticsAbout
    done: tuple[int, ...]
    moments: Mapping[str, RunningMoments]
    broken: tuple[tuple[str, str], ...] = ()
    rows: PictureRows | None = None

    @property
    def used(self) -> int:
        """Pictures that went in."""
        kept = [self.moments[name].count for name in self.about.views if name != CKA]
        if kept:
            return int(max(each.max(initial=0) for each in kept))
        return sum(self._size(part) for part in self.done) - len(self.broken)

    def _size(self, part: int) -> int:
        """Pictures of a part."""
        about = self.about
        return min(about.minibatch, about.pictures - part * about.minibatch)

    @property
    def missing(self) -> tuple[int, ...]:
        """Parts that nobody has made yet."""
        return tuple(sorted(set(range(self.about.parts)) - set(self.done)))

    def average(self, name: str) -> Float64[np.ndarray, "*entry"]:
        """The mean of a measure; for CKA the ratio of the mean HSICs."""
        if name != CKA:
            return self.moments[name].average
        own = self.moments[OWN].average
        return cka_of(Hsic(self.moments[ACROSS].average, own, own))

    def standard_error(self, name: str) -> Float64[np.ndarray, "*entry"] | None:
        """How far the mean may be off; None for CKA, which is a ratio of means."""
        return None if name == CKA else self.moments[name].standard_error

    def merged(self, other: FolderStatistics) -> FolderStatistics:
        """Of both together. VitvizError where they are of different things, or share a part."""
        if self.about != other.about:
            raise VitvizError(
                f"these parts are of different runs ({', '.join(differences(self.about, other.about))} "
                "differs); merge parts of one model, one folder and the same views"
            )
        if both := set(self.done) & set(other.done):
            raise VitvizError(
                f"{len(both)} parts are in two of the files (part {min(both) + 1} for one); name each "
                "shard once"
            )
        keys = self.moments.keys() | other.moments.keys()
        return replace(
            self,
            done=tuple(sorted((*self.done, *other.done))),
            moments={key: _both(self.moments.get(key), other.moments.get(key)) for key in keys},
            broken=tuple(sorted({*self.broken, *other.broken})),
            rows=_rows_of(self.rows, other.rows),
        )


def merged_statistics(each: Sequence[FolderStatistics]) -> FolderStatistics:
    """All parts put together in the order of their first parts, whichever order they are named in."""
    ordered = sorted(each, key=lambda one: one.done[:1])
    return reduce(FolderStatistics.merged, ordered)


def differences(one: StatisticsAbout, other: StatisticsAbout) -> list[str]:
    """The names of what differs between two runs, in a user's words."""
    before, now = asdict(one), asdict(other)
    words = {"digest": "the list of pictures", "input_size": "input size"}
    return [words.get(name, name) for name in before if before[name] != now[name]]


def entries_of(name: str, about: StatisticsAbout) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """A measure's axes, and the names along its last axis where that has names."""
    axes = MEASURES[name].axes
    names: dict[str, tuple[str, ...]] = {
        "what": (*LENGTHS, *about.prefix),
        "prefix": about.prefix,
    }
    return axes, names.get(axes[-1], ())


def save_npz(statistics: FolderStatistics, target: Path, *, overwrite: bool) -> None:
    """The arrays of every measure, what they are under "about", and rows with their quantiles."""
    arrays: dict[str, np.ndarray] = {}
    for name, moments in sorted(statistics.moments.items()):
        arrays |= {
            f"{name}_count": moments.count,
            f"{name}_mean": moments.mean,
            f"{name}_squares": moments.squares,
            f"{name}_variance": moments.variance,
            f"{name}_standard_error": moments.standard_error,
        }
    if CKA in statistics.about.views:
        arrays[CKA] = statistics.average(CKA)
    if statistics.rows is not None:
        arrays["row_pictures"] = statistics.rows.pictures
        for name, values in statistics.rows.values.items():
            arrays[f"{name}_rows"] = values
            arrays[f"{name}_quantiles"] = quantiles(values)
    with whole(target, overwrite=overwrite) as unfinished, unfinished.open("wb") as file:
        zip_into(file, arrays, _words(statistics))


def _words(statistics: FolderStatistics) -> dict[str, Any]:
    about = statistics.about
    axes = {name: entries_of(name, about) for name in about.views}
    return {
        "statistics": FORMAT,
        "about": asdict(about),
        "done": statistics.done,
        "broken": statistics.broken,
        "axes": {name: {"axes": each[0], "names": each[1]} for name, each in axes.items()},
        "labels": {name: MEASURES[name].label for name in about.views},
        "sources": {name: MEASURES[name].source for name in about.views},
        "quantiles": QUANTILES,
    }


def quantiles(rows: Float32[np.ndarray, "picture *entry"]) -> Float32[np.ndarray, "q *entry"]:
    """`QUANTILES` of every entry over pictures, made column by column; NaN without a number."""
    flat = rows.reshape(len(rows), -1)
    found = np.full((len(QUANTILES), flat.shape[1]), np.nan, np.float32)
    step = max(1, _BLOCK // max(len(rows), 1))
    for start in range(0, flat.shape[1], step):
        block = np.asarray(flat[:, start : start + step], np.float64)
        there = np.isfinite(block).any(axis=0)
        if there.any():
            found[:, start : start + step][:, there] = np.nanquantile(
                block[:, there], QUANTILES, axis=0
            )
    return found.reshape(len(QUANTILES), *rows.shape[1:])


def read_statistics(file: Path) -> FolderStatistics:
    """Statistics as `vitviz stats` wrote them. VitvizError for any other file."""
    file = place_of(file)
    try:
        with file.open("rb") as opened, np.load(opened, allow_pickle=False) as arrays:
            return _read(arrays, json.loads(str(arrays["about"])))
    except FileNotFoundError:
        raise VitvizError(f"there is no file {file}; name one that vitviz stats wrote") from None
    except (OSError, ValueError, KeyError, TypeError, EOFError, BadZipFile, TokenError) as error:
        raise VitvizError(
            f"{file} holds no statistics that can be read; name an .npz that vitviz stats wrote"
        ) from error


def _read(arrays: Mapping[str, np.ndarray], words: Mapping[str, Any]) -> FolderStatistics:
    if words["statistics"] > FORMAT:
        raise VitvizError(
            f"these statistics are of format {words['statistics']}, newer than this vitviz knows "
            f"({FORMAT}); update vitviz"
        )
    plain: dict[str, Any] = {
        name: tuple(each) if isinstance(each, list) else each
        for name, each in words["about"].items()
    }
    keys = [name.removesuffix("_squares") for name in arrays if name.endswith("_squares")]
    moments = {
        key: RunningMoments(arrays[f"{key}_count"], arrays[f"{key}_mean"], arrays[f"{key}_squares"])
        for key in keys
    }
    rows = {name.removesuffix("_rows"): arrays[name] for name in arrays if name.endswith("_rows")}
    return FolderStatistics(
        StatisticsAbout(**plain),
        tuple(words["done"]),
        moments,
        tuple((each[0], each[1]) for each in words["broken"]),
        PictureRows(arrays["row_pictures"], rows) if rows else None,
    )


def _both(one: RunningMoments | None, other: RunningMoments | None) -> RunningMoments:
    if one is None or other is None:
        found = one or other
        assert found is not None
        return found
    return one.merged(other)


def _rows_of(one: PictureRows | None, other: PictureRows | None) -> PictureRows | None:
    """Rows of both, in the folder's order; none where one of them has none."""
    if one is None or other is None:
        return None
    pictures = np.concatenate([one.pictures, other.pictures])
    order = np.argsort(pictures, kind="stable")
    return PictureRows(
        pictures[order],
        {
            name: np.concatenate([values, other.values[name]])[order]
            for name, values in one.values.items()
        },
    )
