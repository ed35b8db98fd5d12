"""A drawing as a file that can be printed, and made again: PNG, SVG or PDF with its recipe inside."""

from __future__ import annotations

import json
import os
from contextlib import suppress
from pathlib import Path
from tempfile import NamedTemporaryFile
from typing import Any

from matplotlib import rc_context

from vitviz.core.drawing import Drawing
from vitviz.core.progress import VitvizError
from vitviz.figures.render import render

SUFFIXES = (".png", ".svg", ".pdf")
_AS_TEXT: Any = {"svg.fonttype": "none", "pdf.fonttype": 42, "svg.hashsalt": "vitviz"}


def save(
    drawing: Drawing,
    path: str | os.PathLike[str],
    *,
    dpi: int = 200,
    width_mm: float | None = None,
) -> Path:
    """Saves a drawing as a figure: the file's suffix says how, .png, .svg or .pdf.

    `dpi` is a PNG's resolution, `width_mm` the page's width (180 by default). The file appears
    whole or not at all. Returns its path. VitvizError for another suffix, a folder that is not
    there, or a file that cannot be written.
    """
    target = Path(path)
    kind = target.suffix.lower()
    if kind not in SUFFIXES:
        raise VitvizError(
            f"{target.name} cannot be saved: figures are {', '.join(SUFFIXES)}, "
            f"not {kind or 'without a suffix'}"
        )
    if not target.parent.is_dir():
        raise VitvizError(f"{target.name} cannot be saved: there is no folder {target.parent}")
    try:
        _write(drawing, target, kind[1:], dpi, width_mm)
    except OSError as error:
        raise VitvizError(
            f"{target} cannot be saved: {error.strerror or error}; choose another place"
        ) from error
    return target


def _write(drawing: Drawing, target: Path, kind: str, dpi: int, width_mm: float | None) -> None:
    """The figure under a temporary name, then renamed."""
    figure = render(drawing, width_mm=width_mm, vector=kind != "png")
    with NamedTemporaryFile(dir=target.parent, prefix=f".{target.stem}.", delete=False) as file:
        unfinished = Path(file.name)
    try:
        with rc_context(_AS_TEXT):
            figure.savefig(
                unfinished,
                format=kind,
                dpi=dpi,
                facecolor="white",
                metadata=_metadata(drawing, kind),
            )
        unfinished.chmod(0o666 & ~_umask())
        unfinished.replace(target)
    finally:
        with suppress(FileNotFoundError):
            unfinished.unlink()


def _umask() -> int:
    """The rights that new files do not get; a temporary file has fewer than the user wants."""
    mask = os.umask(0)
    os.umask(mask)
    return mask


def recipe(drawing: Drawing) -> str:
    """What the drawing was made from, as JSON: what is written into every file."""
    return json.dumps(
        {
            "vitviz": 1,
            "view": drawing.view,
            "title": drawing.title,
            "options": dict(drawing.options),
            **dict(drawing.recipe),
        },
        ensure_ascii=False,
    )


def _metadata(drawing: Drawing, kind: str) -> dict[str, Any]:
    """The recipe in the words of each format; without a date, so that equal figures are equal files."""
    match kind:
        case "png":
            return {"Title": drawing.title, "Software": "vitviz", "vitviz": recipe(drawing)}
        case "svg":
            return {"Title": drawing.title, "Description": recipe(drawing), "Date": None}
        case _:
            return {
                "Title": drawing.title, "Subject": recipe(drawing), "Creator": "vitviz",
                "CreationDate": None,
            }  # fmt: skip
