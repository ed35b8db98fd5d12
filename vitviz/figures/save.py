"""A drawing as a file that can be printed, and made again: pictures, vectors or raw numbers."""

from __future__ import annotations

import io
import os
from dataclasses import replace
from pathlib import Path
from typing import Any

from matplotlib.backends.backend_pdf import PdfPages
from matplotlib.figure import Figure
from PIL import Image, TiffImagePlugin

from vitviz.core.data.drawing import Drawing
from vitviz.core.files import check_place, whole
from vitviz.core.language import _
from vitviz.core.progress import VitvizError
from vitviz.core.storage import place_of
from vitviz.figures.embedded import each_once
from vitviz.figures.numbers import write_csv, write_npz
from vitviz.figures.paper import PaperStyle
from vitviz.figures.recipes import ascii_recipe, recipe
from vitviz.figures.render import background, render_pages
from vitviz.figures.text import typeset

__all__ = ["SUFFIXES", "check_suffix", "recipe", "save", "save_pages", "written", "written_pages"]

SUFFIXES = (".png", ".svg", ".pdf", ".tiff", ".tif", ".npz", ".csv")
NUMBERS = (".npz", ".csv")


def save(
    drawing: Drawing,
    path: str | os.PathLike[str],
    *,
    dpi: int | None = None,
    width_mm: float | None = None,
    paper: PaperStyle | None = None,
    overwrite: bool = True,
) -> Path:
    """Saves a drawing as a figure: the file's suffix says how, .png, .svg, .pdf or .tiff.

    >>> vitviz.save(drawing, "rollout.pdf", width_mm=85).name
    'rollout.pdf'
    >>> with np.load(vitviz.save(drawing, "rollout.npz")) as numbers:
    ...     print(numbers["panel1"].shape)
    (10, 10)
    >>> vitviz.save(drawing, "rollout.jpg")
    Traceback (most recent call last):
    vitviz.core.progress.VitvizError: rollout.jpg cannot be saved: figures are .png, .svg, .pdf, ...

    - `drawing` is what `vitviz.draw` returns.
    - `path` is where to, with the suffix. .npz and .csv hold the numbers that are drawn instead,
      with their axes named; the first line of a .csv is the recipe, behind a "#".
    - `dpi` is the resolution of a PNG or TIFF in dots an inch, `width_mm` the page's width in
      millimetres; both replace the paper's (200 and 180).
    - `paper` is the style of the page: type, colours, captions, and the most that it is high. What
      is higher goes on on further pages of a PDF; of other kinds in "NAME-2.png", "NAME-3.png".
    - `overwrite=False` refuses to replace a file.

    Returns the file's path, of several that of the first. A file appears whole or not at all, and
    carries the recipe it was made by (`vitviz replay` makes it again). Raises VitvizError for
    another suffix, a folder that is not there, a file that cannot be written, or (Exists) one that
    is not to be replaced.
    """
    if not isinstance(drawing, Drawing):
        raise VitvizError(
            _(
                "what is saved is a drawing, not {name}; make one with "
                'vitviz.draw("rollout", trace)'
            ).format(name=type(drawing).__name__)
        )
    target = place_of(path)
    check_suffix(target)
    check_place(target, overwrite=overwrite)  # before anything is printed
    paper = paper or PaperStyle()
    paper = replace(
        paper,
        dpi=paper.dpi if dpi is None else dpi,
        width_mm=paper.width_mm if width_mm is None else width_mm,
    )
    return save_pages(drawing, target, paper, overwrite=overwrite)[0]


def save_pages(
    drawing: Drawing, target: Path, paper: PaperStyle, *, overwrite: bool = True
) -> tuple[Path, ...]:
    """Saves every page: a PDF holds all of them, other kinds go on in "NAME-2.png", "NAME-3.png".

    Returns the files. Raises as `save` does, before the first is written.
    """
    kind = check_suffix(target)
    pages = written_pages(drawing, kind, paper)
    files = [target.with_stem(f"{target.stem}{_numbered(at)}") for at in range(len(pages))]
    for file in files:
        check_place(file, overwrite=overwrite)
    for file, data in zip(files, pages, strict=True):
        with whole(file, overwrite=overwrite) as unfinished:
            unfinished.write_bytes(data)
    return tuple(files)


def _numbered(at: int) -> str:
    return f"-{at + 1}" if at else ""


def check_suffix(target: Path) -> str:
    """The kind of a figure's file, such as "png". VitvizError for one that cannot be saved."""
    kind = target.suffix.lower()
    if kind not in SUFFIXES:
        raise VitvizError(
            _("{name} cannot be saved: figures are {suffixes}, not {kind}").format(
                name=target.name, suffixes=", ".join(SUFFIXES), kind=kind or _("without a suffix")
            )
        )
    return kind[1:]


def written(drawing: Drawing, kind: str, paper: PaperStyle) -> bytes:
    """The bytes of a figure as one file, equal for equal drawings: a PDF of all pages, a picture of
    one that is as high as it needs to be.
    """
    one = paper if kind == "pdf" else replace(paper, height_mm=None)
    (data,) = written_pages(drawing, kind, one)
    return data


def written_pages(drawing: Drawing, kind: str, paper: PaperStyle) -> tuple[bytes, ...]:
    """The bytes of each of a figure's files, equal for equal drawings."""
    match kind:
        case "npz":
            return (write_npz(drawing),)
        case "csv":
            return (write_csv(drawing),)
        case "pdf":
            return (_pdf(drawing, paper),)
        case "tif" | "tiff":
            return tuple(_tiff(page, drawing, paper) for page in render_pages(drawing, paper))
        case _:
            pages = render_pages(drawing, paper, vector=kind != "png")
            return tuple(_printed(page, drawing, kind, paper) for page in pages)


def _pdf(drawing: Drawing, paper: PaperStyle) -> bytes:
    file = io.BytesIO()
    with typeset(), PdfPages(file, metadata=_metadata(drawing, "pdf", paper)) as pages:
        for figure in render_pages(drawing, paper, vector=True):
            pages.savefig(figure, dpi=paper.dpi, facecolor=background(paper))
    return file.getvalue()


def _printed(figure: Figure, drawing: Drawing, kind: str, paper: PaperStyle) -> bytes:
    file = io.BytesIO()
    with typeset():
        figure.savefig(
            file,
            format=kind,
            dpi=paper.dpi,
            facecolor=background(paper),
            metadata=_metadata(drawing, kind, paper),
        )
    return each_once(file.getvalue()) if kind == "svg" else file.getvalue()


def _tiff(figure: Figure, drawing: Drawing, paper: PaperStyle) -> bytes:
    """Without losses, in RGB as printers want it unless something has to shine through."""
    raw = io.BytesIO()
    with typeset():
        figure.savefig(raw, format="png", dpi=paper.dpi, facecolor=background(paper))
    with Image.open(raw) as opened:
        image = opened.convert("RGBA" if paper.transparent else "RGB")
    about = TiffImagePlugin.ImageFileDirectory_v2()
    about[TiffImagePlugin.IMAGEDESCRIPTION] = ascii_recipe(drawing, paper)
    about[TiffImagePlugin.SOFTWARE] = "vitviz"
    file = io.BytesIO()
    image.save(file, "TIFF", compression="tiff_lzw", tiffinfo=about, dpi=(paper.dpi, paper.dpi))
    return file.getvalue()


def _metadata(drawing: Drawing, kind: str, paper: PaperStyle) -> dict[str, Any]:
    """The recipe in the words of each format; without a date, so that equal figures are equal files."""
    title = drawing.title
    match kind:
        case "png":
            return {"Title": title, "Software": "vitviz", "vitviz": recipe(drawing, paper)}
        case "svg":
            return {"Title": title, "Description": recipe(drawing, paper), "Date": None}
        case _:
            return {
                "Title": title,
                "Subject": ascii_recipe(drawing, paper),
                "Creator": "vitviz",
                "CreationDate": None,
            }
