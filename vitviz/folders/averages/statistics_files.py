"""Statistics into the file that was asked for: arrays, a table, or a figure."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from vitviz.core.progress import VitvizError
from vitviz.core.storage import place_of
from vitviz.folders.averages.folder_statistics import FolderStatistics, save_npz
from vitviz.folders.averages.statistics_drawing import averages_drawing
from vitviz.folders.averages.statistics_table import save_csv, save_parquet
from vitviz.folders.parquet_files import parquet

if TYPE_CHECKING:
    from vitviz.figures.paper import PaperStyle

TABLES = (".csv", ".parquet")
_NUMBERS = (".npz", *TABLES)


def check_kind(target: Path) -> None:
    """Says before any work that a file of this kind cannot be written. VitvizError."""
    from vitviz.figures.save import SUFFIXES

    kind = target.suffix.lower()
    if kind not in (*_NUMBERS, *SUFFIXES):
        listed = ", ".join(dict.fromkeys((*_NUMBERS, *SUFFIXES)))
        raise VitvizError(
            f"{target.name} cannot hold averages: name a file of {listed}, not "
            f"{kind or 'without a suffix'}"
        )
    if kind == ".parquet":
        parquet()


def save_statistics(
    found: FolderStatistics,
    target: Path,
    *,
    views: Sequence[str] = (),
    names: tuple[str, ...] = (),
    paper: PaperStyle | None = None,
    overwrite: bool = False,
) -> list[Path]:
    """Saves statistics as the suffix says: .npz, .csv, .parquet, or a figure of these `views`.

    `names` are the pictures' names, for rows in a table. Returns the files that were written.
    VitvizError for another suffix, or a file that cannot be written.
    """
    target = place_of(target)
    check_kind(target)
    match target.suffix.lower():
        case ".npz":
            save_npz(found, target, overwrite=overwrite)
        case ".csv":
            save_csv(found, target, overwrite=overwrite)
        case ".parquet":
            return save_parquet(found, target, overwrite=overwrite, names=names)
        case _:
            from vitviz.figures.save import save

            save(averages_drawing(found, views), target, paper=paper, overwrite=overwrite)
    return [target]
