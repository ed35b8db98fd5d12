"""Pictures opened from anywhere, upright and in RGB; what cannot be opened is said in a sentence."""

from __future__ import annotations

import io
import json
import os
import re
import struct
import threading
import warnings
import zlib
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from functools import cache
from pathlib import Path
from typing import BinaryIO

import numpy as np
from jaxtyping import UInt8
from PIL import Image, UnidentifiedImageError

from vitviz.core.data.trace import Picture, decoded_pixels, key_of_pixels
from vitviz.core.pictures.unreadable import locked, not_found
from vitviz.core.pictures.upright_pixels import upright_rgb
from vitviz.core.progress import BadImage
from vitviz.core.resources import resource

LARGEST = 178_956_970
"""Most pixels a picture may have: Pillow's own limit, read off the header before decoding."""

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
)
"""File name endings that a folder is searched for; an explicit file may be called anything."""

_KINDS = ("PNG", "JPEG", "MPO", "WEBP", "TIFF", "BMP", "DIB", "GIF", "AVIF", "JPEG2000", "PPM")
_BROKEN = (
    OSError,
    SyntaxError,
    ValueError,
    EOFError,
    IndexError,
    KeyError,
    TypeError,
    OverflowError,
    MemoryError,
    struct.error,
    zlib.error,
)
_quiet = threading.Lock()

ImageSource = str | Path | bytes | Image.Image | np.ndarray


def open_picture(source: ImageSource, *, name: str = "") -> Picture:
    """The picture in a file, in a file's bytes, a PIL image or a uint8 array (row col channel).

    Upright (the EXIF turn applied and remembered), RGB in 8 bits, all pixels kept at full size.
    `name` replaces the file's name. BadImage with one sentence for anything that is no picture.
    """
    match source:
        case np.ndarray():
            decoded = decoded_pixels(_from_array(source, name or "the array"))
            return Picture(name or "array", "", decoded, key_of_pixels())
        case Image.Image():
            file = Path(str(getattr(source, "filename", "") or ""))
            return _read(source, name or file.name or "picture", "", own=False)
        case bytes():
            return _decode(io.BytesIO(source), len(source), name or "the pasted picture", "")
        case str() | Path():
            return _open_file(Path(source).expanduser(), name)
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
    for path in map(Path, paths):
        if path.is_dir():
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
    index = resource("images/index.json")
    if not index.is_file():
        return ()
    entries = json.loads(index.read_text(encoding="utf-8"))
    return tuple(index.parent / entry["file"] for entry in entries)


def _walk(folder: Path) -> Iterable[Path]:
    """The pictures in a folder; a folder that may not be read is one, whose opening says so."""
    locked: list[Path] = []
    for top, folders, files in os.walk(
        folder, onerror=lambda why: locked.append(Path(why.filename))
    ):
        folders[:] = sorted((each for each in folders if not each.startswith(".")), key=natural)
        for file in sorted(files, key=natural):
            if not file.startswith(".") and file.lower().endswith(SUFFIXES):
                yield Path(top, file)
    yield from locked


def _open_file(path: Path, name: str) -> Picture:
    shown = name or path.name or str(path)
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
            return _decode(file, size, shown, str(path))
    except FileNotFoundError:
        raise BadImage(not_found(shown, path)) from None
    except PermissionError:
        raise BadImage(locked(shown)) from None
    except (OSError, ValueError) as error:
        raise BadImage(
            f"{shown} could not be read ({_words(error)}); check the disk or copy the file"
        ) from error


def _decode(file: BinaryIO, size: int, name: str, path: str) -> Picture:
    if size == 0:
        raise BadImage(f"{name} is empty (0 bytes); download or copy it again")
    try:
        with _without_warnings(), Image.open(file, formats=_kinds()) as image:
            return _read(image, name, path)
    except Image.DecompressionBombError as error:
        digits = re.search(r"\d+", str(error))
        raise _too_large(name, int(digits[0]) if digits else LARGEST + 1) from None
    except UnidentifiedImageError:
        file.seek(0)
        raise BadImage(f"{name} {_what_else(file.read(4096))}") from None
    except _BROKEN as error:
        raise _damaged(name, error) from error


def _read(image: Image.Image, name: str, path: str, *, own: bool = True) -> Picture:
    """The picture of an image; a copy of one that is not our own."""
    pixels_in_header = image.width * image.height
    if pixels_in_header > LARGEST:
        raise _too_large(name, pixels_in_header)
    try:
        upright, orientation, note = upright_rgb(image)
    except _BROKEN as error:
        raise _damaged(name, error) from error
    if upright is image and not own:
        upright = image.copy()
    return Picture(name, path, decoded_pixels(upright), key_of_pixels(), orientation, note)


def _from_array(array: np.ndarray, name: str) -> Image.Image:
    shape = array.shape
    good = len(shape) == 2 or (len(shape) == 3 and shape[2] in (1, 3, 4))
    if not good or array.dtype != np.uint8 or 0 in shape:
        raise BadImage(
            f"{name} has shape {shape} and type {array.dtype}, but a picture is uint8 of "
            "(row col), (row col 3) or (row col 4); convert it first"
        )
    flat = array[..., 0] if len(shape) == 3 and shape[2] == 1 else array
    upright, _, _ = upright_rgb(Image.fromarray(np.ascontiguousarray(flat)))
    return upright


def _too_large(name: str, pixels: int) -> BadImage:
    return BadImage(
        f"{name} says it has {pixels / 1e6:,.0f} million pixels, more than the "
        f"{LARGEST // 10**6} million that are opened; scale it down first"
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
    if start[4:12] in (b"ftypheic", b"ftypheix", b"ftypmif1", b"ftyphevc"):
        return "is a HEIC picture, which is not read here; save it as JPEG or PNG first"
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


@cache
def _kinds() -> tuple[str, ...]:
    """Formats to try; EPS is left out on purpose, since Pillow runs Ghostscript for it."""
    Image.init()
    return tuple(kind for kind in _KINDS if kind in Image.OPEN)


@contextmanager
def _without_warnings() -> Iterator[None]:
    """Pillow's remarks on odd metadata stay silent; one at a time, since filters are global."""
    with _quiet, warnings.catch_warnings():
        warnings.simplefilter("ignore")
        yield
