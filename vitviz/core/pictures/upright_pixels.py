"""Any kind of picture as upright RGB in 8 bits, with what was done to it said in words."""

from __future__ import annotations

import struct
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from jaxtyping import Shaped, UInt8
from PIL import ExifTags, Image

from vitviz.core.data.picture_choice import AS_IT_IS, PictureChoice, PictureValues
from vitviz.core.data.trace import decoded_pixels
from vitviz.core.pictures.band_pixels import (
    BandSource,
    chosen_bands,
    kept_values,
    pieces,
    rgb_of_bands,
)
from vitviz.core.pictures.color_profile import applied, profile_name, to_srgb
from vitviz.core.pictures.decoding_size import halves_needed, reduce_decoding
from vitviz.core.progress import BadImage

_TURNS: dict[int, tuple[bool, bool, bool]] = {
    2: (False, False, True),
    3: (False, True, True),
    4: (False, True, False),
    5: (True, False, False),
    6: (True, False, True),
    7: (True, True, True),
    8: (True, True, False),
}
"""By EXIF value: whether rows and columns change places, then which of the new axes run backwards."""
_KEPT_DECODED = 50_000_000
_STILL = ("MPO",)  # a phone's JPEG with a preview behind it is one picture


@dataclass(frozen=True, slots=True)
class UprightPixels:
    """A picture as it is shown: pixels, the EXIF turn that was applied, a note on all else done."""

    pixels: UInt8[np.ndarray, "row col rgb"]
    orientation: int = 1
    note: str = ""
    values: PictureValues | None = None
    pages: int = 1
    bands: int = 3
    every: PictureValues | None = None


def orientation_of(image: Image.Image) -> int:
    """The EXIF orientation, 1 to 8; 1 where there is none or it cannot be read."""
    try:
        value = image.getexif().get(ExifTags.Base.Orientation, 1)
    except (OSError, SyntaxError, ValueError, KeyError, TypeError, struct.error):
        return 1
    return int(value) if value in range(1, 9) else 1


def upright_rgb(image: Image.Image, choice: PictureChoice = AS_IT_IS) -> UprightPixels:
    """Upright RGB pixels, and what was done.

    Decodes the picture if that has not happened yet, and so raises what Pillow raises; BadImage for a
    page or a band that is not there.
    """
    pages, which = _turned_to(image, choice.page)
    # Before anything decodes: raw modes are gone then.
    notes = [_deep(image), which, reduce_decoding(image, halves_needed(image) or 0)]
    orientation = orientation_of(image)
    image.load()
    left = orientation_of(image)  # Pillow turns a TIFF while decoding it
    cols, rows = image.size
    if _is_done(image, choice, left):
        notes.append(_rgb(image, choice, None))
        note = ", ".join(part for part in notes if part)
        return UprightPixels(decoded_pixels(image), orientation, note, None, pages, 3)
    turn = _TURNS.get(left, (False, False, False))
    pixels = np.empty((cols, rows, 3) if turn[0] else (rows, cols, 3), np.uint8)
    values, bands = None, 3
    if (source := _numbers(image)) is not None:
        chosen, bands = chosen_bands(choice.bands, source.bands, "the picture"), source.bands
        notes.append(rgb_of_bands(source, chosen, stored_order(pixels, turn)))
        kept = kept_values(source, chosen)
        values = None if kept is None else PictureValues(upright_order(kept, turn), chosen)
    else:
        notes.append(_rgb(image, choice, stored_order(pixels, turn)))
    note = ", ".join(part for part in notes if part)
    return UprightPixels(pixels, orientation, note, values, pages, bands)


def _is_done(image: Image.Image, choice: PictureChoice, turn: int) -> bool:
    """Whether Pillow's own picture is upright and RGB, and small enough to lie there until somebody
    asks for the array, which takes ten bytes a pixel for a moment.
    """
    plain = image.mode == "RGB" and turn not in _TURNS and "transparency" not in image.info
    few = image.width * image.height <= _KEPT_DECODED
    return plain and few and not choice.bands and not choice.to_srgb


def stored_order(
    upright: Shaped[np.ndarray, "row col band"], turn: tuple[bool, bool, bool]
) -> Shaped[np.ndarray, "stored_row stored_col band"]:
    """An upright array seen as the file has it: what is written there lands in its place."""
    swapped, down, across = turn
    seen = upright[:: -1 if down else 1, :: -1 if across else 1]
    return seen.swapaxes(0, 1) if swapped else seen


def upright_order(
    stored: Shaped[np.ndarray, "stored_row stored_col band"], turn: tuple[bool, bool, bool]
) -> Shaped[np.ndarray, "row col band"]:
    """The way back: an array of the file's order seen upright."""
    swapped, down, across = turn
    seen = stored.swapaxes(0, 1) if swapped else stored
    return seen[:: -1 if down else 1, :: -1 if across else 1]


def _turned_to(image: Image.Image, page: int) -> tuple[int, str]:
    """Goes to a page or frame: how many there are, and what to say. BadImage where it is not there."""
    count = int(getattr(image, "n_frames", 1))
    word = "pages" if image.format == "TIFF" else "frames"
    if image.format in _STILL:
        count = 1
    if not 0 <= page < count:
        raise BadImage(
            f"the picture has {count} {word if count > 1 else word[:-1]}, there is no {word[:-1]} "
            f"{page + 1}; choose one of them"
        )
    if page:
        image.seek(page)
        return count, f"{word[:-1]} {page + 1} of {count}"
    return count, f"first of {count} {word}" if count > 1 else ""


def _deep(image: Image.Image) -> str:
    """Pillow itself drops the low byte of 16 bit colours; only its raw mode tells."""
    raw = str(getattr(image, "tile", ""))
    return "16 bit reduced to 8" if image.mode in ("RGB", "RGBA") and ";16" in raw else ""


def _numbers(image: Image.Image) -> BandSource | None:
    """The picture as one band of numbers, for Pillow's wide kinds; None for colours and grey."""
    if image.mode not in ("I", "F") and not image.mode.startswith("I;16"):
        return None
    dtype = np.dtype({"I": np.int32, "F": np.float32}.get(image.mode, np.uint16))
    cols, rows = image.size

    def read(down: slice, across: slice) -> Shaped[np.ndarray, "row col band"]:
        piece = image.crop((across.start, down.start, across.stop, down.stop))
        values: Shaped[np.ndarray, "row col band"] = np.asarray(piece, dtype)[..., None]
        return values

    return BandSource(rows, cols, 1, dtype, read)


def _rgb(
    image: Image.Image, choice: PictureChoice, into: UInt8[np.ndarray, "row col rgb"] | None
) -> str:
    """Writes colours into `into`, piece by piece; the note on what was converted."""
    convert, note = _conversion(image)
    data = image.info.get("icc_profile")
    profile = profile_name(data) if image.mode not in ("L", "1", "P") else ""
    transform = to_srgb(data) if profile and choice.to_srgb and isinstance(data, bytes) else None
    bands = chosen_bands(choice.bands, 3, "the picture") if choice.bands else ()
    places = [band - 1 for band in bands]
    cols, rows = image.size
    for down, across in pieces(rows, cols) if into is not None else ():
        piece = convert(image.crop((across.start, down.start, across.stop, down.stop)))
        if transform is not None:
            piece = applied(transform, piece)
        found = np.asarray(piece, np.uint8)
        assert into is not None
        into[down, across] = found[..., places] if places else found
    said = f"bands {', '.join(map(str, bands))} of 3" if bands not in ((), (1, 2, 3)) else ""
    if profile:
        said = f"{profile}, {'converted to' if transform is not None else 'read as'} sRGB" + (
            f", {said}" if said else ""
        )
    return ", ".join(filter(None, (note, said)))


def _conversion(image: Image.Image) -> tuple[Callable[[Image.Image], Image.Image], str]:
    """How a piece becomes RGB, and what to say of it."""
    if image.mode == "CMYK":
        return (lambda piece: piece.convert("RGB")), "CMYK converted to RGB"
    clear = image.mode in ("RGBA", "RGBa", "LA", "La", "PA") or "transparency" in image.info
    if not clear or not _lets_through(image):
        return (lambda piece: piece.convert("RGB")), ""
    return _over_white, "transparency laid over white"


def _lets_through(image: Image.Image) -> bool:
    """Whether any pixel is not opaque."""
    cols, rows = image.size
    return any(
        _alpha(image.crop((across.start, down.start, across.stop, down.stop))) < 255
        for down, across in pieces(rows, cols)
    )


def _alpha(piece: Image.Image) -> int:
    lowest, _ = piece.convert("RGBA").getchannel("A").getextrema()
    return int(lowest)  # type: ignore[arg-type]


def _over_white(piece: Image.Image) -> Image.Image:
    over = piece.convert("RGBA")
    return Image.alpha_composite(Image.new("RGBA", over.size, "white"), over).convert("RGB")
