"""Kinds of files that Pillow does not read by itself: arrays, bands, DICOM, films, phones' formats."""

from __future__ import annotations

import logging
import re
from collections import Counter
from collections.abc import Callable, Sequence
from contextlib import suppress
from functools import cache
from importlib import import_module
from importlib.util import find_spec
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np
from jaxtyping import Shaped

from vitviz.core.data.picture_choice import PictureChoice, PictureValues
from vitviz.core.pictures.band_pixels import (
    array_source,
    chosen_bands,
    every_band,
    kept_values,
    rgb_of_bands,
)
from vitviz.core.pictures.decoding_size import BUDGET, LARGEST
from vitviz.core.pictures.film_frames import begins_as_film, read_film
from vitviz.core.pictures.upright_pixels import UprightPixels
from vitviz.core.progress import BadImage

for _library in (
    "tifffile",
    "pydicom",
    "PIL",
):  # what they log of damaged files is said in a sentence
    logging.getLogger(_library).addHandler(logging.NullHandler())

INSTALL = "install it with: pip install vitviz[formats]"
_PLUGINS = (("pillow_heif", "register_heif_opener"), ("pillow_jxl", ""))
"""Packages that teach Pillow a format, with the function that does it, "" where the import does."""

Bands = Shaped[np.ndarray, "row col band"]
Reader = Callable[[Any, str, PictureChoice], UprightPixels]


@cache
def plugins() -> tuple[str, ...]:
    """The formats that installed packages teach Pillow, registered once: "HEIF", "JXL"."""
    found = []
    for package, register in _PLUGINS:
        if find_spec(package) is None:
            continue
        with suppress(ImportError, OSError):
            module = import_module(package)
            if register:
                getattr(module, register)()
            found.append("HEIF" if package == "pillow_heif" else "JXL")
    return tuple(found)


def reader_of(start: bytes, name: str) -> Reader | None:
    """Who reads a file that begins so, instead of Pillow; None for Pillow itself.

    BadImage, with what to install, for one that needs a package.
    """
    if start.startswith(b"\x93NUMPY"):
        return read_npy
    if start[128:132] == b"DICM":
        if find_spec("pydicom") is None:
            raise BadImage(_needing(name, "DICOM", "pydicom"))
        return read_dicom
    if begins_as_film(start):
        return read_film
    return None


def needs(start: bytes, name: str) -> str:
    """What a file that Pillow does not know is, and what to install, in a sentence; "" for others."""
    box = start[4:12]
    if box in (b"ftypheic", b"ftypheix", b"ftypmif1", b"ftyphevc", b"ftypheim", b"ftypmsf1"):
        if "HEIF" in plugins():
            return f"{name} is a damaged HEIC picture; download or copy it again"
        return f"{_needing(name, 'HEIC', 'pillow-heif')}, or save it as JPEG"
    if start.startswith((b"\xff\x0a", b"\0\0\0\x0cJXL ")):
        if "JXL" in plugins():
            return f"{name} is a damaged JPEG XL picture; download or copy it again"
        return _needing(name, "JPEG XL", "pillow-jxl-plugin")
    return ""


def _needing(name: str, kind: str, package: str) -> str:
    return f"{name} is a {kind} picture, which needs {package}; {INSTALL}"


_NEEDING = re.compile(r"(?s).* is a (.+?) picture, which needs ([\w-]+); ")


def wants_package(sentence: str) -> bool:
    """Whether it says that a file could be opened if a package were there."""
    return _NEEDING.match(sentence) is not None


def counted(sentences: Sequence[str]) -> list[str]:
    """Sentences about files; those that only want a package are one for each kind, with their number.

    >>> counted([f"{n}.heic is a HEIC picture, which needs pillow-heif; ..." for n in range(3)])
    ['3 HEIC pictures need pillow-heif; install it with: pip install vitviz[formats]']
    """
    kinds = Counter(found.groups() for each in sentences if (found := _NEEDING.match(each)))
    said: dict[str, None] = {}
    for each in sentences:
        found = _NEEDING.match(each)
        if found is None or kinds[found.groups()] == 1:
            said[each] = None
        else:
            kind, package = found.groups()
            said[f"{kinds[kind, package]} {kind} pictures need {package}; {INSTALL}"] = None
    return list(said)


def read_npy(file: BinaryIO, name: str, choice: PictureChoice) -> UprightPixels:
    """An array: (row col), (row col band) or (band row col), with pages before these.

    BadImage for an array of another shape, without that page, or of no numbers.
    """
    path = getattr(file, "name", None)
    if isinstance(path, str) and Path(path).is_file():
        found = np.load(path, mmap_mode="r", allow_pickle=False)
    else:
        found = np.load(file, allow_pickle=False)
    if not isinstance(found, np.ndarray) or found.dtype.kind not in "buif":
        raise BadImage(
            f"{name} holds no numbers of a picture ({found.dtype}); save uint8 or float32"
        )
    return upright_of_bands(*_page(found, name, choice.page), name, choice)


def _page(found: np.ndarray, name: str, page: int) -> tuple[Bands, int]:
    """One picture of an array, with how many there are: the axis of the bands is the shortest."""
    shape = found.shape
    if found.ndim == 2:
        return found[..., None], 1
    if found.ndim == 3:
        return (found, 1) if shape[2] <= shape[0] else (np.moveaxis(found, 0, -1), 1)
    if found.ndim == 4:
        _check_page(page, shape[0], name)
        return _page(found[page], name, 0)[0], shape[0]
    raise BadImage(
        f"{name} has shape {shape}; a picture is (row col), (row col band) or (band row col)"
    )


def read_tiff(file: BinaryIO, name: str, choice: PictureChoice) -> UprightPixels | None:
    """The page of a TIFF that Pillow would not read, or not in full: many bands, wide colours.

    None for an ordinary one, which Pillow reads. BadImage for a page that is not there, too large, or
    compressed in a way that needs imagecodecs, which is not installed.
    """
    if find_spec("tifffile") is None:
        return None
    import tifffile

    file.seek(0)
    with tifffile.TiffFile(file) as tiff:
        count = len(tiff.pages)
        _check_page(choice.page, count, name)
        page: Any = tiff.pages[choice.page]
        dtype, bands = np.dtype(page.dtype), int(page.samplesperpixel)
        usual = dtype == np.uint8 and bands <= 4 and not page.is_tiled
        if usual or dtype.kind not in "uif" or int(page.imagedepth) != 1:
            return None
        if bands == 1 and dtype.itemsize <= 4 and dtype.str[1:] in ("u2", "f4"):
            return None  # Pillow reads these piece by piece
        _check_size(
            int(page.imagelength), int(page.imagewidth), int(page.size) * dtype.itemsize, name
        )
        axes = str(page.axes)
        try:
            found = page.asarray()
        except ValueError as error:
            if "imagecodecs" not in str(error) or bands in (1, 3, 4):
                return None
            raise BadImage(
                f"{name} is compressed in a way that needs imagecodecs ({page.compression.name}); "
                "install it with: pip install imagecodecs"
            ) from error
    if found.ndim == 3 and axes.index("S") == 0:
        found = np.moveaxis(found, 0, -1)
    return upright_of_bands(found if found.ndim == 3 else found[..., None], count, name, choice)


def read_dicom(file: BinaryIO, name: str, choice: PictureChoice) -> UprightPixels:
    """A DICOM picture in its own numbers (of a scanner: in its units), frames as pages.

    BadImage for a frame that is not there, one too large, or no picture at all.
    """
    import pydicom
    from pydicom.pixels.processing import apply_rescale

    file.seek(0)
    found = pydicom.dcmread(file)
    rows, cols = int(found.get("Rows", 0)), int(found.get("Columns", 0))
    frames, samples = int(found.get("NumberOfFrames", 1) or 1), int(found.get("SamplesPerPixel", 1))
    _check_size(rows, cols, rows * cols * max(samples, 1) * 2 * frames, name)
    _check_page(choice.page, frames, name)
    pixels: Any = found.pixel_array
    pixels = pixels[choice.page] if frames > 1 else pixels
    if samples == 1:
        pixels = apply_rescale(pixels, found)[..., None]
        if found.get("PhotometricInterpretation") == "MONOCHROME1":
            pixels = pixels.max() + pixels.min() - pixels  # there, low is bright
    return upright_of_bands(pixels, frames, name, choice)


def upright_of_bands(array: Bands, pages: int, name: str, choice: PictureChoice) -> UprightPixels:
    """An array's chosen bands as RGB. BadImage where it is empty, too large or has no such band."""
    rows, cols, there = array.shape
    if 0 in array.shape:
        raise BadImage(
            f"{name} is an array of shape {array.shape}, with nothing in it; save it again"
        )
    _check_size(rows, cols, 0, name)
    source, bands = array_source(array), chosen_bands(choice.bands, there, name)
    pixels = np.empty((rows, cols, 3), np.uint8)
    note = rgb_of_bands(source, bands, pixels)
    kept = kept_values(source, bands)
    page = (
        f"page {choice.page + 1} of {pages}"
        if choice.page
        else (f"first of {pages} pages" if pages > 1 else "")
    )
    values = None if kept is None else PictureValues(kept, bands)
    said = ", ".join(filter(None, (page, note)))
    every = every_band(source) if there > 3 else None
    return UprightPixels(pixels, 1, said, values, pages, there, every)


def _check_page(page: int, count: int, name: str) -> None:
    if not 0 <= page < count:
        raise BadImage(f"{name} has {count} pages, there is no page {page + 1}; choose one of them")


def _check_size(rows: int, cols: int, held: int, name: str) -> None:
    if rows < 1 or cols < 1:
        raise BadImage(
            f"{name} says it is {cols} × {rows} pixels large; it is damaged, copy it again"
        )
    needed = held + 3 * rows * cols
    if rows * cols > LARGEST or needed > BUDGET:
        raise BadImage(
            f"{name} has {cols:,} × {rows:,} pixels and would take {needed / 1e9:.1f} GB to open, "
            f"more than the {BUDGET / 1e9:.1f} that are used; scale it down first"
        )
