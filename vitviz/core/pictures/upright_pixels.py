"""Any kind of picture as upright RGB in 8 bits, with what was done to it said in words."""

from __future__ import annotations

import struct

import numpy as np
from jaxtyping import Float, Shaped, UInt8, UInt16
from PIL import ExifTags, Image

_TURNS = {
    2: Image.Transpose.FLIP_LEFT_RIGHT,
    3: Image.Transpose.ROTATE_180,
    4: Image.Transpose.FLIP_TOP_BOTTOM,
    5: Image.Transpose.TRANSPOSE,
    6: Image.Transpose.ROTATE_270,
    7: Image.Transpose.TRANSVERSE,
    8: Image.Transpose.ROTATE_90,
}
_STILL = ("MPO",)  # a phone's JPEG with a preview behind it is one picture


def orientation_of(image: Image.Image) -> int:
    """The EXIF orientation, 1 to 8; 1 where there is none or it cannot be read."""
    try:
        value = image.getexif().get(ExifTags.Base.Orientation, 1)
    except (OSError, SyntaxError, ValueError, KeyError, TypeError, struct.error):
        return 1
    return int(value) if value in range(1, 9) else 1


def upright_rgb(image: Image.Image) -> tuple[Image.Image, int, str]:
    """The image upright and in RGB, the EXIF value that was applied and a note on all else done. The
    very same image where it was both already.

    Decodes the picture if that has not happened yet, and so raises what Pillow raises.
    """
    notes = [_deep(image), _frames(image)]  # before anything decodes: raw modes are gone then
    orientation = orientation_of(image)
    image.load()
    left = orientation_of(image)  # Pillow turns a TIFF while decoding it
    rgb, note = _rgb(image)
    if left in _TURNS:
        rgb = rgb.transpose(_TURNS[left])
    return rgb, orientation, ", ".join(part for part in (*notes, note) if part)


def _frames(image: Image.Image) -> str:
    count = getattr(image, "n_frames", 1)
    word = "pages" if image.format == "TIFF" else "frames"
    return f"first of {count} {word}" if count > 1 and image.format not in _STILL else ""


def _deep(image: Image.Image) -> str:
    """Pillow itself drops the low byte of 16 bit colours; only its raw mode tells."""
    raw = str(getattr(image, "tile", ""))
    return "16 bit reduced to 8" if image.mode in ("RGB", "RGBA") and ";16" in raw else ""


def _rgb(image: Image.Image) -> tuple[Image.Image, str]:
    match image.mode:
        case "I" | "F":
            grey, note = _from_float(np.asarray(image, np.float64), whole=image.mode == "I")
            return Image.fromarray(grey).convert("RGB"), note
        case mode if mode.startswith("I;16"):
            grey, note = _from_16_bit(np.asarray(image, np.uint16))
            return Image.fromarray(grey).convert("RGB"), note
        case "CMYK":
            return image.convert("RGB"), "CMYK converted to RGB"
        case mode if mode in ("RGBA", "RGBa", "LA", "La", "PA") or "transparency" in image.info:
            return _over_white(image.convert("RGBA"))
        case "RGB":
            return image, ""
        case _:
            return image.convert("RGB"), ""


def _over_white(image: Image.Image) -> tuple[Image.Image, str]:
    lowest, _ = image.getchannel("A").getextrema()
    if lowest == 255:
        return image.convert("RGB"), ""
    white = Image.new("RGBA", image.size, "white")
    return Image.alpha_composite(white, image).convert("RGB"), "transparency laid over white"


def _from_16_bit(
    values: UInt16[np.ndarray, "row col"],
) -> tuple[UInt8[np.ndarray, "row col"], str]:
    """Scaled by the full range, or by 10, 12 or 14 bits where a camera used no more of it."""
    highest = int(values.max(initial=0))
    bits = next((bits for bits in (10, 12, 14) if 255 < highest < 2**bits), 16)
    scaled = values.astype(np.float32) * np.float32(255 / (2**bits - 1))
    return _rounded(scaled), f"{bits} bit reduced to 8"


def _from_float(
    values: Float[np.ndarray, "row col"], *, whole: bool
) -> tuple[UInt8[np.ndarray, "row col"], str]:
    """0..1 and 0..255 as they are said to be, anything else stretched from lowest to highest."""
    good = values[np.isfinite(values)]
    low, high = (float(good.min()), float(good.max())) if good.size else (0.0, 0.0)
    kind = "whole numbers" if whole else "floating point"
    if low >= 0 and high <= 1 and not whole:
        low, high, note = 0.0, 1.0, f"{kind} 0..1 reduced to 8 bit"
    elif low >= 0 and high <= 255:
        low, high, note = 0.0, 255.0, f"{kind} 0..255 reduced to 8 bit"
    elif low >= 0 and high <= 65535 and whole:
        low, high, note = 0.0, 65535.0, "16 bit reduced to 8"
    else:
        note = f"{kind} {low:.4g}..{high:.4g} stretched to 8 bit"
    filled = np.nan_to_num(values, nan=low, posinf=high, neginf=low)
    if good.size < values.size:
        note += f", {values.size - good.size} values that are not numbers filled"
    scaled = (filled - low) * (255 / (high - low) if high > low else 0.0)
    return _rounded(scaled), note


def _rounded(values: Shaped[np.ndarray, "row col"]) -> UInt8[np.ndarray, "row col"]:
    return np.clip(values + 0.5, 0, 255).astype(np.uint8)
