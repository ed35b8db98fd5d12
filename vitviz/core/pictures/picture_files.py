"""Pictures opened from anywhere, upright and in RGB; what cannot be opened is said in a sentence."""

from __future__ import annotations

import io
import json
import os
import re
import threading
import warnings
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from functools import cache
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np
from jaxtyping import UInt8
from PIL import Image, UnidentifiedImageError

from vitviz.core.data.geometry import Spot
from vitviz.core.data.picture_choice import AS_IT_IS, PictureChoice
from vitviz.core.data.trace import Picture, decoded_pixels, key_of_pixels
from vitviz.core.files import expanded
from vitviz.core.pictures.decoding_size import BUDGET, LARGEST, bytes_needed, halves_needed
from vitviz.core.pictures.foreign_formats import needs, plugins, read_tiff, reader_of
from vitviz.core.pictures.quiet_libtiff import quiet_libtiff
from vitviz.core.pictures.unreadable import locked, not_found
from vitviz.core.pictures.upright_pixels import UprightPixels, upright_rgb
from vitviz.core.printable import named
from vitviz.core.progress import BadImage
from vitviz.core.resources import resource
from vitviz.core.storage import StoragePath, place_of

SUFFIXES = (
    ".png",
    ".jpg",
    ".jpeg",
    ".jpe",
    ".jfif",
    ".webp",
    ".tif",
    ".tiff",
    ".bmp",
    ".dib",
    ".gif",
    ".avif",
    ".avifs",
    ".jp2",
    ".ppm",
    ".pgm",
    ".pbm",
    ".apng",
    ".tga",
    ".npy",
    ".heic",
    ".heif",
    ".hif",
    ".jxl",
    ".dcm",
)
"""File name endings that a folder is searched for; an explicit file may be called anything."""

_KINDS = (
    "PNG",
    "JPEG",
    "MPO",
    "WEBP",
    "TIFF",
    "BMP",
    "DIB",
    "GIF",
    "AVIF",
    "JPEG2000",
    "PPM",
    "HEIF",
    "JXL",
)
_NAMELESS = (".tga", ".icb", ".vda", ".vst")
"""Endings of Targa pictures, whose bytes do not say what they are."""
_quiet = threading.RLock()

ImageSource = str | Path | bytes | Image.Image | np.ndarray


def open_picture(
    source: ImageSource, *, name: str = "", choice: PictureChoice = AS_IT_IS
) -> Picture:
    """The picture in a file, in a file's bytes, a PIL image or a uint8 array (row col channel).

    Upright (the EXIF turn applied and remembered), RGB in 8 bits, all pixels kept at full size unless
    they are too many to hold. `name` replaces the file's name, `choice` says which page and bands.
    BadImage with one sentence for anything that is no picture.
    """
    match source:
        case np.ndarray():
            return _picture(_from_array(source, name or "the array"), name or "array", "")
        case Image.Image():
            file = Path(str(getattr(source, "filename", "") or ""))
            return _read(source, name or file.name or "picture", "", choice, own=False)
        case bytes():
            shown = named(name) or "the pasted picture"
            return _decode(io.BytesIO(source), len(source), shown, "", choice)
        case str() | Path():
            return _open_file(expanded(source), name, choice)
        case _:
            raise BadImage(
                f"a picture cannot be opened from {type(source).__name__}; give a path, a file's "
                "bytes, a PIL image or a uint8 array (row col channel)"
            )


def thumbnail(picture: Picture, side: int) -> UInt8[np.ndarray, "row col rgb"]:
    """The picture small: its longer side at most `side` pixels, never enlarged."""
    # Leaving pixels out down to four times the size makes a 48 megapixel picture small in no time.
    step = max(1, max(picture.pixels.shape[:2]) // (side * 4))
    image = Image.fromarray(np.ascontiguousarray(picture.pixels[::step, ::step]))
    scale = min(1.0, side / max(image.size))
    width, height = (max(1, round(length * scale)) for length in image.size)
    small = image.resize((width, height), Image.Resampling.LANCZOS, reducing_gap=3.0)
    return np.asarray(small, np.uint8)


def picture_files(paths: Iterable[str | Path]) -> list[Path]:
    """Files to open, one a time: files as given, folders walked in natural order, hidden ones left out.

    A file named explicitly is kept whatever it is called, so that opening it can say what is wrong.
    """
    found: dict[Path, None] = {}
    for path in map(place_of, paths):
        if _is_folder(path):
            found.update(dict.fromkeys(_walk(path)))
        else:
            found[path] = None
    return list(found)


def natural(text: str) -> tuple[tuple[int, int, str], ...]:
    """A sorting key by which "photo 9" comes before "photo 10"."""
    parts = re.findall(r"\d+|\D+", text.casefold())
    return tuple((0, int(part), "") if part.isdecimal() else (1, 0, part) for part in parts)


@cache
def bundled_pictures() -> tuple[Path, ...]:
    """The photographs that come with vitviz, best first; () where the installation has none."""
    return tuple(resource("images") / entry["file"] for entry in _bundled_entries())


def bundled_spot(picture: Picture) -> Spot | None:
    """Where to look at a bundled photograph first: on what it is of; None where nobody said.

    In pixels of the upright picture.
    """
    looks = {entry["file"]: entry["look"] for entry in _bundled_entries() if "look" in entry}
    path = Path(picture.path)
    if path.name not in looks or path not in bundled_pictures():
        return None
    (down, across), (rows, cols) = looks[path.name], picture.size
    return Spot(down * rows, across * cols)


@cache
def _bundled_entries() -> tuple[dict[str, Any], ...]:
    index = resource("images/index.json")
    if not index.is_file():
        return ()
    return tuple(json.loads(index.read_text(encoding="utf-8")))


def _is_folder(path: Path) -> bool:
    try:
        return path.is_dir()
    except (OSError, ValueError):  # a name that no disk takes: opening it says so
        return False


def _walk(folder: Path) -> Iterable[Path]:
    """The pictures in a folder; a folder that may not be read is one, whose opening says so.

    Links are followed, as albums are made of them; a folder that was walked before is not again.
    """
    if isinstance(folder, StoragePath):
        yield from _stored(folder)
        return
    locked: list[Path] = []
    walked: set[tuple[int, int]] = set()
    for top, folders, files in os.walk(
        folder, onerror=lambda why: locked.append(Path(why.filename)), followlinks=True
    ):
        here = _identity(top)
        if here in walked:
            folders[:] = []
            continue
        walked.add(here)
        folders[:] = sorted((each for each in folders if not each.startswith(".")), key=natural)
        for file in sorted(files, key=natural):
            if not file.startswith(".") and file.lower().endswith(SUFFIXES):
                yield Path(top, file)
    yield from locked


def _stored(folder: StoragePath) -> list[StoragePath]:
    """The pictures in a folder of a store, in the order of a disk's."""
    found = []
    for file in folder.walked():
        parts = file.relative_to(folder).parts
        if file.name.lower().endswith(SUFFIXES) and not any(each.startswith(".") for each in parts):
            inside = [(1, natural(each)) for each in parts[:-1]]
            found.append(([*inside, (0, natural(parts[-1]))], file))
    return [file for _, file in sorted(found)]


def _identity(folder: str) -> tuple[int, int]:
    found = os.stat(folder)  # noqa: PTH116  a string of os.walk, asked once a folder
    return found.st_dev, found.st_ino


def _open_file(path: Path, name: str, choice: PictureChoice) -> Picture:
    shown = named(name or path.name or str(path))
    try:
        if path.is_dir():
            next(path.iterdir(), None)  # what may not be read is said to be that
            raise BadImage(f"{shown} is a folder, not a picture; open the files inside it")
        if path.exists() and not path.is_file():
            raise BadImage(
                f"{shown} is not an ordinary file; copy the picture to one and open that"
            )
        size = path.stat().st_size
        with path.open("rb") as file:
            return _decode(file, size, shown, str(path), choice)
    except FileNotFoundError:
        raise BadImage(not_found(shown, path)) from None
    except PermissionError:
        raise BadImage(locked(shown)) from None
    except (OSError, ValueError) as error:
        raise BadImage(
            f"{shown[:80]} could not be read ({_words(error)}); check the disk or copy the file"
        ) from error


def _decode(file: BinaryIO, size: int, name: str, path: str, choice: PictureChoice) -> Picture:
    if size == 0:
        raise BadImage(f"{name} is empty (0 bytes); download or copy it again")
    start = file.read(4096)
    file.seek(0)
    try:
        if (reader := reader_of(start, name)) is not None:
            return _picture(reader(file, name, choice), name, path, choice)
        if start[:4] in (b"II*\0", b"MM\0*", b"II+\0", b"MM\0+"):
            with without_warnings():
                found = read_tiff(file, name, choice)
            if found is not None:
                return _picture(found, name, path, choice)
            file.seek(0)
        with _opened(file, name) as image:
            return _read(image, name, path, choice)
    except BadImage:
        raise
    except UnidentifiedImageError:
        raise BadImage(needs(start, name) or f"{name} {_what_else(start)}") from None
    except Exception as error:  # whatever a decoder raises: their kinds are not ours to list
        raise _damaged(name, error) from error


def _opened(file: BinaryIO, name: str) -> Image.Image:
    """Pillow's picture, its header read; its size is judged by whoever asked, in pixels and bytes."""
    nameless = ("TGA",) if name.lower().endswith(_NAMELESS) else ()
    with without_warnings():
        most, Image.MAX_IMAGE_PIXELS = Image.MAX_IMAGE_PIXELS, None
        try:
            return Image.open(file, formats=(*_kinds(), *nameless))
        finally:
            Image.MAX_IMAGE_PIXELS = most


def _read(
    image: Image.Image, name: str, path: str, choice: PictureChoice, *, own: bool = True
) -> Picture:
    """The picture of an image, which does not change with one that is not our `own`."""
    if halves_needed(image) is None:
        raise _too_large(name, image)
    try:
        with without_warnings():
            found = upright_rgb(image, choice)
    except BadImage as error:
        raise BadImage(str(error).replace("the picture", name, 1)) from None
    except Exception as error:  # as above
        raise _damaged(name, error) from error
    if not own and not isinstance(found.pixels, np.ndarray):
        found = replace(found, pixels=decoded_pixels(image.copy()))
    return _picture(found, name, path, choice)


def _picture(
    found: UprightPixels, name: str, path: str, choice: PictureChoice = AS_IT_IS
) -> Picture:
    if isinstance(found.pixels, np.ndarray):
        found.pixels.setflags(write=False)
    return Picture(
        name,
        path,
        found.pixels,
        key_of_pixels(),
        found.orientation,
        found.note,
        choice,
        found.values,
        found.pages,
        found.bands,
        found.every,
    )


def _from_array(array: np.ndarray, name: str) -> UprightPixels:
    shape = array.shape
    good = len(shape) == 2 or (len(shape) == 3 and shape[2] in (1, 3, 4))
    if not good or array.dtype != np.uint8 or 0 in shape:
        raise BadImage(
            f"{name} has shape {shape} and type {array.dtype}, but a picture is uint8 of "
            "(row col), (row col 3) or (row col 4); convert it first"
        )
    flat = array[..., 0] if len(shape) == 3 and shape[2] == 1 else array
    return UprightPixels(upright_rgb(Image.fromarray(np.ascontiguousarray(flat))).pixels)


def _too_large(name: str, image: Image.Image) -> BadImage:
    pixels, needed = image.width * image.height, bytes_needed(image)
    if pixels > LARGEST:
        return BadImage(
            f"{name} says it has {pixels / 1e6:,.0f} million pixels, more than the "
            f"{LARGEST // 10**6} million that are opened; scale it down first"
        )
    return BadImage(
        f"{name} has {pixels / 1e6:,.0f} million pixels and would take {needed / 1e9:.1f} GB to open, "
        f"more than the {BUDGET / 1e9:.1f} that are used; scale it down first"
    )


def _damaged(name: str, error: BaseException) -> BadImage:
    if isinstance(error, MemoryError):
        return BadImage(f"{name} does not fit in memory; close other pictures or scale it down")
    return BadImage(f"{name} is damaged or cut short ({_words(error)}); download or copy it again")


def _words(error: BaseException) -> str:
    text = str(getattr(error, "strerror", None) or error).strip().rstrip(".")
    return text.splitlines()[0][:120] if text else type(error).__name__


def _what_else(start: bytes) -> str:
    """What a file is that is no picture, judged by its first bytes, and what to do."""
    for begins, called in _OTHERS:
        if start.startswith(begins):
            return f"is {called}, which is not read here; save it as PNG or JPEG first"
    if start.startswith(b"%PDF"):
        return "is a PDF document, not a picture; export its page as PNG first"
    if b"<svg" in start:
        return "is an SVG drawing, not pixels; export it as PNG first"
    if start.startswith(b"PK\x03\x04"):
        return "is a ZIP archive, not a picture; unpack it first"
    try:
        start.decode("utf-8")
    except UnicodeDecodeError as error:
        if error.start < len(start) - 4:
            return "is no picture of a known kind; save it as PNG or JPEG first"
    if b"\0" in start:
        return "is no picture of a known kind; save it as PNG or JPEG first"
    return "holds text, not a picture; check that the right file was chosen"


_OTHERS = (
    (b"8BPS", "a Photoshop document"),
    (b"gimp xcf", "a GIMP document"),
    (b"v/1\x01", "an EXR file"),
    (b"#?RADIANCE", "a Radiance file"),
    (b"#?RGBE", "a Radiance file"),
    (b"DDS ", "a DDS texture"),
    (b"SIMPLE  =", "a FITS file"),
    (b"\0\0\x01\0", "an icon"),
    (b"FUJIFILMCCD-RAW", "a raw photograph"),
    (b"II\x1a\0\0\0HEAPCCDR", "a raw photograph"),
    (b"IIU\0", "a raw photograph"),
    (b"\x89HDF", "an HDF5 file"),
    (b"CDF", "a NetCDF file"),
    (b"P7\n", "a PAM picture"),
    (b"Rar!", "a RAR archive"),
    (b"7z\xbc\xaf", "a 7-Zip archive"),
    (b"\x1f\x8b", "a gzip archive"),
    (b"RIFF", "a sound"),
)


@cache
def _kinds() -> tuple[str, ...]:
    """Formats to try; EPS is left out on purpose, since Pillow runs Ghostscript for it."""
    Image.init()
    plugins()
    return tuple(kind for kind in _KINDS if kind in Image.OPEN)


@contextmanager
def without_warnings() -> Iterator[None]:
    """Pillow's and libtiff's remarks stay silent; one at a time, since filters are global."""
    quiet_libtiff()
    with _quiet, warnings.catch_warnings():
        warnings.simplefilter("ignore")
        yield
