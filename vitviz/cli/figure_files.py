"""Where commands put figures: files named or made up, folders, and standard output."""

from __future__ import annotations

import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Annotated, Literal

from cyclopts import Parameter

from vitviz.cli.command_arguments import Misused, folder_for
from vitviz.cli.picture_sources import STDOUT, named_pictures, stem_of
from vitviz.core.files import check_place, fitting_name
from vitviz.core.progress import VitvizError

ANIMATED = (".gif", ".apng", ".webp", ".mp4")
STDOUT_FILE = Path(STDOUT)
FORMAT = Parameter(
    ("--format", "-f"),
    help="The kind of file, where --out names none: for -, for several pictures (png).",
)
FigureKind = Literal["", "png", "svg", "pdf", "tiff", "npz", "csv", "gif", "apng", "webp", "mp4"]
Kind = Annotated[FigureKind, FORMAT]


def figure_places(
    pictures: Sequence[str], view: str, out: Path | None, kind: FigureKind
) -> dict[str, Path]:
    """Where the figure of each picture goes; a folder is made where it is needed.

    Misused where nothing is named, or where `out` and `kind` say two things.
    """
    if not pictures:
        raise Misused(
            "no picture was named; say which, for example: vitviz draw photo.jpg --view heads"
        )
    files = named_pictures(pictures)
    if not files:
        raise VitvizError(f"there are no pictures in {', '.join(pictures)}")
    ending = f"-{view}.{kind or 'png'}"
    if len(files) == 1 and not _is_folder(out, pictures):
        target = out or Path(fitting_name(stem_of(files[0]), ending))
        check_kind(target, kind)
        return {files[0]: target}
    if out is not None and not out.is_dir() and (out.suffix or out == STDOUT_FILE):
        called = "standard output" if out == STDOUT_FILE else out.name
        raise Misused(f"{len(files)} pictures do not go into {called}; name a folder with --out")
    folder = folder_for(out) if out is not None else Path()
    named = {file: folder / fitting_name(stem_of(file), ending) for file in files}
    if len(set(named.values())) < len(named):  # pictures of one name in several folders
        named = {
            file: folder / fitting_name(f"{at:04}-{stem_of(file)}", ending)
            for at, file in enumerate(files, start=1)
        }
    return named


def _is_folder(out: Path | None, pictures: Sequence[str]) -> bool:
    """Whether figures go into it: a folder of one picture is a folder too."""
    if out is None or out == STDOUT_FILE:
        return False
    return out.is_dir() or (not out.suffix and any(Path(each).is_dir() for each in pictures))


def check_kind(target: Path, kind: FigureKind) -> None:
    """Misused for a file whose ending is another kind than the one asked for."""
    said = {".tif": ".tiff"}.get(target.suffix.lower(), target.suffix.lower())
    if kind and target != STDOUT_FILE and said != f".{kind}":
        raise Misused(f"{target.name} is no .{kind}; leave out --format, or name another file")


def check_alone(target: Path, *, as_json: bool, beside: bool) -> None:
    """Misused for anything else that would go to standard output with a figure."""
    if target == STDOUT_FILE and (as_json or beside):
        what = "--json" if as_json else "files beside it"
        raise Misused(f"standard output takes one file: name one with --out, or leave out {what}")


@contextmanager
def written_file(target: Path, kind: str, *, overwrite: bool) -> Iterator[Path]:
    """The file to write; where that is standard output, its bytes go there when it is whole.

    VitvizError where a file cannot be written or is not to be replaced.
    """
    if target != STDOUT_FILE:
        check_place(target, overwrite=overwrite)
        yield target
        return
    with TemporaryDirectory(prefix="vitviz-") as folder:
        file = Path(folder, f"stdout.{kind}")
        yield file
        sys.stdout.buffer.write(file.read_bytes())
        sys.stdout.buffer.flush()


def suffix_of(target: Path, kind: str) -> str:
    """The ending that says what is written: the file's own, or of the kind asked for."""
    return f".{kind or 'png'}" if target == STDOUT_FILE else target.suffix.lower()
