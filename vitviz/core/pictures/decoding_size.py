"""What opening a picture would take, told from its header, and a smaller one from its decoder."""

from __future__ import annotations

from math import ceil

from PIL import Image

LARGEST = 178_956_970
"""Most pixels that are held, three bytes each; what has more is reduced by its decoder or refused."""
BUDGET = 1_400_000_000
"""Bytes that opening a picture may take at once, its decoder's own included."""
_LEAST_HALVES = {"JPEG": 3, "MPO": 3, "JPEG2000": 5}
"""How often these decoders can halve a picture while they read it."""
_OWN = {"WEBP": 5.0, "AVIF": 9.0, "JPEG2000": 16.0, "GIF": 8.0, "HEIF": 8.0, "JXL": 16.0}
"""Bytes a pixel that decoders need for themselves, where they work on the whole picture."""
_ROWS_PER_STRIP, _TILE_ROWS = 278, 323


def halves_needed(image: Image.Image) -> int | None:
    """How often a decoder has to halve a picture so that it can be held: mostly 0; None where it cannot
    be made small enough. Asked before anything is decoded.
    """
    most = _LEAST_HALVES.get(image.format or "", 0)
    return next((n for n in range(most + 1) if _fits(image, n)), None)


def reduce_decoding(image: Image.Image, halves: int) -> str:
    """Has the decoder give a picture so often halved; the words for it, "" for 0."""
    if not halves:
        return ""
    cols, rows = image.size
    if image.format == "JPEG2000":
        image.reduce = halves  # type: ignore[method-assign,assignment]
    else:
        image.draft(None, (max(1, cols >> halves), max(1, rows >> halves)))
    return f"decoded at 1/{2**halves} of its {cols:,} × {rows:,} pixels, which are too many to hold"


def bytes_needed(image: Image.Image, halves: int = 0) -> int:
    """Bytes at once: Pillow's picture, the decoder's own, and the three a pixel that stay."""
    cols, rows = image.size
    pixels = ceil(cols / 2**halves) * ceil(rows / 2**halves)
    return int(pixels * (_held(image.mode) + 3) + _decoder_bytes(image, cols, rows))


def _fits(image: Image.Image, halves: int) -> bool:
    cols, rows = image.size
    pixels = ceil(cols / 2**halves) * ceil(rows / 2**halves)
    return pixels <= LARGEST and bytes_needed(image, halves) <= BUDGET


def _held(mode: str) -> int:
    """Bytes a pixel of Pillow's own picture."""
    if mode in ("1", "L", "P"):
        return 1
    return 2 if mode.startswith("I;16") else 4


def _decoder_bytes(image: Image.Image, cols: int, rows: int) -> float:
    row = cols * _held(image.mode)
    match image.format:
        case "PNG":
            return 2.0 * row  # this line and the one before
        case "TIFF":
            tags = getattr(image, "tag_v2", {})
            strip = tags.get(_TILE_ROWS) or tags.get(_ROWS_PER_STRIP) or rows
            return float(row * min(int(strip), rows))
        case "JPEG" | "MPO" if image.info.get("progressive"):
            return 2 * _samples(image) * cols * rows  # all coefficients, however small it is made
        case kind:
            return _OWN.get(kind or "", 0.0) * cols * rows


def _samples(image: Image.Image) -> float:
    """Samples a pixel of a JPEG: 3, or 1.5 where colours have half the sides."""
    shares = [(across, down) for _, across, down, _ in getattr(image, "layer", ())]
    if not shares:
        return 3.0
    widest = max(across for across, _ in shares) * max(down for _, down in shares)
    return float(sum(across * down for across, down in shares) / widest)
