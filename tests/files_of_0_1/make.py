"""Makes the files beside this one with vitviz 0.1.0 (see README.md); today's vitviz only reads them."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

HOME = Path("/tmp/vitviz-0.1")
"""Where they were made: sessions, settings and manifests name whole paths."""
RESULTS = HOME / "made"
os.environ |= {"VITVIZ_CONFIG_DIR": str(HOME / "settings"), "QT_QPA_PLATFORM": "offscreen"}

import numpy as np  # noqa: E402
from PIL import Image  # noqa: E402

import vitviz  # noqa: E402
from vitviz.core.drawing import Drawing  # noqa: E402
from vitviz.core.geometry import Spot  # noqa: E402
from vitviz.core.images import bundled_pictures, open_picture  # noqa: E402
from vitviz.core.selection import Place  # noqa: E402
from vitviz.figures.paper import Paper  # noqa: E402
from vitviz.figures.save import save  # noqa: E402
from vitviz.session.column import ModelRequest  # noqa: E402
from vitviz.session.jobs import InlineJobs  # noqa: E402
from vitviz.session.remembering import Remembering  # noqa: E402
from vitviz.session.session import Session  # noqa: E402
from vitviz.session.settings import read_settings  # noqa: E402
from vitviz.views import views  # noqa: E402

SMALL = Paper(width_mm=60, dpi=30)
CHOSEN = {
    "fuse": "mean",
    "until": "last layer",
    "skip": 1,
    "keep": 0.4,
    "smooth": True,
    "table": "magma",
}
LARGE = ("einops", "mosaic")
"""Views whose numbers are as large as the picture: left out, to stay small."""


def keep(drawing: Drawing, name: str, *kinds: str) -> None:
    """The figure in several formats, and its numbers."""
    for kind in (*kinds, "npz"):
        save(drawing, RESULTS / f"{name}.{kind}", paper=SMALL)


def figures() -> None:
    """Every view once, and some with options, in all formats."""
    pictures = {each.name: each for each in bundled_pictures()}
    cat, dog = (open_picture(pictures[name]) for name in ("cat.webp", "dog.webp"))
    coarse = vitviz.load("vitviz/flexvit", patch_size=16)
    fine = vitviz.load("vitviz/flexvit", patch_size=12)
    one, further = vitviz.trace(coarse, cat), vitviz.trace(coarse, dog)
    other, also = vitviz.trace(fine, cat), vitviz.trace(fine, dog)
    nested = vitviz.trace(vitviz.load("vitviz/tnt"), cat)
    small = vitviz.trace(coarse, RESULTS / "photo.png", fit="squash")
    chosen = vitviz.draw("rollout", small, token=(3, 2), head=1, **CHOSEN)
    keep(chosen, "rollout-chosen", "png")
    keep(vitviz.draw("rollout", one, fuse="max"), "rollout-max")
    keep(vitviz.draw("rollout", one, discard=0.5), "rollout-discard")
    keep(vitviz.draw("difference", one, against=other), "difference")
    keep(vitviz.draw("cka", one, against=other, also=[(further, also)]), "cka", "svg", "pdf")
    everything = {"others": [further], "over": "all open pictures"}
    keep(vitviz.draw("distance", one, **everything), "distance", "csv", "png")
    for name, view in views().items():
        inner = not view.applies(nested) and view.applies(one)
        trace = nested if inner else one
        if view.traces == 2 or name == "distance" or view.applies(trace) or name in LARGE:
            continue
        keep(vitviz.draw(name, trace), name, *(("tiff",) if name == "predictions" else ()))


def command(*words: str) -> None:
    """What a person types."""
    subprocess.run([sys.executable, "-m", "vitviz", *words], check=True)


def sheet_and_batch() -> None:
    """A page of heads over layers and heads, raw attention, and a batch of one picture."""
    picture = str(RESULTS / "photo.png")
    model = ("--model", "vitviz/flexvit", "--patch", "16", "--device", "cpu")
    over = ("--over", "layer=0,2", "--over", "head=0,1", "--dpi", "60", "--width", "80")
    for kind in ("svg", "npz"):
        command("draw", picture, "-v", "heads", *over, *model, "-o", str(RESULTS / f"sheet.{kind}"))
    command("trace", picture, *model, "-o", str(RESULTS / "raw.npz"))
    photos = HOME / "photos"
    photos.mkdir()
    shutil.copy(picture, photos)
    batch = ("batch", str(photos), "-v", "rollout", "-k", "npz", "--option", "keep=0.4", *model)
    command(*batch, "--out", str(RESULTS / "batch"))


def session_and_settings() -> None:
    """Two columns over a picture in a file and a pasted one, with much chosen; a window's settings."""
    from PySide6.QtWidgets import QApplication

    from vitviz.gui.window import MainWindow

    app = QApplication([])
    made = Session(InlineJobs())
    window = MainWindow(made)
    picture = RESULTS / "photo.png"
    made.use_model(ModelRequest("vitviz/flexvit", patch_size=16))
    made.open_sources([picture, np.asarray(Image.open(picture))[::-1].copy()])
    made.add_column(ModelRequest("vitviz/flexvit", patch_size=12, fit="pad"))
    made.show(made.pictures[1].key, made.columns.active.id)
    made.link(depth=False)
    made.pin(Place(Spot(30.5, 20.25)))
    made.first_layer()
    made.set_look(table="magma", opacity=0.4)
    made.set_option("rollout", "fuse", "max")
    made.set_option("whatif", "positions", "removed")
    made.share_range(False)
    made.compare_with(made.columns.active.id)
    window.compare.set_layout("grid")
    Remembering(made).save(RESULTS / "two columns.vitviz", window.compare.state())
    made.remember(theme="dark", fit="pad", favourites=("vitviz/tnt",), memory_mb=512)
    made.remember(confirmed={"0" * 64: "vit_tiny_patch16_224"})
    window.resize(900, 600)
    window.close()
    assert read_settings()[0].window_state
    shutil.copy(HOME / "settings/settings.json", RESULTS)
    app.quit()


if __name__ == "__main__":
    assert vitviz.__version__ == "0.1.0"
    shutil.rmtree(HOME, ignore_errors=True)
    RESULTS.mkdir(parents=True)
    cat = next(each for each in bundled_pictures() if each.name == "cat.webp")
    with Image.open(cat) as image:
        image.convert("RGB").resize((60, 40)).save(RESULTS / "photo.png")
    figures()
    sheet_and_batch()
    session_and_settings()
