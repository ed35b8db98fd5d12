"""A part of a picture that somebody painted: boxes or a mask, written as one short text."""

from __future__ import annotations

import base64
import binascii
import re
import zlib
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy as np
from jaxtyping import Bool, Float

from vitviz.core.data.geometry import Box, Crop, Spot, TokenGrid
from vitviz.core.progress import VitvizError

SHARP = 128
"""Rows and columns of a mask at most: a text holds it, and patches are coarser."""
_LARGEST = 1_000_000
_MASK = re.compile(r"mask:(\d{1,3})x(\d{1,3}):([A-Za-z0-9+/=]+)")


@dataclass(frozen=True, slots=True)
class PictureArea:
    """Boxes in pixels of the upright picture, and a mask over all of it; "" is nothing.

    >>> from vitviz.core.pictures.picture_area import PictureArea
    >>> area = PictureArea.read("20 20 60 80")
    >>> area.boxes
    (Box(top=20.0, left=20.0, bottom=60.0, right=80.0),)
    >>> area.text
    '20 20 60 80'
    >>> int((area.coverage(trace.grid, trace.crop) > 0).sum())
    35
    """

    boxes: tuple[Box, ...] = ()
    mask: tuple[int, int, bytes] | None = None
    """(rows, columns, bits packed row by row and compressed)."""

    @classmethod
    def read(cls, text: str) -> PictureArea:
        """The area that a text says: "TOP LEFT BOTTOM RIGHT; ..." in pixels of the picture, or a mask.

        VitvizError, in a sentence, for another text.
        """
        said = text.strip()
        if not said:
            return cls()
        if found := _MASK.fullmatch(said):
            return cls(mask=_checked_mask(int(found[1]), int(found[2]), found[3]))
        return cls(tuple(_box(part) for part in said.split(";") if part.strip()))

    @classmethod
    def of_mask(cls, mask: Bool[np.ndarray, "row col"]) -> PictureArea:
        """A mask over the whole picture, made coarser where it is sharper than `SHARP`."""
        rows, cols = (min(side, SHARP) for side in mask.shape)
        down, across = (
            np.linspace(0, side, count + 1).astype(int)
            for side, count in zip(mask.shape, (rows, cols), strict=True)
        )
        sums = _summed(mask)
        counts = np.diff(down)[:, None] * np.diff(across)[None]
        inside = np.diff(np.diff(sums[down][:, across], axis=0), axis=1) / counts >= 0.5
        return cls(mask=(rows, cols, zlib.compress(np.packbits(inside).tobytes(), 9)))

    @property
    def text(self) -> str:
        """The same in a text that `read` takes."""
        if self.mask is not None:
            rows, cols, packed = self.mask
            return f"mask:{rows}x{cols}:{base64.b64encode(packed).decode()}"
        return "; ".join(
            " ".join(f"{side:.6g}" for side in (box.top, box.left, box.bottom, box.right))
            for box in self.boxes
        )

    def coverage(self, grid: TokenGrid, crop: Crop) -> Float[np.ndarray, "patch"]:
        """How much of each patch it covers, 0 to 1."""
        covered = np.zeros(grid.rows * grid.cols)
        inside = None if self.mask is None else _summed(_unpacked(self.mask))
        for patch in range(len(covered)):
            box = grid.box(len(grid.prefix) + patch)
            assert box is not None
            whole = box.height * box.width
            parts = [box.clip(crop.box_to_model(each)) for each in self.boxes]
            covered[patch] = sum(part.height * part.width for part in parts) / whole
            if inside is not None:
                covered[patch] = _share(inside, crop.box_to_original(box), crop.original)
        return np.minimum(covered, 1.0)

    def patches(self, grid: TokenGrid, crop: Crop) -> tuple[int, ...]:
        """The patches that it covers at least half of, in reading order; boxes in their own order."""
        if self.mask is None and len(self.boxes) > 1:
            found: dict[int, None] = {}
            for box in self.boxes:
                own = PictureArea((box,)).coverage(grid, crop)
                found.update(dict.fromkeys(np.flatnonzero(own >= 0.5).tolist()))
            together = np.flatnonzero(self.coverage(grid, crop) >= 0.5).tolist()
            return tuple(dict.fromkeys([*found, *together]))
        return tuple(np.flatnonzero(self.coverage(grid, crop) >= 0.5).tolist())

    def with_patches(self, more: Iterable[int], grid: TokenGrid, crop: Crop) -> PictureArea:
        """It with further patches of a grid."""
        return area_of([*self.patches(grid, crop), *more], grid, crop)

    def without_patches(self, less: Iterable[int], grid: TokenGrid, crop: Crop) -> PictureArea:
        """It without some patches of a grid."""
        gone = set(less)
        return area_of([each for each in self.patches(grid, crop) if each not in gone], grid, crop)


def area_of(patches: Sequence[int], grid: TokenGrid, crop: Crop) -> PictureArea:
    """Patches of a grid as an area of the picture: neighbours in a row that follow each other are one
    box, so that their order is kept.
    """
    runs: list[list[int]] = []
    for patch in dict.fromkeys(patches):
        if runs and patch == runs[-1][-1] + 1 and patch % grid.cols:
            runs[-1].append(patch)
        else:
            runs.append([patch])
    first = len(grid.prefix)
    boxes = []
    for run in runs:
        one, last = grid.box(first + run[0]), grid.box(first + run[-1])
        assert one is not None
        assert last is not None
        boxes.append(crop.box_to_original(Box(one.top, one.left, last.bottom, last.right)))
    return PictureArea(tuple(boxes))


def border(covered: Bool[np.ndarray, "patch"], grid: TokenGrid) -> tuple[tuple[Spot, Spot], ...]:
    """The lines around patches, in the model's pixels."""
    inside = np.pad(covered.reshape(grid.rows, grid.cols), 1)
    height, width = grid.cell
    top, left = grid.corner

    def at(row: int, col: int) -> Spot:
        return Spot(top + row * height, left + col * width)

    lines = []
    for row, col in np.argwhere(inside[1:] != inside[:-1]):
        lines.append((at(int(row), int(col) - 1), at(int(row), int(col))))
    for row, col in np.argwhere(inside[:, 1:] != inside[:, :-1]):
        lines.append((at(int(row) - 1, int(col)), at(int(row), int(col))))
    return tuple(lines)


def _box(text: str) -> Box:
    try:
        top, left, bottom, right = (float(each) for each in text.replace(",", " ").split())
    except ValueError:
        raise VitvizError(
            f"{text.strip()!r} is not TOP LEFT BOTTOM RIGHT in pixels of the picture, such as "
            "40 60 200 180; several such boxes are written with ; between them"
        ) from None
    sides = np.array([top, left, bottom, right])
    if not np.isfinite(sides).all() or abs(sides).max() > _LARGEST:
        raise VitvizError(f"{text.strip()!r} is no box of a picture: give numbers of pixels")
    if bottom <= top or right <= left:
        raise VitvizError(
            f"the box {text.strip()!r} has no area: bottom and right come behind top and left"
        )
    return Box(top, left, bottom, right)


def _checked_mask(rows: int, cols: int, text: str) -> tuple[int, int, bytes]:
    """A mask's size and bits. VitvizError where they do not go together."""
    if not (1 <= rows <= SHARP and 1 <= cols <= SHARP):
        raise VitvizError(f"a mask has 1 to {SHARP} rows and columns, not {rows} x {cols}")
    bits = -(-rows * cols // 8)
    try:
        packed = base64.b64decode(text, validate=True)
        found = zlib.decompressobj().decompress(packed, bits + 1)
    except (binascii.Error, zlib.error):
        found = b""
    if len(found) != bits:
        raise VitvizError("the mask's text is damaged; mark the picture anew")
    return rows, cols, packed


def _unpacked(mask: tuple[int, int, bytes]) -> Bool[np.ndarray, "row col"]:
    rows, cols, packed = mask
    bits = np.frombuffer(zlib.decompress(packed), np.uint8)
    inside: Bool[np.ndarray, "row col"] = (
        np.unpackbits(bits)[: rows * cols].reshape(rows, cols).astype(bool)
    )
    return inside


def _summed(mask: np.ndarray) -> Float[np.ndarray, "row col"]:
    """Sums over all above and left of each corner."""
    return np.pad(mask.astype(np.float64).cumsum(0).cumsum(1), ((1, 0), (1, 0)))


def _share(sums: np.ndarray, box: Box, original: tuple[int, int]) -> float:
    """The marked share of a box of the picture, between cells' corners by linear interpolation."""
    rows, cols = sums.shape[0] - 1, sums.shape[1] - 1
    down = np.clip(np.array([box.top, box.bottom]) / original[0] * rows, 0, rows)
    across = np.clip(np.array([box.left, box.right]) / original[1] * cols, 0, cols)
    corner = np.array([[_between(sums, r, c) for c in across] for r in down])
    whole = (
        (box.bottom - box.top) / original[0] * rows * (box.right - box.left) / original[1] * cols
    )
    inside = corner[1, 1] - corner[0, 1] - corner[1, 0] + corner[0, 0]
    return float(np.clip(inside / max(whole, 1e-12), 0, 1))


def _between(sums: np.ndarray, row: float, col: float) -> float:
    r, c = min(int(row), sums.shape[0] - 2), min(int(col), sums.shape[1] - 2)
    down, across = row - r, col - c
    upper = sums[r, c] * (1 - across) + sums[r, c + 1] * across
    lower = sums[r + 1, c] * (1 - across) + sums[r + 1, c + 1] * across
    return float(upper * (1 - down) + lower * down)
