"""The command that makes a figure again from the recipe inside it: replay."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

from cyclopts import Parameter

from vitviz.cli.command_arguments import (
    ALLOW_DOWNLOAD,
    DEVICE,
    JSON,
    MODEL,
    OVERWRITE,
    Misused,
    Printing,
    meter,
    print_json,
    remark,
    say_file,
)
from vitviz.cli.figure_files import (
    ANIMATED,
    STDOUT_FILE,
    Kind,
    check_alone,
    check_kind,
    written_file,
)
from vitviz.core.files import check_place, whole
from vitviz.figures.save import save_pages

if TYPE_CHECKING:
    from vitviz.session.figure.figure_replay import FigureBook, FigureReplay

_AGAIN = Parameter(
    ("--out", "-o"),
    help="The new file: the figure as .png, .svg, .pdf, .tiff (or the animation as .gif, .apng, .webp, "
    ".mp4), its numbers as .npz, .csv. FIGURE-again when left out.",
)


def replay(
    figure: Annotated[Path, Parameter(help="A figure, animation or .npz that vitviz saved.")],
    /,
    *,
    out: Annotated[Path | None, _AGAIN] = None,
    kind: Kind = "",
    picture: Annotated[
        tuple[Path, ...], Parameter("--picture", help="The picture's file, where it is not found.")
    ] = (),
    model: Annotated[str, MODEL] = "",
    device: Annotated[str, DEVICE] = "auto",
    allow_download: Annotated[bool, ALLOW_DOWNLOAD] = False,
    overwrite: Annotated[bool, OVERWRITE] = False,
    printing: Printing | None = None,
    as_json: Annotated[bool, JSON] = False,
) -> int:
    """Make a figure again from the recipe inside it: the same numbers, or the reason why not."""
    from vitviz.figures.recipes import read_recipe
    from vitviz.session.figure.figure_replay import FigureReplay

    again = figure.with_stem(f"{figure.stem}-again")
    target = out or (again.with_suffix(f".{kind}") if kind else again)
    kept: str = kind or figure.suffix.lower().removeprefix(".")
    check_kind(target, kind)
    check_alone(target, as_json=as_json, beside=False)
    if target != STDOUT_FILE:
        check_place(target, overwrite=overwrite)
    known = read_recipe(figure)
    maker = FigureReplay(figure.parent, picture, model, device, meter(), allow_download)
    with written_file(target, kept, overwrite=overwrite) as file:
        if "raw" in known:
            notes = _raw_again(known, figure, maker, file, overwrite)
        else:
            notes = _figure_again(known, figure, maker, file, printing or Printing(), overwrite)
    if as_json:
        print_json({"figure": str(figure), "file": str(target), "remarks": notes})
        return 0
    remark(*notes)
    if target != STDOUT_FILE:
        say_file(target)
    return 0


def _raw_again(
    known: dict[str, Any], file: Path, maker: FigureReplay, target: Path, overwrite: bool
) -> tuple[str, ...]:
    """Raw attention made again in `target`; what there is to remark."""
    from vitviz.session.figure.figure_replay import raw_again

    if target.suffix.lower() != ".npz":
        raise Misused(f"{target.name} cannot hold arrays; name a .npz file")
    data, notes = raw_again(known, file, maker)
    with whole(target, overwrite=overwrite) as unfinished:
        unfinished.write_bytes(data)
    return notes


def _figure_again(
    known: dict[str, Any],
    figure: Path,
    maker: FigureReplay,
    target: Path,
    printing: Printing,
    overwrite: bool,
) -> tuple[str, ...]:
    """A figure or an animation made again in `target`; what there is to remark."""
    from vitviz.figures.paper import PaperStyle
    from vitviz.session.figure.figure_replay import replayed

    made = replayed(known, figure.name, maker)
    names = {
        field: made.book.paper[field] for field in PaperStyle.__slots__ if field in made.book.paper
    }
    names |= _as_printed_once(made.book)
    paper = printing.paper(**names)
    if len(made.drawings) > 1 or target.suffix.lower() in ANIMATED:
        from vitviz.figures.animate import animate

        seconds = float(made.book.movie.get("seconds", 0.4))
        animate(
            made.drawings,
            target,
            seconds=seconds,
            paper=paper,
            one_range=False,
            overwrite=overwrite,
            progress=meter(),
        )
    else:
        save_pages(made.drawings[0], target, paper, overwrite=overwrite)
    return made.notes


def _as_printed_once(book: FigureBook) -> dict[str, Any]:
    """How a figure was printed that knows of no pages: on one, no bar for maps of several ranges."""
    if not book.paper or "height_mm" in book.paper:
        return {}
    several = book.sheet is not None and not book.sheet.one_range
    each = {"bars": "each"} if several and book.paper.get("bars") == "shared" else {}
    return {"height_mm": None, **each}
