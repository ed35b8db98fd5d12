"""Bands of any number type as 8 bits a colour, piece by piece, with what was done said in words."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from math import inf, isfinite

import numpy as np
from jaxtyping import Float32, Shaped, UInt8

from vitviz.core.data.picture_choice import MOST_BANDS, PictureValues
from vitviz.core.progress import BadImage

PIECE = 2**21
"""Pixels that are worked on at once: a picture is never held twice in a wide number type."""
KEPT_VALUES = 2**27
"""Bytes of true values that are kept for the cursor; of larger pictures they are not."""

ReadPiece = Callable[[slice, slice], Shaped[np.ndarray, "row col band"]]


@dataclass(frozen=True, slots=True)
class BandSource:
    """A picture in its own numbers: `read` gives any piece of it, all bands together."""

    rows: int
    cols: int
    bands: int
    dtype: np.dtype
    read: ReadPiece


@dataclass(frozen=True, slots=True)
class BandRange:
    """Which values become black and white, and the sentence about it."""

    low: float
    high: float
    note: str


def array_source(array: Shaped[np.ndarray, "row col band"]) -> BandSource:
    """The bands of an array, which may lie on the disk."""
    rows, cols, bands = array.shape
    return BandSource(rows, cols, bands, array.dtype, lambda down, across: array[down, across])


def pieces(rows: int, cols: int, most: int = PIECE) -> Iterator[tuple[slice, slice]]:
    """The picture in pieces of at most so many pixels: a row may be too long as well."""
    wide = min(cols, most)
    high = max(1, most // wide)
    for row in range(0, rows, high):
        for col in range(0, cols, wide):
            yield slice(row, min(row + high, rows)), slice(col, min(col + wide, cols))


def chosen_bands(bands: Sequence[int], there: int, name: str) -> tuple[int, ...]:
    """The bands to show, counted from 1: one, or the first three of those that were named.

    BadImage where the file has not so many.
    """
    if not bands:
        return tuple(range(1, 4)) if there >= 3 else (1,)
    if len(bands) == 2:
        raise BadImage(
            f"{name}: 2 bands were named; name one, three for red, green and blue, or as many as the "
            "model reads"
        )
    wrong = next((band for band in bands if not 1 <= band <= there), None)
    if wrong is not None:
        raise BadImage(f"{name} has {there} bands, there is no band {wrong}; count them from 1")
    return tuple(bands[:3])


def rgb_of_bands(
    source: BandSource, bands: Sequence[int], into: UInt8[np.ndarray, "row col rgb"]
) -> str:
    """Writes the chosen bands into `into` as red, green and blue; the note on how they were scaled."""
    places = [band - 1 for band in bands]
    scaled = band_range(source, places)
    span = scaled.high - scaled.low
    factor = np.float32(255 / span) if span > 0 else np.float32(0)
    for down, across in pieces(source.rows, source.cols):
        values = source.read(down, across)[..., places]
        if source.dtype == np.uint8 and (scaled.low, scaled.high) == (0, 255):
            into[down, across] = values
            continue
        wide = np.nan_to_num(
            values.astype(np.float32), nan=scaled.low, posinf=scaled.high, neginf=scaled.low
        )
        wide -= np.float32(scaled.low)
        wide *= factor
        wide += np.float32(0.5)
        into[down, across] = np.clip(wide, 0, 255).astype(np.uint8)
    shown = ""
    if source.bands > 3 or tuple(bands) not in ((1,), (1, 2, 3)):
        shown = f"band{'s' * (len(bands) > 1)} {', '.join(map(str, bands))} of {source.bands}"
    return ", ".join(filter(None, (shown, scaled.note)))


def band_range(source: BandSource, places: Sequence[int]) -> BandRange:
    """The range that becomes 8 bits: that of the number type where it is filled, else their own."""
    if source.dtype == np.uint8:
        return BandRange(0, 255, "")
    if source.dtype == np.bool_:
        return BandRange(0, 1, "")
    low, high, odd = _extent(source, places)
    whole = source.dtype.kind in "iu"
    found = _whole_range(low, high) if whole else _float_range(low, high)
    return (
        found
        if not odd
        else BandRange(
            found.low, found.high, f"{found.note}, {odd} values that are not numbers filled"
        )
    )


def kept_values(
    source: BandSource, bands: Sequence[int]
) -> Shaped[np.ndarray, "row col band"] | None:
    """The chosen bands in their own numbers; None for 8 bits, and for more than is kept."""
    size = source.rows * source.cols * len(bands) * source.dtype.itemsize
    if source.dtype == np.uint8 or size > KEPT_VALUES:
        return None
    places = [band - 1 for band in bands]
    kept = np.empty((source.rows, source.cols, len(bands)), source.dtype)
    for down, across in pieces(source.rows, source.cols):
        kept[down, across] = source.read(down, across)[..., places]
    kept.setflags(write=False)
    return kept


def every_band(source: BandSource) -> PictureValues | None:
    """All bands in their own numbers, for a model that reads more than colours; None for too many."""
    size = source.rows * source.cols * source.bands * source.dtype.itemsize
    if size > KEPT_VALUES or source.bands > MOST_BANDS or source.dtype.kind not in "buif":
        return None
    kept = np.array(source.read(slice(None), slice(None)))
    kept.setflags(write=False)
    return PictureValues(kept, tuple(range(1, source.bands + 1)))


def unit_values(
    values: Shaped[np.ndarray, "row col band"], bands: Sequence[int]
) -> Float32[np.ndarray, "row col band"]:
    """The chosen bands (counted from 1) as 0 to 1: by 255 where they have 8 bits, else all by the one
    range that becomes 8 bits on the screen.
    """
    source, places = array_source(values), [band - 1 for band in bands]
    scaled = band_range(source, places)
    span = scaled.high - scaled.low or 1.0
    found = np.nan_to_num(
        values[..., places].astype(np.float32),
        nan=scaled.low,
        posinf=scaled.high,
        neginf=scaled.low,
    )
    unit: Float32[np.ndarray, "row col band"] = (found - np.float32(scaled.low)) / np.float32(span)
    return unit


def _extent(source: BandSource, places: Sequence[int]) -> tuple[float, float, int]:
    """Lowest and highest finite value, and how many are not finite."""
    low, high, odd = inf, -inf, 0
    for down, across in pieces(source.rows, source.cols):
        values = source.read(down, across)[..., places]
        if values.dtype.kind == "f":
            good = values[np.isfinite(values)]
            odd += values.size - good.size
            values = good
        if values.size:
            low, high = min(low, float(values.min())), max(high, float(values.max()))
    return (low, high, odd) if isfinite(low) and isfinite(high) else (0.0, 0.0, odd)


def _whole_range(low: float, high: float) -> BandRange:
    """The bits that are used, where they are: a camera's 12 stay 12. What fills no quarter of any
    number of bits is dark, and stretched.
    """
    if low >= 0 and high > 255:
        bits = next((bits for bits in (10, 12, 14, 16) if high < 2**bits), 0)
        if bits:
            return BandRange(0, 2**bits - 1, f"{bits} bit reduced to 8")
    if low >= 0 and 127 < high <= 255:
        return BandRange(0, 255, "whole numbers 0..255 reduced to 8 bit")
    return BandRange(low, high, f"whole numbers {low:.6g}..{high:.6g} stretched to 8 bit")


def _float_range(low: float, high: float) -> BandRange:
    """0..1 and 0..255 where the numbers reach up there; a depth in metres is its own range."""
    kind = "floating point"
    if low >= 0 and 0.5 < high <= 1:
        return BandRange(0, 1, f"{kind} 0..1 reduced to 8 bit")
    if low >= 0 and 127 < high <= 255:
        return BandRange(0, 255, f"{kind} 0..255 reduced to 8 bit")
    return BandRange(low, high, f"{kind} {low:.4g}..{high:.4g} stretched to 8 bit")
