"""The recipe inside a figure's file: written as JSON, found again in every format."""

from __future__ import annotations

import html
import io
import json
import re
import zipfile
from dataclasses import asdict
from functools import cache
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image, UnidentifiedImageError

from vitviz.core.data.drawing import Drawing
from vitviz.core.data.recipe import NEWEST
from vitviz.core.progress import VitvizError
from vitviz.core.version import __version__
from vitviz.figures.paper import PaperStyle

_LARGEST = 256 * 1024 * 1024
_TIFF_DESCRIPTION = 270
_XMP = re.compile(r"<vitviz>(.*?)</vitviz>", re.DOTALL)


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
    ranges = [
        [at, panel.bar.low, panel.bar.high]
        for at, panel in enumerate(drawing.panels)
        if panel.bar is not None
    ]
    made = None if drawing.made is None else asdict(drawing.made)
    return {"made": made, "ranges": ranges}


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
            raise VitvizError(f"{file.name} is too large to be a figure of vitviz")
        data = file.read_bytes()
    except FileNotFoundError:
        raise VitvizError(f"{file} was not found; name a figure that vitviz saved") from None
    except OSError as error:
        raise VitvizError(f"{file} cannot be read ({error.strerror or error})") from error
    text = _found(data)
    if not text:
        raise VitvizError(
            f"{file.name} holds no recipe: it was not saved by vitviz, or a program that saved it "
            "anew has left the recipe out"
        )
    return _checked(file.name, text)


def _checked(name: str, text: str) -> dict[str, Any]:
    try:
        known = json.loads(text)
    except ValueError:
        known = None
    if not isinstance(known, dict) or not isinstance(known.get("vitviz"), int):
        raise VitvizError(f"the recipe in {name} is damaged; take the file as it was saved")
    if known["vitviz"] > NEWEST:
        raise VitvizError(
            f"the recipe in {name} is of version {known['vitviz']}, newer than {NEWEST}, which this "
            "vitviz knows; install a newer vitviz"
        )
    if not {"made", "parts", "raw"} & set(known):
        raise VitvizError(
            f"the recipe in {name} is of an older vitviz, which did not say everything; "
            "draw the figure anew"
        )
    return known


def _found(data: bytes) -> str:
    start = data[:512].lstrip()
    if data.startswith(b"%PDF"):
        return _from_pdf(data)
    if start.startswith((b"<?xml", b"<svg")):
        found = re.search(rb"<dc:description>(.*?)</dc:description>", data, re.DOTALL)
        return html.unescape(found[1].decode("utf-8", "replace")) if found else ""
    if data.startswith(b"# {"):
        return data[2:].split(b"\n", 1)[0].decode("utf-8", "replace")
    if data.startswith(b"PK"):
        return _from_npz(data)
    if b"ftyp" in data[4:12]:
        return _from_mp4(data)
    return _from_image(data)


def _from_pdf(data: bytes) -> str:
    """The string behind /Subject, with its escapes undone."""
    found = re.search(rb"/Subject \(((?:[^\\()]|\\.|\((?:[^\\()]|\\.)*\))*)\)", data, re.DOTALL)
    if not found:
        return ""
    plain = re.sub(rb"\\([()\\])", rb"\1", found[1])
    return plain.decode("latin-1")


def _from_npz(data: bytes) -> str:
    try:
        with np.load(io.BytesIO(data), allow_pickle=False) as arrays:
            about = json.loads(str(arrays["about"])) if "about" in arrays else {}
    except (ValueError, OSError, EOFError, KeyError, zipfile.BadZipFile):
        return ""
    return json.dumps(about["recipe"]) if "recipe" in about else ""


def _from_mp4(data: bytes) -> str:
    at = data.find(b'{"vitviz"')
    if at < 0:
        return ""
    try:
        return json.dumps(json.JSONDecoder().raw_decode(data[at:].decode("utf-8", "replace"))[0])
    except ValueError:
        return ""


def _from_image(data: bytes) -> str:
    try:
        with Image.open(io.BytesIO(data), formats=("PNG", "TIFF", "GIF", "WEBP")) as image:
            tags = getattr(image, "tag_v2", {})
            info = image.info
            held = (info.get("vitviz"), tags.get(_TIFF_DESCRIPTION), info.get("comment"))
            texts = [
                each.decode("utf-8", "replace") if isinstance(each, bytes) else each
                for each in held
                if each
            ]
            if xmp := _XMP.search((info.get("xmp") or b"").decode("utf-8", "replace")):
                texts.append(html.unescape(xmp[1]))
    except (UnidentifiedImageError, OSError, SyntaxError, ValueError):
        return ""
    return next((text for text in texts if text.startswith("{")), "")
