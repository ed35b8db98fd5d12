"""Whether this installation works: what it brings is counted, and a picture goes the whole way."""

from __future__ import annotations

import tempfile
from pathlib import Path

import msgspec

from vitviz.core.data.selection import Selection
from vitviz.core.data.trace import Trace
from vitviz.core.notation import shown_number
from vitviz.core.pictures.picture_files import bundled_pictures
from vitviz.core.progress import Progress, Unsupported, VitvizError, silent
from vitviz.core.version import __version__
from vitviz.models import bundled, load, names, trace
from vitviz.views import views

KINDS = (".png", ".svg", ".pdf")


class SmokeResult(msgspec.Struct, frozen=True):
    """What an installation brings, and what it did with its own model and picture.

    `names` are all names that `vitviz.load` knows; `verified` is the largest relative error of
    attention @ v against the model's own output; `drawn` and `refused` are views, by name.
    """

    version: str
    views: int
    families: int
    models: int
    pictures: int
    names: int
    model: str
    seconds: float
    verified: float
    drawn: tuple[str, ...]
    refused: tuple[str, ...]

    def line(self) -> str:
        """All of it in one line."""
        refused = f", nothing to show in {', '.join(self.refused)}" if self.refused else ""
        return (
            f"vitviz {self.version} works: views {self.views}, families {self.families}, "
            f"bundled models {self.models}, pictures {self.pictures}, model names {self.names}; "
            f"{self.model} read a picture in {self.seconds:.2f} s, verified to "
            f"{shown_number(self.verified, 1)}; views drawn and saved {len(self.drawn)}{refused}"
        )


def smoke(progress: Progress = silent) -> SmokeResult:
    """Counts what is installed, traces a bundled picture, draws and saves every view of it.

    VitvizError, or whatever went wrong, when this installation does not work.
    """
    from vitviz.models.families import families

    known, pictures = bundled(), bundled_pictures()
    if not known or len(pictures) < 2:
        raise VitvizError(
            f"this installation is incomplete: {len(known)} bundled models and {len(pictures)} "
            "pictures were found; install vitviz again"
        )
    model = load(known[0].name, device="cpu", progress=progress)
    first, other = (trace(model, picture, progress=progress) for picture in pictures[:2])
    if not first.layers or first.refused:
        raise VitvizError(
            f"{known[0].name} gave {len(first.layers)} layers of attention and "
            f"{len(first.refused)} refusals {first.refused}; this installation computes wrongly"
        )
    with tempfile.TemporaryDirectory(prefix="vitviz-") as folder:
        refused = tuple(name for name in views() if not _saved(name, first, other, Path(folder)))
    return SmokeResult(
        __version__,
        len(views()),
        len(families()),
        len(known),
        len(pictures),
        len(names()),
        known[0].name,
        first.seconds,
        first.verified,
        tuple(name for name in views() if name not in refused),
        refused,
    )


def _saved(name: str, first: Trace, other: Trace, folder: Path) -> bool:
    """Whether a view has something to show of the picture; it is printed once as every kind of file."""
    from vitviz.figures.save import save

    view = views()[name]
    if view.applies(first):
        return False
    try:
        drawing = view.draw(first, Selection(), against=other if view.traces == 2 else None)
    except Unsupported:
        return False
    for kind in KINDS if view is next(iter(views().values())) else KINDS[:1]:
        if not save(drawing, folder / f"{name}{kind}", dpi=50).stat().st_size:
            raise VitvizError(f"{view.title} was saved as an empty {kind} file")
    return True
