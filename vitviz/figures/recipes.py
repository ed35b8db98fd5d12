"""The recipe inside a figure's file: written as JSON, found again in every format."""

from __future__ import annotations

import html
import io
import json
import math
import re
import struct
import zipfile
import zlib
from dataclasses import asdict
from functools import cache
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from tokenize import TokenError
from typing import Any

import numpy as np
from PIL import Image, UnidentifiedImageError

from vitviz.core.data.drawing import Drawing
from vitviz.core.data.recipe import NEWEST
from vitviz.core.drawings.shared_ranges import kept_ranges
from vitviz.core.language import _
from vitviz.core.pictures.picture_files import without_warnings
from vitviz.core.progress import VitvizError
from vitviz.core.version import __version__
from vitviz.figures.paper import PaperStyle

_LARGEST = 256 * 1024 * 1024
MOST_TEXT = 8 * 2**20
"""Bytes of a recipe: a page of some hundred drawings has a tenth of it."""
MOST_LETTERS = 4_000
"""Letters of one text in a recipe; no title, name or caption needs more."""
_MOST_PARTS, _MOST_DEPTH = 400_000, 24
_TIFF_DESCRIPTION = 270


def recipe(drawing: Drawing, paper: PaperStyle | None = None, **more: Any) -> str:
    """What the drawing was made from, as JSON: what is written into every file."""
    return json.dumps(_recipe(drawing, paper) | more, ensure_ascii=False)


def ascii_recipe(drawing: Drawing, paper: PaperStyle | None = None, **more: Any) -> str:
    """The same in ASCII, for formats that mix up other letters."""
    return json.dumps(_recipe(drawing, paper) | more)


def _recipe(drawing: Drawing, paper: PaperStyle | None) -> dict[str, Any]:
    """In words for who reads it, and exactly (`made`, `parts`) for who makes it again."""
    words: dict[str, Any] = {
        "vitviz": NEWEST,
        "view": drawing.view,
        "title": drawing.title,
        "options": dict(drawing.options),
        **dict(drawing.recipe),
        "versions": dict(versions()),
    }
    if paper is not None:
        words["paper"] = asdict(paper)
    if drawing.sheet is not None:
        parts = [exact(part) for part in drawing.parts]
        return words | {"sheet": asdict(drawing.sheet), "parts": parts}
    return words | exact(drawing)


def exact(drawing: Drawing) -> dict[str, Any]:
    """What makes one drawing again: how it was made, and the ranges that it is coloured in."""
    made = None if drawing.made is None else asdict(drawing.made)
    return {"made": made, "ranges": [list(each) for each in kept_ranges(drawing)]}


@cache
def versions() -> tuple[tuple[str, str], ...]:
    """What the numbers depend on, as it is installed."""
    return (("vitviz", __version__), *((name, _version(name)) for name in ("torch", "timm")))


def _version(package: str) -> str:
    try:
        return version(package)
    except PackageNotFoundError:
        return ""


def read_recipe(file: Path) -> dict[str, Any]:
    """The recipe in a figure, an animation or a file of numbers.

    VitvizError, in a sentence, for a file without one, one that cannot be read, or a recipe of a
    newer version.
    """
    try:
        if file.stat().st_size > _LARGEST:
            raise VitvizError(
                _("{name} is too large to be a figure of vitviz").format(name=file.name)
            )
        data = file.read_bytes()
    except FileNotFoundError:
        raise VitvizError(
            _("{file} was not found; name a figure that vitviz saved").format(file=file)
        ) from None
    except OSError as error:
        raise VitvizError(
            _("{file} cannot be read ({why})").format(file=file, why=error.strerror or error)
        ) from error
    text = _found(data)
    if not text:
        raise VitvizError(
            _(
                "{name} holds no recipe: it was not saved by vitviz, or a program that "
                "saved it anew has left the recipe out"
            ).format(name=file.name)
        )
    return _checked(file.name, text)


def _checked(name: str, text: str) -> dict[str, Any]:
    if len(text) > MOST_TEXT:
        raise VitvizError(
            _(
                "the recipe in {name} has {count:,} letters, more than the "
                "{most:,} that are read; take the file as it was saved"
            ).format(name=name, count=len(text), most=MOST_TEXT)
        )
    try:
        known = json.loads(text, parse_constant=_no_number)
    except (ValueError, RecursionError):
        known = None
    if not isinstance(known, dict) or not isinstance(known.get("vitviz"), int):
        raise VitvizError(
            _("the recipe in {name} is damaged; take the file as it was saved").format(name=name)
        )
    if known["vitviz"] > NEWEST:
        raise VitvizError(
            _(
                "the recipe in {name} is of version {known}, newer than {newest}, which "
                "this vitviz knows; install a newer vitviz"
            ).format(name=name, known=known["vitviz"], newest=NEWEST)
        )
    if not {"made", "parts", "raw"} & set(known):
        raise VitvizError(
            _(
                "the recipe in {name} is of an older vitviz, which did not say "
                "everything; draw the figure anew"
            ).format(name=name)
        )
    if why := _excess(known):
        raise VitvizError(
            _("the recipe in {name} is not followed: {why}").format(name=name, why=why)
        )
    return known


def _no_number(word: str) -> float:
    raise ValueError(f"{word} is no number")


def _excess(known: object) -> str:
    """What in a recipe no figure of vitviz has, in a clause; "" for nothing. Walked without calling
    itself, so that no depth matters.
    """
    waiting, seen = [(known, 0)], 0
    while waiting:
        value, depth = waiting.pop()
        seen += 1
        if seen > _MOST_PARTS:
            return _("it has more than {most:,} parts").format(most=_MOST_PARTS)
        if depth > _MOST_DEPTH:
            return _("it is nested more than {most} deep").format(most=_MOST_DEPTH)
        match value:
            case str() if len(value) > MOST_LETTERS:
                return _("a text in it has {count:,} letters, at most {most:,} are printed").format(
                    count=len(value), most=MOST_LETTERS
                )
            case float() if not math.isfinite(value):
                return _("a number in it is infinite")
            case dict():
                waiting += [(each, depth + 1) for pair in value.items() for each in pair]
            case list():
                waiting += [(each, depth + 1) for each in value]
    return ""


def _found(data: bytes) -> str:
    start = data[:512].lstrip()
    if data.startswith(b"%PDF"):
        return _from_pdf(data)
    if start.startswith((b"<?xml", b"<svg")):
        inside = _between(data, b"<dc:description>", b"</dc:description>")
        return html.unescape(inside.decode("utf-8", "replace"))
    if data.startswith(b"# {"):
        return data[2:].split(b"\n", 1)[0][: MOST_TEXT + 1].decode("utf-8", "replace")
    if data.startswith(b"PK"):
        return _from_npz(data)
    if b"ftyp" in data[4:12]:
        return _from_mp4(data)
    return _from_image(data)


def _between(data: bytes, begin: bytes, end: bytes) -> bytes:
    """What stands between the two; b"" where either is missing. Looked for once, however often the
    first is repeated.
    """
    at = data.find(begin)
    until = data.find(end, at + len(begin), at + len(begin) + 8 * MOST_TEXT) if at >= 0 else -1
    return data[at + len(begin) : until] if until >= 0 else b""


def _from_pdf(data: bytes) -> str:
    """The string behind /Subject, with its escapes undone."""
    at = data.find(b"/Subject (")
    if at < 0:
        return ""
    found, depth = bytearray(), 1
    rest = data[at + 10 : at + 10 + 2 * MOST_TEXT]
    for token in re.finditer(rb"\\.|[()]|[^\\()]+", rest, re.DOTALL):
        text = token[0]
        depth += (text == b"(") - (text == b")")
        if depth == 0:
            return bytes(found).decode("latin-1")
        found += text[1:] if text in (b"\\(", b"\\)", b"\\\\") else text
    return ""


def _from_npz(data: bytes) -> str:
    try:
        with zipfile.ZipFile(io.BytesIO(data)) as archive:
            if archive.getinfo("about.npy").file_size > 5 * MOST_TEXT:  # four bytes a letter
                return ""
        with np.load(io.BytesIO(data), allow_pickle=False) as arrays:
            about = json.loads(str(arrays["about"]))
        return json.dumps(about["recipe"]) if "recipe" in about else ""
    except _BROKEN:
        return ""


def _from_mp4(data: bytes) -> str:
    at = data.find(b'{"vitviz"')
    if at < 0:
        return ""
    text = data[at : at + MOST_TEXT].decode("utf-8", "replace")
    try:
        return json.dumps(json.JSONDecoder().raw_decode(text)[0])
    except (ValueError, RecursionError):
        return ""


_BROKEN = (
    OSError,
    SyntaxError,
    ValueError,
    EOFError,
    KeyError,
    IndexError,
    TypeError,
    AttributeError,
    OverflowError,
    MemoryError,
    RecursionError,
    NotImplementedError,
    RuntimeError,
    struct.error,
    zlib.error,
    zipfile.BadZipFile,
    TokenError,
)
"""What the readers of pictures and archives raise for damaged ones."""


def _from_image(data: bytes) -> str:
    try:
        kinds = ("PNG", "TIFF", "GIF", "WEBP")
        with without_warnings(), Image.open(io.BytesIO(data), formats=kinds) as image:
            tags, info = getattr(image, "tag_v2", {}), image.info
            held = (info.get("vitviz"), tags.get(_TIFF_DESCRIPTION), info.get("comment"))
            texts = [
                each.decode("utf-8", "replace") if isinstance(each, bytes) else str(each)
                for each in held
                if each
            ]
            if isinstance(xmp := info.get("xmp"), bytes):
                inside = _between(xmp, b"<vitviz>", b"</vitviz>")
                texts.append(html.unescape(inside.decode("utf-8", "replace")))
    except (UnidentifiedImageError, Image.DecompressionBombError, *_BROKEN):
        return ""
    return next((text for text in texts if text.startswith("{")), "")
